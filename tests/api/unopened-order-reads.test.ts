import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectProblem } from '../support/http/problems.ts';
import { timed } from '../support/stopwatch.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';
import { read, RFC_3339_MILLISECONDS } from './reads.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ worker: false });
});
afterAll(() => system.stop());

it('An order that no worker has opened yet is shown from what was accepted', async () => {
  const lines = [
    { sku: 'SKU-0002', quantity: 1 },
    { sku: 'SKU-0001', quantity: 1 },
    { sku: 'SKU-0001', quantity: 2 },
  ];
  const orderId = await system.postOrder({ body: { lines, reference: 'cart-7' } });
  const { body } = await read(system, orderId);
  expect(body).toEqual({
    id: orderId,
    status: 'PENDING',
    reason: null,
    reasonDetails: null,
    attention: null,
    reference: 'cart-7',
    customer: { id: 'cust_42' },
    currency: 'EUR',
    totalMinor: null,
    lines: [
      { sku: 'SKU-0001', quantity: 3, unitPriceMinor: null, reservation: null },
      { sku: 'SKU-0002', quantity: 1, unitPriceMinor: null, reservation: null },
    ],
    payment: {
      state: 'NONE',
      authorizedMinor: 0,
      capturedMinor: 0,
      refundedMinor: 0,
      method: 'pm_ok',
      capture: 'automatic',
      capturableMinor: null,
    },
    holdExpiresAt: null,
    captureBy: null,
    confirmedAt: null,
    cancelableUntil: null,
    version: 0,
    createdAt: expect.stringMatching(RFC_3339_MILLISECONDS),
    updatedAt: body.createdAt,
    correlationId: expect.any(String),
    traceId: null,
    workflow: { id: `order/${orderId}`, url: expect.stringContaining(`order%2F${orderId}`) },
  });
  expect(await system.database.query('SELECT FROM orders.orders')).toHaveLength(0);
});

it('A read of an order that no worker has opened yet waits as long as it asked to, and the timeline is empty', async () => {
  const orderId = await system.postOrder();
  const { result, clockSeconds } = await timed(read(system, orderId, { query: '?wait=1' }));
  expect(result.body.status).toBe('PENDING');
  expect(clockSeconds).toBeGreaterThanOrEqual(1);
  expect(await system.request(`/v1/orders/${orderId}/timeline`)).toMatchObject({ status: 200, body: { items: [] } });
});

it('An order that no worker has opened yet is replayed and refused by its key like any other', async () => {
  const key = randomUUID();
  const orderId = await system.postOrder({}, key);
  expect(await system.postOrder({}, key)).toBe(orderId);
  await expect(system.postOrder({ quantity: 3 }, key)).rejects.toThrow('idempotency_key_reused');
});

it('An order that no worker has opened yet is not found by another tenant', async () => {
  const orderId = await system.postOrder();
  const other = await system.token('acme');
  for (const suffix of ['', '?wait=1', '/timeline']) {
    expectProblem(await read(system, orderId, { query: suffix, token: other }), 'not_found');
  }
});
