import { CancellationScope } from '@temporalio/workflow';
import type { Activities } from '../../activities/index.ts';
import type { OrderOwnership } from '../../domain/command.ts';
import { ownershipOf } from '../../domain/command-rule.ts';
import { assertNever } from '../../domain/errors.ts';
import type { Refusal } from '../../domain/order.ts';
import { StepAbortedError, StepConflictError } from '../steps/step-runner.ts';
import { turnOf, type Compensations } from './compensations.ts';
import { ABORTED, type OrderState, type SaleResult } from './order-state.ts';
import type { SaleSteps } from './sale-steps.ts';

/** How a workflow goes on from what is stored, and carries out the capture that sells an order. */
export interface Recovery {
  /**
   * Follows the stored order after a step found it in another state; from then on conflicts open a case. Null when the
   * stored order does not explain the conflict.
   * @throws every other error.
   */
  followConflict(error: unknown): Promise<SaleResult | null>;
  /**
   * Follows the stored order, which takes precedence over what this run remembers. An earlier run whose memory was
   * dropped (the server refused its completion because a signal or an Update had arrived) may have decided otherwise.
   * Null when the stored order shows no other decision.
   */
  followStored(): Promise<SaleResult | null>;
  /** Carries out a promised capture. A cancel that arrives now waits for its end, and then refunds. */
  runCapture(totalMinor: number, capture: OrderOwnership): Promise<SaleResult>;
  /** Stores that an order without a capture expires, before anything is undone. */
  expire(): Promise<SaleResult>;
}

interface RecoveryParts {
  readonly order: OrderState;
  readonly sale: Pick<SaleSteps, 'commitStock'>;
  readonly undo: Pick<Compensations, 'registerAll'>;
}

export function createRecovery(parts: RecoveryParts): Recovery {
  return {
    followConflict: (error) => followConflict(parts, error),
    followStored: () => followStored(parts),
    runCapture: (totalMinor, capture) => runCapture(parts, totalMinor, capture),
    expire: () => expire(parts, null),
  };
}

async function followConflict(parts: RecoveryParts, error: unknown): Promise<SaleResult | null> {
  if (!(error instanceof StepConflictError)) throw error;
  parts.order.onConflict = 'park';
  return followStored(parts);
}

async function followStored(parts: RecoveryParts): Promise<SaleResult | null> {
  const { order, undo } = parts;
  const { orderId, tenantId } = order.input;
  const stored = await order.steps.run('readOrder', { orderId, tenantId });
  const { status, refusal, wasSold, owner = null, totalMinor = null } = stored;
  if (wasSold) return { kind: 'ended', status: 'CONFIRMED', totalMinor };
  undo.registerAll();
  order.owner = owner;
  switch (status) {
    case 'PENDING':
      return refusal === null ? null : { kind: 'refused', refusal };
    case 'AWAITING_CAPTURE':
      if (refusal !== null) return expire(parts, null);
      return owner === null || totalMinor === null ? null : runCapture(parts, totalMinor, owner);
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

function runCapture(parts: RecoveryParts, totalMinor: number, capture: OrderOwnership): Promise<SaleResult> {
  const { order } = parts;
  order.owner = capture;
  order.capture = capture;
  const work = async () => {
    try {
      return await captureOrCancel(parts, totalMinor, capture);
    } catch (error) {
      const stored = await followConflict(parts, error);
      // The capture is over, and another command has come since: a run that was forgotten has sold the order.
      if (stored === null) throw error;
      return stored;
    }
  };
  return order.commands.uninterrupted(() => CancellationScope.nonCancellable(work));
}

/** An operator who gives the capture up cancels the order. */
async function captureOrCancel(parts: RecoveryParts, totalMinor: number, capture: OrderOwnership): Promise<SaleResult> {
  try {
    return await captureAndCommit(parts, totalMinor, capture);
  } catch (error) {
    if (!(error instanceof StepAbortedError)) throw error;
    return cancelFailedSale(parts.order, ABORTED, capture);
  }
}

async function captureAndCommit(
  parts: RecoveryParts,
  totalMinor: number,
  capture: OrderOwnership,
): Promise<SaleResult> {
  const { order, sale } = parts;
  const { input, steps, onConflict } = order;
  const { orderId, tenantId, request } = input;
  const { commandId, generation } = capture;
  const amountMinor = capture.amountMinor ?? totalMinor;
  const account = { orderId, tenantId, currency: request.currency, ...turnOf(capture) };
  const taken = await steps.run('capturePayment', { ...account, amountMinor, generation }, { onConflict });
  if (!isTaken(taken)) return expire(parts, commandId);
  const committed = await sale.commitStock(totalMinor);
  return committed.kind === 'refused' ? cancelFailedSale(order, committed.refusal, capture) : committed;
}

/**
 * Cancels an authorized order that cannot be sold after all. Nothing is undone unless this is decided: a run that was
 * forgotten may have sold the order.
 * @throws {StepConflictError} when the stored order is not as this run remembers it.
 */
async function cancelFailedSale(
  order: OrderState,
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
  const owner = decided === null ? null : ownershipOf({ commandId, kind: 'cancel' }, decided);
  if (owner === null) throw new StepConflictError('decideCommand');
  order.owner = owner;
  return { kind: 'cancelled' };
}

/**
 * Expires the order. The decision is stored before anything is undone; it takes the place of the capture `ownerId`,
 * whose authorization is gone.
 */
async function expire({ order }: RecoveryParts, ownerId: string | null): Promise<SaleResult> {
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
