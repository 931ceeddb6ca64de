import { readReceipt, type OrderReceiptDeps } from './order-receipt.ts';
import { readTimeline, type OrderTimelineDeps, type TimelineEntry } from './order-timeline.ts';
import type { ReceiptView } from './insight-schemas.ts';

export interface OrderInsightDeps extends OrderTimelineDeps, OrderReceiptDeps {}

/** The history of an order, composed from everything that is stored about it. */
export interface OrderInsight {
  /** The receipt; null when the tenant does not have the order. */
  receipt(tenantId: string, orderId: string): Promise<ReceiptView | null>;
  /** Everything that happened, in its order; empty until the order is opened. */
  timeline(tenantId: string, orderId: string): Promise<TimelineEntry[]>;
}

export function createOrderInsight(deps: OrderInsightDeps): OrderInsight {
  return {
    receipt: (tenantId, orderId) => readReceipt(deps, tenantId, orderId),
    timeline: (tenantId, orderId) => readTimeline(deps, tenantId, orderId),
  };
}
