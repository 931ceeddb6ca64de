import { readReceipt, type OrderReceiptDeps } from './order-receipt.ts';
import { readTimeline, type OrderTimelineDeps, type StoryEntry } from './order-timeline.ts';
import type { ReceiptView } from './insight-schemas.ts';

/** What telling an order's story needs. */
export interface OrderStoryDeps extends OrderTimelineDeps, OrderReceiptDeps {}

/** What happened to an order, told from all that is stored about it. */
export interface OrderStory {
  /** Null when the tenant has no such order. */
  receipt(tenantId: string, orderId: string): Promise<ReceiptView | null>;
  /** Everything that happened, in its order; empty until the order is opened. */
  timeline(tenantId: string, orderId: string): Promise<StoryEntry[]>;
}

export function createOrderStory(deps: OrderStoryDeps): OrderStory {
  return {
    receipt: (tenantId, orderId) => readReceipt(deps, tenantId, orderId),
    timeline: (tenantId, orderId) => readTimeline(deps, tenantId, orderId),
  };
}
