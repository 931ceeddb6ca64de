/**
 * Every status that a customer can see. The database's CHECK, the API's schema and the transition table derive from
 * this list.
 */
export const ORDER_STATUSES = [
  'PENDING',
  'AWAITING_CAPTURE',
  'CONFIRMED',
  'REJECTED',
  'CANCELLING',
  'CANCELLED',
  'EXPIRED',
  'REFUNDING',
  'PARTIALLY_REFUNDED',
  'REFUNDED',
] as const;
export type OrderStatus = (typeof ORDER_STATUSES)[number];

/** Why an order was rejected. */
export const REJECTION_REASONS = [
  'out_of_stock',
  'unknown_sku',
  'price_changed',
  'currency_mismatch',
  'payment_declined',
  'payment_expired',
  'amount_not_chargeable',
  'operator_aborted',
] as const;
export type RejectionReason = (typeof REJECTION_REASONS)[number];

/** The allowed transitions of the status. Guarded writes refuse every other one. */
export const ORDER_TRANSITIONS: Readonly<Record<OrderStatus, readonly OrderStatus[]>> = {
  PENDING: ['CONFIRMED', 'REJECTED', 'AWAITING_CAPTURE', 'CANCELLING'],
  AWAITING_CAPTURE: ['CONFIRMED', 'CANCELLING', 'EXPIRED'],
  CONFIRMED: ['CANCELLING', 'REFUNDING'],
  REJECTED: [],
  CANCELLING: ['CANCELLED'],
  CANCELLED: [],
  EXPIRED: [],
  REFUNDING: ['PARTIALLY_REFUNDED', 'REFUNDED'],
  PARTIALLY_REFUNDED: ['REFUNDING', 'CANCELLING'],
  REFUNDED: [],
};

/** Statuses from which `to` may be entered, for guarded writes (`WHERE status = ANY(from)`). */
export function statusesLeadingTo(to: OrderStatus): readonly OrderStatus[] {
  return ORDER_STATUSES.filter((from) => ORDER_TRANSITIONS[from].includes(to));
}

const IN_MOTION: readonly OrderStatus[] = ['PENDING', 'CANCELLING', 'REFUNDING'];

/** Whether no transition leaves the status. */
export function isTerminal(status: OrderStatus): boolean {
  return ORDER_TRANSITIONS[status].length === 0;
}

/** Whether nothing is being done for the order, and all effects of its status are visible to the next read. */
export function isAtRest(status: OrderStatus): boolean {
  return !IN_MOTION.includes(status);
}
