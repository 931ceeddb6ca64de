import type { RejectionDetails } from './order.ts';
import { ORDER_STATUSES, REJECTION_REASONS, type OrderStatus, type RejectionReason } from './order-status.ts';

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

/** The labels under which a transition is counted; `none` stands for the reason of a status that needs none. */
export interface TransitionLabels {
  readonly [label: string]: string;
  readonly status: OrderStatus;
  readonly reason: RejectionReason | 'none';
}

/** The labels of one transition. */
export function transitionLabels({ to, reason }: Pick<OrderMove, 'to' | 'reason'>): TransitionLabels {
  return { status: to, reason: reason ?? 'none' };
}

/** The labels of every usual transition: a rejection has its reason, and no other status has one. */
export const TRANSITION_LABELS: readonly TransitionLabels[] = ORDER_STATUSES.flatMap((to) =>
  to === 'REJECTED'
    ? REJECTION_REASONS.map((reason) => transitionLabels({ to, reason }))
    : [transitionLabels({ to, reason: null })],
);
