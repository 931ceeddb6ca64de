import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectProblem, pointersOf } from '../support/http/problems.ts';
import { timed } from '../support/stopwatch.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';
import { read, RFC_3339_MILLISECONDS } from './reads.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
});
afterAll(() => system.stop());

it('An order is shown with everything but contact data', async () => {
  const body = { reference: 'cart-991', expectedTotalMinor: 4_500 };
  const orderId = await system.postOrder({ body });
  const order = await system.orderAtRest(orderId);
  expect(order).toEqual({
    id: orderId,
    status: 'CONFIRMED',
    reason: null,
    reasonDetails: null,
    attention: null,
    reference: 'cart-991',
    customer: { id: 'cust_42' },
    currency: 'EUR',
    totalMinor: 4_500,
    lines: [{ sku: 'SKU-0001', quantity: 2, unitPriceMinor: 2_250, reservation: 'COMMITTED' }],
    payment: {
      state: 'CAPTURED',
      authorizedMinor: 4_500,
      capturedMinor: 4_500,
      refundedMinor: 0,
      method: 'pm_ok',
      capture: 'automatic',
      capturableMinor: null,
    },
    holdExpiresAt: null,
    captureBy: null,
    confirmedAt: expect.stringMatching(RFC_3339_MILLISECONDS),
    cancelableUntil: expect.stringMatching(RFC_3339_MILLISECONDS),
    version: 2,
    createdAt: expect.stringMatching(RFC_3339_MILLISECONDS),
    updatedAt: expect.stringMatching(RFC_3339_MILLISECONDS),
    correlationId: expect.any(String),
    traceId: null,
    workflow: { id: `order/${orderId}`, url: expect.stringContaining(`order%2F${orderId}`) },
  });
});

it('A rejected order says why it was rejected', async () => {
  const declined = await system.orderAtRest(await system.postOrder({ method: 'pm_declined' }));
  expect(declined).toMatchObject({ status: 'REJECTED', reason: 'payment_declined' });
  expect(declined.reasonDetails).toEqual({ declineCode: expect.any(String) });
  const short = await system.orderAtRest(await system.postOrder({ sku: 'SKU-SCARCE', quantity: 6 }));
  expect(short).toMatchObject({ status: 'REJECTED', reason: 'out_of_stock' });
  expect(short.reasonDetails).toEqual({ lines: [{ sku: 'SKU-SCARCE', requested: 6, available: 5 }] });
});

it('An order has a timeline without gaps, by its own clock', async () => {
  const orderId = await system.postOrder();
  const order = await system.orderAtRest(orderId);
  const { status, body } = await system.request(`/v1/orders/${orderId}/timeline`);
  expect(status).toBe(200);
  const at = expect.stringMatching(RFC_3339_MILLISECONDS);
  const common = { at, actor: 'system' };
  const { items } = body as { items: { seq: number; source: string; type: string }[] };
  expect(items.map(({ seq }) => seq)).toEqual(items.map((_, index) => index + 1));
  expect(items.filter(({ source }) => source === 'order')).toMatchObject([
    { ...common, seq: 1, type: 'order.opened', from: null, to: 'PENDING', data: {} },
    { ...common, type: 'order.confirmed', from: 'PENDING', to: 'CONFIRMED', data: { totalMinor: 4_500 } },
  ]);
  expect(items.map(({ type }) => type)).toContain('payment.sale_succeeded');
  expect(order.version).toBe(2);
});

it('A read that waits returns when the order is at rest', async () => {
  const orderId = await system.postOrder();
  const whileWaiting = await timed(read(system, orderId, { query: '?wait=30' }));
  expect(whileWaiting.result.body.status).toBe('CONFIRMED');
  const atRest = await timed(read(system, orderId, { query: '?wait=30' }));
  expect(atRest.result.body.status).toBe('CONFIRMED');
  expect(whileWaiting.seconds).toBeLessThan(10);
  expect(atRest.seconds).toBeLessThan(5);
});

it('A read that waits returns after the time it asked for', async () => {
  const orderId = await system.postOrder({ method: 'pm_down' });
  const { result, seconds, clockSeconds } = await timed(read(system, orderId, { query: '?wait=1' }));
  expect(result).toMatchObject({ status: 200, body: { status: 'PENDING', attention: null } });
  expect(clockSeconds).toBeGreaterThanOrEqual(1);
  expect(seconds).toBeLessThan(3);
  expect((await timed(read(system, orderId, { query: '?wait=0' }))).seconds).toBeLessThan(5);
});

it('A read that waits returns when a person must act', async () => {
  const orderId = await system.postOrder({ method: 'pm_wrong_amount' });
  const { result, seconds } = await timed(read(system, orderId, { query: '?wait=30' }));
  expect(result.body).toMatchObject({
    status: 'PENDING',
    attention: {
      caseId: expect.stringMatching(/^case_/),
      step: expect.any(String),
      errorCode: 'payment_mismatch',
      openedAt: expect.stringMatching(RFC_3339_MILLISECONDS),
    },
  });
  expect(seconds).toBeLessThan(15);
});

it.each(['31', '-1', '1.5', 'soon', 'Infinity', '1&wait=2'])('A read does not wait %s seconds', async (wait) => {
  const orderId = await system.postOrder();
  const problem = expectProblem(await read(system, orderId, { query: `?wait=${wait}` }), 'validation_failed');
  expect(pointersOf(problem)).toEqual(['#/query/wait']);
});

it('An order is not found by another tenant, as if it did not exist', async () => {
  const orderId = await system.postOrder();
  const other = await system.token('acme');
  const unknown = `ord_${'a'.repeat(26)}`;
  for (const suffix of ['', '?wait=1', '/timeline']) {
    const problems = [
      expectProblem(await read(system, orderId, { query: suffix, token: other }), 'not_found'),
      expectProblem(await read(system, unknown, { query: suffix, token: other }), 'not_found'),
      expectProblem(await read(system, 'ord_malformed', { query: suffix, token: other }), 'not_found'),
      expectProblem(await read(system, `${orderId}%00`, { query: suffix, token: other }), 'not_found'),
      expectProblem(await read(system, 'x'.repeat(5_000), { query: suffix, token: other }), 'not_found'),
    ];
    const bodies = problems.map(({ requestId, ...rest }) => rest);
    expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1);
  }
});

it('A read of an order needs a token with the scope', async () => {
  const token = await system.token('demo', ['orders:write', 'catalog:write']);
  for (const path of ['/v1/orders', '/v1/orders/ord_x', '/v1/orders/ord_x/timeline']) {
    expectProblem(await system.request(path, { token }), 'forbidden');
    expectProblem(await system.request(path, { headers: { authorization: 'Bearer' } }), 'unauthorized');
  }
});

it.each(['/v1/orders/ord_x', '/v1/orders/ord_x/timeline'])('%s takes reads only', async (path) => {
  const answer = await system.request(path, { method: 'DELETE' });
  expectProblem(answer, 'method_not_allowed');
  expect(answer.headers.get('allow')).toBe('GET, HEAD');
});
