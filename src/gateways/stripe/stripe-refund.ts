import { Stripe } from 'stripe';
import {
  AmountExceedsLeftError,
  PaymentContractError,
  PaymentOutcomeUnknownError,
  RefundRefusedError,
} from '../../domain/errors.ts';
import type { RefundRequest } from '../payment-gateway.ts';
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
import { isKeyReused, stripeRefusalOf, type StripeSend } from './stripe-client.ts';
import { findPayment } from './stripe-lookup.ts';

/** Refusals of a refund that no repeat can change: a person must pay the customer back in another way. */
const FINAL_REFUSALS = new Set([
  'balance_insufficient',
  'charge_disputed',
  'charge_not_refundable',
  'refund_disputed_payment',
]);

const EXCEEDS = new Set(['amount_too_large', 'charge_already_refunded']);

/** Stripe's own limit; an order has a handful of refunds. */
const LIST_LIMIT = 100;

/**
 * Refunds a charge. The refunds of the intent are read first, because Stripe may forget the key after 24 hours, and a
 * partial refund that is sent again would be paid twice.
 */
export async function refund(send: StripeSend, request: RefundRequest): Promise<{ providerRef: string }> {
  const { key, chargeKey, orderId, currency } = request;
  try {
    const payment = await findPayment(send, key, chargeKey);
    if (payment === null) throw new PaymentContractError(key, `nothing is known under ${chargeKey}`);
    expectSameOrder(key, orderId, payment.intent.metadata.orderId);
    expectSameCurrency(key, currency, payment.intent.currency);
    const earlier = await findRefund(send, key, payment.intent.id);
    return refundOutcomeOf(request, earlier ?? (await refundOnce(send, request, payment.intent.id)));
  } catch (error) {
    throw refundFailureOf(key, error);
  }
}

/** All refunds of an intent, newest first, made by us or by others. */
export async function listRefunds(send: StripeSend, about: string, intentId: string): Promise<readonly StripeRefund[]> {
  const listed = await send((stripe) => stripe.refunds.list({ payment_intent: intentId, limit: LIST_LIMIT }));
  return parseStripe(about, refundsAnswer, listed).data;
}

async function findRefund(send: StripeSend, key: string, intentId: string): Promise<StripeRefund | undefined> {
  const refunds = await listRefunds(send, key, intentId);
  return refunds.find(({ metadata }) => metadata['key'] === key);
}

/**
 * Stripe keeps the refusal of a too large refund under its key (a part was refunded in the dashboard), so the rest
 * needs another idempotency key. A refund under our key that is on the list by then was made after all.
 */
async function refundOnce(send: StripeSend, request: RefundRequest, intentId: string): Promise<StripeRefund> {
  const { key, amountMinor } = request;
  try {
    return await createRefund(send, request, { intentId, idempotencyKey: key });
  } catch (error) {
    if (!isKeyReused(error)) throw error;
    const made = await findRefund(send, key, intentId);
    return made ?? createRefund(send, request, { intentId, idempotencyKey: `${key}:${amountMinor}` });
  }
}

async function createRefund(
  send: StripeSend,
  { key, orderId, amountMinor, currency }: RefundRequest,
  { intentId, idempotencyKey }: { readonly intentId: string; readonly idempotencyKey: string },
): Promise<StripeRefund> {
  const created = await send((stripe) =>
    stripe.refunds.create(
      { payment_intent: intentId, amount: toStripeAmount(amountMinor, currency), metadata: { orderId, key } },
      { idempotencyKey },
    ),
  );
  return parseStripe(key, refundAnswer, created);
}

/** A pending refund does not count yet: it may still fail, so the money stays owed and the next attempt looks again. */
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
  if (error instanceof Stripe.errors.StripeInvalidRequestError) {
    const { code, param } = error;
    if (code !== undefined && FINAL_REFUSALS.has(code)) return new RefundRefusedError(key, code);
    // For an amount that is too large, Stripe names the parameter, often without a code.
    const exceeds = code === undefined ? param === 'amount' : EXCEEDS.has(code);
    if (exceeds) return new AmountExceedsLeftError(key, code ?? 'more than is left to refund');
  }
  return stripeRefusalOf(key, error);
}
