import type { OrderListQuery } from '../../../db/repositories/orders/order-list.ts';
import type { OrderRepository } from '../../../db/repositories/orders/order-repository.ts';
import type { OrderReader } from './order-reader.ts';
import type { OrderView } from './order-schemas.ts';
import type { UnopenedOrders } from '../../temporal/unopened-orders.ts';

/** A page of orders. */
export interface OrderListPage {
  readonly orders: OrderView[];
  /** False when accepted orders may be missing that no worker has opened yet. */
  readonly complete: boolean;
}

/** Lists orders, including accepted ones that have no row yet. */
export type OrderList = (query: OrderListQuery) => Promise<OrderListPage>;

export function createOrderList(deps: {
  readonly reader: OrderReader;
  readonly orders: OrderRepository;
  readonly unopened: () => Promise<UnopenedOrders>;
}): OrderList {
  const { reader, orders, unopened } = deps;
  return async (query) => {
    const opened = await reader.list(query);
    if (query.status !== undefined && query.status !== 'PENDING') return { orders: opened, complete: true };
    const { candidates, complete } = await unopened();
    const wanted = candidates.filter(
      ({ tenantId, placedBy, startedAt }) =>
        tenantId === query.tenantId &&
        (query.placedBy === undefined || placedBy === query.placedBy) &&
        mayFit(startedAt, query),
    );
    const ids = wanted.map(({ orderId }) => orderId);
    const known = new Set(ids.length === 0 ? [] : await orders.listKnown(ids));
    const missing = ids.filter((orderId) => !known.has(orderId)).slice(0, query.limit);
    const found = await Promise.all(
      missing.map((orderId) => reader.find(query.tenantId, orderId).catch(() => 'unread')),
    );
    const views = found.filter((view): view is OrderView => view !== null && typeof view !== 'string');
    const merged = [...opened, ...views.filter((view) => fits(view, query))].toSorted(newestFirst);
    return { orders: merged.slice(0, query.limit), complete: complete && !found.includes('unread') };
  };
}

/** Temporal's list and an order's history have its start from two readings of a clock. */
const CLOCK_SLACK_MS = 1_000;

function mayFit(startedAt: Date, { before }: OrderListQuery): boolean {
  return before === undefined || startedAt.getTime() <= before.createdAt.getTime() + CLOCK_SLACK_MS;
}

function fits(view: OrderView, query: OrderListQuery): boolean {
  const { status, customerId, reference, createdAfter, before } = query;
  return (
    (status === undefined || view.status === status) &&
    (customerId === undefined || view.customer.id === customerId) &&
    (reference === undefined || view.reference === reference) &&
    (createdAfter === undefined || Date.parse(view.createdAt) > createdAfter.getTime()) &&
    (before === undefined || newestFirst({ createdAt: before.createdAt.toISOString(), id: before.orderId }, view) < 0)
  );
}

type ListPosition = Pick<OrderView, 'createdAt' | 'id'>;

/** The order in which the database sorts its pages. */
function newestFirst(left: ListPosition, right: ListPosition): number {
  const byTime = Date.parse(right.createdAt) - Date.parse(left.createdAt);
  if (byTime !== 0 || left.id === right.id) return byTime;
  return left.id < right.id ? 1 : -1;
}
