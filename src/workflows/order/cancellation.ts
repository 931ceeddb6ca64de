import { CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import type { CommandDecision } from '../../domain/command.ts';
import { assertNever } from '../../domain/errors.ts';
import { ownershipOf } from '../../domain/command-rule.ts';
import { ABORTED, undoEverything, type Carriage, type Fulfilment } from './order-context.ts';
import { StepAbortedError, StepConflictError } from '../steps/step-runner.ts';
import { followStored } from './stored-order.ts';

/**
 * Does the part of the order that can still be given up: a cancel interrupts it wherever it waits, because what was sent
 * is undone by key; an operator's abort refuses the order.
 */
export async function untilGivenUp(carriage: Carriage, work: () => Promise<Fulfilment>): Promise<Fulfilment> {
  const { commands } = carriage;
  for (;;) {
    const scope = new CancellationScope({ cancellable: true });
    const watch = new CancellationScope({ cancellable: true });
    const watching = watch
      .run(() => condition(() => commands.next('cancel') !== null))
      .then(
        () => scope.cancel(),
        () => {},
      );
    try {
      // A cancel that was there first goes first.
      if (commands.next('cancel') === null) return await scope.run(() => recorded(carriage, work));
    } catch (error) {
      if (error instanceof StepAbortedError) return await recorded(carriage, () => Promise.resolve(ABORTED));
      if (error instanceof StepConflictError) {
        const stored = await followStored(carriage);
        if (stored !== null) return stored;
        carriage.ways.judgesConflicts = false;
        continue;
      }
      if (!isCancellation(error)) throw error;
    } finally {
      watch.cancel();
      await watching;
    }
    switch (await judgeCancels(carriage)) {
      case 'given_up':
        undoEverything(carriage);
        return { kind: 'cancelled' };
      case 'sold':
      case 'owned': {
        const stored = await followStored(carriage);
        if (stored !== null) return stored;
        break;
      }
      case 'kept':
        break;
    }
  }
}

/** A refusal is stored before anything is undone, so that a rerun undoes for the same reason. */
async function recorded({ input, steps, ways }: Carriage, work: () => Promise<Fulfilment>): Promise<Fulfilment> {
  const fulfilment = await work();
  if (fulfilment.kind !== 'refused') return fulfilment;
  const { orderId } = input;
  return {
    kind: 'refused',
    refusal: await steps.run('recordRefusal', { orderId, refusal: fulfilment.refusal }, ways),
  };
}

/**
 * Decides the cancels that wait. `sold`: a run that was forgotten has confirmed the order, so the cancel is not too late
 * but too late for this workflow; it stays for a settle workflow. `owned`: a command that was forgotten owns the order, and
 * goes first.
 */
async function judgeCancels(carriage: Carriage): Promise<'given_up' | 'kept' | 'sold' | 'owned'> {
  const { input, steps, commands, mayBeCharged } = carriage;
  const { orderId, tenantId } = input;
  let judged: 'given_up' | 'kept' | 'owned' = 'kept';
  for (let command = commands.next('cancel'); command !== null; command = commands.next('cancel')) {
    const decided = await steps.run('decideCommand', {
      command: { ...command, orderId, tenantId },
      rule: {
        from: ['PENDING', 'AWAITING_CAPTURE'],
        to: 'CANCELLING',
        eventType: 'order.cancelling',
        allowed: mayBeCharged ? 'will_refund' : 'will_cancel',
        refused: 'too_late',
        unlessSold: true,
      },
    });
    if (decided === null) return 'sold';
    if (decided.decision === 'busy') return 'owned';
    const isGivenUp = givesUp(decided.decision);
    commands.reply(command, decided.decision);
    if (!isGivenUp) continue;
    judged = 'given_up';
    const owner = ownershipOf(command, decided);
    if (owner !== null) carriage.owner = owner;
    // It joined a cancel that this run has forgotten.
    else if (carriage.owner === null) judged = 'owned';
  }
  return judged;
}

/** What a cancel was answered; an answer that this build does not know undoes nothing. */
function givesUp(decision: Exclude<CommandDecision, 'busy'>): boolean {
  switch (decision) {
    case 'will_cancel':
    case 'will_refund':
    case 'accepted':
      return true;
    case 'too_late':
    case 'amount_exceeds_authorized':
    case 'amount_exceeds_captured':
    case 'capture_not_supported':
    case 'books_agree':
      return false;
    default:
      return assertNever(decision);
  }
}
