import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAnotherApi, type AnotherApi } from '../support/processes/another-api.ts';
import { findFreePort } from '../../src/dev/processes/ports.ts';
import { expectProblem, expectUnavailable } from '../support/http/problems.ts';
import { timed } from '../support/stopwatch.ts';
import { orderBody, startTestSystem, type SystemClient, type TestSystem } from '../support/system.ts';

/** The longest wait that is promised to clients. */
const ANSWER_LIMIT_SECONDS = 6;

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
});
afterAll(() => system.stop());

async function post(client: SystemClient, key: string) {
  const headers = { 'idempotency-key': key };
  const init = { method: 'POST', headers, body: JSON.stringify(orderBody()) };
  const { result, seconds } = await timed(client.request('/v1/orders', init));
  return { answer: result, seconds };
}

function cancel(client: SystemClient, orderId: string, key: string) {
  return client.request(`/v1/orders/${orderId}/cancel`, { method: 'POST', headers: { 'idempotency-key': key } });
}

describe('with Temporal down', () => {
  let api: AnotherApi;
  beforeAll(async () => {
    api = await startAnotherApi(system, { TEMPORAL_ADDRESS: `127.0.0.1:${await findFreePort()}` });
  });
  afterAll(() => api.stop());

  it('The API refuses orders within 6 s while Temporal is down, from the first one on, and takes none of them', async () => {
    const keys = Array.from({ length: 20 }, () => randomUUID());
    const posts = await Promise.all(keys.map((key) => post(api, key)));
    for (const { answer, seconds } of posts) {
      expectUnavailable(answer);
      expect(seconds).toBeLessThan(ANSWER_LIMIT_SECONDS);
    }
    const [key = ''] = keys;
    const { answer } = await post(system, key);
    expect(answer).toMatchObject({ status: 202 });
    expect(answer.headers.get('idempotency-replayed')).toBe('false');
  });

  it('The API reads orders, lists and timelines as usual while Temporal is down', async () => {
    const orderId = await system.postOrder();
    const order = await system.orderAtRest(orderId);
    const self = `/v1/orders/${orderId}`;
    expect(await api.request(self)).toMatchObject({ status: 200, body: order });
    expect(await api.request(`${self}?wait=10`)).toMatchObject({ status: 200, body: order });
    const { status, body } = await api.request<{ items: { type: string }[] }>(`${self}/timeline`);
    expect(status).toBe(200);
    expect(body.items.map(({ type }) => type)).toContain('order.confirmed');
    // Another test's order may still be on its way, and newer.
    const list = { items: expect.arrayContaining([order]) };
    expect(await api.request('/v1/orders?limit=5')).toMatchObject({ status: 200, body: list });
    expect(await api.request('/v1/stock/SKU-0001')).toMatchObject({ status: 200 });
  });

  it('The API does not say of an order without a row that it does not exist while Temporal is down', async () => {
    const unknown = `/v1/orders/ord_${'a'.repeat(26)}`;
    const paths = [unknown, `${unknown}?wait=1`, `${unknown}/timeline`];
    for (const answer of await Promise.all(paths.map((path) => api.request(path)))) expectUnavailable(answer);
    expectProblem(await api.request('/v1/orders/ord_malformed'), 'not_found');
  });

  it('The API does not answer a repeated cancel while Temporal is down, which may have dropped it', async () => {
    const orderId = await system.postOrder();
    await system.orderAtRest(orderId);
    const key = randomUUID();
    expect(await cancel(system, orderId, key)).toMatchObject({ body: { decision: 'will_refund' } });
    expectUnavailable(await cancel(api, orderId, key));
    const again = await cancel(system, orderId, key);
    expect(again).toMatchObject({ status: 200, body: { decision: 'will_refund' } });
    expect(again.headers.get('idempotency-replayed')).toBe('true');
  });

  it('The API is not ready, but alive, while Temporal is down', async () => {
    await expect
      .poll(() => api.request('/readyz'))
      .toMatchObject({
        status: 503,
        body: { status: 'down', checks: { temporal: 'down', database: 'ok' } },
      });
    expect(await api.request('/livez')).toMatchObject({ status: 200 });
    expectUnavailable((await post(api, randomUUID())).answer);
  });
});

describe('with PostgreSQL down', () => {
  let api: AnotherApi;
  beforeAll(async () => {
    api = await startAnotherApi(system, { DATABASE_URL: `postgres://a:b@127.0.0.1:${await findFreePort()}/c` });
  });
  afterAll(() => api.stop());

  it.each([
    '/v1/orders',
    `/v1/orders/ord_${'a'.repeat(26)}`,
    `/v1/orders/ord_${'a'.repeat(26)}?wait=5`,
    `/v1/orders/ord_${'a'.repeat(26)}/timeline`,
    '/v1/products',
    '/v1/stock/SKU-0001',
  ])('The API cannot read %s while PostgreSQL is down', async (path) => {
    expectUnavailable(await api.request(path));
  });

  it('The API changes nothing while PostgreSQL is down, and says so', async () => {
    const product = { name: 'Tea', priceMinor: 1, currency: 'EUR' };
    expectUnavailable(await api.request('/v1/products/TEA', { method: 'PUT', body: JSON.stringify(product) }));
    const adjustment = {
      method: 'POST',
      headers: { 'idempotency-key': randomUUID() },
      body: JSON.stringify({ delta: 1, reason: 'restock' }),
    };
    expectUnavailable(await api.request('/v1/stock/SKU-0001/adjustments', adjustment));
  });

  it('The API accepts or refuses orders while PostgreSQL is down, and loses none', async () => {
    const keys = Array.from({ length: 10 }, () => randomUUID());
    const posts = await Promise.all(keys.map((key) => post(api, key)));
    for (const { answer, seconds } of posts) {
      expect([202, 503]).toContain(answer.status);
      expect(seconds).toBeLessThan(ANSWER_LIMIT_SECONDS);
    }
    const answers = Map.groupBy(posts, ({ answer }) => answer.status);
    for (const { answer } of answers.get(503) ?? []) expectUnavailable(answer);
    for (const { answer } of answers.get(202) ?? []) {
      expect(await system.orderAtRest(String(answer.body['id']))).toMatchObject({ status: 'CONFIRMED' });
    }
    // The workflow alone answers for the key.
    const [key = ''] = keys;
    expect((await post(api, key)).answer.headers.get('idempotency-replayed')).toBe('true');
  });

  it('The API is not ready, but alive, while PostgreSQL is down', async () => {
    await expect
      .poll(() => api.request('/readyz'))
      .toMatchObject({
        status: 503,
        body: { status: 'down', checks: { temporal: 'ok', database: 'down' } },
      });
    expect(await api.request('/livez')).toMatchObject({ status: 200 });
  });
});
