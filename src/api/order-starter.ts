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
const ANSWER_WITHIN_MS = 5_000;

/** Part of it that a post may spend waiting for its turn, so that the start itself has 2 s left. */
const TURN_WAIT_MS = 3_000;

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
      return turns.run((waitedMs) => startWithin(ANSWER_WITHIN_MS - waitedMs, deps, order));
    },
  };
}

async function startWithin(
  limitMs: number,
  deps: OrderStarterDeps,
  order: OrderWorkflowInput,
): Promise<'started' | 'exists'> {
  try {
    await within(limitMs, startWorkflow(deps, order, Date.now() + limitMs));
    return 'started';
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return 'exists';
    if (error instanceof DeadlineExceededError || isNotNow(error)) {
      throw unavailable('Temporal did not take the order in time; repeat with the same Idempotency-Key');
    }
    throw error;
  }
}

async function startWorkflow(
  { client, eager }: OrderStarterDeps,
  order: OrderWorkflowInput,
  deadline: number,
): Promise<void> {
  const workflowId = orderWorkflowId(order.orderId);
  const memo: OrderMemo = {
    tenantId: order.tenantId,
    requestHash: order.requestHash,
    correlationId: order.correlationId,
  };
  const inSlot = eager !== null && (await eager.slots.acquire(workflowId));
  const options = {
    workflowId,
    taskQueue: 'orders',
    args: [order],
    workflowIdReusePolicy: 'REJECT_DUPLICATE',
    workflowIdConflictPolicy: 'FAIL',
    workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT_MS,
    requestEagerStart: inSlot,
    memo: { ...memo },
    staticSummary: `Order ${order.orderId}: ${order.request.lines.length} line(s), ${order.request.currency}`,
  } as const;
  try {
    if (inSlot) await eager.client.workflow.start(ORDER_WORKFLOW, options);
    // The SDK's own retries end with the answer: an order that was refused must not start a minute later.
    else await client.withDeadline(deadline, () => client.workflow.start(ORDER_WORKFLOW, options));
  } catch (error) {
    if (inSlot) eager.slots.release(workflowId);
    throw error;
  }
}

function isNotNow(error: unknown): boolean {
  if (isGrpcServiceError(error)) return NOT_NOW.has(error.code);
  const cause = error instanceof Error ? error.cause : undefined;
  return cause !== undefined && isNotNow(cause);
}

/** Lets a bounded number of starts run at once, in order of arrival; a post that waits too long is refused. */
function createTurns(): { run<Result>(start: (waitedMs: number) => Promise<Result>): Promise<Result> } {
  let running = 0;
  const waiting = new Set<() => void>();
  const waitForTurn = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const grant = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        waiting.delete(grant);
        reject(unavailable('too many orders at once; nothing was accepted'));
      }, TURN_WAIT_MS);
      waiting.add(grant);
    });
  return {
    run: async (start) => {
      const arrived = performance.now();
      if (running >= STARTS_MAX) await waitForTurn();
      else running += 1;
      try {
        return await start(performance.now() - arrived);
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
