import type { PaymentKind } from './payment.ts';

/** What was asked of the payment provider. */
export const PAYMENT_CALLS = ['charge', 'lookup', 'void', 'capture', 'refund'] as const;
export type PaymentCall = (typeof PAYMENT_CALLS)[number];

/** How a call ended: the first seven are answers, the others are not. */
export const PAYMENT_ATTEMPT_OUTCOMES = [
  'succeeded',
  'declined',
  /** The charge is dead: it can take nothing any more. */
  'voided',
  /** A void found that the money was taken before. */
  'captured',
  /** The provider can never take this amount. */
  'not_chargeable',
  /** The provider keeps the authorization no longer. */
  'gone',
  /** A lookup found nothing under the key. */
  'absent',
  /** No definite answer: the money may or may not have moved. */
  'unknown',
  /** The circuit breaker kept the call back. */
  'not_sent',
  /** The answer differs from what was asked. */
  'mismatch',
  /** The provider refused the request itself. */
  'refused',
  /** What nobody expected. */
  'failed',
] as const;
export type PaymentAttemptOutcome = (typeof PAYMENT_ATTEMPT_OUTCOMES)[number];

/** One call to the payment provider, as it ended. Never changed afterwards. */
export interface PaymentAttempt {
  /** Of the call's own, so that storing it again stores nothing. */
  readonly attemptId: string;
  readonly orderId: string;
  readonly tenantId: string;
  /** The key that was sent, or looked up: `orderId:kind:generation`. */
  readonly key: string;
  readonly kind: PaymentKind;
  readonly generation: number;
  readonly call: PaymentCall;
  /** Null: a void asks for no amount. */
  readonly amountMinor: number | null;
  readonly currency: string;
  /** Token of the payment method that was charged; null for what follows a charge. */
  readonly method: string | null;
  readonly outcome: PaymentAttemptOutcome;
  /** The provider's code or why there is no answer, free of personal data. */
  readonly code: string | null;
  readonly providerRef: string | null;
  /** The activity that asked. */
  readonly step: string;
  readonly durationMs: number;
}
