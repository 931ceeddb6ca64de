import { PaymentMismatchError } from '../domain/errors.ts';
import type { PaymentKind } from '../domain/payments/payment.ts';
import type { AmountProblem, PaymentCapabilities } from '../domain/payments/payment-capabilities.ts';

/** A charge as asked of the provider. */
export interface ChargeRequest {
  /** Idempotency key at the provider; the same key never charges twice. */
  readonly key: string;
  readonly orderId: string;
  readonly kind: Extract<PaymentKind, 'sale' | 'authorize'>;
  readonly amountMinor: number;
  readonly currency: string;
  /** Provider's token of a payment method. */
  readonly method: string;
}

/** A definite answer to a charge, checked against the request. */
export type ChargeOutcome =
  | { readonly kind: 'succeeded'; readonly providerRef: string }
  /** `soft`: the provider allows asking again under the same key. */
  | { readonly kind: 'declined'; readonly declineCode: string; readonly soft: boolean }
  /** The key was voided before: this charge can never happen. */
  | { readonly kind: 'voided' }
  /** Nothing was charged, and this amount never will be. */
  | { readonly kind: 'not_chargeable'; readonly problem: AmountProblem };

/** What the provider knows under a key. `absent` proves nothing while the original may still be on its way. */
export type LookupOutcome = ChargeOutcome | { readonly kind: 'absent' };

/** What a void by key found. In every case but `captured` the key is dead afterwards: a late charge takes nothing. */
export type VoidOutcome =
  /** Written down by the provider; of 0 where the key had never been used, else of what had been authorized. */
  | { readonly kind: 'voided'; readonly amountMinor: number }
  /** The charge of this amount was declined before, so there was nothing to void. */
  | { readonly kind: 'declined'; readonly amountMinor: number; readonly declineCode: string }
  | {
      readonly kind: 'captured';
      readonly capturedMinor: number;
      readonly refundedMinor: number;
      /** What of the authorization was never captured, and is released with this void; 0 where nothing was left. */
      readonly releasedMinor: number;
      readonly providerRef: string;
    };

/** A void by key. */
export interface VoidRequest {
  readonly key: string;
  /** Key of the charge to void. */
  readonly chargeKey: string;
  readonly orderId: string;
  readonly currency: string;
}

/** Takes (a part of) an authorized charge. */
export interface CaptureRequest extends VoidRequest {
  readonly amountMinor: number;
}

/** A refund of (a part of) a captured charge. */
export interface RefundRequest extends VoidRequest {
  readonly amountMinor: number;
}

/** Which charge a question is about. */
export type ChargeQuestion = Pick<VoidRequest, 'chargeKey' | 'orderId' | 'currency'>;

/** A capture or a refund in the provider's books, whoever asked for it. */
export interface ProviderMovement {
  readonly kind: Extract<PaymentKind, 'capture' | 'refund'>;
  /** The provider's own reference, unique there. */
  readonly providerRef: string;
  /** Idempotency key that it was asked for under; null when it was made at the provider itself. */
  readonly key: string | null;
  readonly amountMinor: number;
  /** `PENDING`: it already counts for what is left, and may still fail. Failed ones are no movements. */
  readonly state: 'SUCCEEDED' | 'PENDING';
}

/**
 * The port to a payment provider. Implementations never retry by themselves, bound every call by `signal`, and
 * parse every answer.
 *
 * All methods throw {@link PaymentOutcomeUnknownError} when no definite answer came (timeout, reset, 5xx, key in
 * use), {@link PaymentGatewayOpenError} when the circuit breaker kept the call from being sent,
 * {@link PaymentMismatchError} when amount, currency or order differ, {@link PaymentContractError} when the
 * request was refused as such. An answer that cannot be read leaves the outcome unknown, unless it is a refusal.
 */
export interface PaymentGateway {
  readonly capabilities: PaymentCapabilities;
  charge(request: ChargeRequest, signal: AbortSignal): Promise<ChargeOutcome>;
  /** Looks a charge up by its key; `request` says what the answer must match. */
  lookup(request: ChargeRequest, signal: AbortSignal): Promise<LookupOutcome>;
  voidByKey(request: VoidRequest, signal: AbortSignal): Promise<VoidOutcome>;
  /**
   * Captures; repeated under its key it answers as the first time.
   * @throws {AuthorizationGoneError} when the provider keeps the authorization no longer.
   * @throws {AmountExceedsLeftError}
   */
  capture(request: CaptureRequest, signal: AbortSignal): Promise<{ readonly providerRef: string }>;
  /**
   * Refunds. @throws {RefundRefusedError} when the provider cannot pay back to this method.
   * @throws {AmountExceedsLeftError}
   */
  refund(request: RefundRequest, signal: AbortSignal): Promise<{ readonly providerRef: string }>;
  /** What was captured of an authorization and refunded of any charge, oldest first; nothing for a key never used. */
  movements(question: ChargeQuestion, signal: AbortSignal): Promise<readonly ProviderMovement[]>;
  /** The way that charges of a payment method go: a method may be away while others are not. */
  routeOf(method: string): string;
  /** Resolves when the provider answers at all. */
  ping(signal: AbortSignal): Promise<void>;
}

/** @throws {PaymentMismatchError} when a provider's answer differs in a field from what it was asked. */
export function expectSame<Field extends string>(
  key: string,
  asked: Readonly<Record<Field, string | number>>,
  answer: Readonly<Partial<Record<NoInfer<Field>, string | number | undefined>>>,
): void {
  for (const field of Object.keys(asked) as Field[]) {
    const [expected, found = null] = [asked[field], answer[field]];
    if (found !== expected) throw new PaymentMismatchError(key, { field, expected, found });
  }
}
