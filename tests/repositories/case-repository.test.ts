import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCaseRepository, type CaseRepository, type OpenCase } from '../../db/repositories/case-repository.ts';
import { createOrderRepository, type OrderRepository } from '../../db/repositories/order-repository.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { freshId, newOrder } from './fixtures.ts';

let database: TestDatabase;
let cases: CaseRepository;
let orders: OrderRepository;
beforeAll(async () => {
  database = await createTestDatabase();
  cases = createCaseRepository(database.databases.orders);
  orders = createOrderRepository(database.databases.orders);
});
afterAll(() => database.close());

function reportOn(orderId: string, changes: Partial<OpenCase> = {}): OpenCase {
  return {
    caseId: freshId('case'),
    orderId,
    tenantId: 'demo',
    step: 'take-payment',
    errorCode: 'payment_mismatch',
    message: 'the amount differs',
    workflowId: `order/${orderId}`,
    input: { method: 'pm_wrong_amount' },
    actions: ['retry', 'abort'],
    ...changes,
  };
}

async function openedOrder(): Promise<string> {
  const order = newOrder();
  await orders.open(order);
  return order.orderId;
}

function storedCases(orderId: string): Promise<{ case_id: string; state: string; attempts: number }[]> {
  return database.query('SELECT * FROM orders.cases WHERE order_id = $1 ORDER BY opened_at', [orderId]);
}

describe('a case', () => {
  it('is one per order and step while it is open; further failures are counted on it', async () => {
    const orderId = await openedOrder();
    const first = await cases.open(reportOn(orderId));
    const again = await cases.open(reportOn(orderId, { errorCode: 'payment_contract', message: 'unreadable' }));

    expect(again).toEqual(first);
    expect(await storedCases(orderId)).toMatchObject([
      {
        case_id: first.caseId,
        state: 'open',
        attempts: 2,
        error_code: 'payment_contract',
        message: 'unreadable',
        fingerprint: 'take-payment/payment_contract',
      },
    ]);
  });

  it('is opened once by reports that come at once', async () => {
    const orderId = await openedOrder();
    const opened = await Promise.all(Array.from({ length: 20 }, () => cases.open(reportOn(orderId))));

    expect(new Set(opened.map(({ caseId }) => caseId)).size).toBe(1);
    expect(await storedCases(orderId)).toMatchObject([{ attempts: 20 }]);
    expect(await orders.timeline('demo', orderId)).toHaveLength(2);
  });

  it('of another step is a case of its own', async () => {
    const orderId = await openedOrder();
    await cases.open(reportOn(orderId));
    await cases.open(reportOn(orderId, { step: 'release-stock' }));
    expect(await storedCases(orderId)).toHaveLength(2);
  });

  it('tells the order and its history when it opens and when it is resolved', async () => {
    const orderId = await openedOrder();
    const { caseId } = await cases.open(reportOn(orderId));
    expect((await orders.findOptional('demo', orderId))?.attention).toMatchObject({ caseId, step: 'take-payment' });
    expect((await orders.findOptionalInShort('demo', orderId))?.attention).toBe(true);

    await cases.resolve(orderId, 'take-payment', 'step_succeeded', 'system');
    await cases.resolve(orderId, 'take-payment', 'step_succeeded', 'system');
    expect((await orders.findOptional('demo', orderId))?.attention).toBeNull();
    expect(await storedCases(orderId)).toMatchObject([{ state: 'resolved', resolution: 'step_succeeded', version: 2 }]);
    expect(await orders.timeline('demo', orderId)).toMatchObject([
      { seq: 1, type: 'order.opened' },
      { seq: 2, type: 'case.opened', data: { step: 'take-payment', errorCode: 'payment_mismatch' } },
      { seq: 3, type: 'case.resolved', data: { step: 'take-payment', resolution: 'step_succeeded' } },
    ]);
  });

  it('that is resolved makes room for a new one', async () => {
    const orderId = await openedOrder();
    const first = await cases.open(reportOn(orderId));
    await cases.resolve(orderId, 'take-payment', 'step_succeeded', 'system');
    const second = await cases.open(reportOn(orderId));

    expect(second.caseId).not.toBe(first.caseId);
    expect(await storedCases(orderId)).toMatchObject([{ state: 'resolved' }, { state: 'open', attempts: 1 }]);
  });

  it('opens for an order whose first step failed and has no row', async () => {
    const orderId = freshId();
    await cases.open(reportOn(orderId, { step: 'open-order' }));

    expect(await storedCases(orderId)).toMatchObject([{ state: 'open' }]);
    expect(await orders.timeline('demo', orderId)).toEqual([]);
  });
});
