import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { auditOf } from '../support/audits.ts';
import { giveCommand, untilStatus, untilUnowned } from '../support/faults/order-actions.ts';
import { expectProblem } from '../support/http/problems.ts';
import { startOrdersCommand, type OrdersCommand } from '../support/processes/orders-command.ts';
import { orderBody, type TestSystem } from '../support/system.ts';

let cli: OrdersCommand;
let system: TestSystem;
beforeAll(async () => {
  cli = await startOrdersCommand();
  ({ system } = cli);
});
afterAll(() => cli.stop());

interface Erased {
  readonly customerId: string;
  readonly pseudonym: string;
  readonly erased: number;
  readonly left: number;
}

const newCustomer = (): string => `cust_${randomUUID()}`;

function orderOf(customerId: string, payment: Record<string, string> = { method: 'pm_ok' }) {
  return orderBody({ body: { customer: { id: customerId, email: 'ada@example.com', phone: '+4930123456' }, payment } });
}

async function placeAs(subject: string, body: unknown): Promise<string> {
  const token = await system.token('demo', undefined, subject);
  const headers = { 'idempotency-key': randomUUID() };
  const { body: order } = await system.request<{ id: string }>('/v1/orders', {
    method: 'POST',
    token,
    headers,
    body: JSON.stringify(body),
  });
  return order.id;
}

async function sold(customerId: string, subject = 'shop'): Promise<string> {
  const orderId = await placeAs(subject, orderOf(customerId));
  await untilStatus(system, orderId, 'CONFIRMED');
  return orderId;
}

async function ask(customerId: string, { key = randomUUID(), token = '' } = {}) {
  return system.request<Erased>('/v1/customers/erasures', {
    method: 'POST',
    token: token === '' ? await system.token() : token,
    headers: { 'idempotency-key': key },
    body: JSON.stringify({ customerId, reason: 'ticket 4711' }),
  });
}

async function erased(customerId: string, ...options: string[]): Promise<Erased | undefined> {
  const [one] = await cli.answerOf<Erased[]>('erase', customerId, '--reason', 'ticket 4711', ...options);
  return one;
}

/** The tables that have a word in a row; the log of events leaves with its retention, and is not asked. */
async function tablesWith(word: string): Promise<string[]> {
  const tables = await system.database.query<{ name: string }>(
    `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
     WHERE table_schema IN ('orders', 'inventory', 'payments', 'notifications', 'audit') ORDER BY 1`,
  );
  expect(tables.length).toBeGreaterThan(20);
  const found = tables.map(async ({ name }) => {
    const rows = await system.database.query(`SELECT 1 FROM ${name} t WHERE strpos(t::text, $1) > 0 LIMIT 1`, [word]);
    return rows.length === 0 ? [] : [name];
  });
  return (await Promise.all(found)).flat();
}

async function contactsOf(customerId: string): Promise<unknown[]> {
  return system.database.query('SELECT 1 FROM orders.orders WHERE customer_id = $1 AND sealed_contact IS NOT NULL', [
    customerId,
  ]);
}

it('No row has an erased customer, the subject, or what was said, and the books stay whole', async () => {
  const [customerId, subject, words] = [newCustomer(), `auth0|${randomUUID()}`, `for ${randomUUID()}`];
  const orderId = await sold(customerId, subject);
  const token = await system.token('demo', undefined, subject);
  const cancel = { method: 'POST', token, headers: { 'idempotency-key': randomUUID() } };
  await system.request(`/v1/orders/${orderId}/cancel`, { ...cancel, body: JSON.stringify({ reason: words }) });
  await untilStatus(system, orderId, 'CANCELLED');
  await untilUnowned(system, orderId);
  const other = newCustomer();
  await sold(other);
  expect(await tablesWith(customerId)).toContain('orders.orders');
  expect(await tablesWith(subject)).toEqual(['orders.order_commands', 'orders.order_events', 'orders.orders']);
  expect(await tablesWith(words)).toEqual(['orders.order_commands', 'orders.order_events']);

  const one = await erased(customerId, '--subject', subject);
  expect(one).toMatchObject({ customerId, erased: 1, left: 0, pseudonym: expect.stringMatching(/^hmac-sha256:/) });
  for (const word of [customerId, subject, words]) expect(await tablesWith(word)).toEqual([]);
  expect(await contactsOf(one?.pseudonym ?? '')).toEqual([]);
  expect(await contactsOf(other)).toHaveLength(1);
  const { body } = await system.request(`/v1/orders/${orderId}`);
  expect(body).toMatchObject({ status: 'CANCELLED', totalMinor: 4_500, customer: { id: one?.pseudonym } });
  expect((await auditOf(system)).violations).toEqual([]);
});

it('An erasure is proved by the audit trail under a pseudonym, and is repeated without harm', async () => {
  const customerId = newCustomer();
  await sold(customerId);
  const key = randomUUID();
  const first = await ask(customerId, { key });
  expect(first).toMatchObject({ status: 200, body: { erased: 1, left: 0 } });
  const { pseudonym } = first.body;
  const acts = async () =>
    cli.answerOf<{ items: object[] }>('acts', '--action', 'customer.erase', '--subject', pseudonym);
  const proof = { actor: 'dev', reason: 'ticket 4711', subject: pseudonym, status: 200 };
  const requestId = first.headers.get('x-request-id');
  expect((await acts()).items).toMatchObject([{ ...proof, requestId, counts: { erased: 1, left: 0 } }]);
  expect((await ask(customerId, { key })).body).toEqual(first.body);
  expect((await acts()).items).toHaveLength(1);
  expectProblem(await ask(newCustomer(), { key }), 'idempotency_key_reused');
});

it('An order under way is left and counted, is erased once it has come to rest, and can still be refunded', async () => {
  const customerId = newCustomer();
  const orderId = await placeAs('shop', orderOf(customerId, { method: 'pm_ok', capture: 'manual' }));
  await untilStatus(system, orderId, 'AWAITING_CAPTURE');
  const early = await cli.run(['erase', customerId, '--reason', 'ticket', '--json']);
  expect(early).toMatchObject({ code: 1, errors: expect.stringContaining('1 order(s) are under way') });
  expect(JSON.parse(early.output)).toMatchObject([{ erased: 0, left: 1 }]);
  expect(await contactsOf(customerId)).toHaveLength(1);
  await giveCommand(system, orderId, { route: 'capture' });
  await untilStatus(system, orderId, 'CONFIRMED');
  await untilUnowned(system, orderId);
  await expect.poll(() => system.mails(orderId)).not.toHaveLength(0);
  expect(await erased(customerId)).toMatchObject({ erased: 1, left: 0 });
  const mails = await system.mails(orderId);
  expect(await giveCommand(system, orderId, { route: 'refunds', reason: 'scratched' })).toMatchObject({ status: 202 });
  await untilStatus(system, orderId, 'REFUNDED');
  await untilUnowned(system, orderId);
  expect(await system.mails(orderId)).toEqual(mails);
  expect((await auditOf(system)).violations).toEqual([]);
});

it('A list of erasures is given again after a restore, with the same pseudonyms', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'order-saga-erasures-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const customers = [newCustomer(), newCustomer()];
  for (const customerId of customers) await sold(customerId, `sub of ${customerId}`);
  await system.database.query('CREATE TABLE orders.backup AS TABLE orders.orders');
  const file = join(folder, 'erased.txt');
  await writeFile(file, `${customers[0]}\tsub of ${customers[0]}\n${customers[1]}\n\n`);
  const list = () => cli.answerOf<Erased[]>('erase-list', file, '--reason', 'restore');
  const before = await list();
  expect(before).toMatchObject(customers.map((customerId) => ({ customerId, erased: 1, left: 0 })));
  await system.database.query(
    `UPDATE orders.orders o SET customer_id = b.customer_id, sealed_contact = b.sealed_contact, placed_by = b.placed_by
     FROM orders.backup b WHERE b.order_id = o.order_id`,
  );
  await system.database.query('DROP TABLE orders.backup');
  for (const customerId of customers) expect(await contactsOf(customerId)).toHaveLength(1);
  expect(await list()).toEqual(before);
  expect(await tablesWith(`sub of ${customers[0]}`)).toEqual([]);
  await writeFile(file, '\n');
  expect(await cli.run(['erase-list', file, '--reason', 'restore'])).toMatchObject({ code: 2, output: '' });
});

it('An erasure reaches only the own tenant, and needs its scope, a key and a reason', async () => {
  const customerId = newCustomer();
  await sold(customerId);
  expect((await ask(customerId, { token: await system.token('other') })).body).toMatchObject({ erased: 0, left: 0 });
  const token = await system.token('demo', ['orders:write', 'ops:write', 'ops:money', 'webhooks:write']);
  expectProblem(await ask(customerId, { token }), 'forbidden');
  const post = (headers: Record<string, string>, body: object) =>
    system.request('/v1/customers/erasures', { method: 'POST', headers, body: JSON.stringify(body) });
  expectProblem(await post({}, { customerId, reason: 'ticket' }), 'idempotency_key_missing');
  const keyed = { 'idempotency-key': randomUUID() };
  expectProblem(await post(keyed, { customerId }), 'validation_failed');
  expectProblem(await post(keyed, { customerId: 'a\0b', reason: 'ticket' }), 'validation_failed');
  expect(await contactsOf(customerId)).toHaveLength(1);
  expect(await cli.run(['erase', customerId])).toMatchObject({ code: 2, output: '' });
});
