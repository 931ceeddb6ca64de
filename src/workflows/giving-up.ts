import { CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import { undoEverything, type Carriage, type Fulfilment } from './carriage.ts';
import { StepAbortedError, StepConflictError } from './step.ts';

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
    const judged = await judgeCancels(carriage);
    if (judged === 'sold') return { kind: 'ended', status: 'CONFIRMED' };
    if (judged === 'given_up') {
      undoEverything(carriage);
      return { kind: 'cancelled' };
    }
  }
}

/** An operator has given the order up. */
export const ABORTED: Fulfilment = { kind: 'refused', refusal: { reason: 'operator_aborted', details: null } };

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
 * What is stored goes before what is remembered: a run whose memory was dropped (the server refused its completion
 * because a signal or an Update had come meanwhile) may have decided otherwise. Null when that explains nothing.
 */
export async function followStored(carriage: Carriage): Promise<Fulfilment | null> {
  const { orderId, tenantId } = carriage.input;
  const { status, refusal, wasSold } = await carriage.steps.run('readOrder', { orderId, tenantId });
  if (wasSold) return { kind: 'ended', status: 'CONFIRMED' };
  undoEverything(carriage);
  if (status === 'PENDING') return refusal === null ? null : { kind: 'refused', refusal };
  if (status === 'AWAITING_CAPTURE') return null;
  return status === 'CANCELLING' ? { kind: 'cancelled' } : { kind: 'ended', status };
}

/**
 * Decides the cancels that wait. `sold`: a run that was forgotten has confirmed the order, so the cancel is not too late
 * but too late for this workflow; it stays for a settle workflow.
 */
async function judgeCancels(carriage: Carriage): Promise<'given_up' | 'kept' | 'sold'> {
  const { input, steps, commands, mayBeCharged } = carriage;
  const { orderId, tenantId } = input;
  let judged: 'given_up' | 'kept' = 'kept';
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
    commands.reply(command, decided.decision);
    if (decided.decision !== 'too_late') judged = 'given_up';
  }
  return judged;
}
