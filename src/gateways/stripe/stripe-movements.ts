import type { ChargeQuestion, ProviderMovement } from '../payment-gateway.ts';
import { fromStripeAmount } from './stripe-amounts.ts';
import { expectSameCurrency, expectSameOrder, type StripeIntent, type StripeRefund } from './stripe-answers.ts';
import { ownCapturesOf } from './stripe-capture.ts';
import { refusing, type StripeSend } from './stripe-client.ts';
import { findPayment } from './stripe-lookup.ts';
import { listRefunds } from './stripe-refund.ts';

/**
 * Captures and refunds of a charge. Ours have a key: captures on the intent, refunds on themselves. Movements that were
 * made in Stripe's dashboard have none.
 */
export async function movementsOf(send: StripeSend, question: ChargeQuestion): Promise<ProviderMovement[]> {
  const { chargeKey, orderId, currency } = question;
  return refusing(chargeKey, async () => {
    const payment = await findPayment(send, chargeKey, chargeKey);
    if (payment === null) return [];
    const { intent } = payment;
    expectSameOrder(chargeKey, orderId, intent.metadata['orderId']);
    expectSameCurrency(chargeKey, currency, intent.currency);
    const refunds = await listRefunds(send, chargeKey, intent.id);
    // Stripe's lists begin with the newest.
    return [...capturesOf(question, intent), ...refunds.toReversed().flatMap((refund) => refundOf(question, refund))];
  });
}

/**
 * A sale is not a capture. Stripe tells only the sum, so the part that our captures do not explain was captured
 * outside.
 */
function capturesOf({ orderId, currency }: ChargeQuestion, intent: StripeIntent): ProviderMovement[] {
  if (intent.capture_method !== 'manual') return [];
  const ours = ownCapturesOf(orderId, intent);
  const outside = intent.amount_received - ours.reduce((sum, { amount }) => sum + amount, 0);
  return [...ours, ...(outside > 0 ? [{ key: null, amount: outside }] : [])].map(({ key, amount }) => ({
    kind: 'capture',
    providerRef: intent.id,
    key,
    amountMinor: fromStripeAmount(amount, currency),
    state: 'SUCCEEDED',
  }));
}

function refundOf(
  { chargeKey, currency }: ChargeQuestion,
  { id: providerRef, status, amount, ...refund }: StripeRefund,
): ProviderMovement[] {
  if (status === 'failed' || status === 'canceled') return [];
  expectSameCurrency(chargeKey, currency, refund.currency);
  const amountMinor = fromStripeAmount(amount, currency);
  const state = status === 'succeeded' ? 'SUCCEEDED' : 'PENDING';
  return [{ kind: 'refund', providerRef, key: refund.metadata['key'] ?? null, amountMinor, state }];
}
