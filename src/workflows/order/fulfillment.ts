import { sleep } from '@temporalio/workflow';
import type { Activities } from '../../activities/index.ts';
import { assertNever } from '../../domain/errors.ts';
import { AUTHORIZATION_DAYS, AUTHORIZATION_MARGIN_DAYS } from '../../domain/payments/payment.ts';
import { SOFT_DECLINE_POLICY } from '../steps/step-policies.ts';
import { awaitCapture } from './capturing.ts';
import { releaseStock, undoCharge, type Carriage, type Fulfilment } from './order-context.ts';
import type { Steps } from '../steps/step-runner.ts';
import { commit } from './stored-order.ts';
import { holdOf, paymentOf } from './step-inputs.ts';

/** Holds, pays and commits; the pivot is passed when it returns a total. */
export async function fulfil(carriage: Carriage): Promise<Fulfilment> {
  const { input, steps, saga, ways } = carriage;

  saga.undoWith('hold', () => releaseStock(input, steps));
  const hold = await steps.run('holdStock', holdOf(input), ways);
  switch (hold.kind) {
    case 'refused':
      return hold;
    case 'held':
      return pay(carriage, hold.totalMinor);
    default:
      return assertNever(hold);
  }
}

/** An answer that this build does not know, of a worker of a newer one, is no success: it blocks the order for a worker that does. */
async function pay(carriage: Carriage, totalMinor: number): Promise<Fulfilment> {
  const { input, saga } = carriage;
  carriage.mayBeCharged = totalMinor > 0;
  // A total of 0 is never asked for, so there is nothing to give back, also when a cancel comes before the next step.
  saga.undoWith('payment', async () => {
    if (totalMinor > 0) await undoCharge(carriage);
  });
  const payment = await takePayment(carriage, { ...paymentOf(input), amountMinor: totalMinor });
  switch (payment.kind) {
    case 'declined': {
      const { declineCode } = payment;
      return { kind: 'refused', refusal: { reason: 'payment_declined', details: { declineCode } } };
    }
    case 'not_chargeable':
      return { kind: 'refused', refusal: { reason: 'amount_not_chargeable', details: payment.problem } };
    case 'authorized':
      return keepForCapture(carriage, totalMinor);
    case 'captured':
      return commit(carriage, totalMinor);
    default:
      return assertNever(payment);
  }
}

/** Stock is held for as long as the money is: to the end of the authorization, and a day more for what follows it. */
async function keepForCapture(carriage: Carriage, totalMinor: number): Promise<Fulfilment> {
  const { input, steps, ways } = carriage;
  const { orderId, tenantId } = input;
  const { authorizationSeconds = AUTHORIZATION_DAYS * DAY_SECONDS } = input.settings;
  await steps.run('extendHold', { orderId, tenantId, holdTtlSeconds: authorizationSeconds + DAY_SECONDS });
  const captureWithinMs = (authorizationSeconds - AUTHORIZATION_MARGIN_DAYS * DAY_SECONDS) * 1_000;
  const { captureBy } = await steps.run('awaitCapture', { orderId, tenantId, totalMinor, captureWithinMs }, ways);
  return awaitCapture(carriage, totalMinor, captureBy);
}

const DAY_SECONDS = 24 * 3_600;

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
  switch (first.kind) {
    case 'taken':
      // The next attempt looks it up and adopts it.
      return payment;
    case 'dead':
      return { ...payment, method, generation: generation + 1 };
    default:
      return assertNever(first.kind);
  }
}
