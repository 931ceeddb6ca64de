import type { Client, WorkflowExecutionDescription, WorkflowExecutionStatusName } from '@temporalio/client';
import type { StoredCommand } from '../../db/repositories/orders/command-repository.ts';
import { repairCommandId } from '../domain/command.ts';
import { orderWorkflowId, orderCommandWorkflowId } from '../workflows/contract.ts';
import { callWithin, describeWorkflow } from './calls.ts';

/** A workflow that carries an order, or did: the order's own, and one for each later command. */
export interface OrderExecution {
  readonly workflowId: string;
  readonly status: WorkflowExecutionStatusName;
  readonly closedAt: string | null;
  /** Steps that are scheduled, running, retried or paused right now. */
  readonly steps: readonly PendingStep[];
  /** The workflow task that waits or runs; null when the workflow waits for steps, timers or messages. */
  readonly task: PendingTask | null;
}

/** A step in Temporal's state of the workflow. */
export interface PendingStep {
  readonly step: string;
  /** Null when the server is too old to tell. */
  readonly taskQueue: string | null;
  readonly attempt: number;
  readonly lastError: string | null;
  readonly nextRetryAt: string | null;
  /** Whether a worker has it. */
  readonly isRunning: boolean;
  readonly pause: { readonly by: string | null; readonly reason: string | null } | null;
}

/** A workflow task. Several attempts mean that its code fails, or that its workers die. */
export interface PendingTask {
  readonly attempt: number;
  /** Whether a worker has it. */
  readonly isRunning: boolean;
}

/** Whether the workflow can still do something. */
export function isOpen(execution: OrderExecution | undefined): boolean {
  return execution?.status === 'RUNNING' || execution?.status === 'PAUSED';
}

const ANSWER_WITHIN_MS = 3_000;

/** An order has a handful of commands; if it was given hundreds, only the last ones matter. */
const COMMANDS_MAX = 20;

/** Temporal's number for a step, and for a workflow task, that a worker has. */
const STEP_STARTED = 2;
const TASK_STARTED = 2;

/**
 * Looks at every workflow that an order may have. Workflows of commands are found by the stored commands, and by
 * Temporal's list while a command is not decided yet; that list lags and is limited, so nothing depends on it alone.
 * `parkedAt` is the workflow of the open case.
 * @throws {DeadlineExceededError}, and the calls' errors, when Temporal does not answer.
 */
export async function readExecutions(
  client: Client,
  orderId: string,
  { commands, parkedAt }: { readonly commands: readonly StoredCommand[]; readonly parkedAt: string | null },
): Promise<OrderExecution[]> {
  const ids = new Set([
    ...(parkedAt === null ? [] : [parkedAt]),
    orderWorkflowId(orderId),
    orderCommandWorkflowId(orderId, repairCommandId(orderId)),
    ...commands.slice(-COMMANDS_MAX).map(({ commandId }) => orderCommandWorkflowId(orderId, commandId)),
    ...(await listOpen(client, orderId).catch(() => [])),
  ]);
  const found = await Promise.all([...ids].map((workflowId) => readExecution(client, workflowId)));
  return found.filter((execution) => execution !== null);
}

async function listOpen(client: Client, orderId: string): Promise<string[]> {
  const query = `WorkflowId STARTS_WITH '${orderCommandWorkflowId(orderId, '')}' AND ExecutionStatus = 'Running'`;
  const { executions } = await callWithin(ANSWER_WITHIN_MS, client, () =>
    client.workflowService.listWorkflowExecutions({
      namespace: client.options.namespace,
      query,
      pageSize: COMMANDS_MAX,
    }),
  );
  return (executions ?? []).flatMap(({ execution }) => execution?.workflowId ?? []);
}

async function readExecution(client: Client, workflowId: string): Promise<OrderExecution | null> {
  const found = await callWithin(ANSWER_WITHIN_MS, client, () => describeWorkflow(client, workflowId));
  return found === null ? null : toExecution(found);
}

function toExecution({ workflowId, status, closeTime, raw }: WorkflowExecutionDescription): OrderExecution {
  const { pendingActivities, pendingWorkflowTask: task } = raw;
  return {
    workflowId,
    status: status.name,
    closedAt: closeTime?.toISOString() ?? null,
    steps: (pendingActivities ?? []).map(toStep),
    task: task == null ? null : { attempt: task.attempt ?? 1, isRunning: task.state === TASK_STARTED },
  };
}

type PendingActivity = NonNullable<WorkflowExecutionDescription['raw']['pendingActivities']>[number];

function toStep(pending: PendingActivity): PendingStep {
  const {
    activityId,
    attempt,
    state,
    lastFailure,
    nextAttemptScheduleTime: next,
    pauseInfo,
    activityOptions,
  } = pending;
  return {
    step: activityId ?? '',
    taskQueue: activityOptions?.taskQueue?.name ?? null,
    attempt: attempt ?? 1,
    lastError: lastFailure?.message ?? null,
    nextRetryAt: next == null ? null : new Date(Number(next.seconds ?? 0) * 1_000).toISOString(),
    isRunning: state === STEP_STARTED,
    pause: pending.paused === true ? pauseOf(pauseInfo) : null,
  };
}

function pauseOf(info: PendingActivity['pauseInfo']): NonNullable<PendingStep['pause']> {
  const { identity, reason } = info?.manual ?? info?.rule ?? {};
  return { by: identity || null, reason: reason || null };
}
