import type { RejectionDetails } from './order.ts';
import type { OrderStatus, RejectionReason } from './order-status.ts';

/** A status that an order has just entered; a repeated write of the same status is none. */
export interface OrderMove {
  readonly orderId: string;
  readonly tenantId: string;
  readonly correlationId: string;
  /** Null: the order was opened. */
  readonly from: OrderStatus | null;
  readonly to: OrderStatus;
  readonly version: number;
  readonly reason: RejectionReason | null;
  readonly reasonDetails: RejectionDetails | null;
}

/** Told after the write is committed. */
export type OrderMoveListener = (move: OrderMove) => void;
