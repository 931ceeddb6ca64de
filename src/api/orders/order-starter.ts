import type { Client } from '@temporalio/client';
import type { OrderWorkflowInput } from '../../domain/accepted-order.ts';
import { orderWorkflowId } from '../../workflows/contract.ts';
import { isNotNow } from '../../temporal/calls.ts';
import { startOrder, type Dispatch, type StartOutcome } from '../../temporal/workflow-starts.ts';
import type { BacklogMonitor } from '../../temporal/backlog.ts';
import type { EagerSlots } from './eager-slots.ts';
import { tooManyOrders } from './order-room.ts';
import { unavailable, type ProblemError } from '../http/problem.ts';
import { requireTemporal } from '../temporal-outage.ts';
import { DeadlineExceededError, within } from '../../runtime/deadline.ts';
import type { TemporalHealth } from '../../temporal/health.ts';

export interface OrderStarterDeps {
  readonly client: Client;
  readonly health: TemporalHealth;
  readonly backlog: BacklogMonitor;
  readonly backlogMaxAgeSeconds: number;
  /** Only in a process that also runs a worker on the same native connection. */
  readonly eager: { readonly client: Client; readonly slots: EagerSlots } | null;
  /** Called with how each new order reached its worker; `queue` costs about half as much again. */
  readonly onStarted: (dispatch: Dispatch) => void;
}

/** Accepts orders by the only durable write: the start of their workflow. */
export interface OrderStarter {
  /**
   * Starts the order's workflow.
   * @returns `exists` when this order id was started before.
   * @throws {ProblemError} `unavailable` when Temporal does not take it now, or too many orders are under way; repeating
   * with the same key is safe.
   */
  start(order: OrderWorkflowInput): Promise<StartOutcome>;
}

/** A start takes milliseconds. A client must get an answer before its own patience ends (6 s are promised). */
const ANSWER_WITHIN_MS = 4_000;

/** The wait is longer for a busy Temporal that still answers its health check: a burst is delayed, not refused. */
const PATIENCE_MS = 12_000;
const PATIENCE_STEP_MS = 500;
const ALIVE_WITHIN_MS = 2_000;

/** Starts under way at once; more would only queue in Temporal and exceed the time limit there. */
const STARTS_MAX = 128;

export function createOrderStarter(deps: OrderStarterDeps): OrderStarter {
  const turns = createTurns();
  return {
    start: async (order) => {
      requireTemporal(deps.health, 'nothing was accepted');
      if (deps.backlog.ageSeconds() > deps.backlogMaxAgeSeconds) {
        throw unavailable('the workers are too far behind; nothing was accepted', 5);
      }
      const request = { givenUp: false };
      try {
        return await withPatience(
          deps.health,
          startEagerly(deps, order).then((outcome) => outcome ?? turns.run(request, () => startQueued(deps, order))),
        );
      } catch (error) {
        throw isNotNow(error) ? notInTime() : error;
      } finally {
        request.givenUp = true;
      }
    },
  };
}

/**
 * Starts the order in this process, in a slot; null when no slot became free or there are none.
 * @throws {ProblemError} `unavailable` when too many orders are under way.
 */
async function startEagerly(
  { eager, onStarted }: OrderStarterDeps,
  order: OrderWorkflowInput,
): Promise<StartOutcome | null> {
  if (eager === null) return null;
  const workflowId = orderWorkflowId(order.orderId);
  const admission = await eager.slots.acquire(workflowId, order.tenantId);
  if (admission === 'full') throw tooManyOrders();
  if (admission === 'queue') return null;
  try {
    const taskTimeoutMs = eager.slots.taskTimeoutMs();
    const outcome = outcomeOf(await startOrder(eager.client, order, { isEager: true, taskTimeoutMs }), onStarted);
    if (outcome === 'exists') eager.slots.release(workflowId);
    return outcome;
  } catch (error) {
    eager.slots.release(workflowId);
    throw error;
  }
}

/** Starts the order on the task queue, from which any worker takes it. */
async function startQueued(
  { client, eager, onStarted }: OrderStarterDeps,
  order: OrderWorkflowInput,
): Promise<StartOutcome> {
  const taskTimeoutMs = eager?.slots.taskTimeoutMs();
  // The SDK's retries end together with the answer: a refused order must not start a minute later.
  const reached = await client.withDeadline(Date.now() + PATIENCE_MS, () =>
    startOrder(client, order, { isEager: false, taskTimeoutMs }),
  );
  return outcomeOf(reached, onStarted);
}

function outcomeOf(reached: Dispatch | 'exists', onStarted: OrderStarterDeps['onStarted']): StartOutcome {
  if (reached === 'exists') return 'exists';
  onStarted(reached);
  return 'started';
}

/** Waits as long as promised, and longer while Temporal shows that it is alive. */
async function withPatience(health: TemporalHealth, start: Promise<StartOutcome>): Promise<StartOutcome> {
  const startedAt = Date.now();
  for (let limitMs = ANSWER_WITHIN_MS; ; limitMs = PATIENCE_STEP_MS) {
    try {
      return await within(limitMs, start);
    } catch (error) {
      if (!(error instanceof DeadlineExceededError)) throw error;
      if (!health.answeredWithin(ALIVE_WITHIN_MS) || Date.now() - startedAt > PATIENCE_MS) throw notInTime();
    }
  }
}

function notInTime(): ProblemError {
  return unavailable('Temporal did not take the order in time; repeat with the same Idempotency-Key');
}

/**
 * Lets a bounded number of starts run at once, in order of arrival. A start that is given up while it waits never
 * begins.
 */
function createTurns(): {
  run<Result>(request: { readonly givenUp: boolean }, start: () => Promise<Result>): Promise<Result>;
} {
  let running = 0;
  const waiting: Array<() => void> = [];
  return {
    run: async (request, start) => {
      if (running < STARTS_MAX) running += 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        if (request.givenUp) throw notInTime();
        return await start();
      } finally {
        // The place is handed on directly, so that a newcomer cannot overtake the waiting starts.
        const next = waiting.shift();
        if (next === undefined) running -= 1;
        else next();
      }
    },
  };
}
