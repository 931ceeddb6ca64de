import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { allAt, createDatabases, type Databases, type Statement } from '../../db/client.ts';
import { migrateAll } from '../../db/migrate.ts';
import { FIND_ORDER, FIND_PLACER } from '../../db/repositories/orders/order-statements.ts';
import { createCatalogRepository } from '../../db/repositories/inventory/catalog-repository.ts';
import { createEventLogRepository } from '../../db/repositories/events/event-log-repository.ts';
import { createOperatorActionRepository } from '../../db/repositories/audit/operator-action-repository.ts';
import { createOrderRepository } from '../../db/repositories/orders/order-repository.ts';
import { DATABASE_ROLES, SHARED_TABLES, TABLE_GRANTS, type DatabaseRole } from '../../db/roles/grants.ts';
import { orders as ordersTable } from '../../db/schema/orders.ts';
import { acrossTenants, inTenant } from '../../src/runtime/tenants/tenant-reach.ts';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/database/database.ts';
import { urlAs } from '../support/database/logins.ts';
import { freshId, newOrder } from '../repositories/fixtures.ts';

let database: TestDatabase;
/** The API's databases: its role, with one connection, so that every query follows another one on it. */
let api: Databases;
let acmeOrder: string;
beforeAll(async () => {
  database = await createTestDatabase();
  api = open('order_saga_api', 1);
  const orders = createOrderRepository(database.databases.orders);
  acmeOrder = freshId();
  await orders.open(newOrder({ orderId: acmeOrder, tenantId: 'acme', placedBy: 'ada' }));
  await orders.open(newOrder({ tenantId: 'other' }));
  await createCatalogRepository(database.databases.inventory).seed('acme', [
    { sku: 'CUP', name: 'Cup', priceMinor: 100, currency: 'EUR', onHand: 3 },
  ]);
});
afterAll(async () => {
  await api.close();
  await database.close();
});

function open(role: DatabaseRole, poolSize = 2): Databases {
  return createDatabases(allAt(urlAs(role, database.url)), {
    poolSize,
    applicationName: role,
    onIdleError: () => {},
    isFenced: role === 'order_saga_api',
  });
}

/** A copy of a statement in which somebody has forgotten the tenant. */
function withoutTenant({ name, text }: Statement): Statement {
  const forgotten = text.replace(/\b(?:o\.)?tenant_id = \$1\b/, '$1::text IS NOT NULL');
  expect(forgotten).not.toBe(text);
  return { name: `${name}_without_tenant`, text: forgotten };
}

it.each([FIND_ORDER, FIND_PLACER])(
  '$name shows nothing of another tenant even where its tenant is forgotten',
  async (statement) => {
    const broken = withoutTenant(statement);
    // Without the fence the mistake does leak, so the fence is what this test tries.
    expect(await database.databases.orders.run(broken, ['other', acmeOrder])).toHaveLength(1);
    expect(await inTenant('other', () => api.orders.run(broken, ['other', acmeOrder]))).toEqual([]);
    expect(await inTenant('acme', () => api.orders.run(broken, ['acme', acmeOrder]))).toHaveLength(1);
  },
);

it('A query of the builder and a transaction without a tenant in them reach the rows of the caller only', async () => {
  const byBuilder = () => api.orders.query((orm) => orm.select({ tenantId: ordersTable.tenantId }).from(ordersTable));
  const inTransaction = () =>
    api.orders.transaction((tx) =>
      tx.run<{ tenantId: string }>(
        { name: 'all_orders', text: 'SELECT tenant_id AS "tenantId" FROM orders.orders' },
        [],
      ),
    );
  for (const read of [byBuilder, inTransaction]) {
    expect(await inTenant('acme', read)).toEqual([{ tenantId: 'acme' }]);
    expect(await inTenant('nobody', read)).toEqual([]);
    expect((await acrossTenants(read)).map(({ tenantId }) => tenantId).toSorted()).toEqual(['acme', 'other']);
  }
});

it('A query that nobody has given a tenant sees no row, on a connection that has just served a tenant', async () => {
  const count: Statement = { name: 'count_orders', text: 'SELECT count(*)::integer AS count FROM orders.orders' };
  const read = async () => (await api.orders.run<{ count: number }>(count, []))[0]?.count;
  expect(await inTenant('acme', read)).toBe(1);
  expect(await read()).toBe(0);
  expect(await acrossTenants(read)).toBe(2);
  expect(await read()).toBe(0);
});

it('Requests of many tenants on the same connections each see their own rows', async () => {
  const shared = open('order_saga_api', 3);
  onTestFinished(() => shared.close());
  const tenants = ['acme', 'other', 'nobody'];
  const read: Statement = { name: 'tenants_seen', text: 'SELECT DISTINCT tenant_id AS tenant FROM orders.orders' };
  // Thirty at a time wait for three connections: a busy machine would let some of three hundred wait for too long.
  for (let wave = 0; wave < 10; wave += 1) {
    const seen = Array.from({ length: 30 }, async (_, index) => {
      const tenant = tenants[index % 3] ?? '';
      const rows = await inTenant(tenant, () => shared.orders.run<{ tenant: string }>(read, []));
      return rows.every((row) => row.tenant === tenant);
    });
    expect((await Promise.all(seen)).every(Boolean)).toBe(true);
  }
});

it('A row of another tenant can be neither written nor moved there', async () => {
  const put = (tenantId: string) =>
    createCatalogRepository(api.inventory).putProduct(tenantId, {
      sku: 'CUP',
      name: 'Cup',
      priceMinor: 1,
      currency: 'EUR',
    });
  await expect(inTenant('other', () => put('acme'))).rejects.toThrow('42501');
  const move: Statement = { name: 'move_stock', text: `UPDATE inventory.stock SET tenant_id = 'other'` };
  await expect(inTenant('acme', () => api.inventory.run(move, []))).rejects.toThrow('42501');
});

it('Every table is in the list of rights, and every table with a tenant has its policies', async () => {
  const tables = await database.query<{ name: string; isSecured: boolean; policies: string[]; hasTenant: boolean }>(
    `SELECT format('%s.%s', n.nspname, c.relname) AS name, c.relrowsecurity AS "isSecured",
       ARRAY(SELECT polname::text FROM pg_policy p WHERE p.polrelid = c.oid ORDER BY 1) AS policies,
       EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id') AS "hasTenant"
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = ANY ($1::text[]) ORDER BY 1`,
    [Object.keys(TABLE_GRANTS)],
  );
  const listed = Object.entries(TABLE_GRANTS).flatMap(([schema, of]) =>
    Object.keys(of).map((name) => `${schema}.${name}`),
  );
  expect(tables.map(({ name }) => name)).toEqual(listed.toSorted());
  expect(tables.filter(({ hasTenant, name }) => hasTenant && SHARED_TABLES.includes(name))).toEqual([]);
  const fenced = tables.filter(({ name }) => !SHARED_TABLES.includes(name));
  expect(fenced.filter(({ isSecured }) => !isSecured)).toEqual([]);
  expect(new Set(fenced.map(({ policies }) => policies.join()))).toEqual(new Set(['of_all_tenants,of_tenant']));
});

it('A page of a long list costs the API no more rows than it costs the owner of the tables', async () => {
  const rows = 4_000;
  await database.query(
    `INSERT INTO orders.orders (order_id, tenant_id, idempotency_key, request_hash, first_execution_run_id, correlation_id,
       customer_id, currency, payment_method, capture_mode, status, version, created_at)
     SELECT 'long_' || i, 'long' || i % 4, 'k' || i, 'h', 'r', 'c', 'cust_' || i % 9, 'EUR', 'pm_ok', 'automatic', 'PENDING', 1,
       now() - i * interval '1 second' FROM generate_series(1, $1::integer) i`,
    [rows],
  );
  await database.query('ANALYZE orders.orders');
  const fetched = async (): Promise<number> => {
    await api.orders.pool.query('SELECT pg_stat_force_next_flush()');
    const [row] = await database.query<{ rows: number }>(
      `SELECT (seq_tup_read + idx_tup_fetch)::integer AS rows FROM pg_stat_user_tables
       WHERE schemaname = 'orders' AND relname = 'orders'`,
    );
    return row?.rows ?? 0;
  };
  const before = { createdAt: new Date(Date.now() - 60_000), orderId: 'long_60' };
  const start = await fetched();
  const page = await inTenant('long0', () =>
    createOrderRepository(api.orders).list({ tenantId: 'long0', before, limit: 20 }),
  );
  expect(page).toHaveLength(20);
  // About 15 orders before the page, the page, and the lines and cases of each; a tenant has 1,000 orders.
  expect((await fetched()) - start).toBeLessThan(300);
});

/** Each is a history: what it says stays. */
const HISTORIES = [
  'audit.operator_actions',
  'audit.operator_outcomes',
  'orders.order_events',
  'inventory.stock_movements',
  'payments.attempts',
  'payments.operation_changes',
  'notifications.message_attempts',
  'events.raw_events',
];

it('No role of a process may truncate a table, or change or delete what a history says', async () => {
  const rights = await database.query<{ role: string; table: string; right: string }>(
    `SELECT grantee AS role, table_schema || '.' || table_name AS table, privilege_type AS right
     FROM information_schema.role_table_grants WHERE grantee = ANY ($1::text[])`,
    [DATABASE_ROLES],
  );
  const changes = ['UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES'];
  expect(rights.length).toBeGreaterThan(100);
  expect(rights.filter(({ table, right }) => HISTORIES.includes(table) && changes.includes(right))).toEqual([]);
  expect(rights.filter(({ right }) => ['TRUNCATE', 'TRIGGER', 'REFERENCES'].includes(right))).toEqual([]);
  for (const role of DATABASE_ROLES) {
    const process = open(role);
    for (const act of [
      'UPDATE audit.operator_actions SET actor = $1',
      'DELETE FROM audit.operator_actions WHERE actor = $1',
    ]) {
      await expect(process.orders.run({ name: 'tamper', text: act }, ['eve'])).rejects.toThrow('42501');
    }
    const truncate = process.orders.pool.query('TRUNCATE audit.operator_actions');
    await expect(truncate).rejects.toMatchObject({ code: '42501' });
    await expect(process.orders.pool.query('CREATE TABLE orders.mine ()')).rejects.toMatchObject({ code: '42501' });
    await process.close();
  }
});

it('The record of acts cannot be emptied by the owner of its table either', async () => {
  const actions = createOperatorActionRepository(database.databases.orders);
  const act = { actionId: 'act_1', tenantId: 'acme', actor: 'ada', action: 'stock.adjust', subject: 'CUP' };
  await actions.record({ ...act, orderId: null, reason: null, before: null, after: null });
  await expect(database.query('TRUNCATE audit.operator_actions')).rejects.toMatchObject({ code: '23001' });
  expect(await database.query('SELECT actor FROM audit.operator_actions')).toEqual([{ actor: 'ada' }]);
});

it('Only a worker opens and drops the days of the event log, although it does not own the log', async () => {
  const worker = open('order_saga_worker');
  onTestFinished(() => worker.close());
  const log = createEventLogRepository(worker.events, 4);
  await log.openDays(3);
  await log.dropDays(new Date(0));
  const [opened] = await database.query<{ days: number }>(
    `SELECT count(*)::integer AS days FROM pg_inherits WHERE inhparent = 'events.raw_events'::regclass`,
  );
  expect(opened?.days).toBeGreaterThan(4);
  await expect(createEventLogRepository(api.events, 4).openDays(4)).rejects.toThrow('42501');
});

it('Migrating again gives the roles exactly the same rights, and takes away what somebody has added', async () => {
  const url = await createEmptyDatabase();
  await migrateAll(allAt(url));
  const empty = createDatabases(allAt(url), { poolSize: 1, applicationName: 'test', onIdleError: () => {} });
  onTestFinished(() => empty.close());
  const rights = async () => {
    const { rows } = await empty.orders.pool.query<{ text: string }>(
      `SELECT c.oid::regclass::text || ' ' || coalesce(c.relacl::text, '') AS text FROM pg_class c
       JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY ($1::text[]) ORDER BY 1`,
      [Object.keys(TABLE_GRANTS)],
    );
    return rows.map(({ text }) => text);
  };
  const before = await rights();
  expect(before.join()).toContain('order_saga_api=');
  await empty.orders.pool.query('GRANT DELETE, TRUNCATE ON audit.operator_actions TO order_saga_api');
  expect(await rights()).not.toEqual(before);
  await migrateAll(allAt(url));
  expect(await rights()).toEqual(before);
});
