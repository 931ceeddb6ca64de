import type { OrderStatus } from '../../../src/domain/order-status.ts';
import { acrossTenants } from '../../../src/runtime/tenants/tenant-reach.ts';
import type { Database } from '../../client.ts';
import { createBatcher, rowsByOrdinal, type WithOrdinal } from '../../batching.ts';
import { EARLIER_HASHES, ORDERS_IN_SHORT } from './order-statements.ts';

/** Orders that one statement looks up for polls, in 5 ms. */
const POLLED_TOGETHER_MAX = 500;

interface OrderName {
  readonly tenantId: string;
  readonly orderId: string;
}

/**
 * Reads that many requests need at once: all requests that arrive while a statement runs share the next statement. So a
 * statement serves several tenants, and gets the tenant of each order.
 */
export function createOrderPolls(db: Database) {
  const poll = createBatcher({
    run: (orders: readonly OrderName[]) => acrossTenants(() => listInShort(db, orders)),
    weightOf: () => 1,
    weightMax: POLLED_TOGETHER_MAX,
    runsMax: 1,
  });
  const earlier = createBatcher({
    run: (orders: readonly OrderName[]) => acrossTenants(() => listEarlierHashes(db, orders)),
    weightOf: () => 1,
    weightMax: POLLED_TOGETHER_MAX,
    runsMax: 1,
  });
  return {
    inShort: (tenantId: string, orderId: string) => poll({ tenantId, orderId }),
    earlierHash: (tenantId: string, orderId: string) => earlier({ tenantId, orderId }),
  };
}

async function listInShort(db: Database, orders: readonly OrderName[]) {
  const rows = await db.run<WithOrdinal & { status: OrderStatus; attention: boolean }>(ORDERS_IN_SHORT, [
    orders.map(({ tenantId }) => tenantId),
    orders.map(({ orderId }) => orderId),
  ]);
  return rowsByOrdinal(orders.length, rows).map(([row]) => {
    return row === undefined ? null : { status: row.status, attention: row.attention };
  });
}

/**
 * Longer than an order takes from its start to its row, and far shorter than the retention of any namespace (a day).
 */
const EARLIER_SECONDS = 60;

async function listEarlierHashes(db: Database, orders: readonly OrderName[]) {
  const rows = await db.run<WithOrdinal & { requestHash: string }>(EARLIER_HASHES, [
    orders.map(({ tenantId }) => tenantId),
    orders.map(({ orderId }) => orderId),
    EARLIER_SECONDS,
  ]);
  return rowsByOrdinal(orders.length, rows).map(([row]) => row?.requestHash ?? null);
}
