import { z } from 'zod';
import { PaymentContractError, PaymentMismatchError, PaymentOutcomeUnknownError } from '../../domain/errors.ts';
import { expectSame, type ChargeOutcome, type ChargeRequest } from '../payment-gateway.ts';
import { fromStripeAmount, toStripeAmount } from './stripe-amounts.ts';

/** Why a payment attempt failed, as Stripe states it on intents and card errors. */
const declineAnswer = z.object({
  code: z.string().nullish(),
  decline_code: z.string().nullish(),
  advice_code: z.string().nullish(),
});
type StripeDecline = z.output<typeof declineAnswer>;

/**
 * Our metadata on every intent and refund; refunds that others made do not have it. `orderId` and `key` name the order
 * and the key, `tombstone` is `true` on an intent that only keeps its key from ever being charged, and `capture_N`
 * holds the amount of capture N.
 */
const metadata = z
  .record(z.string(), z.string())
  .nullable()
  .transform((given) => given ?? {});

/** The fields of a PaymentIntent that this adapter reads. */
export const intentAnswer = z.object({
  id: z.string(),
  status: z.enum([
    'requires_payment_method',
    'requires_confirmation',
    'requires_action',
    'processing',
    'requires_capture',
    'canceled',
    'succeeded',
  ]),
  amount: z.number(),
  amount_received: z.number(),
  currency: z.string(),
  capture_method: z.string(),
  metadata,
  last_payment_error: declineAnswer.nullish(),
});
export type StripeIntent = z.output<typeof intentAnswer>;

/** The fields of a Charge that this adapter reads: one attempt of an intent to take money. */
const attemptAnswer = z.object({
  status: z.string(),
  amount_refunded: z.number(),
  payment_method_details: z
    .object({ card: z.object({ multicapture: z.object({ status: z.string() }).nullish() }).nullish() })
    .nullish(),
});

const chargeAnswer = attemptAnswer.extend({ payment_intent: intentAnswer });

/** A list of charges with their intents expanded. */
export const chargesAnswer = z.object({ data: z.array(chargeAnswer) });

/** A list or a search result of intents. */
export const intentsAnswer = z.object({ data: z.array(intentAnswer) });

/** The fields of a Refund that this adapter reads. */
export const refundAnswer = z.object({
  id: z.string(),
  status: z.string().nullable(),
  amount: z.number(),
  currency: z.string(),
  metadata,
  failure_reason: z.string().nullish(),
});
export type StripeRefund = z.output<typeof refundAnswer>;

/** A list of refunds. */
export const refundsAnswer = z.object({ data: z.array(refundAnswer) });

/** An intent with its attempts, newest first. */
export interface StripePayment {
  readonly intent: StripeIntent;
  readonly attempts: readonly z.output<typeof attemptAnswer>[];
}

const UNREADABLE = 'its answer has an unexpected shape';

/**
 * Parses an answer. If it cannot be read, the outcome is unknown.
 * @throws {PaymentOutcomeUnknownError} when the answer cannot be read.
 */
export function parseStripe<Schema extends z.ZodType>(key: string, schema: Schema, answer: unknown): z.output<Schema> {
  const parsed = schema.safeParse(answer);
  if (!parsed.success) throw new PaymentOutcomeUnknownError(key, UNREADABLE);
  return parsed.data;
}

/**
 * Parses the intent of a card error. The error is a refusal, even if its intent cannot be read.
 * @throws {PaymentContractError} when the intent cannot be read.
 */
export function parseRefused(key: string, intent: unknown): StripeIntent {
  const parsed = intentAnswer.safeParse(intent);
  if (!parsed.success) throw new PaymentContractError(key, UNREADABLE);
  return parsed.data;
}

/**
 * The outcome that an intent states for the requested charge.
 * @throws {PaymentMismatchError} when the intent differs from the request.
 */
export function chargeOutcomeOf(request: ChargeRequest, intent: StripeIntent): ChargeOutcome {
  expectSameOrder(request.key, request.orderId, intent.metadata.orderId);
  if (intent.status === 'canceled' || isTombstone(intent)) return { kind: 'voided' };
  expectSameMoney(request, intent);
  switch (intent.status) {
    case 'succeeded':
    case 'requires_capture':
      return { kind: 'succeeded', providerRef: intent.id };
    case 'requires_payment_method':
      return declineOf(intent.last_payment_error ?? {});
    // The customer is not present to act, and nobody else has the intent's client secret.
    case 'requires_action':
      return { kind: 'declined', declineCode: 'authentication_required', soft: false };
    case 'processing':
    case 'requires_confirmation':
      throw new PaymentOutcomeUnknownError(request.key, `the payment is in ${intent.status}`);
  }
}

/**
 * Compares the order of an answer with the requested one.
 * @throws {PaymentMismatchError} when they differ.
 */
export function expectSameOrder(key: string, wanted: string, found: string | undefined): void {
  expectSame(key, { orderId: wanted }, { orderId: found });
}

/**
 * Compares the currency of an answer, which Stripe writes in lower case, with the requested one.
 * @throws {PaymentMismatchError} when they differ.
 */
export function expectSameCurrency(key: string, wanted: string, found: string): void {
  expectSame(key, { currency: wanted }, { currency: found.toUpperCase() });
}

/**
 * Compares the amount of an answer with the requested one, in Stripe's units of the currency.
 * @throws {PaymentMismatchError} when they differ.
 */
export function expectSameAmount(
  { key, amountMinor, currency }: Pick<ChargeRequest, 'key' | 'amountMinor' | 'currency'>,
  found: number,
): void {
  if (found === toStripeAmount(amountMinor, currency)) return;
  const mismatch = { field: 'amountMinor', expected: amountMinor, found: fromStripeAmount(found, currency) };
  throw new PaymentMismatchError(key, mismatch);
}

/** Whether a void made the intent to occupy its key. */
export function isTombstone(intent: StripeIntent): boolean {
  return intent.metadata.tombstone === 'true';
}

/**
 * Declines that are not about the card itself and may pass (docs.stripe.com/declines/codes), unless the card network
 * advises against another try.
 */
const SOFT_DECLINES = new Set(['insufficient_funds', 'processing_error', 'issuer_not_available', 'try_again_later']);

/** The outcome of a failed attempt. The issuer's own code is preferred, because it tells more than Stripe's. */
export function declineOf(decline: StripeDecline): Extract<ChargeOutcome, { kind: 'declined' }> {
  const declineCode = decline.decline_code || decline.code || 'declined';
  return {
    kind: 'declined',
    declineCode,
    soft: SOFT_DECLINES.has(declineCode) && decline.advice_code !== 'do_not_try_again',
  };
}

function expectSameMoney(request: ChargeRequest, intent: StripeIntent): void {
  const kind = intent.capture_method === 'manual' ? 'authorize' : 'sale';
  expectSame(request.key, { kind: request.kind }, { kind });
  expectSameCurrency(request.key, request.currency, intent.currency);
  const isTaken = intent.status === 'succeeded' && request.kind === 'sale';
  const amounts = isTaken ? [intent.amount, intent.amount_received] : [intent.amount];
  for (const amount of amounts) expectSameAmount(request, amount);
}
