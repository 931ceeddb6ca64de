import type { PaymentKind } from './payment.ts';

/** The kinds of calls to the payment provider. */
export const PAYMENT_CALLS = ['charge', 'lookup', 'void', 'capture', 'refund'] as const;
export type PaymentCall = (typeof PAYMENT_CALLS)[number];

/** How a call ended. The first seven are answers of the provider, the others are not. */
export const PAYMENT_ATTEMPT_OUTCOMES = [
  'succeeded',
  'declined',
  /** The charge is dead: it can never take anything. */
  'voided',
  /** A void found that the money had been taken before. */
  'captured',
  /** The provider can never take this amount. */
  'not_chargeable',
  /** The provider no longer has the authorization. */
  'gone',
  /** A look-up found nothing under the key. */
  'absent',
  /** No definite answer: the money may or may not have moved. */
  'unknown',
  /** The circuit breaker kept the call from being sent. */
  'not_sent',
  /** The answer differs from the request. */
  'mismatch',
  /** The provider refused the request itself. */
  'refused',
  /** A failure that no code expected. */
  'failed',
] as const;
export type PaymentAttemptOutcome = (typeof PAYMENT_ATTEMPT_OUTCOMES)[number];

/** One call to the payment provider and its result. It is never changed. */
export interface PaymentAttempt {
  /** The call's own id; storing the call again under it stores nothing. */
  readonly attemptId: string;
  readonly orderId: string;
  readonly tenantId: string;
  /** The key that was sent or looked up: `orderId:kind:generation`. */
  readonly key: string;
  readonly kind: PaymentKind;
  readonly generation: number;
  readonly call: PaymentCall;
  /** Null for a void, which has no amount. */
  readonly amountMinor: number | null;
  readonly currency: string;
  /** The token of the charged payment method; null for calls that follow a charge. */
  readonly method: string | null;
  readonly outcome: PaymentAttemptOutcome;
  /** The provider's code, or why there is no answer; free of personal data. */
  readonly code: string | null;
  readonly providerRef: string | null;
  /** The activity that made the call. */
  readonly step: string;
  readonly durationMs: number;
}
