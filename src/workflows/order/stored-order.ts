import { CancellationScope } from '@temporalio/workflow';
import type { Activities } from '../../activities/index.ts';
import type { OrderOwnership } from '../../domain/command.ts';
import { ownershipOf } from '../../domain/command-rule.ts';
import { assertNever } from '../../domain/errors.ts';
import type { Refusal } from '../../domain/order.ts';
import { ABORTED, turnOf, undoEverything, type Carriage, type Fulfilment } from './order-context.ts';
import { StepAbortedError, StepConflictError } from '../steps/step-runner.ts';

/**
 * What is stored goes before what is remembered: a run whose memory was dropped (the server refused its completion
 * because a signal or an Update had come meanwhile) may have decided otherwise. Null when that explains nothing.
 */
export async function followStored(carriage: Carriage): Promise<Fulfilment | null> {
  const { orderId, tenantId } = carriage.input;
  const stored = await carriage.steps.run('readOrder', { orderId, tenantId });
  const { status, refusal, wasSold, owner = null, totalMinor = null } = stored;
  if (wasSold) return { kind: 'ended', status: 'CONFIRMED', totalMinor };
  undoEverything(carriage);
  carriage.owner = owner;
  switch (status) {
    case 'PENDING':
      return refusal === null ? null : { kind: 'refused', refusal };
    case 'AWAITING_CAPTURE':
      if (refusal !== null) return expire(carriage, null);
      return owner === null || totalMinor === null ? null : carryOut(carriage, totalMinor, owner);
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

/** The capture was promised: a cancel that comes now waits for the end of it, and refunds. */
export function carryOut(carriage: Carriage, totalMinor: number, capture: OrderOwnership): Promise<Fulfilment> {
  const work = () => CancellationScope.nonCancellable(() => take(carriage, totalMinor, capture));
  return carriage.commands.uninterrupted(work);
}

async function take(carriage: Carriage, totalMinor: number, capture: OrderOwnership): Promise<Fulfilment> {
  const { input, steps, ways } = carriage;
  const { orderId, tenantId, request } = input;
  carriage.owner = capture;
  carriage.capture = capture;
  const { commandId, generation } = capture;
  const amountMinor = capture.amountMinor ?? totalMinor;
  const account = { orderId, tenantId, currency: request.currency, ...turnOf(capture) };
  try {
    const taken = await steps.run('capturePayment', { ...account, amountMinor, generation }, ways);
    if (!isTaken(taken)) return await expire(carriage, commandId);
    const committed = await commit(carriage, totalMinor);
    return committed.kind === 'refused' ? await giveUp(carriage, committed.refusal, commandId) : committed;
  } catch (error) {
    if (error instanceof StepConflictError) return afterConflict(carriage, error);
    if (!(error instanceof StepAbortedError) || ABORTED.kind !== 'refused') throw error;
    return giveUp(carriage, ABORTED.refusal, commandId);
  }
}

/** The capture is over, and another command has come since: a run that was forgotten has sold the order. */
async function afterConflict(carriage: Carriage, error: StepConflictError): Promise<Fulfilment> {
  carriage.ways.judgesConflicts = false;
  const stored = await followStored(carriage);
  if (stored === null) throw error;
  return stored;
}

/** An authorized order that cannot be sold after all is cancelled: it was not refused when it could have been. */
async function giveUp(carriage: Carriage, { reason }: Refusal, succeeds: string): Promise<Fulfilment> {
  const { input, steps } = carriage;
  const { orderId, tenantId } = input;
  const commandId = `cmd_${orderId}_${reason}`;
  const command = { commandId, requestHash: '', actor: 'system', reason, orderId, tenantId, amountMinor: null };
  const decided = await steps.run('decideCommand', {
    command: { ...command, kind: 'cancel' },
    rule: {
      from: ['AWAITING_CAPTURE'],
      to: 'CANCELLING',
      eventType: 'order.cancelling',
      allowed: 'will_refund',
      refused: 'too_late',
      succeeds,
    },
  });
  if (decided !== null) carriage.owner = ownershipOf({ commandId, kind: 'cancel' }, decided) ?? carriage.owner;
  return { kind: 'cancelled' };
}

/** The decision is stored before anything is undone, in the place of the capture `ownerId` whose authorization is gone. */
export async function expire(carriage: Carriage, ownerId: string | null): Promise<Fulfilment> {
  const { input, steps, ways } = carriage;
  const { orderId, tenantId } = input;
  const { turn } = await steps.run('recordExpiry', { orderId, tenantId, ownerId }, ways);
  carriage.owner = { commandId: null, turn, generation: 1 };
  return { kind: 'expired' };
}

/** The hold may have expired while the payment's outcome was unknown: then it is taken again. */
export async function commit({ input, steps, ways }: Carriage, totalMinor: number): Promise<Fulfilment> {
  const { orderId, tenantId, settings } = input;
  const { holdTtlSeconds } = settings;
  for (;;) {
    const done = await steps.run('commitStock', { orderId, tenantId }, ways);
    switch (done.kind) {
      case 'committed':
        return { kind: 'paid', totalMinor };
      case 'hold_lost': {
        const retaken = await steps.run('retakeStock', { orderId, tenantId, holdTtlSeconds });
        if (retaken.kind === 'refused') return retaken;
        if (retaken.kind !== 'held') return assertNever(retaken);
        break;
      }
      default:
        return assertNever(done.kind);
    }
  }
}

/** Whether a capture took the money; earlier versions answered nothing when it did. */
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
