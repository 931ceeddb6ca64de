import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateDrizzleJson, generateMigration, type DrizzleSnapshotJSON } from 'drizzle-kit/api';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { allAt, createDatabase } from '../../db/client.ts';
import { migrateAll } from '../../db/migrate.ts';
import { createMessageRepository } from '../../db/repositories/notifications/message-repository.ts';
import { createOrderRepository } from '../../db/repositories/orders/order-repository.ts';
import { createPaymentRepository, FIRST_TURN } from '../../db/repositories/payments/payment-repository.ts';
import * as eventsSchema from '../../db/schema/events.ts';
import * as inventorySchema from '../../db/schema/inventory.ts';
import * as notificationsSchema from '../../db/schema/notifications.ts';
import * as ordersSchema from '../../db/schema/orders.ts';
import * as paymentsSchema from '../../db/schema/payments.ts';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/database/database.ts';
import { newOrder } from './fixtures.ts';

const SERVICES = [
  ['orders', ordersSchema],
  ['inventory', inventorySchema],
  ['payments', paymentsSchema],
  ['notifications', notificationsSchema],
  ['events', eventsSchema],
] as const;

interface SnapshotTable {
  readonly name: string;
  readonly columns: object;
  readonly checkConstraints: object;
  readonly indexes: object;
}

const MIGRATIONS = join(import.meta.dirname, '../../db/migrations');

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

it.each(SERVICES)(
  'The schema of %s is what its migrations make: nothing is left to generate',
  async (service, schema) => {
    const folder = join(MIGRATIONS, service, 'meta');
    const journal = JSON.parse(await readFile(join(folder, '_journal.json'), 'utf8')) as { entries: { tag: string }[] };
    const number = String(journal.entries.length - 1).padStart(4, '0');
    const committed = JSON.parse(
      await readFile(join(folder, `${number}_snapshot.json`), 'utf8'),
    ) as DrizzleSnapshotJSON;

    expect(await generateMigration(committed, generateDrizzleJson({ ...schema }))).toEqual([]);
  },
);

it.each(SERVICES)(
  'The schema of %s stands in a migrated database with every column, check and index',
  async (service, schema) => {
    const tables = Object.values<SnapshotTable>(generateDrizzleJson({ ...schema }).tables);
    const wanted = tables.flatMap((table) => [
      ...Object.keys(table.columns).map((column) => `${table.name}.${column}`),
      ...Object.keys(table.checkConstraints),
      ...Object.keys(table.indexes),
    ]);
    const rows = await database.query<{ name: string }>(
      `SELECT table_name || '.' || column_name AS name FROM information_schema.columns WHERE table_schema = $1
       UNION ALL SELECT conname FROM pg_constraint WHERE contype = 'c' AND connamespace = $1::regnamespace
       UNION ALL SELECT indexname FROM pg_indexes WHERE schemaname = $1`,
      [service],
    );

    expect(wanted.length).toBeGreaterThan(5);
    expect(rows.map(({ name }) => name)).toEqual(expect.arrayContaining(wanted));
  },
);

it('Migrations of three processes at once on an empty database all succeed, and a later run changes nothing', async () => {
  const url = await createEmptyDatabase();
  const urls = allAt(url);
  const empty = createDatabase({ url, poolSize: 1, applicationName: 'test', onIdleError: () => {} });
  const footprint = async (): Promise<unknown[]> => {
    const applied = SERVICES.map(
      ([service]) => `SELECT '${service}' AS made, id::text FROM drizzle.${service}_migrations`,
    );
    const relations = `SELECT relname::text AS made, oid::text AS id FROM pg_class WHERE relkind IN ('r', 'i')`;
    const { rows } = await empty.pool.query([...applied, relations].join(' UNION ALL ') + ' ORDER BY made, id');
    return rows;
  };
  await Promise.all([migrateAll(urls), migrateAll(urls), migrateAll(urls)]);
  const before = await footprint();
  await migrateAll(urls);

  expect(before).toContainEqual(expect.objectContaining({ made: 'stock_movements' }));
  expect(await footprint()).toEqual(before);
  await empty.close();
});

it('Migrations may put each service on a server of its own', async () => {
  const payments = await createEmptyDatabase();
  const others = await Promise.all(['orders', 'inventory', 'notifications', 'events'].map(createEmptyDatabase));
  const [orders = '', inventory = '', notifications = '', events = ''] = others;
  await migrateAll({ orders, inventory, payments, notifications, events });
  const alone = createDatabase({ url: payments, poolSize: 1, applicationName: 'test', onIdleError: () => {} });
  const { rows } = await alone.pool.query(
    `SELECT nspname FROM pg_namespace WHERE nspname IN ('orders', 'inventory', 'payments', 'notifications', 'events')`,
  );

  expect(rows).toEqual([{ nspname: 'payments' }]);
  await alone.close();
});

/** A row in each table that keeps history. */
async function writeHistory(): Promise<void> {
  const { orders, payments, notifications } = database.databases;
  const order = newOrder();
  const { orderId, tenantId } = order;
  await createOrderRepository(orders).open(order);
  const sale = { orderId, tenantId, key: `${orderId}:sale:1`, kind: 'sale', generation: 1, currency: 'EUR' } as const;
  const result = { amountMinor: 4_500, providerRef: null };
  const call = { attemptId: 'att_1', call: 'charge', method: 'pm_ok', outcome: 'unknown', code: null } as const;
  const attempt = { ...sale, ...result, ...call, step: 'takePayment', durationMs: 1_000, ageMs: 0 };
  const operation = { ...sale, ...result, state: 'UNKNOWN', declineCode: null } as const;
  await createPaymentRepository(payments).record(operation, FIRST_TURN, [attempt]);
  const mail = { orderId, name: 'order-confirmed', channel: 'email' } as const;
  await createMessageRepository(notifications).record(mail, { tenantId, state: 'SENT', lastError: null, copyId: null });
}

it.each([
  ['orders.order_events', `UPDATE orders.order_events SET actor = 'nobody'`],
  ['orders.order_events', `UPDATE orders.order_events SET data = '{"amountMinor":1}'`],
  ['orders.order_events', `UPDATE orders.order_events SET actor = 'hmac-sha256:key:digest', type = 'order.lost'`],
  ['orders.order_events', `DELETE FROM orders.order_events`],
  ['inventory.stock_movements', `UPDATE inventory.stock_movements SET reserved_delta = 1`],
  ['inventory.stock_movements', `DELETE FROM inventory.stock_movements`],
  ['payments.attempts', `UPDATE payments.attempts SET outcome = 'succeeded'`],
  ['payments.attempts', `DELETE FROM payments.attempts`],
  ['payments.operation_changes', `UPDATE payments.operation_changes SET state = 'SUCCEEDED'`],
  ['payments.operation_changes', `DELETE FROM payments.operation_changes`],
  ['notifications.message_attempts', `UPDATE notifications.message_attempts SET outcome = 'SENT'`],
  ['notifications.message_attempts', `DELETE FROM notifications.message_attempts`],
])('The history in %s refuses %s', async (table, statement) => {
  await writeHistory();
  const count = `SELECT count(*)::integer AS rows, sum(hashtext(t::text)) AS content FROM ${table} t`;
  const before = await database.query(count);

  await expect(database.query(statement)).rejects.toMatchObject({ code: '23001' });
  expect(await database.query(count)).toEqual(before);
});
