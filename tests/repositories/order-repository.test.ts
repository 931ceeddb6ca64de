import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Database } from '../../db/client.ts';
import {
  createOrderRepository,
  type NewOrder,
  type OrderRepository,
  type Transitioned,
} from '../../db/repositories/orders/order-repository.ts';
import { createCaseRepository } from '../../db/repositories/orders/case-repository.ts';
import { OrderStateConflictError } from '../../src/domain/errors.ts';
import type { Refusal } from '../../src/domain/order.ts';
import { createTestDatabase, type TestDatabase } from '../support/database/database.ts';
import { freshId, newOrder } from './fixtures.ts';

let database: TestDatabase;
let orders: OrderRepository;
beforeAll(async () => {
  database = await createTestDatabase();
  orders = createOrderRepository(database.databases.orders);
});
afterAll(() => database.close());

const OUT_OF_STOCK: Refusal = {
  reason: 'out_of_stock',
  details: { lines: [{ sku: 'SKU-0001', requested: 2, available: 1 }] },
};

function confirm(orderId: string): Promise<Transitioned> {
  return orders.transition({
    orderId,
    to: 'CONFIRMED',
    eventType: 'order.confirmed',
    actor: 'system',
    totalMinor: 4_500,
  });
}

function reject(orderId: string, refusal: Refusal = OUT_OF_STOCK): Promise<{ readonly version: number }> {
  return orders.transition({ orderId, to: 'REJECTED', eventType: 'order.rejected', actor: 'system', refusal });
}

async function opened(changes: Partial<NewOrder> = {}): Promise<NewOrder> {
  const order = newOrder(changes);
  await orders.open(order);
  return order;
}

it('Opening an order stores what was asked for', async () => {
  const { request } = newOrder();
  const order = await opened({
    sealedContact: { keyId: 'k1', box: 'sealed' },
    request: { ...request, expectedTotalMinor: 4_500, reference: 'cart-991' },
  });

  expect(await orders.findOptional('demo', order.orderId)).toMatchObject({
    orderId: order.orderId,
    tenantId: 'demo',
    requestHash: 'hash',
    correlationId: 'correlation',
    customerId: 'cust_42',
    currency: 'EUR',
    paymentMethod: 'pm_ok',
    reference: 'cart-991',
    status: 'PENDING',
    reason: null,
    totalMinor: null,
    version: 1,
    lines: [{ sku: 'SKU-0001', quantity: 2 }],
    attention: null,
  });
});

it('Opening an order happens once, however often and however concurrently it is repeated', async () => {
  const order = newOrder();
  const results = await Promise.all(Array.from({ length: 20 }, () => orders.open(order)));

  expect(new Set(results.map(({ status }) => status))).toEqual(new Set(['PENDING']));
  expect(await orders.timeline('demo', order.orderId)).toHaveLength(1);
  expect((await orders.findOptional('demo', order.orderId))?.lines).toHaveLength(1);
});

it('Opening an order answers the stored status and whose order it is', async () => {
  const order = await opened();
  await confirm(order.orderId);

  expect(await orders.open({ ...order, firstExecutionRunId: 'run-2' })).toMatchObject({
    status: 'CONFIRMED',
    refusal: null,
    totalMinor: 4_500,
    captureBy: null,
    confirmedAt: expect.any(Date),
    firstExecutionRunId: 'run-1',
  });
});

it('A status changes with its event', async () => {
  const { orderId } = await opened();

  expect(await confirm(orderId)).toEqual({ version: 2, captureBy: null, mayLeaveCases: false });
  expect(await orders.findOptional('demo', orderId)).toMatchObject({ status: 'CONFIRMED', totalMinor: 4_500 });
  expect(await orders.timeline('demo', orderId)).toMatchObject([
    { seq: 1, type: 'order.opened', from: null, to: 'PENDING', actor: 'system', data: {} },
    { seq: 2, type: 'order.confirmed', from: 'PENDING', to: 'CONFIRMED', data: { totalMinor: 4_500 } },
  ]);
});

it('A status changes once when the change is repeated', async () => {
  const { orderId } = await opened();
  const versions = await Promise.all(Array.from({ length: 10 }, () => confirm(orderId)));

  expect(versions).toMatchObject(Array.from({ length: 10 }, () => ({ version: 2, captureBy: null })));
  // Who changes nothing does not know what another attempt has left.
  expect(versions.filter(({ mayLeaveCases }) => !mayLeaveCases)).toHaveLength(1);
  expect(await orders.timeline('demo', orderId)).toHaveLength(2);
});

it('A status is kept when it does not lead to the one wanted', async () => {
  const { orderId } = await opened();
  await reject(orderId);

  await expect(confirm(orderId)).rejects.toThrow(OrderStateConflictError);
  await expect(confirm(orderId)).rejects.toMatchObject({ orderId, found: 'REJECTED', wanted: 'CONFIRMED' });
  expect(await orders.findOptional('demo', orderId)).toMatchObject({ status: 'REJECTED', version: 2 });
});

it('A status of an unknown order is a conflict', async () => {
  await expect(confirm(freshId())).rejects.toMatchObject({ found: 'absent' });
});

it('A status that two steps want to change at once goes to one of them', async () => {
  for (let round = 0; round < 20; round += 1) {
    const { orderId } = await opened();
    const results = await Promise.allSettled([confirm(orderId), reject(orderId)]);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await orders.timeline('demo', orderId)).toHaveLength(2);
  }
});

it('A refusal is stored while the order is pending, and the first one stays', async () => {
  const { orderId } = await opened();
  const later: Refusal = { reason: 'payment_declined', details: { declineCode: 'do_not_honor' } };

  expect(await orders.recordRefusal(orderId, OUT_OF_STOCK)).toEqual(OUT_OF_STOCK);
  expect(await orders.recordRefusal(orderId, later)).toEqual(OUT_OF_STOCK);
  expect(await orders.timeline('demo', orderId)).toMatchObject([
    { type: 'order.opened' },
    { seq: 2, type: 'order.refused', from: null, to: null, data: OUT_OF_STOCK },
  ]);
});

it('A refusal becomes the reason of the rejection', async () => {
  const { orderId } = await opened();
  await orders.recordRefusal(orderId, OUT_OF_STOCK);
  await reject(orderId);

  expect(await orders.findOptional('demo', orderId)).toMatchObject({
    status: 'REJECTED',
    reason: 'out_of_stock',
    reasonDetails: OUT_OF_STOCK.details,
    version: 3,
  });
});

it('A refusal of a confirmed order is a conflict', async () => {
  const { orderId } = await opened();
  await confirm(orderId);
  await expect(orders.recordRefusal(orderId, OUT_OF_STOCK)).rejects.toMatchObject({ found: 'CONFIRMED' });
});

it('The history of an order is numbered without gaps up to its version, whatever happens at once', async () => {
  const { orderId } = await opened();
  const cases = createCaseRepository(database.databases.orders);
  const report = {
    orderId,
    tenantId: 'demo',
    errorCode: 'database_contract',
    message: 'no',
    workflowId: `order/${orderId}`,
    input: {},
    actions: [],
  };
  await Promise.allSettled([
    ...Array.from({ length: 10 }, (_, step) =>
      cases.open({ ...report, caseId: freshId('case'), step: `step-${step}` }),
    ),
    orders.recordRefusal(orderId, OUT_OF_STOCK),
    confirm(orderId),
    reject(orderId),
  ]);

  const seqs = (await orders.timeline('demo', orderId)).map(({ seq }) => seq);
  expect(seqs).toEqual(Array.from(seqs, (_, index) => index + 1));
  expect((await orders.findOptional('demo', orderId))?.version).toBe(seqs.length);
  expect(seqs.length).toBeGreaterThanOrEqual(12);
});

it('The history of an order belongs to its tenant, like the order', async () => {
  const { orderId } = await opened();

  expect(await orders.timeline('acme', orderId)).toEqual([]);
  expect(await orders.findOptional('acme', orderId)).toBeNull();
  expect(await orders.findOptionalInShort('acme', orderId)).toBeNull();
  expect(await orders.findOptionalInShort('demo', orderId)).toEqual({
    status: 'PENDING',
    attention: false,
    requestHash: 'hash',
  });
});

it('A list of orders is newest first, with lines and the open case', async () => {
  const tenantId = freshId('tenant');
  const older = await opened({ tenantId });
  await opened({ tenantId });
  await database.query(`UPDATE orders.orders SET created_at = created_at - interval '1 minute' WHERE order_id = $1`, [
    older.orderId,
  ]);
  await createCaseRepository(database.databases.orders).open({
    caseId: 'case_listed',
    orderId: older.orderId,
    tenantId,
    workflowId: `order/${older.orderId}`,
    input: {},
    actions: [],
    step: 'take-payment',
    errorCode: 'payment_mismatch',
    message: 'amount differs',
  });

  expect(await orders.list({ tenantId, limit: 10 })).toMatchObject([
    { lines: [{ sku: 'SKU-0001', quantity: 2 }], attention: null },
    { orderId: older.orderId, attention: { caseId: 'case_listed', step: 'take-payment' } },
  ]);
});

it('A list of orders holds what every filter lets through', async () => {
  const tenantId = freshId('tenant');
  const { request } = newOrder();
  const plain = await opened({ tenantId });
  const other = await opened({ tenantId, request: { ...request, customerId: 'cust_7', reference: 'cart-7' } });
  await confirm(other.orderId);
  const idsOf = async (filter: Partial<Parameters<OrderRepository['list']>[0]>): Promise<string[]> =>
    (await orders.list({ tenantId, limit: 10, ...filter })).map(({ orderId }) => orderId);

  expect(await idsOf({ status: 'CONFIRMED' })).toEqual([other.orderId]);
  expect(await idsOf({ status: 'PENDING' })).toEqual([plain.orderId]);
  expect(await idsOf({ customerId: 'cust_7' })).toEqual([other.orderId]);
  expect(await idsOf({ reference: 'cart-7', customerId: 'cust_42' })).toEqual([]);
  expect(await idsOf({ createdAfter: new Date(Date.now() + 60_000) })).toEqual([]);
  expect(await idsOf({ createdAfter: new Date(Date.now() - 60_000) })).toHaveLength(2);
});

it('A list of orders is walked page by page without a gap or a repetition, also among orders of one millisecond', async () => {
  const tenantId = freshId('tenant');
  await Promise.all(Array.from({ length: 23 }, () => opened({ tenantId })));
  await database.query(`UPDATE orders.orders SET created_at = date_trunc('second', created_at) WHERE tenant_id = $1`, [
    tenantId,
  ]);
  const walked: string[] = [];
  let before: Parameters<OrderRepository['list']>[0]['before'];
  for (;;) {
    const page = await orders.list({ tenantId, limit: 5, before });
    walked.push(...page.map(({ orderId }) => orderId));
    const last = page.at(-1);
    if (last === undefined) break;
    before = { createdAt: last.createdAt, orderId: last.orderId };
  }

  expect(walked).toHaveLength(23);
  expect(new Set(walked).size).toBe(23);
});

it('Polls of a thousand orders at once cost a few statements, and each gets its own answer', async () => {
  const known = newOrder();
  await createOrderRepository(database.databases.orders).open(known);
  let statements = 0;
  const counting: Database = {
    ...database.databases.orders,
    run: (statement, values) => {
      statements += 1;
      return database.databases.orders.run(statement, values);
    },
  };
  const { pollInShort } = createOrderRepository(counting);
  const answers = await Promise.all(
    Array.from({ length: 1_000 }, (_, index) =>
      index % 2 === 0 ? pollInShort('demo', known.orderId) : pollInShort('another', known.orderId),
    ),
  );
  expect(statements).toBeLessThanOrEqual(3);
  const found = { status: 'PENDING', attention: false };
  expect(answers).toEqual(answers.map((_, index) => (index % 2 === 0 ? found : null)));
});
