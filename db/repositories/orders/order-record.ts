import type { SealedContact } from '../../../src/domain/personal-data/contact-sealer.ts';
import type { OrderLine, Refusal, RejectionDetails } from '../../../src/domain/order.ts';
import type { OrderStatus, RejectionReason } from '../../../src/domain/order-status.ts';
import type { CaptureMode } from '../../../src/domain/payments/payment.ts';

/** An order as stored in the `orders` schema. */
export interface OrderRecord {
  readonly orderId: string;
  readonly tenantId: string;
  readonly requestHash: string;
  readonly correlationId: string;
  /** The order's trace; null when it is not recorded. */
  readonly traceparent: string | null;
  readonly customerId: string;
  readonly currency: string;
  readonly paymentMethod: string;
  readonly reference: string | null;
  readonly status: OrderStatus;
  readonly reason: RejectionReason | null;
  readonly reasonDetails: RejectionDetails | null;
  readonly totalMinor: number | null;
  readonly captureMode: CaptureMode;
  readonly sealedContact: SealedContact | null;
  /** The decision to reject, also before the rejection is carried out. */
  readonly refusal: Refusal | null;
  readonly confirmedAt: Date | null;
  readonly captureBy: Date | null;
  /** The command that moves the order's money right now. */
  readonly ownerCommandId: string | null;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly lines: readonly OrderLine[];
  /** The oldest open case, if any. */
  readonly attention: OrderAttention | null;
  /** The amount of the capture that owns the order; 0 when no capture owns it. */
  readonly captureUnderWayMinor: number;
}

/** An open case in short. */
export interface OrderAttention {
  readonly caseId: string;
  readonly step: string;
  readonly errorCode: string;
  readonly openedAt: string;
}
