import { afterEach, beforeEach, expect, it } from 'vitest';
import { createEventLogRepository } from '../../db/repositories/events/event-log-repository.ts';
import { createReservationRepository } from '../../db/repositories/inventory/reservation-repository.ts';
import { createTestDatabase, type TestDatabase } from '../support/database/database.ts';
import { offer } from '../support/offered-events.ts';

/**
 * A new system's tables have never been analyzed: the server guesses their sizes, and keeps the plans that it makes
 * then. The cost of an order or an event must not grow with the stored rows, from the first hour on.
 */
let database: TestDatabase;
beforeEach(async () => {
  // One connection means that one session has read everything, and reports it at once.
  database = await createTestDatabase(1);
});
afterEach(() => database.close());

const ORDERS = 60;

/** Rows per order for all statements and two lines, with room for rows that are found by key more than once. */
const ROWS_PER_ORDER = 40;

interface RowsRead {
  readonly table: string;
  readonly rows: number;
}

async function rowsRead(schema: string): Promise<Map<string, number>> {
  for (const { pool } of [database.databases.orders, database.databases.events]) {
    await pool.query('SELECT pg_stat_force_next_flush()');
  }
  const tables = await database.query<RowsRead>(
    `SELECT relname AS table, (seq_tup_read + coalesce(idx_tup_fetch, 0))::integer AS rows
     FROM pg_stat_user_tables WHERE schemaname = $1`,
    [schema],
  );
  return new Map(tables.map(({ table, rows }) => [table, rows]));
}

/** Rows that `work` reads of each table of a schema. */
async function countRows(schema: string, work: () => Promise<void>): Promise<Record<string, number>> {
  const before = await rowsRead(schema);
  await work();
  const after = await rowsRead(schema);
  return Object.fromEntries([...after].map(([table, rows]) => [table, rows - (before.get(table) ?? 0)]));
}

it('Holding and committing stock read the rows of the order only', async () => {
  const reservations = createReservationRepository(database.databases.inventory);
  const counted = await countRows('inventory', async () => {
    for (let order = 1; order <= ORDERS; order += 1) {
      const orderId = `ord_${order}`;
      const lines = ['SKU-0007', 'SKU-0431'].map((sku) => ({ sku, quantity: 1 }));
      const request = { orderId, tenantId: 'demo', currency: 'EUR', lines, expectedTotalMinor: null };
      expect(await reservations.hold({ ...request, ttlSeconds: 600 })).toMatchObject({ held: true });
      // Holds that stay are what a scan of the wrong index would read.
      const lengthen = reservations.extend(orderId, 900);
      expect(await (order % 2 === 0 ? lengthen.then(() => reservations.commit('demo', orderId)) : lengthen)).toBe(2);
    }
  });
  for (const table of ['products', 'stock', 'reservations']) {
    expect(counted[table], table).toBeGreaterThan(0);
    expect(counted[table], table).toBeLessThan(ORDERS * ROWS_PER_ORDER);
  }
});

it('Appending events reads the rows of the batch only', async () => {
  const log = createEventLogRepository(database.databases.events, 4);
  const appends = 100;
  const appendSome = async (): Promise<void> => {
    for (let append = 0; append < appends; append += 1) await log.append([offer(), offer()]);
  };
  // The plan is made while the tables are small, and stays; worse, the server has seen that this one is empty.
  await database.query('VACUUM ANALYZE events.event_ids');
  await appendSome();
  const counted = await countRows('events', appendSome);
  expect(counted['event_ids']).toBeLessThan(appends);
  expect(counted['partitions']).toBeLessThan(appends * ROWS_PER_ORDER);
});
