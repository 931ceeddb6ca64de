import type { Databases, Statement } from '../client.ts';
import { HAS_ENDED } from './orders/ended-orders.ts';

/**
 * Moves ended orders out of the hot tables (ADR 0036). Reads find an order in both places, because each archive table
 * inherits from its hot table; what changes an order brings its rows back first, each service its own (`RESTORE…`).
 */
export interface OrderArchive {
  /**
   * Moves the orders that have ended and not changed since a time, for two minutes at most. Each service moves the rows of
   * a batch in one transaction, the service of orders last: when a run is interrupted, the next one finds the orders
   * again. `onMoved` is called with the number of orders of each batch.
   * @returns how many orders were moved.
   */
  archive(before: Date, onMoved?: (orders: number) => void): Promise<number>;
}

/**
 * Orders of one batch. Their rows are locked while four services move them, and a command waits 2 s for a lock, so a batch has
 * to stay well below that.
 */
const ORDERS_PER_BATCH = 200;

/** A run ends after this time, well within the 5 minutes of the hourly activity. */
const RUN_MS = 120_000;

/** The services that have effects of an order. */
const EFFECTS = ['payments', 'inventory', 'notifications'] as const;

/**
 * The oldest ended orders of each tenant, because the index has the tenant first. The recursion finds the tenants by the
 * same index. `$1` time, `$2` limit.
 */
const LIST_DUE: Statement = {
  name: 'list_orders_to_archive',
  text: `
WITH RECURSIVE tenants AS (
  (SELECT tenant_id FROM ONLY orders.orders ORDER BY tenant_id LIMIT 1)
  UNION ALL
  SELECT (SELECT o.tenant_id FROM ONLY orders.orders o WHERE o.tenant_id > t.tenant_id ORDER BY o.tenant_id LIMIT 1)
  FROM tenants t WHERE t.tenant_id IS NOT NULL
)
SELECT due.order_id AS "orderId" FROM tenants t CROSS JOIN LATERAL (
  SELECT o.order_id FROM ONLY orders.orders o
  WHERE o.tenant_id = t.tenant_id AND o.created_at < $1 AND ${HAS_ENDED}
  ORDER BY o.created_at, o.order_id LIMIT $2
) due LIMIT $2`,
};

/** Those of the orders that are still due. Their locks keep commands away until the transaction ends. */
const LOCK_DUE: Statement = {
  name: 'lock_orders_to_archive',
  text: `
SELECT o.order_id AS "orderId" FROM ONLY orders.orders o
WHERE o.order_id = ANY ($2::text[]) AND ${HAS_ENDED} ORDER BY o.order_id FOR UPDATE OF o SKIP LOCKED`,
};

type ArchivedDatabases = Pick<Databases, 'orders' | (typeof EFFECTS)[number]>;

export function createOrderArchive(databases: ArchivedDatabases): OrderArchive {
  return {
    archive: async (before, onMoved = () => {}) => {
      const until = performance.now() + RUN_MS;
      let archived = 0;
      for (let moved = 1; moved > 0 && performance.now() < until; archived += moved) {
        moved = await archiveBatch(databases, before);
        if (moved > 0) onMoved(moved);
      }
      return archived;
    },
  };
}

async function archiveBatch(databases: ArchivedDatabases, before: Date): Promise<number> {
  const due = await databases.orders.run<{ orderId: string }>(LIST_DUE, [before, ORDERS_PER_BATCH]);
  if (due.length === 0) return 0;
  return databases.orders.transaction(async (tx) => {
    const locked = await tx.run<{ orderId: string }>(LOCK_DUE, [before, due.map(({ orderId }) => orderId)]);
    const orderIds = locked.map(({ orderId }) => orderId);
    if (orderIds.length === 0) return 0;
    for (const service of EFFECTS) await databases[service].run(archiveOf(service), [orderIds]);
    await tx.run(archiveOf('orders'), [orderIds]);
    return orderIds.length;
  });
}

function archiveOf(service: 'orders' | (typeof EFFECTS)[number]): Statement {
  return { name: `archive_${service}`, text: `SELECT ${service}.archive_orders($1::text[])` };
}
