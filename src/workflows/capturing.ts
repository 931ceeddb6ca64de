import { CancellationScope, condition, setCurrentDetails } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { assertNever } from '../domain/errors.ts';
import type { OrderOwnership } from '../domain/command.ts';
import { ownershipOf } from '../domain/command-rule.ts';
import type { Refusal } from '../domain/order.ts';
import { ABORTED, turnOf, type Carriage, type Fulfilment } from './carriage.ts';
import { StepAbortedError, StepConflictError } from './step.ts';

/**
 * An order that waits for its capture looks at its row now and then: what was decided in a task that the server has
 * forgotten is known nowhere else. 1 min, doubled to 1 h: some 150 looks, 1,000 events, until an authorization ends.
 */
const LOOKS_MS = { first: 60_000, longest: 3_600_000 } as const;

/** Waits for the first capture; the rest of the authorization may be captured after the order is confirmed. */
export async function awaitCapture(carriage: Carriage, totalMinor: number, captureBy: string): Promise<Fulfilment> {
  const { commands } = carriage;
  setCurrentDetails(`Authorized; waits for its capture until ${captureBy}.`);
  for (let pauseMs: number = LOOKS_MS.first; ; pauseMs = Math.min(2 * pauseMs, LOOKS_MS.longest)) {
    const leftMs = Math.max(1, Date.parse(captureBy) - Date.now());
    const isAsked = await condition(() => commands.next('capture') !== null, Math.min(leftMs, pauseMs));
    const capture = isAsked ? await decideCapture(carriage, totalMinor) : await storedCapture(carriage);
    if (capture !== null) return carryOut(carriage, totalMinor, capture);
    if (!isAsked && leftMs <= pauseMs) return expire(carriage, null);
  }
}

/** Null when the command is refused. */
async function decideCapture(carriage: Carriage, totalMinor: number): Promise<OrderOwnership | null> {
  const { input, steps, commands } = carriage;
  const { orderId, tenantId } = input;
  const command = commands.next('capture');
  if (command === null) return null;
  const amountMinor = command.amountMinor ?? totalMinor;
  const exceeds = amountMinor > totalMinor;
  const decided = await steps.run('decideCommand', {
    command: { ...command, amountMinor, orderId, tenantId },
    rule: {
      from: exceeds ? [] : ['AWAITING_CAPTURE'],
      to: null,
      eventType: 'order.capture_accepted',
      allowed: 'accepted',
      refused: exceeds ? 'amount_exceeds_authorized' : 'too_late',
    },
  });
  // Another capture was accepted and forgotten: it goes first.
  if (decided?.decision === 'busy') return storedCapture(carriage);
  commands.reply(command, decided?.decision ?? 'too_late');
  if (decided === null || decided.decision === 'too_late') throw new StepConflictError('awaitCapture');
  return ownershipOf(command, { ...decided, amountMinor: decided.amountMinor ?? amountMinor });
}

/** The capture that owns the order by its row; an order that has moved on is followed by the caller. */
async function storedCapture({ input, steps }: Carriage): Promise<OrderOwnership | null> {
  const { orderId, tenantId } = input;
  const { status, refusal, owner = null } = await steps.run('readOrder', { orderId, tenantId });
  if (status !== 'AWAITING_CAPTURE' || refusal !== null) throw new StepConflictError('awaitCapture');
  return owner;
}

/** The capture was promised: a cancel that comes now waits for the end of it, and refunds. */
export function carryOut(carriage: Carriage, totalMinor: number, capture: OrderOwnership): Promise<Fulfilment> {
  const work = () => CancellationScope.nonCancellable(() => take(carriage, totalMinor, capture));
  return carriage.commands.uninterrupted(work);
}

async function take(carriage: Carriage, totalMinor: number, capture: OrderOwnership): Promise<Fulfilment> {
  const { input, steps } = carriage;
  const { orderId, tenantId, request } = input;
  carriage.owner = capture;
  carriage.capture = capture;
  const { commandId, generation } = capture;
  const amountMinor = capture.amountMinor ?? totalMinor;
  const account = { orderId, tenantId, currency: request.currency, ...turnOf(capture) };
  try {
    const taken = await steps.run('capturePayment', { ...account, amountMinor, generation });
    if (!isTaken(taken)) return await expire(carriage, commandId);
    const committed = await commit(carriage, totalMinor);
    return committed.kind === 'refused' ? await giveUp(carriage, committed.refusal, commandId) : committed;
  } catch (error) {
    if (!(error instanceof StepAbortedError) || ABORTED.kind !== 'refused') throw error;
    return giveUp(carriage, ABORTED.refusal, commandId);
  }
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
