import type { Client } from '@temporalio/client';
import pLimit from 'p-limit';
import { reading } from '../../audit/source-error.ts';
import { isRefusal } from '../../domain/command.ts';
import { isOrderId } from '../../domain/ids.ts';
import type { NoticeWorkflowInput } from '../../domain/payments/payment-notice.ts';
import { callWithin } from '../../temporal/calls.ts';
import { readWorkflowPast, type WorkflowPast } from '../../temporal/history/workflow-past.ts';
import {
  NOTICE_WORKFLOW,
  ORDER_COMMAND_WORKFLOW,
  ORDER_WORKFLOW,
  REPLAY_MEMO,
  type OrderCommandInput,
} from '../../workflows/contract.ts';
import { byDecision, pastCommandOf, type PastCommand } from './past-command.ts';
import { isRunning, pastOrderOf, type PastOrder, type PastRun } from './past-order.ts';

/** An order that has done something that its restored row does not know, with everything that was done. */
export interface DueOrder {
  readonly orderId: string;
  readonly tenantId: string;
  /** Null when the order's own workflow had ended before. */
  readonly order: PastOrder | null;
  /** Its later commands in the order in which they run again. */
  readonly commands: readonly PastCommand[];
  /** Whether the provider had reported something about it. */
  readonly isReported: boolean;
  /** Workflows of the provider's reports that still run. */
  readonly openNotices: readonly PastRun[];
}

/** Which workflows to look at. */
export interface DueScope {
  readonly closedAfter: Date;
  /** Workflows that this replay has started are not due again; null before the replay has begun. */
  readonly replayId: string | null;
}

/** Why Temporal made the new run of an order. */
export function resetReasonOf(replayId: string): string {
  return `replay ${replayId}`;
}

const PAGE_SIZE = 1_000;

/** A page of a healthy server takes milliseconds; the limit includes the client's own retries. */
const ANSWER_WITHIN_MS = 15_000;

/** Histories that are read at once. */
const READS_AT_ONCE = 20;

const CARRIED_TYPES = [ORDER_WORKFLOW, ORDER_COMMAND_WORKFLOW, NOTICE_WORKFLOW];

/**
 * Finds the orders whose workflows have done something after an instant, in the order in which they did it.
 * @throws {SourceUnavailableError} when Temporal is down.
 */
export async function findDueOrders(client: Client, scope: DueScope): Promise<DueOrder[]> {
  const source = `Temporal (namespace ${client.options.namespace})`;
  const limit = pLimit(READS_AT_ONCE);
  const found: Found[] = [];
  const look = async (workflowId: string): Promise<void> => {
    const ask = (): Promise<WorkflowPast | null> => readWorkflowPast(client, workflowId);
    const past = await reading(source, callWithin(ANSWER_WITHIN_MS, client, ask));
    if (past === null) return;
    if (isDue(past, scope)) found.push(foundOf(past));
    else if (isReconciled(past, scope)) found.push({ kind: 'reconciled', ...idsOf(past.input as OrderCommandInput) });
  };
  const ids = await reading(source, listWorkflows(client, scope));
  await Promise.all(ids.map((workflowId) => limit(() => look(workflowId))));
  return dueOrdersOf(found);
}

/** Every run is listed; the newest one of each workflow is looked at. */
async function listWorkflows(client: Client, { closedAfter }: DueScope): Promise<string[]> {
  const types = `WorkflowType IN (${CARRIED_TYPES.map((type) => `'${type}'`).join(', ')})`;
  const ids = new Set<string>();
  for (const state of [`CloseTime >= '${closedAfter.toISOString()}'`, `ExecutionStatus = 'Running'`]) {
    const query = `${types} AND ${state}`;
    for await (const { workflowId } of client.workflow.list({ query, pageSize: PAGE_SIZE })) ids.add(workflowId);
  }
  return [...ids];
}

/** A workflow whose first task has not ended has done nothing, and a duplicate has nothing of its own. */
function isDue(past: WorkflowPast, { closedAfter, replayId }: DueScope): boolean {
  if (past.lastEventAt < closedAfter) return false;
  if (isRunning(past) && past.firstTaskEnd === null) return false;
  if ((past.result as { status?: string } | undefined)?.status === 'DUPLICATE') return false;
  if (replayId === null) return true;
  return past.memo[REPLAY_MEMO] !== replayId && past.reset?.reason !== resetReasonOf(replayId);
}

/** The command by which a replay adopts what the provider had reported about an order. */
export function reconcileIdOf(replayId: string, orderId: string): string {
  return `cmd_${replayId}_${orderId}`;
}

function isReconciled({ type, status, input, memo }: WorkflowPast, { replayId }: DueScope): boolean {
  if (type !== ORDER_COMMAND_WORKFLOW || status !== 'COMPLETED' || replayId === null) return false;
  const { orderId, command } = input as OrderCommandInput;
  return memo[REPLAY_MEMO] === replayId && command.commandId === reconcileIdOf(replayId, orderId);
}

/** One workflow of an order. */
type Found = { readonly orderId: string; readonly tenantId: string } & (
  | { readonly kind: 'order'; readonly order: PastOrder }
  | { readonly kind: 'command'; readonly command: PastCommand }
  | { readonly kind: 'notice'; readonly open: PastRun | null }
  | { readonly kind: 'reconciled' }
);

function foundOf(past: WorkflowPast): Found {
  if (past.type === ORDER_WORKFLOW) {
    const order = pastOrderOf(past);
    return { kind: 'order', order, ...idsOf(order.input) };
  }
  if (past.type === ORDER_COMMAND_WORKFLOW) {
    const command = pastCommandOf(past);
    return { kind: 'command', command, ...idsOf(command.input) };
  }
  const { workflowId, runId, firstTaskEnd } = past;
  const open = isRunning(past) ? { workflowId, runId, firstTaskEnd } : null;
  return { kind: 'notice', open, ...idsOf(past.input as NoticeWorkflowInput) };
}

function idsOf({ orderId, tenantId }: { readonly orderId: string; readonly tenantId: string }) {
  return { orderId, tenantId };
}

function dueOrdersOf(found: readonly Found[]): DueOrder[] {
  // A report that belongs to no order has only its case.
  const grouped = Map.groupBy(
    found.filter(({ orderId }) => isOrderId(orderId)),
    ({ orderId }) => orderId,
  );
  const due = [...grouped].map(([orderId, all]): DueOrder => {
    const commands = all.flatMap((each) => (each.kind === 'command' ? [each.command] : []));
    const notices = all.flatMap((each) => (each.kind === 'notice' ? [each.open] : []));
    return {
      orderId,
      tenantId: all[0]?.tenantId ?? '',
      order: all.find((each) => each.kind === 'order')?.order ?? null,
      commands: commands.toSorted(byDecision),
      isReported: notices.length > 0 && !all.some(({ kind }) => kind === 'reconciled'),
      openNotices: notices.filter((open) => open !== null),
    };
  });
  const left = due.filter(({ order, commands, isReported }) => order !== null || commands.length > 0 || isReported);
  return left.toSorted((one, other) => beginningOf(one) - beginningOf(other));
}

function beginningOf({ order, commands }: DueOrder): number {
  return order?.at.getTime() ?? commands[0]?.at.getTime() ?? Number.MAX_SAFE_INTEGER;
}

/** The SKUs whose stock the order takes. */
export function skusOf({ order, commands }: DueOrder): string[] {
  const request = order?.input.request ?? commands[0]?.input.request;
  return (request?.lines ?? []).map(({ sku }) => sku);
}

/** Whether the order gives pieces back that a later order may have taken. */
export function givesStockBack({ commands }: DueOrder): boolean {
  return commands.some(
    ({ input, decided }) =>
      (input.kind === 'cancel' || input.kind === 'repair') && (decided === null || !isRefusal(decided.decision)),
  );
}
