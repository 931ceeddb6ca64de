import { PaymentMismatchError } from '../domain/errors.ts';
import type { PaymentKind } from '../domain/payments/payment.ts';
import type { AmountProblem, PaymentCapabilities } from '../domain/payments/payment-capabilities.ts';

/** A charge that is asked of the provider. */
export interface ChargeRequest {
  /** Idempotency key at the provider; the same key never charges twice. */
  readonly key: string;
  readonly orderId: string;
  readonly kind: Extract<PaymentKind, 'sale' | 'authorize'>;
  readonly amountMinor: number;
  readonly currency: string;
  /** The provider's token of a payment method. */
  readonly method: string;
}

/** A definite answer to a charge, checked against the request. */
export type ChargeOutcome =
  | { readonly kind: 'succeeded'; readonly providerRef: string }
  /** `soft`: the provider allows another try under the same key. */
  | { readonly kind: 'declined'; readonly declineCode: string; readonly soft: boolean }
  /** The key was voided before: this charge can never happen. */
  | { readonly kind: 'voided' }
  /** Nothing was charged, and this amount never will be. */
  | { readonly kind: 'not_chargeable'; readonly problem: AmountProblem };

/** What the provider knows under a key. `absent` proves nothing while the original call may still arrive. */
export type LookupOutcome = ChargeOutcome | { readonly kind: 'absent' };

/** What a void by key found. After every result but `captured` the key is dead: a late charge takes nothing. */
export type VoidOutcome =
  /** The provider has recorded the void. The amount is 0 if the key was never used, else the authorized amount. */
  | { readonly kind: 'voided'; readonly amountMinor: number }
  /** The charge of this amount had been declined, so there was nothing to void. */
  | { readonly kind: 'declined'; readonly amountMinor: number; readonly declineCode: string }
  | {
      readonly kind: 'captured';
      readonly capturedMinor: number;
      readonly refundedMinor: number;
      /** The part of the authorization that was never captured, which this void releases; 0 where nothing was left. */
      readonly releasedMinor: number;
      readonly providerRef: string;
    };

/** A void by key. */
export interface VoidRequest {
  readonly key: string;
  /** The key of the charge to void. */
  readonly chargeKey: string;
  readonly orderId: string;
  readonly currency: string;
}

/** Captures an authorized charge or a part of it. */
export interface CaptureRequest extends VoidRequest {
  readonly amountMinor: number;
}

/** Refunds a captured charge or a part of it. */
export interface RefundRequest extends VoidRequest {
  readonly amountMinor: number;
}

/** The charge that a question is about. */
export type ChargeQuestion = Pick<VoidRequest, 'chargeKey' | 'orderId' | 'currency'>;

/** A capture or a refund in the provider's books, made by us or by others. */
export interface ProviderMovement {
  readonly kind: Extract<PaymentKind, 'capture' | 'refund'>;
  /** The provider's own reference, which is unique at the provider. */
  readonly providerRef: string;
  /** The idempotency key of the call that made it; null when it was made at the provider itself. */
  readonly key: string | null;
  readonly amountMinor: number;
  /**
   * A `PENDING` movement already reduces the amount that is left, and may still fail. Failed movements are not listed.
   */
  readonly state: 'SUCCEEDED' | 'PENDING';
}

/**
 * The port to a payment provider. Implementations never retry by themselves, bound every call by `signal`, and parse
 * every answer.
 *
 * All methods throw {@link PaymentOutcomeUnknownError} when no definite answer came (timeout, reset, 5xx, key in use),
 * {@link PaymentGatewayOpenError} when the circuit breaker kept the call from being sent, {@link PaymentMismatchError}
 * when amount, currency or order differ, and {@link PaymentContractError} when the provider refused the request itself.
 * An answer that cannot be read leaves the outcome unknown, unless it is a refusal.
 */
export interface PaymentGateway {
  readonly capabilities: PaymentCapabilities;
  charge(request: ChargeRequest, signal: AbortSignal): Promise<ChargeOutcome>;
  /** Looks up a charge by its key; `request` holds what the answer must match. */
  lookup(request: ChargeRequest, signal: AbortSignal): Promise<LookupOutcome>;
  voidByKey(request: VoidRequest, signal: AbortSignal): Promise<VoidOutcome>;
  /**
   * Captures. A call that is repeated under its key has the result of the first call.
   * @throws {AuthorizationGoneError} when the provider no longer has the authorization.
   * @throws {AmountExceedsLeftError} when less than the amount is left.
   */
  capture(request: CaptureRequest, signal: AbortSignal): Promise<{ readonly providerRef: string }>;
  /**
   * Refunds.
   * @throws {RefundRefusedError} when the provider cannot pay back to this method.
   * @throws {AmountExceedsLeftError} when less than the amount is left.
   */
  refund(request: RefundRequest, signal: AbortSignal): Promise<{ readonly providerRef: string }>;
  /** Captures of an authorization and refunds of any charge, oldest first; empty for a key that was never used. */
  movements(question: ChargeQuestion, signal: AbortSignal): Promise<readonly ProviderMovement[]>;
  /** The route that charges of a payment method take. One route may be down while others work. */
  routeOf(method: string): string;
  /** Resolves when the provider gives any answer. */
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
