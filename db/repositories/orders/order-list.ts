import { and, eq, gt, lt, or, sql, type SQL } from 'drizzle-orm';
import type { OrderStatus } from '../../../src/domain/order-status.ts';
import type { Database } from '../../client.ts';
import { orders } from '../../schema/orders.ts';
import type { OrderRecord } from './order-record.ts';
import { LIST_LINES } from './order-statements.ts';

/** Filters and page of a list of orders, newest first. */
export interface OrderListQuery {
  readonly tenantId: string;
  readonly status?: OrderStatus | undefined;
  readonly customerId?: string | undefined;
  readonly placedBy?: string | undefined;
  readonly reference?: string | undefined;
  readonly createdAfter?: Date | undefined;
  readonly before?: { readonly createdAt: Date; readonly orderId: string } | undefined;
  readonly limit: number;
}

/** A page of orders, newest first, with lines and open cases. */
export async function listOrders(db: Database, query: OrderListQuery): Promise<OrderRecord[]> {
  const rows = await db.query((orm) =>
    orm
      .select()
      .from(orders)
      .where(and(...listConditions(query)))
      // This matches the index; without NULLS LAST the index is not used.
      .orderBy(sql`${orders.createdAt} desc nulls last`, sql`${orders.orderId} desc nulls last`)
      .limit(query.limit),
  );
  type Details = Pick<OrderRecord, 'orderId' | 'lines' | 'attention' | 'captureUnderWayMinor'>;
  const details = await db.run<Details>(LIST_LINES, [rows.map((row) => row.orderId)]);
  const byId = new Map(details.map((detail) => [detail.orderId, detail]));
  return rows.map((row) => ({
    ...row,
    lines: byId.get(row.orderId)?.lines ?? [],
    attention: byId.get(row.orderId)?.attention ?? null,
    captureUnderWayMinor: byId.get(row.orderId)?.captureUnderWayMinor ?? 0,
  }));
}

function listConditions(query: OrderListQuery): SQL[] {
  const conditions: (SQL | undefined)[] = [
    eq(orders.tenantId, query.tenantId),
    query.status && eq(orders.status, query.status),
    query.customerId === undefined ? undefined : eq(orders.customerId, query.customerId),
    query.placedBy === undefined ? undefined : eq(orders.placedBy, query.placedBy),
    query.reference === undefined ? undefined : eq(orders.reference, query.reference),
    query.createdAfter && gt(orders.createdAt, query.createdAfter),
    query.before &&
      or(
        lt(orders.createdAt, query.before.createdAt),
        and(eq(orders.createdAt, query.before.createdAt), lt(orders.orderId, query.before.orderId)),
      ),
  ];
  return conditions.filter((condition) => condition !== undefined).map((condition) => sql`${condition}`);
}
