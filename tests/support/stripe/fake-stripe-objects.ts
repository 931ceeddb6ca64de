import { randomUUID } from 'node:crypto';

// The objects, errors and test methods of the fake, written after Stripe's documentation and not after the adapter.

/** The states of a PaymentIntent that our adapter meets. */
export type Status = 'requires_payment_method' | 'requires_capture' | 'processing' | 'canceled' | 'succeeded';
type Metadata = Record<string, string>;

/** A PaymentIntent. */
export interface Intent {
  readonly id: string;
  readonly object: 'payment_intent';
  status: Status;
  readonly amount: number;
  amount_capturable: number;
  amount_received: number;
  readonly currency: string;
  readonly capture_method: string;
  readonly created: number;
  readonly transfer_group: string | null;
  latest_charge: string | null;
  last_payment_error: object | null;
  metadata: Metadata;
}

/** A try to charge a card. */
export interface Charge {
  readonly id: string;
  readonly object: 'charge';
  readonly status: 'succeeded' | 'failed';
  readonly amount: number;
  amount_captured: number;
  amount_refunded: number;
  captured: boolean;
  readonly currency: string;
  readonly payment_intent: string;
  readonly payment_method: string;
  readonly transfer_group: string | null;
  readonly metadata: Metadata;
  readonly payment_method_details: object;
}

/** A refund of a charge. */
export interface Refund {
  readonly id: string;
  readonly object: 'refund';
  readonly amount: number;
  readonly currency: string;
  readonly charge: string;
  readonly payment_intent: string;
  status: string;
  readonly failure_reason?: string;
  readonly metadata: Metadata;
}

/** What is special about a payment method of Stripe's test mode, or of ours (`pm_fake_...`). */
export interface Method {
  readonly decline?: { readonly code: string; readonly decline_code: string; readonly advice_code?: string };
  readonly extraMinor?: number;
  /** The card's network takes one capture of an authorization. */
  readonly onlyOneCapture?: true;
  /** Stripe's limits depend on the account. */
  readonly amountCode?: string;
  readonly slow?: true;
  readonly losesReply?: true;
  readonly unavailable?: true;
  readonly refund?: 'fails' | 'pending' | 'disputed';
  /** Usable only together with this customer. */
  readonly customer?: string;
}

const cardDeclined = (decline_code: string) => ({ code: 'card_declined', decline_code });

/** The test methods, by the name that a request gives. */
export const METHODS: Readonly<Record<string, Method>> = {
  pm_card_visa: {},
  pm_card_chargeDeclined: { decline: cardDeclined('generic_decline') },
  pm_card_chargeDeclinedInsufficientFunds: { decline: cardDeclined('insufficient_funds') },
  pm_card_chargeDeclinedProcessingError: { decline: { code: 'processing_error', decline_code: 'processing_error' } },
  pm_fake_issuer_not_available: { decline: cardDeclined('issuer_not_available') },
  pm_fake_try_again_later: { decline: cardDeclined('try_again_later') },
  pm_fake_never_again: { decline: { ...cardDeclined('insufficient_funds'), advice_code: 'do_not_try_again' } },
  pm_fake_only_one_capture: { onlyOneCapture: true },
  pm_fake_amount_too_small: { amountCode: 'amount_too_small' },
  pm_card_refundFail: { refund: 'fails' },
  pm_card_pendingRefund: { refund: 'pending' },
  pm_card_createDispute: { refund: 'disputed' },
  pm_fake_wrong_amount: { extraMinor: 1 },
  pm_fake_slow: { slow: true },
  pm_fake_lost_reply: { losesReply: true },
  pm_fake_unavailable: { unavailable: true },
  pm_fake_saved: { customer: 'cus_fake' },
};

/** An answer that is an error; `isSaved` says whether Stripe keeps it under the idempotency key. */
export class ApiError extends Error {
  readonly status: number;
  readonly body: object;
  readonly isSaved: boolean;
  constructor(status: number, error: object, isSaved = true) {
    super(JSON.stringify(error));
    this.status = status;
    this.body = { error: { message: 'a message for people', ...error } };
    this.isSaved = isSaved;
  }
}

/** The connection breaks instead of an answer, after the effect. */
export const LOST = Symbol('lost');

/** A response of the API. */
export interface Answer {
  readonly status: number;
  readonly body: object;
}

/** A form-encoded body, or the query of a GET. */
export type Form = Readonly<Record<string, string>>;

/** The test method that a request names. */
export function methodOf(form: Form): Method {
  const method = METHODS[form.payment_method ?? ''];
  if (method === undefined) throw missing('payment_method');
  if (method.customer !== form.customer) throw invalid('payment_method_unexpected_state', 'payment_method');
  return method;
}

/** Refuses what cannot be done to an intent in this state. */
export function expectStatus(intent: Intent, allowed: readonly Status[]): void {
  if (allowed.includes(intent.status)) return;
  throw new ApiError(400, {
    type: 'invalid_request_error',
    code: 'payment_intent_unexpected_state',
    payment_intent: structuredClone(intent),
  });
}

/** What fails validation is not saved under its key. */
export function invalid(code: string | undefined, param?: string): ApiError {
  return new ApiError(400, { type: 'invalid_request_error', code, param }, false);
}

/** An object that does not exist. */
export function missing(param: string): ApiError {
  return new ApiError(404, { type: 'invalid_request_error', code: 'resource_missing', param }, false);
}

/** The metadata that a form carries. */
export function metadataOf(form: Form): Metadata {
  const entries = Object.entries(form).map(([name, value]) => [/^metadata\[(\w+)\]$/.exec(name)?.[1], value] as const);
  return Object.fromEntries(entries.filter(([name]) => name !== undefined));
}

/** A new id as Stripe writes them. */
export function idOf(prefix: string): string {
  return `${prefix}_${randomUUID().replaceAll('-', '')}`;
}
