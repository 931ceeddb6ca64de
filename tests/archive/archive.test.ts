import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createNotificationRetention } from '../../db/repositories/notifications/notification-retention.ts';
import { createEndedOrders } from '../../db/repositories/orders/ended-orders.ts';
import { createPaymentRetention } from '../../db/repositories/payments/payment-retention.ts';
import { createEventLogRepository } from '../../db/repositories/events/event-log-repository.ts';
import { forgetEnded } from '../../src/activities/events/retention.ts';
import { auditOf } from '../support/audits.ts';
import { proveEnd } from '../support/faults/evidence.ts';
import { giveCommand, moveAtProvider, untilStatus, untilUnowned } from '../support/faults/order-actions.ts';
import { orderBody, startTestSystem, type TestSystem } from '../support/system.ts';
import { archive, grow, rowsOf } from './archived-orders.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ webhooks: true, roles: true });
});
afterAll(() => system.stop());

const rows = (...orderIds: string[]) => rowsOf((text, values) => system.database.query(text, values), orderIds);

async function sold(body: Record<string, unknown> = {}, key: string = randomUUID()): Promise<string> {
  const orderId = await system.postOrder({ body }, key);
  await untilStatus(system, orderId, 'CONFIRMED');
  await expect.poll(() => system.mails(orderId)).toHaveLength(1);
  return orderId;
}

/** Waits until the provider has reported an order's effects. */
async function untilReported(orderId: string, reports: number): Promise<void> {
  const text = `SELECT 1 FROM payments.payment_notices WHERE order_id = $1 AND state = 'APPLIED'`;
  await vi.waitUntil(async () => (await system.database.query(text, [orderId])).length === reports, 60_000);
}

/** An order that has ended, and that the job has moved. */
async function archived(body: Record<string, unknown> = {}, key: string = randomUUID()): Promise<string> {
  const orderId = await sold(body, key);
  await grow(system, [orderId]);
  await archive(system);
  expect((await rows(orderId)).hot).toEqual({});
  return orderId;
}

async function refunded(orderId: string, part: { amountMinor?: number } = {}): Promise<void> {
  expect(await giveCommand(system, orderId, { route: 'refunds', ...part })).toMatchObject({ status: 202 });
  await untilStatus(system, orderId, part.amountMinor === undefined ? 'REFUNDED' : 'PARTIALLY_REFUNDED');
  await untilUnowned(system, orderId);
}

/** Everything that the API says about an order. */
async function readsOf(orderId: string, { customerId, reference }: { customerId: string; reference: string }) {
  const paths = [
    `/v1/orders/${orderId}`,
    `/v1/orders/${orderId}/timeline`,
    `/v1/orders/${orderId}/receipt`,
    `/v1/orders?reference=${reference}`,
    `/v1/orders?customerId=${customerId}`,
    `/v1/orders?limit=50`,
  ];
  const answers = await Promise.all(paths.map((path) => system.request(path)));
  const explained = await system.request(`/v1/orders/${orderId}/explain`);
  expect(explained.status).toBe(200);
  return answers.map(({ status, body }) => {
    expect(status).toBe(200);
    return body;
  });
}

it('An order that ended long ago leaves the hot tables whole, every read answers as before, and the audit stays clean', async () => {
  const found = { customerId: `cust_${randomUUID()}`, reference: `ref-${randomUUID()}` };
  const key = randomUUID();
  const body = { customer: { id: found.customerId, email: 'ada@example.com' }, reference: found.reference };
  const orderId = await sold(body, key);
  await refunded(orderId, { amountMinor: 500 });
  await untilReported(orderId, 2);
  const rejected = await system.postOrder({ method: 'pm_declined' });
  await untilStatus(system, rejected, 'REJECTED');
  await grow(system, [orderId, rejected]);
  const before = { hot: (await rows(orderId, rejected)).hot, reads: await readsOf(orderId, found) };
  expect(Object.keys(before.hot)).toEqual([
    'inventory.reservations',
    'inventory.stock_movements',
    'notifications.message_attempts',
    'notifications.messages',
    'orders.order_commands',
    'orders.order_events',
    'orders.order_lines',
    'orders.orders',
    'payments.attempts',
    'payments.balances',
    'payments.operation_changes',
    'payments.operations',
    'payments.turns',
  ]);

  expect(await archive(system)).toBe(2);
  expect(await rows(orderId, rejected)).toEqual({ hot: {}, archived: before.hot });
  expect(await readsOf(orderId, found)).toEqual(before.reads);
  expect(await archive(system)).toBe(0);
  expect(await auditOf(system)).toMatchObject({ clean: true, violations: [] });

  const again = await system.request('/v1/orders', {
    method: 'POST',
    headers: { 'idempotency-key': key },
    body: JSON.stringify(orderBody({ body })),
  });
  expect(again).toMatchObject({ status: 202, body: { id: orderId } });
  const other = await system.request('/v1/orders', {
    method: 'POST',
    headers: { 'idempotency-key': key },
    body: JSON.stringify(orderBody({ body, quantity: 1 })),
  });
  expect(other).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
  const [{ count } = { count: 0 }] = await system.database.query<{ count: number }>(
    'SELECT count(*)::integer AS count FROM orders.orders WHERE idempotency_key = $1',
    [key],
  );
  expect(count).toBe(1);
});

it('Orders that are young, under way, owned by a command or before a person stay in the hot tables', async () => {
  const manual = await system.postOrder({ body: { payment: { method: 'pm_ok', capture: 'manual' } } });
  await untilStatus(system, manual, 'AWAITING_CAPTURE');
  const [young, owned, troubled] = [await sold(), await sold(), await sold()];
  await grow(system, [manual, owned, troubled]);
  await grow(system, [young], 50);
  await system.database.query(`UPDATE orders.orders SET owner_command_id = 'cmd_1' WHERE order_id = $1`, [owned]);
  await system.database.query(
    `INSERT INTO orders.cases (case_id, order_id, tenant_id, step, error_code, message, fingerprint, attempts, state, version)
     VALUES ($1, $1, 'demo', 's', 'e', 'm', 'f', 1, 'open', 1)`,
    [troubled],
  );
  expect(await archive(system)).toBe(0);
  await system.database.query('DELETE FROM orders.cases WHERE case_id = $1', [troubled]);
  await system.database.query('UPDATE orders.orders SET owner_command_id = NULL WHERE order_id = $1', [owned]);
  expect(await archive(system)).toBe(2);
  expect((await rows(manual, young)).archived).toEqual({});
});

it('A refund brings an archived order back to the hot tables and is carried out once, and later it is archived again', async () => {
  const orderId = await archived();
  await refunded(orderId);
  const back = await rows(orderId);
  // The stock of a refunded order does not move, so its rows stay where they are.
  expect(Object.keys(back.archived).filter((table) => /^(orders|payments)/.test(table))).toEqual([]);
  expect(back.hot).toMatchObject({ 'orders.orders': 1, 'payments.balances': 1, 'payments.operations': 2 });
  await proveEnd(system, orderId, 'REFUNDED');
  const [row] = await system.database.query<{ told: number }>(
    `SELECT count(*)::integer AS told FROM orders.event_outbox WHERE order_id = $1 AND seq <= 2`,
    [orderId],
  );
  await expect.poll(() => system.mails(orderId)).toHaveLength(2);
  // The first events wait in the outbox, because this system has no event pipeline: once, not again.
  expect(row?.told).toBe(2);
  await grow(system, [orderId]);
  expect(await archive(system)).toBe(1);
  expect((await rows(orderId)).hot).toEqual({});
  expect(await auditOf(system)).toMatchObject({ clean: true, violations: [] });
});

it('A refused command leaves an archived order as it was, and its repetition has the same answer', async () => {
  const orderId = await archived();
  const key = randomUUID();
  const cancel = () => giveCommand(system, orderId, { route: 'cancel', key });
  const first = await cancel();
  expect(first).toMatchObject({ status: 409 });
  await archive(system);
  expect(await cancel()).toMatchObject({ status: 409, body: { code: first.body.code } });
  await archive(system);
  expect((await rows(orderId)).hot).toEqual({});
});

it('Money that was refunded at the provider itself finds an archived order', async () => {
  const orderId = await archived();
  await moveAtProvider(system, 'refund', { chargeKey: `${orderId}:sale:1`, amountMinor: 1_800 });
  await untilStatus(system, orderId, 'PARTIALLY_REFUNDED');
  await untilUnowned(system, orderId);
  expect((await rows(orderId)).hot).toMatchObject({ 'orders.orders': 1, 'payments.operations': 2 });
  expect(await auditOf(system)).toMatchObject({ clean: true, violations: [] });
});

it('A message of an archived order that is sent again is one message with one more attempt', async () => {
  const orderId = await archived();
  const copy = await system.request(`/v1/orders/${orderId}/notifications/order-confirmed/resend`, {
    method: 'POST',
    headers: { 'idempotency-key': randomUUID() },
  });
  expect(copy.status).toBe(202);
  await expect.poll(() => system.mails(orderId)).toHaveLength(2);
  const attempts = () =>
    system.database.query('SELECT attempts FROM notifications.messages WHERE order_id = $1', [orderId]);
  await expect.poll(attempts).toEqual([{ attempts: 2 }]);
});

it('A customer is erased from archived orders, and their history can be changed by nothing else', async () => {
  const customerId = `cust_${randomUUID()}`;
  const orderId = await archived({ customer: { id: customerId, email: 'ada@example.com' } });
  const erased = await system.request('/v1/customers/erasures', {
    method: 'POST',
    headers: { 'idempotency-key': randomUUID() },
    body: JSON.stringify({ customerId, reason: 'ticket 4711' }),
  });
  expect(erased).toMatchObject({ status: 200, body: { erased: 1, left: 0 } });
  const found = await system.database.query(
    'SELECT order_id AS id, sealed_contact AS contact, customer_id = $2 AS known FROM orders.orders_archive WHERE order_id = $1',
    [orderId, customerId],
  );
  expect(found).toEqual([{ id: orderId, contact: null, known: false }]);
  for (const table of ['orders.order_events', 'inventory.stock_movements', 'payments.attempts']) {
    await expect(system.database.query(`DELETE FROM ONLY ${table}_archive`)).rejects.toMatchObject({ code: '23001' });
  }
  await expect(
    system.database.query(`UPDATE orders.order_events_archive SET data = '{}', type = 'x'`),
  ).rejects.toMatchObject({ code: '23001' });
});

it('Retention forgets messages and the history of payments of archived orders, too', async () => {
  const orderId = await archived();
  const { databases } = system.database;
  await system.database.query(`ALTER TABLE payments.attempts_archive DISABLE TRIGGER USER`);
  await system.database.query(`ALTER TABLE payments.operation_changes_archive DISABLE TRIGGER USER`);
  await system.database.query(`UPDATE payments.attempts_archive SET at = at - interval '100 days'`);
  await system.database.query(`UPDATE payments.operation_changes_archive SET at = at - interval '100 days'`);
  await system.database.query(`ALTER TABLE payments.attempts_archive ENABLE TRIGGER USER`);
  await system.database.query(`ALTER TABLE payments.operation_changes_archive ENABLE TRIGGER USER`);
  await forgetEnded(
    {
      log: createEventLogRepository(databases.events, 1),
      endedOrders: createEndedOrders(databases.orders),
      payments: createPaymentRetention(databases.payments),
      notifications: createNotificationRetention(databases.notifications),
    },
    {
      paymentNotices: null,
      failedEvents: null,
      deletedWebhooks: null,
      messages: null,
      cases: null,
      paymentHistory: 60,
    },
    new Date(),
  );
  const { archived: left } = await rows(orderId);
  expect(left).toMatchObject({ 'payments.operations': 1, 'payments.balances': 1 });
  expect(Object.keys(left)).not.toContain('payments.attempts');
  expect(Object.keys(left)).not.toContain('payments.operation_changes');
});

it('A young order is archived by nobody, whatever the caller of the function says', async () => {
  const orderId = await sold();
  await expect(system.database.query('SELECT orders.archive_orders($1)', [[orderId]])).rejects.toMatchObject({
    code: '23001',
  });
});

it('The audit finds a closing entry that is not the sum of what was archived, and an order in both places', async () => {
  const orderId = await archived();
  const find = async (): Promise<string[]> =>
    (await auditOf(system)).violations.map(({ invariant, message }) => `${invariant}: ${message}`);
  await system.database.query(`UPDATE inventory.archived_stock SET committed = committed + 1 WHERE sku = 'SKU-0001'`);
  expect(await find()).toEqual([
    expect.stringMatching(/^I2: on hand/),
    expect.stringMatching(
      /^I2: its closing entry \(on hand, reserved, sold\) is -\d+, 0, \d+, its archived rows come to/,
    ),
  ]);
  await system.database.query(`UPDATE inventory.archived_stock SET committed = committed - 1 WHERE sku = 'SKU-0001'`);
  await system.database.query('INSERT INTO orders.orders SELECT * FROM orders.orders_archive WHERE order_id = $1', [
    orderId,
  ]);
  expect(await find()).toContain('I1: it is among the hot orders and in the archive');
  await system.database.query('DELETE FROM ONLY orders.orders WHERE order_id = $1', [orderId]);
  expect(await find()).toEqual([]);
});

it('Each archive has the keys and the indexes of its hot table, but for those that only rows under way need', async () => {
  const indexes = await system.database.query<{ name: string; columns: string; archive: boolean }>(
    `SELECT n.nspname || '.' || p.relname AS name, c.oid IS NOT NULL AND x.indrelid = c.oid AS archive,
       regexp_replace(pg_get_indexdef(x.indexrelid), '^.* USING ', '') AS columns
     FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent JOIN pg_class c ON c.oid = i.inhrelid
     JOIN pg_namespace n ON n.oid = p.relnamespace JOIN pg_index x ON x.indrelid IN (p.oid, c.oid)
     WHERE c.relname = p.relname || '_archive'`,
  );
  const of = (isArchive: boolean): string[] =>
    indexes.filter(({ archive: is }) => is === isArchive).map(({ name, columns }) => `${name} ${columns}`);
  const archivedOnes = new Set(of(true));
  expect(
    of(false)
      .filter((index) => !archivedOnes.has(index))
      .toSorted(),
  ).toEqual([
    // An adjustment has no order and stays; the others keep what is under way unique.
    'inventory.stock_movements btree (tenant_id, idempotency_key) WHERE (idempotency_key IS NOT NULL)',
    "orders.case_decisions btree (case_id) WHERE (state = 'decided'::text)",
    "orders.cases btree (order_id, step) WHERE (state = 'open'::text)",
    "orders.cases btree (order_id, step_name, workflow_id) WHERE (state = 'open'::text)",
    "orders.cases btree (tenant_id, fingerprint) WHERE (state = 'open'::text)",
    "orders.order_commands btree (order_id, ((kind = 'capture'::text)), generation) WHERE (generation IS NOT NULL)",
  ]);
});
