import type { StoredCommand } from '../../../../db/repositories/orders/command-repository.ts';
import { repairCommandId, type OrderOwnership } from '../../../domain/command.ts';
import { standInOf } from '../../../domain/ids.ts';
import { isAtRest } from '../../../domain/order-status.ts';
import { noticeOfCommand } from '../../../domain/payments/payment-notice.ts';
import { noticeWorkflowId, orderWorkflowId, orderCommandWorkflowId } from '../../../workflows/contract.ts';
import { isOpen, type OrderExecution, type PendingStep } from '../../../temporal/order-executions.ts';
import type { OrderView } from '../order-schemas.ts';
import type { TaskQueueStates } from '../../../temporal/task-queues.ts';

/** The facts that explain an order. */
export interface OrderFacts {
  readonly order: OrderView;
  readonly commands: readonly StoredCommand[];
  /** The command that owns the order; the order's money is not at rest, in any status. */
  readonly owner: OrderOwnership | null;
  /** The parked workflow of its open case. */
  readonly parkedAt: string | null;
  /** Null when Temporal does not answer. */
  readonly executions: readonly OrderExecution[] | null;
  /** Null when Temporal does not answer. */
  readonly queues: TaskQueueStates | null;
}

/** What keeps an order where it is. `execution` is the workflow that the situation is about, if there is one. */
export type Situation =
  | { readonly kind: 'unseen' | 'parked' | 'at_rest'; readonly execution?: undefined }
  /** No workflow carries the order, its open case or the command that owns it. */
  | { readonly kind: 'lost'; readonly execution: OrderExecution | undefined; readonly command: OrderOwnership | null }
  /** The command that owns the order has no workflow, or not yet; the sweep of commands starts one. */
  | { readonly kind: 'forgotten'; readonly execution?: undefined; readonly command: OrderOwnership }
  | { readonly kind: 'paused'; readonly execution: OrderExecution; readonly step: PendingStep | null }
  /** No worker polls the step's queue; without a step, the queue of workflows. */
  | { readonly kind: 'unserved'; readonly execution: OrderExecution; readonly step: PendingStep | null }
  | { readonly kind: 'task_fails'; readonly execution: OrderExecution; readonly attempt: number }
  | { readonly kind: 'tried'; readonly execution: OrderExecution; readonly step: PendingStep };

/**
 * A task that was lost with its worker is given out again; after this number of attempts a task will not succeed by
 * itself.
 */
const TASK_ATTEMPTS_BAD = 3;

/** Judges what keeps the order where it is: first what only a person can change, then what continues by itself. */
export function situationOf(facts: OrderFacts): Situation {
  const { order, executions } = facts;
  if (executions === null)
    return { kind: order.attention === null && mustBeCarried(facts) ? 'unseen' : resting(order) };
  const lost = lostOf(facts, executions);
  if (lost !== null) return lost;
  const open = executions.filter((execution) => isOpen(execution));
  const blocked = firstOf(open, (execution) => blockedOf(facts, execution));
  if (blocked !== null) return blocked;
  if (order.attention !== null) return { kind: 'parked' };
  const tried = firstOf(open, (execution): Situation | null => {
    const [step] = execution.steps.toSorted((left, right) => right.attempt - left.attempt);
    return step === undefined ? null : { kind: 'tried', execution, step };
  });
  return tried ?? { kind: 'at_rest' };
}

function resting({ attention }: OrderView): 'parked' | 'at_rest' {
  return attention === null ? 'at_rest' : 'parked';
}

/** Whether a workflow must be open for the order. */
function mustBeCarried({ order: { status }, owner }: OrderFacts): boolean {
  return !isAtRest(status) || status === 'AWAITING_CAPTURE' || owner !== null;
}

function lostOf(facts: OrderFacts, executions: readonly OrderExecution[]): Situation | null {
  const { owner, parkedAt } = facts;
  const byId = new Map(executions.map((execution) => [execution.workflowId, execution]));
  const mayCarry = executionIdsOf(facts).flatMap((workflowId) => byId.get(workflowId) ?? []);
  if (mustBeCarried(facts) && !mayCarry.some((execution) => isOpen(execution))) {
    const wasStopped = mayCarry.some(({ status }) => status !== 'COMPLETED');
    if (owner !== null && !wasStopped) return { kind: 'forgotten', command: owner };
    return { kind: 'lost', execution: newestOf(mayCarry), command: owner };
  }
  if (parkedAt === null || isOpen(byId.get(parkedAt))) return null;
  return { kind: 'lost', execution: byId.get(parkedAt), command: null };
}

/** The workflow whose end explains best why nothing continues. */
function newestOf(closed: readonly OrderExecution[]): OrderExecution | undefined {
  return closed.toSorted((left, right) => (left.closedAt ?? '').localeCompare(right.closedAt ?? '')).at(-1);
}

/** Workflows one of which must be open as long as the order has its status or its owner. */
function executionIdsOf({ order: { id, status }, owner, commands }: OrderFacts): string[] {
  // Orders of an earlier version have no owner, so the commands that were given in this status are checked.
  const kind = status === 'CANCELLING' ? 'cancel' : status === 'REFUNDING' ? 'refund' : null;
  const given = owner === null ? commands.filter((command) => command.kind === kind) : [owner];
  return [
    orderWorkflowId(id),
    ...[repairCommandId(id), ...given.map(({ commandId }) => commandId)].map((commandId) =>
      orderCommandWorkflowId(id, commandId),
    ),
    ...(owner === null ? [] : noticeIdsOf(id, owner)),
  ];
}

/** A command of a notice is carried out by the notice's workflow, which may have begun before the order arrived. */
function noticeIdsOf(orderId: string, { commandId, kind }: Pick<StoredCommand, 'commandId' | 'kind'>): string[] {
  const notice = noticeOfCommand(commandId, kind);
  return notice === null ? [] : [noticeWorkflowId(orderId, notice), noticeWorkflowId(standInOf(notice), notice)];
}

function blockedOf({ queues }: OrderFacts, execution: OrderExecution): Situation | null {
  const { steps, task, status } = execution;
  if (status === 'PAUSED') return { kind: 'paused', execution, step: null };
  const paused = steps.find(({ pause }) => pause !== null);
  if (paused !== undefined) return { kind: 'paused', execution, step: paused };
  const isUnserved = (taskQueue: string | null): boolean =>
    queues !== null &&
    taskQueue !== null &&
    taskQueue in queues &&
    queues[taskQueue as keyof TaskQueueStates].pollers === 0;
  const step = steps.find(({ isRunning, taskQueue }) => !isRunning && isUnserved(taskQueue));
  if (step !== undefined) return { kind: 'unserved', execution, step };
  if (task === null) return null;
  if (!task.isRunning && isUnserved('orders')) return { kind: 'unserved', execution, step: null };
  return task.attempt >= TASK_ATTEMPTS_BAD ? { kind: 'task_fails', execution, attempt: task.attempt } : null;
}

function firstOf<Item, Result>(items: readonly Item[], judge: (item: Item) => Result | null): Result | null {
  for (const item of items) {
    const result = judge(item);
    if (result !== null) return result;
  }
  return null;
}
