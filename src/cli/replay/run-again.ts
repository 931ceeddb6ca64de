import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { CaseRepository } from '../../../db/repositories/orders/case-repository.ts';
import type { CommandRepository } from '../../../db/repositories/orders/command-repository.ts';
import type { OrderRepository } from '../../../db/repositories/orders/order-repository.ts';
import { isRefusal, type CommandRuleName } from '../../domain/command.ts';
import type { OrderSettings } from '../../domain/order-settings.ts';
import { describeWorkflow } from '../../temporal/calls.ts';
import { resetToStart, runEnd, type RunEnd } from '../../temporal/history/workflow-resets.ts';
import { orderCommandInput, startOrderCommand } from '../../temporal/workflow-starts.ts';
import {
  capturePaymentSignal,
  orderCommandWorkflowId,
  orderWorkflowId,
  type OrderCommandInput,
  type OrderCommandResult,
  type OrderWorkflowResult,
} from '../../workflows/contract.ts';
import { reconcileIdOf, resetReasonOf, type DueOrder } from './due-orders.ts';
import type { PastCommand } from './past-command.ts';
import { isRunning, type PastOrder } from './past-order.ts';

export interface RunAgainDeps {
  readonly client: Client;
  readonly orders: OrderRepository;
  readonly commands: CommandRepository;
  readonly cases: CaseRepository;
  readonly settings: OrderSettings;
  readonly replayId: string;
  /** The person who replays, for the record. */
  readonly actor: string;
}

/**
 * How a part of an order has come back. `same`: as it was. `carried`: it was open, and its workflow runs again. `other`:
 * it has ended in another way. `parked`: it waits for a person. `unrepaired`: its workflow had been terminated, and a
 * repair continues it. `waiting`: it has not ended within the time.
 */
export type Return =
  | { readonly kind: 'same' | 'carried' | 'parked' | 'unrepaired' | 'waiting' }
  | { readonly kind: 'other'; readonly what: string };

/** A busy worker needs seconds; a worker that was just started has to load its code first. */
const END_WITHIN_MS = 120_000;

/** Pause between two looks at the order's row, for a case. */
const LOOK_INTERVAL_MS = 500;

/** No order can have more open cases, because it has fewer steps. */
const CASES_MAX = 100;

/** A healthy server needs milliseconds; the limit includes the client's own retries. */
const START_WITHIN_MS = 15_000;

/**
 * Runs an order again from its beginning. How it was refused or cancelled is stored first, so that it is not decided
 * once more, by other stock or at another time. Repeating it is harmless.
 */
export async function runOrderAgain(deps: RunAgainDeps, past: PastOrder): Promise<Return> {
  const order = { ...past, cancel: cancelOf(deps, past) };
  const { client, replayId } = deps;
  const { run, input, state, status } = order;
  await storeDecision(deps, order);
  if (state === 'dead') return { kind: 'unrepaired' };
  const isOpen = state === 'open';
  await closeCases(deps, { ...input, workflowId: run.workflowId });
  const reset = { reason: resetReasonOf(replayId), requestId: `${replayId}/${run.workflowId}`, withMessages: isOpen };
  const runId = await resetToStart(client, run, reset);
  if (isOpen) return { kind: 'carried' };
  const handle = client.workflow.getHandle(run.workflowId, runId);
  if (order.cancel === null) {
    for (const capture of order.captures) await handle.signal(capturePaymentSignal, capture);
  }
  const end = await untilEnded(deps, { ...input, workflowId: run.workflowId, runId });
  return compare(end, status, (result) => (result as OrderWorkflowResult).status);
}

/**
 * Waits for an order whose own workflow is not due, for example because an earlier replay has begun it: commands follow
 * when their order has ended.
 */
export async function orderEnd(
  deps: RunAgainDeps,
  { orderId, tenantId, commands }: Pick<DueOrder, 'orderId' | 'tenantId' | 'commands'>,
): Promise<Return> {
  const workflowId = orderWorkflowId(orderId);
  const found = await describeWorkflow(deps.client, workflowId);
  if (found === null || !isRunning({ status: found.status.name })) return { kind: 'same' };
  if (commands.length === 0) return { kind: 'carried' };
  return compare(await untilEnded(deps, { orderId, tenantId, workflowId, runId: found.runId }), null, String);
}

/** Writes the row, and how the order was refused, expired or cancelled, unless the row is further already. */
async function storeDecision({ orders, commands }: RunAgainDeps, order: PastOrder): Promise<void> {
  const { input, firstRunId, refusal, expiredMinor, cancel, state } = order;
  if (refusal === null && expiredMinor === null && cancel === null && state !== 'dead') return;
  const row = await orders.open({ ...input, firstExecutionRunId: firstRunId });
  if (row.firstExecutionRunId !== firstRunId) return;
  const { orderId, tenantId } = input;
  if (row.status === 'PENDING') {
    if (refusal !== null) await orders.recordRefusal(orderId, refusal);
    else if (expiredMinor !== null) await storeExpiry(orders, orderId, expiredMinor);
  }
  if (cancel !== null) {
    const name = cancel.mayBeCharged ? 'cancel_before_sale' : 'cancel_before_payment';
    const command = { ...cancel.command, orderId, tenantId, kind: 'cancel', amountMinor: null } as const;
    await commands.decide(command, { kind: 'apply', name });
  }
}

/**
 * The cancel that ended the order. If Temporal dropped the task that decided it, only the row had it, and a later run of
 * the workflow followed the row: then the order is cancelled once more under the name of the replay.
 */
function cancelOf({ actor }: RunAgainDeps, { cancel, status, input }: PastOrder): PastOrder['cancel'] {
  if (cancel !== null || status !== 'CANCELLED') return cancel;
  const command = { commandId: `cmd_replay_${input.orderId}`, requestHash: '', actor, reason: 'replay' };
  return { command, mayBeCharged: true };
}

/** The authorization is released at the provider, so the order cannot be authorized once more. */
async function storeExpiry(orders: OrderRepository, orderId: string, totalMinor: number): Promise<void> {
  const authorized = { to: 'AWAITING_CAPTURE', eventType: 'order.authorized', actor: 'system' } as const;
  await orders.transition({ ...authorized, orderId, totalMinor, captureWithinMs: 0 });
  await orders.recordExpiry(orderId, null);
}

/**
 * Carries a command out again under its id. What was decided is stored first, with its amount and its number, because the
 * order may allow something else by now, and the number is part of the key at the provider.
 */
export async function runCommandAgain(deps: RunAgainDeps, { input, decided }: PastCommand): Promise<Return> {
  const { commands } = deps;
  const { orderId, tenantId, command, kind } = input;
  if (decided === null) return carryOut(deps, input, null);
  const { decision, amountMinor, generation } = decided;
  const known = { ...command, orderId, tenantId, kind: kind === 'repair' ? 'cancel' : kind, amountMinor } as const;
  if (isRefusal(decision)) {
    await commands.answer(known, decision);
    return { kind: 'same' };
  }
  const name = DECIDED_FIRST[kind];
  if (name !== undefined && generation !== null) {
    const again = await commands.decide(known, { kind: 'apply', name, generationsUsed: generation - 1 });
    if (again?.generation !== generation)
      return { kind: 'other', what: `it was ${decision}, and is not decided again` };
  }
  return carryOut(deps, input, decision);
}

/**
 * The rules by which commands of sold and ended orders are decided. A reconciliation has no key of its own, and a repair
 * takes the place of whatever owns the order: their workflows decide them.
 */
const DECIDED_FIRST: Partial<Record<OrderCommandInput['kind'], CommandRuleName>> = {
  cancel: 'cancel_sold',
  capture: 'further_capture',
  refund: 'refund',
  give_back: 'give_back',
};

/** Adopts what was moved at the provider itself: the reports about it are lost with the rows. */
export async function reconcileAgain(
  deps: RunAgainDeps,
  { orderId, tenantId }: { readonly orderId: string; readonly tenantId: string },
): Promise<Return> {
  const { orders, settings, replayId, actor } = deps;
  const order = await orders.findOptional(tenantId, orderId);
  if (order === null) return { kind: 'same' };
  const command = { commandId: reconcileIdOf(replayId, orderId), requestHash: '', actor, reason: 'replay' };
  return carryOut(deps, orderCommandInput({ kind: 'reconcile', amountMinor: null, command }, order, settings), null);
}

/** Closes the cases that a workflow had open, because it may open a case at the same step again. */
async function closeCases(
  { cases, actor }: RunAgainDeps,
  { workflowId, orderId, tenantId }: Pick<Awaited, 'workflowId' | 'orderId' | 'tenantId'>,
): Promise<void> {
  const open = await cases.list({ tenantId, orderId, state: 'open', limit: CASES_MAX });
  for (const each of open) if (each.workflowId === workflowId) await cases.resolve(each, 'repaired', actor);
}

async function carryOut(deps: RunAgainDeps, input: OrderCommandInput, decision: string | null): Promise<Return> {
  const { client, replayId } = deps;
  const workflowId = orderCommandWorkflowId(input.orderId, input.command.commandId);
  await closeCases(deps, { ...input, workflowId });
  await startOrderCommand(client, input, { limitMs: START_WITHIN_MS, isLeftOpen: true, replayId });
  const end = await untilEnded(deps, { ...input, workflowId });
  return compare(end, decision, (result) => (result as OrderCommandResult).decision);
}

type End = RunEnd | { readonly kind: 'parked' | 'waiting' };

/** An expected end of null fits every end. */
function compare(end: End, expected: string | null, read: (result: unknown) => string): Return {
  if (end.kind === 'died') return { kind: 'other', what: 'its workflow has died' };
  if (end.kind !== 'completed') return end;
  const reached = read(end.result);
  if (expected === null || reached === expected) return { kind: 'same' };
  return { kind: 'other', what: `it was ${expected}, and is ${reached}` };
}

interface Awaited {
  readonly workflowId: string;
  readonly runId?: string;
  readonly orderId: string;
  readonly tenantId: string;
}

/** Waits for the end of a workflow, a case of its order, or the end of the time. */
async function untilEnded({ client, orders }: RunAgainDeps, awaited: Awaited): Promise<End> {
  const stopped = new AbortController();
  const watch = async (): Promise<End> => {
    const deadline = Date.now() + END_WITHIN_MS;
    while (Date.now() < deadline) {
      await sleep(LOOK_INTERVAL_MS, undefined, { signal: stopped.signal });
      const row = await orders.findOptionalInShort(awaited.tenantId, awaited.orderId);
      if (row?.attention === true) return { kind: 'parked' };
    }
    return { kind: 'waiting' };
  };
  const racers = [runEnd(client, awaited, stopped.signal), watch()];
  try {
    return await Promise.race(racers);
  } finally {
    stopped.abort();
    await Promise.allSettled(racers);
  }
}
