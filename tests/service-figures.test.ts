import { afterAll, beforeAll, expect, it } from 'vitest';
import { createServiceFiguresRepository } from '../db/repositories/audit/service-figures.ts';
import { createTestDatabase, type TestDatabase } from './support/database/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

const read = () => createServiceFiguresRepository(database.databases).read();

/** Writes an order, and what was taken for it. */
async function insertOrder(
  orderId: string,
  { status, capturedMinor, refundedMinor = 0 }: { status: string; capturedMinor: number; refundedMinor?: number },
): Promise<void> {
  await database.query(
    `INSERT INTO orders.orders (order_id, tenant_id, idempotency_key, request_hash, first_execution_run_id,
       correlation_id, customer_id, currency, payment_method, capture_mode, total_minor, status, version, created_at,
       updated_at)
     VALUES ($1, 'demo', $1, '', '', '', 'c', 'EUR', 'pm_ok', 'automatic', 1, $2, 1, now() - interval '60 s',
       now() - interval '60 s')`,
    [orderId, status],
  );
  await database.query(
    `INSERT INTO payments.balances (order_id, tenant_id, authorized_minor, captured_minor, refunded_minor)
     VALUES ($1, 'demo', $2, $2, $3)`,
    [orderId, capturedMinor, refundedMinor],
  );
}

it('The figures of a service at rest are all there, and 0', async () => {
  const { owedMoney, ...figures } = await read();
  const none = { count: 0, oldestSeconds: 0 };
  expect(figures).toEqual({
    orders: ['PENDING', 'CANCELLING', 'REFUNDING'].map((status) => ({ status, ...none })),
    holds: { count: 0, overdueSeconds: 0 },
    unknownPayments: none,
    webhooks: none,
  });
  expect(owedMoney).toMatchObject(none);
  expect(Object.keys(owedMoney.byCurrency)).toContain('EUR');
  expect(Object.values(owedMoney.byCurrency).every((sum) => sum === 0)).toBe(true);
});

it('The figures sum up the money that orders have to give back, and leave out what was paid back', async () => {
  await insertOrder('cancelling', { status: 'CANCELLING', capturedMinor: 1_000, refundedMinor: 200 });
  await insertOrder('refunding', { status: 'REFUNDING', capturedMinor: 5_000 });
  await insertOrder('paid-back', { status: 'CANCELLING', capturedMinor: 700, refundedMinor: 700 });
  await insertOrder('sold', { status: 'CONFIRMED', capturedMinor: 9_999 });
  await insertOrder('pending', { status: 'PENDING', capturedMinor: 9_999 });
  await database.query(
    `INSERT INTO orders.order_commands (command_id, order_id, tenant_id, kind, request_hash, actor, amount_minor, decision)
     VALUES ('refund-1', 'refunding', 'demo', 'refund', '', 'a', 300, 'will_refund')`,
    [],
  );
  await database.query(`UPDATE orders.orders SET owner_command_id = 'refund-1' WHERE order_id = 'refunding'`, []);
  const { owedMoney, orders } = await read();
  expect(owedMoney).toMatchObject({ count: 2, byCurrency: { EUR: 1_100 } });
  expect(owedMoney.oldestSeconds).toBeGreaterThan(50);
  expect(orders.map(({ status, count }) => [status, count])).toEqual([
    ['PENDING', 1],
    ['CANCELLING', 2],
    ['REFUNDING', 1],
  ]);
  for (const { oldestSeconds } of orders) expect(oldestSeconds).toBeGreaterThan(50);
});

it('The figures tell of unknown payments and of holds that nothing has released', async () => {
  await database.query(
    `INSERT INTO payments.operations (key, order_id, tenant_id, kind, generation, amount_minor, currency, state, created_at)
     VALUES ('o:sale:1', 'o', 'demo', 'sale', 1, 100, 'EUR', 'UNKNOWN', now() - interval '90 s')`,
    [],
  );
  await database.query(
    `INSERT INTO inventory.reservations (order_id, sku, tenant_id, quantity, unit_price_minor, state, expires_at)
     SELECT 'o', 'SKU-' || late, 'demo', 1, 1, 'HELD', now() - make_interval(secs => late)
     FROM unnest(ARRAY[30, -30]) AS late`,
    [],
  );
  const { unknownPayments, holds } = await read();
  expect(unknownPayments.count).toBe(1);
  expect(unknownPayments.oldestSeconds).toBeGreaterThan(80);
  expect(holds.count).toBe(2);
  expect(holds.overdueSeconds).toBeGreaterThan(20);
});
