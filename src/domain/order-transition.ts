import type { OrderStatus, RejectionReason } from './order-status.ts';
import type { CaptureMode } from './payments/payment.ts';

/**
 * A transition or a further capture that is not in the event stream yet, with the facts of the moment when it happened.
 */
export interface UnpublishedTransition {
  readonly position: number;
  readonly orderId: string;
  readonly seq: number;
  readonly tenantId: string;
  /** The type of the order's own event. */
  readonly type: string;
  readonly from: OrderStatus | null;
  readonly to: OrderStatus;
  readonly at: Date;
  readonly customerId: string;
  readonly reference: string | null;
  readonly currency: string;
  readonly totalMinor: number | null;
  readonly reason: RejectionReason | null;
  readonly captureMode: CaptureMode;
  readonly captureBy: Date | null;
  readonly confirmedAt: Date | null;
  /** The sum of all captures that had been accepted. */
  readonly captureAcceptedMinor: number;
  readonly correlationId: string;
  /** The order's trace; null when it is not recorded. */
  readonly traceparent: string | null;
  /** What was noted with it. */
  readonly data: Readonly<Record<string, unknown>>;
}
