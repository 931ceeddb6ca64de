import type { OrderStatus } from './order-status.ts';
import type { CaptureMode } from './payments/payment.ts';
import type { PaymentCapabilities } from './payments/payment-capabilities.ts';

/** The facts that decide how much of an authorization is left; amounts are in minor units. */
export interface CaptureFacts {
  readonly captureMode: CaptureMode;
  readonly status: OrderStatus;
  readonly authorizedMinor: number;
  /** The sum of accepted captures, whether they have happened yet or not. */
  readonly takenMinor: number;
  readonly voided: boolean;
}

/**
 * The amount that a capture could take now. A capture under way has its part reserved; if the provider captures an
 * authorization once, the first capture ends it. Null when nothing is authorized yet, or the money is taken with the
 * order.
 */
export function capturableMinorOf(
  { captureMode, status, authorizedMinor, takenMinor, voided }: CaptureFacts,
  { captures }: Pick<PaymentCapabilities, 'captures'>,
): number | null {
  if (captureMode === 'automatic' || status === 'PENDING') return null;
  if (voided || !CAPTURABLE.includes(status) || (captures === 'once' && takenMinor > 0)) return 0;
  return Math.max(0, authorizedMinor - takenMinor);
}

const CAPTURABLE: readonly OrderStatus[] = ['AWAITING_CAPTURE', 'CONFIRMED', 'PARTIALLY_REFUNDED'];

/**
 * Until when a sold order may be cancelled. Null when no time limits the cancel: before the sale a cancel is always
 * accepted, and an order that has ended, or is about to end, cannot be cancelled.
 */
export function cancelableUntilOf(
  { status, confirmedAt }: { readonly status: OrderStatus; readonly confirmedAt: Date | null },
  cancelWindowSeconds: number | undefined,
): Date | null {
  if (confirmedAt === null || cancelWindowSeconds === undefined || !CANCELABLE.includes(status)) return null;
  return new Date(confirmedAt.getTime() + cancelWindowSeconds * 1_000);
}

const CANCELABLE: readonly OrderStatus[] = ['CONFIRMED', 'PARTIALLY_REFUNDED'];
