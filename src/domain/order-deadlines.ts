import type { OrderStatus } from './order-status.ts';
import type { CaptureMode } from './payments/payment.ts';
import type { PaymentCapabilities } from './payments/payment-capabilities.ts';

/** What the rest of an authorization depends on; amounts in minor units. */
export interface CaptureFacts {
  readonly captureMode: CaptureMode;
  readonly status: OrderStatus;
  readonly authorizedMinor: number;
  /** By captures that were accepted, whether they have happened yet or not. */
  readonly takenMinor: number;
  readonly voided: boolean;
}

/**
 * What a capture could take now: a capture under way has its part, and where the provider captures once, the first one
 * ends it. Null while it is not a question: nothing is authorized yet, or the money is taken with the order.
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
 * Until when a sold order may be cancelled; null when no time limits it: before the sale a cancel is always taken, and an
 * order that has ended, or is about to, is not cancelled any more.
 */
export function cancelableUntilOf(
  { status, confirmedAt }: { readonly status: OrderStatus; readonly confirmedAt: Date | null },
  cancelWindowSeconds: number | undefined,
): Date | null {
  if (confirmedAt === null || cancelWindowSeconds === undefined || !CANCELABLE.includes(status)) return null;
  return new Date(confirmedAt.getTime() + cancelWindowSeconds * 1_000);
}

const CANCELABLE: readonly OrderStatus[] = ['CONFIRMED', 'PARTIALLY_REFUNDED'];
