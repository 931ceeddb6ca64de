/** Kinds of operations at the payment provider. */
export const PAYMENT_KINDS = ['sale', 'authorize', 'capture', 'void', 'refund'] as const;
export type PaymentKind = (typeof PAYMENT_KINDS)[number];

/**
 * What is known about one operation. `UNKNOWN` is a state and not a failure: the outcome is looked up, never guessed.
 */
export const PAYMENT_OPERATION_STATES = ['SUCCEEDED', 'DECLINED', 'UNKNOWN', 'FAILED'] as const;
export type PaymentOperationState = (typeof PAYMENT_OPERATION_STATES)[number];

/** The state shown to a client; it summarizes all payment operations of an order. */
export const PAYMENT_STATES = [
  'NONE',
  'UNKNOWN',
  'AUTHORIZED',
  'DECLINED',
  'CAPTURED',
  'PARTIALLY_REFUNDED',
  'REFUNDED',
  'VOIDED',
] as const;
export type PaymentState = (typeof PAYMENT_STATES)[number];

/** `automatic` takes the money with the order; `manual` only authorizes it. */
export const CAPTURE_MODES = ['automatic', 'manual'] as const;
export type CaptureMode = (typeof CAPTURE_MODES)[number];

/** The prefix of a refund's provider reference when the refund was paid outside; the evidence follows it. */
export const EVIDENCE_PREFIX = 'evidence:';

/** Sums of an order's successful operations in minor units; refunded <= captured <= authorized always holds. */
export interface PaymentBalance {
  readonly authorizedMinor: number;
  readonly capturedMinor: number;
  readonly refundedMinor: number;
  readonly voided: boolean;
}

/** The sums captured and refunded so far, as the event states them that ends a command or an order. */
export type MoneySums = Pick<PaymentBalance, 'capturedMinor' | 'refundedMinor'>;

/** The sums of an order's operations, and what may still be asked of the provider; all amounts are in minor units. */
export interface OrderMoney extends PaymentBalance {
  /**
   * The amount that a further capture may take; 0 where the rest of the authorization was released, or lapsed with a
   * capture.
   */
  readonly capturableMinor: number;
  /** Whether this order's authorization can be captured once more. */
  readonly canCaptureAgain: boolean;
  /** The highest number of a capture, and of a refund, that was ever sent. */
  readonly captures: number;
  readonly refunds: number;
}

/** The fields of an operation that sums are made from. */
export type SummedOperation = {
  readonly kind: PaymentKind;
  readonly generation: number;
  readonly amountMinor: number;
  readonly state: PaymentOperationState;
};

/**
 * Sums up an order's operations. If a provider captures an authorization once, it releases the rest with the first
 * capture, and nothing is left.
 */
export function moneyOf(operations: readonly SummedOperation[], capturesSeveralTimes: boolean): OrderMoney {
  const sum = (...kinds: PaymentKind[]): number =>
    operations
      .filter(({ kind, state }) => state === 'SUCCEEDED' && kinds.includes(kind))
      .reduce((total, { amountMinor }) => total + amountMinor, 0);
  const lastOf = (...kinds: PaymentKind[]): number =>
    Math.max(0, ...operations.filter(({ kind }) => kinds.includes(kind)).map(({ generation }) => generation));
  const authorizedMinor = sum('sale', 'authorize');
  const capturedMinor = sum('sale', 'capture');
  // A tombstone of an earlier charge says nothing about the charge that came after it.
  const last = lastOf('sale', 'authorize');
  const voided = operations.some(
    ({ kind, state, generation }) => kind === 'void' && state === 'SUCCEEDED' && generation >= last,
  );
  const isByHand = sum('authorize') > 0;
  const canCaptureAgain = isByHand && !voided && (capturesSeveralTimes || capturedMinor === 0);
  return {
    authorizedMinor,
    capturedMinor,
    refundedMinor: sum('refund'),
    voided,
    canCaptureAgain,
    capturableMinor: canCaptureAgain ? authorizedMinor - capturedMinor : 0,
    captures: lastOf('capture'),
    refunds: lastOf('refund'),
  };
}

/** The balance of an order for which no money was taken. */
export const EMPTY_BALANCE: PaymentBalance = { authorizedMinor: 0, capturedMinor: 0, refundedMinor: 0, voided: false };

/**
 * The idempotency key of an effect at the provider: `orderId:kind:generation`. It stays the same over attempts, resets
 * and runs. A new generation is allowed only when the old one is proved failed or absent.
 */
export function paymentKey(orderId: string, kind: PaymentKind, generation: number): string {
  return `${orderId}:${kind}:${generation}`;
}

/**
 * Whether the provider was asked. A charge that is not sent (its total is 0, or it can never be charged) is stored with
 * the amount 0.
 */
export function wasAsked(operation: { readonly kind: PaymentKind; readonly amountMinor: number }): boolean {
  return operation.amountMinor > 0 || (operation.kind !== 'sale' && operation.kind !== 'authorize');
}

const KEY = /^(ord_[a-z2-7]{26}):(sale|authorize|capture|void|refund):(\d{1,9})$/;

/** The parts of one of our keys; null for any other key. */
export function parsePaymentKey(
  key: string,
): { readonly orderId: string; readonly kind: PaymentKind; readonly generation: number } | null {
  const [, orderId, kind, generation] = KEY.exec(key) ?? [];
  if (orderId === undefined || kind === undefined) return null;
  return { orderId, kind: kind as PaymentKind, generation: Number(generation) };
}

/**
 * The generation of external operations, which were made at the provider itself and adopted into the books. They have
 * no generation of ours; the provider's reference in their key ensures that each is adopted once.
 */
export const EXTERNAL_GENERATION = 0;

/** The key of an external operation; no key of ours can equal it. */
export function externalKey(
  orderId: string,
  kind: Extract<PaymentKind, 'capture' | 'refund'>,
  providerRef: string,
): string {
  return `${orderId}:${kind}:external:${providerRef}`;
}

/** Whether an operation was made at the provider itself. */
export function isExternal({ generation }: { readonly generation: number }): boolean {
  return generation === EXTERNAL_GENERATION;
}

/** Combines an order's balance and its last charge attempt into the one state that clients see. */
export function paymentStateOf(balance: PaymentBalance, lastCharge: PaymentOperationState | null): PaymentState {
  if (balance.refundedMinor > 0) {
    return balance.refundedMinor >= balance.capturedMinor ? 'REFUNDED' : 'PARTIALLY_REFUNDED';
  }
  if (balance.capturedMinor > 0) return 'CAPTURED';
  if (balance.voided) return 'VOIDED';
  if (balance.authorizedMinor > 0) return 'AUTHORIZED';
  switch (lastCharge) {
    case 'UNKNOWN':
      return 'UNKNOWN';
    case 'DECLINED':
    case 'FAILED':
      return 'DECLINED';
    case 'SUCCEEDED':
    case null:
      return 'NONE';
  }
}

/**
 * Waits between attempts to learn or repeat a money call with an unknown outcome. The first are short, because most
 * unknowns are lost replies; the later ones cover a provider's outage. 1 + 5 + 30 + 120 + 600 = 756 s in all; then a
 * case opens.
 */
export const PAYMENT_RETRY_DELAYS_MS = [1_000, 5_000, 30_000, 120_000, 600_000] as const;

/**
 * The retry policy of the money steps in Temporal, in milliseconds. It has nearly the same waits (1, 5, 25, 125, 600 s),
 * for attempts that died without naming one. While an activity has exactly this policy, the code names its waits; a
 * policy that a person has set instead is followed.
 */
export const PAYMENT_RETRY_POLICY = {
  initialInterval: 1_000,
  backoffCoefficient: 5,
  maximumInterval: 600_000,
} as const;

/**
 * The jitter of these waits as a fraction of each wait, so that failures of one outage do not all come back in the same
 * moment.
 */
export const PAYMENT_RETRY_JITTER = 0.1;

/**
 * How long a provider keeps an authorization, unless its adapter declares another time: card networks allow 7 days for
 * most merchants. The order acts a day earlier, so that a capture is never sent against an authorization that has just
 * lapsed.
 */
export const AUTHORIZATION_DAYS = 7;
export const AUTHORIZATION_MARGIN_DAYS = 1;

/** Limit of the one quick money call inside the workflow task. A slower provider is called outside of the task. */
export const LOCAL_PAYMENT_TRY_MS = 1_000;

/** Limits of a regular attempt, which looks the key up and may then send again: together they are below its 5 s. */
export const PAYMENT_LOOKUP_TIMEOUT_MS = 1_500;
export const PAYMENT_CALL_TIMEOUT_MS = 3_000;
