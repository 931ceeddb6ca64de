import { CancellationScope } from '@temporalio/workflow';
import type { Activities } from '../../activities/index.ts';
import type { OrderOwnership } from '../../domain/command.ts';
import { ownershipOf } from '../../domain/command-rule.ts';
import { assertNever } from '../../domain/errors.ts';
import type { Refusal } from '../../domain/order.ts';
import { StepAbortedError, StepConflictError } from '../steps/step-runner.ts';
import { turnOf, undoEverything } from './compensations.ts';
import type { OrderContext, SaleResult } from './order-context.ts';
import { commitStock } from './sale-steps.ts';

/** The refusal of an order that an operator has aborted. */
export const ABORTED: Refusal = { reason: 'operator_aborted', details: null };

/**
 * Follows the stored order after a step found it in another state; from then on conflicts open a case. Null when the
 * stored order does not explain the conflict.
 * @throws every other error.
 */
export async function followConflict(order: OrderContext, error: unknown): Promise<SaleResult | null> {
  if (!(error instanceof StepConflictError)) throw error;
  order.onConflict = 'park';
  return followStored(order);
}

/**
 * Follows the stored order, which takes precedence over what this run remembers. An earlier run whose memory was
 * dropped (the server refused its completion because a signal or an Update had arrived) may have decided otherwise.
 * Null when the stored order shows no other decision.
 */
export async function followStored(order: OrderContext): Promise<SaleResult | null> {
  const { orderId, tenantId } = order.input;
  const stored = await order.steps.run('readOrder', { orderId, tenantId });
  const { status, refusal, wasSold, owner = null, totalMinor = null } = stored;
  if (wasSold) return { kind: 'ended', status: 'CONFIRMED', totalMinor };
  undoEverything(order);
  order.owner = owner;
  switch (status) {
    case 'PENDING':
      return refusal === null ? null : { kind: 'refused', refusal };
    case 'AWAITING_CAPTURE':
      if (refusal !== null) return expire(order, null);
      return owner === null || totalMinor === null ? null : runCapture(order, totalMinor, owner);
    case 'CANCELLING':
      return { kind: 'cancelled' };
    case 'CONFIRMED':
    case 'REJECTED':
    case 'CANCELLED':
    case 'EXPIRED':
    case 'REFUNDING':
    case 'PARTIALLY_REFUNDED':
    case 'REFUNDED':
      return { kind: 'ended', status, totalMinor };
    default:
      return assertNever(status);
  }
}

/** Carries out a promised capture. A cancel that arrives now waits for its end, and then refunds. */
export function runCapture(order: OrderContext, totalMinor: number, capture: OrderOwnership): Promise<SaleResult> {
  order.owner = capture;
  order.capture = capture;
  const work = async () => {
    try {
      return await captureAndCommit(order, totalMinor, capture);
    } catch (error) {
      if (error instanceof StepAbortedError) return cancelFailedSale(order, ABORTED, capture);
      const stored = await followConflict(order, error);
      // The capture is over, and another command has come since: a run that was forgotten has sold the order.
      if (stored === null) throw error;
      return stored;
    }
  };
  return order.commands.uninterrupted(() => CancellationScope.nonCancellable(work));
}

async function captureAndCommit(order: OrderContext, totalMinor: number, capture: OrderOwnership): Promise<SaleResult> {
  const { input, steps, onConflict } = order;
  const { orderId, tenantId, request } = input;
  const { commandId, generation } = capture;
  const amountMinor = capture.amountMinor ?? totalMinor;
  const account = { orderId, tenantId, currency: request.currency, ...turnOf(capture) };
  const taken = await steps.run('capturePayment', { ...account, amountMinor, generation }, { onConflict });
  if (!isTaken(taken)) return expire(order, commandId);
  const committed = await commitStock(order, totalMinor);
  return committed.kind === 'refused' ? cancelFailedSale(order, committed.refusal, capture) : committed;
}

/** Cancels an authorized order that cannot be sold after all; it can no longer be refused. */
async function cancelFailedSale(
  order: OrderContext,
  { reason }: Refusal,
  capture: OrderOwnership,
): Promise<Extract<SaleResult, { kind: 'cancelled' | 'expired' }>> {
  const { orderId, tenantId } = order.input;
  const commandId = `cmd_${orderId}_${reason}`;
  const command = { commandId, requestHash: '', actor: 'system', reason, orderId, tenantId, amountMinor: null };
  const decided = await order.steps.run('decideCommand', {
    command: { ...command, kind: 'cancel' },
    rule: { kind: 'apply', name: 'cancel_failed_sale', succeeds: capture.commandId },
  });
  if (decided !== null) order.owner = ownershipOf({ commandId, kind: 'cancel' }, decided) ?? order.owner;
  return { kind: 'cancelled' };
}

/**
 * Expires the order. The decision is stored before anything is undone; it takes the place of the capture `ownerId`,
 * whose authorization is gone.
 */
export async function expire(order: OrderContext, ownerId: string | null): Promise<SaleResult> {
  const { input, steps, onConflict } = order;
  const { orderId, tenantId } = input;
  const { turn } = await steps.run('recordExpiry', { orderId, tenantId, ownerId }, { onConflict });
  order.owner = { commandId: null, turn, generation: 1 };
  return { kind: 'expired' };
}

/** Whether a capture took the money. In earlier versions a successful capture had no answer. */
export function isTaken(answer: Awaited<ReturnType<Activities['capturePayment']>> | undefined): boolean {
  const kind = answer?.kind;
  switch (kind) {
    case undefined:
    case 'captured':
      return true;
    case 'gone':
      return false;
    default:
      return assertNever(kind);
  }
}
