import { isGrpcServiceError, WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client';
import {
  ORDER_WORKFLOW,
  orderWorkflowId,
  WORKFLOW_TASK_TIMEOUT_MS,
  type OrderMemo,
  type OrderWorkflowInput,
} from '../workflows/contract.ts';
import type { BacklogMonitor } from './backlog.ts';
import type { EagerSlots } from './eager-slots.ts';
import { unavailable } from './problem.ts';
import { DeadlineExceededError, within, type TemporalHealth } from './temporal-health.ts';

/** What accepting an order needs. */
export interface OrderStarterDeps {
  readonly client: Client;
  readonly health: TemporalHealth;
  readonly backlog: BacklogMonitor;
  readonly backlogMaxAgeSeconds: number;
  /** Only in a process that also runs a worker on the same native connection. */
  readonly eager: { readonly client: Client; readonly slots: EagerSlots } | null;
}

/** Accepts orders by the one durable write there is: the start of their workflow. */
export interface OrderStarter {
  /**
   * Starts the order's workflow.
   * @returns `exists` when this order id was started before.
   * @throws {ProblemError} `unavailable` when Temporal does not take it now; repeating with the same key is safe.
   */
  start(order: OrderWorkflowInput): Promise<'started' | 'exists'>;
}

/** A start takes milliseconds; a client should hear of trouble before its own patience ends (6 s is promised). */
const ANSWER_WITHIN_MS = 4_000;

/** Part of it that is kept for the start itself; until then a post may wait for a slot and for its turn. */
const START_RESERVE_MS = 1_000;

/** Starts under way at once; more would only queue in Temporal and run into the time limit there. */
const STARTS_MAX = 128;

/** gRPC codes that mean "not now": cancelled (also a frozen server's timeout), deadline, exhausted, unavailable. */
const NOT_NOW = new Set([1, 4, 8, 14]);

/** Creates the starter of a process. */
export function createOrderStarter(deps: OrderStarterDeps): OrderStarter {
  const turns = createTurns();
  return {
    start: async (order) => {
      if (!deps.health.isUp()) throw unavailable('Temporal does not answer; nothing was accepted');
      if (deps.backlog.ageSeconds() > deps.backlogMaxAgeSeconds) {
        throw unavailable('the workers are too far behind; nothing was accepted', 5);
      }
      const answerBy = Date.now() + ANSWER_WITHIN_MS;
      return (
        (await startEagerly(deps, order, answerBy)) ??
        turns.run(answerBy - START_RESERVE_MS, () => startQueued(deps, order, answerBy))
      );
    },
  };
}

type StartOutcome = 'started' | 'exists';

/** Starts the order in this process, in a slot; null when none came free or there are none. */
async function startEagerly(
  { eager }: OrderStarterDeps,
  order: OrderWorkflowInput,
  answerBy: number,
): Promise<StartOutcome | null> {
  const workflowId = orderWorkflowId(order.orderId);
  if (eager === null || !(await eager.slots.acquire(workflowId))) return null;
  const options = { ...startOptions(order), requestEagerStart: true };
  const outcome = outcomeOf(answerBy, eager.client.workflow.start(ORDER_WORKFLOW, options));
  outcome.then(
    (result) => result === 'exists' && eager.slots.release(workflowId),
    () => eager.slots.release(workflowId),
  );
  return outcome;
}

/** Starts the order on the task queue, from where any worker takes it. */
function startQueued({ client }: OrderStarterDeps, order: OrderWorkflowInput, answerBy: number): Promise<StartOutcome> {
  // The SDK's own retries end with the answer: an order that was refused must not start a minute later.
  const start = client.withDeadline(answerBy, () => client.workflow.start(ORDER_WORKFLOW, startOptions(order)));
  return outcomeOf(answerBy, start);
}

function startOptions(order: OrderWorkflowInput) {
  const memo: OrderMemo = {
    tenantId: order.tenantId,
    requestHash: order.requestHash,
    correlationId: order.correlationId,
  };
  return {
    workflowId: orderWorkflowId(order.orderId),
    taskQueue: 'orders',
    args: [order],
    workflowIdReusePolicy: 'REJECT_DUPLICATE',
    workflowIdConflictPolicy: 'FAIL',
    workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT_MS,
    memo: { ...memo },
    staticSummary: `Order ${order.orderId}: ${order.request.lines.length} line(s), ${order.request.currency}`,
  } as const;
}

async function outcomeOf(answerBy: number, start: Promise<unknown>): Promise<StartOutcome> {
  try {
    await within(answerBy - Date.now(), start);
    return 'started';
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return 'exists';
    if (error instanceof DeadlineExceededError || isNotNow(error)) {
      throw unavailable('Temporal did not take the order in time; repeat with the same Idempotency-Key');
    }
    throw error;
  }
}

function isNotNow(error: unknown): boolean {
  if (isGrpcServiceError(error)) return NOT_NOW.has(error.code);
  const cause = error instanceof Error ? error.cause : undefined;
  return cause !== undefined && isNotNow(cause);
}

/** Lets a bounded number of starts run at once, in order of arrival; a post that waits too long is refused. */
function createTurns(): { run<Result>(waitUntil: number, start: () => Promise<Result>): Promise<Result> } {
  let running = 0;
  const waiting = new Set<() => void>();
  const waitForTurn = (waitUntil: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const grant = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        waiting.delete(grant);
        reject(unavailable('too many orders at once; nothing was accepted'));
      }, waitUntil - Date.now());
      waiting.add(grant);
    });
  return {
    run: async (waitUntil, start) => {
      if (running >= STARTS_MAX) await waitForTurn(waitUntil);
      else running += 1;
      try {
        return await start();
      } finally {
        // The turn is handed on as it is, so that a newcomer cannot overtake those who wait.
        const [next] = waiting;
        if (next === undefined) running -= 1;
        else {
          waiting.delete(next);
          next();
        }
      }
    },
  };
}
