import type { RejectionDetails } from './order.ts';
import type { OrderStatus, RejectionReason } from './order-status.ts';

/** A status that an order has just entered. Writing the same status again does not count. */
export interface OrderMove {
  readonly orderId: string;
  readonly tenantId: string;
  readonly correlationId: string;
  /** Null when the order was opened. */
  readonly from: OrderStatus | null;
  readonly to: OrderStatus;
  readonly version: number;
  readonly reason: RejectionReason | null;
  readonly reasonDetails: RejectionDetails | null;
}

/** Called after the write has committed. */
export type OrderMoveListener = (move: OrderMove) => void;
