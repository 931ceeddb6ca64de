import { z } from 'zod';
import { PaymentContractError, PaymentMismatchError, PaymentOutcomeUnknownError } from '../../domain/errors.ts';
import { expectSame, type ChargeOutcome, type ChargeRequest } from '../payment-gateway.ts';
import { fromStripeAmount, toStripeAmount } from './stripe-amounts.ts';

/** Why a payment attempt failed, as Stripe puts it on intents and card errors. */
const declineAnswer = z.object({
  code: z.string().nullish(),
  decline_code: z.string().nullish(),
  advice_code: z.string().nullish(),
});
type StripeDecline = z.output<typeof declineAnswer>;

/**
 * Metadata of ours on every intent and refund; somebody else's refund has none. `orderId` and `key` say whose it is,
 * `tombstone` is `true` on an intent that only keeps its key from ever being charged, `capture_N` is what the capture of
 * that number took.
 */
const metadata = z
  .record(z.string(), z.string())
  .nullable()
  .transform((given) => given ?? {});

/** What we read of a PaymentIntent. */
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

/** What we read of a Charge: one attempt of an intent to take money. */
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

/** What we read of a Refund. */
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

/** Parses an answer: what it says is unknown when it cannot be read. @throws {PaymentOutcomeUnknownError} */
export function parseStripe<Schema extends z.ZodType>(key: string, schema: Schema, answer: unknown): z.output<Schema> {
  const parsed = schema.safeParse(answer);
  if (!parsed.success) throw new PaymentOutcomeUnknownError(key, UNREADABLE);
  return parsed.data;
}

/** Parses the intent of a card error, which is a refusal whatever else it says. @throws {PaymentContractError} */
export function parseRefused(key: string, intent: unknown): StripeIntent {
  const parsed = intentAnswer.safeParse(intent);
  if (!parsed.success) throw new PaymentContractError(key, UNREADABLE);
  return parsed.data;
}

/** What an intent says about the charge that was asked for. @throws {PaymentMismatchError} */
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
    // The customer is not there to act, and nobody else holds the intent's client secret.
    case 'requires_action':
      return { kind: 'declined', declineCode: 'authentication_required', soft: false };
    case 'processing':
    case 'requires_confirmation':
      throw new PaymentOutcomeUnknownError(request.key, `the payment is in ${intent.status}`);
  }
}

/** @throws {PaymentMismatchError} */
export function expectSameOrder(key: string, wanted: string, found: string | undefined): void {
  expectSame(key, { orderId: wanted }, { orderId: found });
}

/** Stripe writes currencies in lower case. @throws {PaymentMismatchError} */
export function expectSameCurrency(key: string, wanted: string, found: string): void {
  expectSame(key, { currency: wanted }, { currency: found.toUpperCase() });
}

/** Stripe counts some currencies in units of its own. @throws {PaymentMismatchError} */
export function expectSameAmount(
  { key, amountMinor, currency }: Pick<ChargeRequest, 'key' | 'amountMinor' | 'currency'>,
  found: number,
): void {
  if (found === toStripeAmount(amountMinor, currency)) return;
  const mismatch = { field: 'amountMinor', expected: amountMinor, found: fromStripeAmount(found, currency) };
  throw new PaymentMismatchError(key, mismatch);
}

/** Whether the intent was made by a void to occupy its key. */
export function isTombstone(intent: StripeIntent): boolean {
  return intent.metadata.tombstone === 'true';
}

/**
 * Declines that say nothing against the card and may pass by themselves (docs.stripe.com/declines/codes), unless the
 * card network's advice forbids another try.
 */
const SOFT_DECLINES = new Set(['insufficient_funds', 'processing_error', 'issuer_not_available', 'try_again_later']);

/** A failed attempt as an outcome; the issuer's own code says more than Stripe's. */
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
