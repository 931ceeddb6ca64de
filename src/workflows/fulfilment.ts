import { CancellationScope, condition, setCurrentDetails, sleep } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { Refusal } from '../domain/order.ts';
import { AUTHORIZATION_DAYS, AUTHORIZATION_MARGIN_DAYS } from '../domain/payment.ts';
import { SOFT_DECLINE_POLICY } from './activity-policies.ts';
import { releaseStock, undoPayment, type Carriage, type Fulfilment } from './carriage.ts';
import { ABORTED } from './giving-up.ts';
import { StepAbortedError, StepConflictError, type Steps } from './step.ts';
import { holdOf, paymentOf } from './step-inputs.ts';

/** Holds, pays and commits; the pivot is passed when it returns a total. */
export async function fulfil(carriage: Carriage): Promise<Fulfilment> {
  const { input, steps, saga, ways } = carriage;
  const { orderId, tenantId } = input;

  saga.undoWith('hold', () => releaseStock(input, steps));
  const hold = await steps.run('holdStock', holdOf(input), ways);
  if (hold.kind === 'refused') return hold;
  const { totalMinor } = hold;

  saga.undoWith('payment', () => undoPayment(input, steps));
  carriage.mayBeCharged = true;
  const payment = await takePayment(carriage, { ...paymentOf(input), amountMinor: totalMinor });
  if (payment.kind === 'declined') {
    return {
      kind: 'refused',
      refusal: { reason: 'payment_declined', details: { declineCode: payment.declineCode } },
    };
  }
  if (payment.kind === 'not_chargeable') {
    return { kind: 'refused', refusal: { reason: 'amount_not_chargeable', details: payment.problem } };
  }
  if (payment.kind === 'authorized') {
    // Stock is held for as long as the money is: to the end of the authorization, and a day more for what follows it.
    await steps.run('extendHold', { orderId, tenantId, holdTtlSeconds: (AUTHORIZATION_DAYS + 1) * DAY_SECONDS });
    const captureWithinMs = (AUTHORIZATION_DAYS - AUTHORIZATION_MARGIN_DAYS) * DAY_SECONDS * 1_000;
    const { captureBy } = await steps.run('awaitCapture', { orderId, tenantId, totalMinor, captureWithinMs }, ways);
    return awaitCapture(carriage, totalMinor, captureBy);
  }
  return commit(carriage, totalMinor);
}

const DAY_SECONDS = 24 * 3_600;

/** Waits for the first capture; the rest of the authorization may be captured after the order is confirmed. */
export async function awaitCapture(carriage: Carriage, totalMinor: number, captureBy: string): Promise<Fulfilment> {
  const { input, steps, commands } = carriage;
  const { orderId, tenantId, request } = input;
  setCurrentDetails(`Authorized; waits for its capture until ${captureBy}.`);
  for (;;) {
    const leftMs = Math.max(1, Date.parse(captureBy) - Date.now());
    if (!(await condition(() => commands.next('capture') !== null, leftMs))) return { kind: 'expired' };
    const command = commands.next('capture');
    if (command === null) continue;
    const amountMinor = command.amountMinor ?? totalMinor;
    const exceeds = amountMinor > totalMinor;
    const decided = await steps.run('decideCommand', {
      command: { ...command, amountMinor, orderId, tenantId },
      rule: {
        from: [],
        to: exceeds ? 'CONFIRMED' : 'AWAITING_CAPTURE',
        eventType: 'order.capture_accepted',
        allowed: 'accepted',
        refused: exceeds ? 'amount_exceeds_authorized' : 'too_late',
      },
    });
    commands.reply(command, decided?.decision ?? 'too_late');
    if (decided?.decision === 'too_late') throw new StepConflictError('awaitCapture');
    if (decided?.decision !== 'accepted') continue;
    const { currency } = request;
    const generation = decided.generation ?? 1;
    // The capture was promised: a cancel that comes now waits for the end of it, and refunds.
    return CancellationScope.nonCancellable(async () => {
      await steps.run('capturePayment', { orderId, tenantId, currency, amountMinor, generation });
      const committed = await commit(carriage, totalMinor).catch((error: unknown) => {
        if (error instanceof StepAbortedError) return ABORTED;
        throw error;
      });
      return committed.kind === 'refused' ? giveUp(carriage, committed.refusal) : committed;
    });
  }
}

/** An authorized order that cannot be sold after all is cancelled: it was not refused when it could have been. */
async function giveUp({ input, steps }: Carriage, { reason }: Refusal): Promise<Fulfilment> {
  const { orderId, tenantId } = input;
  const commandId = `cmd_${orderId}_${reason}`;
  const command = { commandId, requestHash: '', actor: 'system', reason, orderId, tenantId, amountMinor: null };
  await steps.run('decideCommand', {
    command: { ...command, kind: 'cancel' },
    rule: {
      from: ['AWAITING_CAPTURE'],
      to: 'CANCELLING',
      eventType: 'order.cancelling',
      allowed: 'will_refund',
      refused: 'too_late',
    },
  });
  return { kind: 'cancelled' };
}

/** The hold may have expired while the payment's outcome was unknown: then it is taken again. */
async function commit({ input, steps, ways }: Carriage, totalMinor: number): Promise<Fulfilment> {
  const { orderId, tenantId, settings } = input;
  const { holdTtlSeconds } = settings;
  for (let done = await steps.run('commitStock', { orderId, tenantId }, ways); done.kind === 'hold_lost';) {
    const retaken = await steps.run('retakeStock', { orderId, tenantId, holdTtlSeconds });
    if (retaken.kind === 'refused') return retaken;
    done = await steps.run('commitStock', { orderId, tenantId }, ways);
  }
  return { kind: 'paid', totalMinor };
}

type Payment = Parameters<Activities['takePayment']>[0];

/** A soft decline (funds, issuer unavailable) is asked again under the same key while the provider allows it. */
async function takePayment(
  { steps, ways }: Carriage,
  payment: Payment,
): Promise<Awaited<ReturnType<Activities['takePayment']>>> {
  for (let retries = 0; ; retries += 1) {
    const outcome = await steps.run('takePayment', payment, {
      ...ways,
      patch: (input, { patch }) => withMethod(steps, input, patch?.method ?? input.method),
    });
    const final = outcome.kind !== 'declined' || !outcome.soft || retries >= SOFT_DECLINE_POLICY.retries;
    if (final) return outcome;
    await sleep(SOFT_DECLINE_POLICY.delayMs, { summary: 'Soft decline: ask again' });
  }
}

/** Another payment method is another charge, which needs proof that the first one can never happen. */
async function withMethod(steps: Steps, payment: Payment, method: string): Promise<Payment> {
  const { orderId, tenantId, currency, amountMinor, chargeKind, generation = 1 } = payment;
  const charge = { orderId, tenantId, currency, amountMinor, generation };
  const first = await steps.run('abandonCharge', { ...charge, ...(chargeKind === undefined ? {} : { chargeKind }) });
  // Taken after all: the next attempt looks it up and adopts it.
  return first.kind === 'taken' ? payment : { ...payment, method, generation: generation + 1 };
}
