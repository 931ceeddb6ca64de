import { Stripe } from 'stripe';
import { PaymentContractError, PaymentOutcomeUnknownError, RefundRefusedError } from '../domain/errors.ts';
import type { RefundRequest } from './payment-gateway.ts';
import { toStripeAmount } from './stripe-amounts.ts';
import {
  expectSameAmount,
  expectSameCurrency,
  expectSameOrder,
  parseStripe,
  refundAnswer,
  refundsAnswer,
  type StripeRefund,
} from './stripe-answers.ts';
import { stripeRefusalOf, type StripeSend } from './stripe-client.ts';
import { findPayment } from './stripe-lookup.ts';

/** Refusals of a refund that no repeat mends: somebody has to pay the customer back in another way. */
const FINAL_REFUSALS = new Set([
  'balance_insufficient',
  'charge_disputed',
  'charge_not_refundable',
  'refund_disputed_payment',
]);

/** Stripe's own limit; an order has a handful of refunds. */
const LIST_LIMIT = 100;

/**
 * Refunds a charge. The refunds of the intent are read first: Stripe may forget the key after 24 hours, and a partial
 * refund that is sent again would be paid twice.
 */
export async function refund(send: StripeSend, request: RefundRequest): Promise<{ providerRef: string }> {
  const { key, chargeKey, orderId, currency } = request;
  try {
    const payment = await findPayment(send, key, chargeKey);
    if (payment === null) throw new PaymentContractError(key, `nothing is known under ${chargeKey}`);
    expectSameOrder(key, orderId, payment.intent.metadata.orderId);
    expectSameCurrency(key, currency, payment.intent.currency);
    const earlier = await findRefund(send, key, payment.intent.id);
    return refundOutcomeOf(request, earlier ?? (await createRefund(send, request, payment.intent.id)));
  } catch (error) {
    throw refundFailureOf(key, error);
  }
}

async function findRefund(send: StripeSend, key: string, intentId: string): Promise<StripeRefund | undefined> {
  const listed = await send((stripe) => stripe.refunds.list({ payment_intent: intentId, limit: LIST_LIMIT }));
  return parseStripe(key, refundsAnswer, listed).data.find(({ metadata }) => metadata.key === key);
}

async function createRefund(send: StripeSend, request: RefundRequest, intentId: string): Promise<StripeRefund> {
  const { key, orderId, amountMinor, currency } = request;
  const created = await send((stripe) =>
    stripe.refunds.create(
      { payment_intent: intentId, amount: toStripeAmount(amountMinor, currency), metadata: { orderId, key } },
      { idempotencyKey: key },
    ),
  );
  return parseStripe(key, refundAnswer, created);
}

/** A pending refund is no refund yet: it may still fail, so the money stays owed and the next attempt looks again. */
function refundOutcomeOf(request: RefundRequest, { id, status, ...found }: StripeRefund): { providerRef: string } {
  const { key, orderId, currency } = request;
  expectSameOrder(key, orderId, found.metadata.orderId);
  expectSameCurrency(key, currency, found.currency);
  expectSameAmount(request, found.amount);
  if (status === 'succeeded') return { providerRef: id };
  if (status === 'failed' || status === 'canceled') throw new RefundRefusedError(key, found.failure_reason ?? status);
  throw new PaymentOutcomeUnknownError(key, `the refund is ${status ?? 'without status'}`);
}

function refundFailureOf(key: string, error: unknown): unknown {
  const code = error instanceof Stripe.errors.StripeError ? error.code : undefined;
  return code !== undefined && FINAL_REFUSALS.has(code)
    ? new RefundRefusedError(key, code)
    : stripeRefusalOf(key, error);
}
