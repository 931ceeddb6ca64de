import { Stripe } from 'stripe';
import { PaymentOutcomeUnknownError } from '../../domain/errors.ts';
import type { VoidOutcome, VoidRequest } from '../payment-gateway.ts';
import { fromStripeAmount } from './stripe-amounts.ts';
import {
  declineOf,
  expectSameOrder,
  intentAnswer,
  isTombstone,
  parseStripe,
  type StripeIntent,
  type StripePayment,
} from './stripe-answers.ts';
import { isKeyReused, refusing, type StripeSend } from './stripe-client.ts';
import { findPayment, retrievePayment, searchPayment } from './stripe-lookup.ts';

/**
 * Ends a charge by its key, and leaves proof that a late original cannot succeed:
 *
 * 1. The key's charge is known: its intent is cancelled. A cancelled intent can never be charged, and it cannot be
 *    created twice (see `createStripePaymentGateway`).
 * 2. The charge is not known: the void claims the key. It creates an unconfirmed intent under the charge's own
 *    idempotency key, and then cancels it. Stripe decides atomically which call was first. If the claim was first, the
 *    late original differs from the request that its key stands for, and is refused (400 `idempotency_error`).
 * 3. If the original was first, the claim is refused in the same way, and the charge is looked up once more. While
 *    the original is still executing, the claim is answered 409. Both leave the outcome unknown until the charge is
 *    visible.
 *
 * The claim holds as long as Stripe keeps keys, at least 24 hours; no request stays on the wire that long.
 */
export async function voidByKey(send: StripeSend, request: VoidRequest): Promise<VoidOutcome> {
  const { key, chargeKey } = request;
  return refusing(key, async () => {
    const payment =
      (await findPayment(send, key, chargeKey)) ??
      (await claimKey(send, request)) ??
      (await findPayment(send, key, chargeKey)) ??
      (await searchPayment(send, key, chargeKey));
    if (payment === null)
      throw new PaymentOutcomeUnknownError(key, 'the key was used, but its charge cannot be seen yet');
    expectSameOrder(key, request.orderId, payment.intent.metadata.orderId);
    const ended = isOpen(payment.intent) ? await cancel(send, key, payment) : payment;
    return voidOutcomeOf(key, ended);
  });
}

/**
 * Occupies a key that was never used, and returns its tombstone. Null when the key was used by anything but a
 * tombstone.
 */
export async function claimKey(send: StripeSend, request: VoidRequest): Promise<StripePayment | null> {
  const { key, chargeKey } = request;
  try {
    const claimed = await send((stripe) =>
      stripe.paymentIntents.create(tombstoneParams(request), { idempotencyKey: chargeKey }),
    );
    return { intent: parseStripe(key, intentAnswer, claimed), attempts: [] };
  } catch (error) {
    if (isKeyReused(error)) return null;
    throw error;
  }
}

/** Cancels the intent. If Stripe refuses because the intent has moved on, its new state is read. */
async function cancel(send: StripeSend, key: string, { intent, attempts }: StripePayment): Promise<StripePayment> {
  try {
    const cancelled = await send((stripe) => stripe.paymentIntents.cancel(intent.id, {}, { idempotencyKey: key }));
    return { intent: parseStripe(key, intentAnswer, cancelled), attempts };
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeError) || error.code !== 'payment_intent_unexpected_state') throw error;
    return retrievePayment(send, key, intent.id);
  }
}

function isOpen({ status }: StripeIntent): boolean {
  return status !== 'succeeded' && status !== 'canceled' && status !== 'processing';
}

function voidOutcomeOf(key: string, { intent, attempts }: StripePayment): VoidOutcome {
  const { currency } = intent;
  // This holds for a cancelled intent as well: a void after one of several captures ends what the captures have left.
  if (intent.amount_received > 0) {
    const refunded = attempts.reduce((sum, attempt) => sum + attempt.amount_refunded, 0);
    return {
      kind: 'captured',
      capturedMinor: fromStripeAmount(intent.amount_received, currency),
      refundedMinor: fromStripeAmount(refunded, currency),
      // A single capture has released the rest itself.
      releasedMinor:
        intent.status === 'canceled' ? fromStripeAmount(intent.amount - intent.amount_received, currency) : 0,
      providerRef: intent.id,
    };
  }
  switch (intent.status) {
    case 'canceled': {
      const amountMinor = fromStripeAmount(intent.amount, currency);
      if (isTombstone(intent)) return { kind: 'voided', amountMinor: 0 };
      if (attempts.some(({ status }) => status === 'succeeded')) return { kind: 'voided', amountMinor };
      // The intent held no money: it is cancelled, but there is no void to record.
      const { declineCode } = declineOf(intent.last_payment_error ?? {});
      return { kind: 'declined', amountMinor, declineCode };
    }
    case 'succeeded':
    case 'processing':
    case 'requires_action':
    case 'requires_capture':
    case 'requires_confirmation':
    case 'requires_payment_method':
      throw new PaymentOutcomeUnknownError(key, `the payment is still in ${intent.status}`);
  }
}

/**
 * An amount in Stripe's units that every currency accepts: it has eight digits, is nowhere below the minimum, and has
 * no fraction in currencies without fractions (see stripe-amounts.ts). It is never charged.
 */
const TOMBSTONE_AMOUNT = 99_999_900;

/** Depends only on the key, its order and its currency, so that every void of a key makes the same claim. */
function tombstoneParams({ chargeKey, orderId, currency }: VoidRequest): Stripe.PaymentIntentCreateParams {
  return {
    amount: TOMBSTONE_AMOUNT,
    currency: currency.toLowerCase(),
    allowed_payment_method_types: ['card'],
    metadata: { orderId, key: chargeKey, tombstone: 'true' },
  };
}
