import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { orderWorkflowId } from '../../src/workflows/contract.ts';
import { startAnotherApi } from '../support/processes/another-api.ts';
import { expectProblem } from '../support/http/problems.ts';
import { orderBody, startTestSystem, type SystemClient, type TestSystem } from '../support/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
});
afterAll(() => system.stop());

const PHONE = '+4915112345678';
const ORDER = orderBody({ body: { customer: { id: 'cust_42', phone: PHONE } } });

function post(client: SystemClient, path: string, { key, body }: { key: string; body: object }) {
  return client.request<{ id: string }>(path, {
    method: 'POST',
    headers: { 'idempotency-key': key },
    body: JSON.stringify(body),
  });
}

/** Every place that stores the hash of an order's request: its row, and its workflow's memo and input. */
async function keptHashes(orderId: string): Promise<unknown[]> {
  const [row] = await system.database.query<{ hash: string }>(
    'SELECT request_hash AS hash FROM orders.orders WHERE order_id = $1',
    [orderId],
  );
  const handle = system.client.workflow.getHandle(orderWorkflowId(orderId));
  const { memo } = await handle.describe();
  const { events } = await handle.fetchHistory();
  const payload = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
  const input = JSON.parse(Buffer.from(payload ?? '').toString('utf8')) as { requestHash: string };
  return [row?.hash, memo?.['requestHash'], input.requestHash];
}

it('The hash of an order reveals nothing to somebody who can try all phone numbers: in row, memo and input it has a key', async () => {
  const { body } = await post(system, '/v1/orders', { key: randomUUID(), body: ORDER });
  await system.orderAtRest(body.id);
  const kept = await keptHashes(body.id);
  for (const hash of kept) expect(hash).toMatch(/^hmac-sha256:test:[\w-]{43}$/);
  expect(new Set(kept).size).toBe(1);
});

it('The hash of a command and of a webhook has a key as well', async () => {
  const { body } = await post(system, '/v1/orders', { key: randomUUID(), body: ORDER });
  await system.orderAtRest(body.id);
  await post(system, `/v1/orders/${body.id}/refunds`, {
    key: randomUUID(),
    body: { amountMinor: 100, reason: PHONE },
  });
  await post(system, '/v1/webhooks', {
    key: randomUUID(),
    body: { url: 'https://shop.example.com/h', events: ['order.*'] },
  });
  const stored = await system.database.query<{ hash: string }>(
    `SELECT request_hash AS hash FROM orders.order_commands WHERE order_id = $1
       UNION ALL SELECT request_hash FROM notifications.webhook_subscriptions`,
    [body.id],
  );
  expect(stored).toHaveLength(2);
  for (const { hash } of stored) expect(hash).toMatch(/^hmac-sha256:test:[\w-]{43}$/);
});

it('A repeated request is found by an older key after the keys were rotated', async () => {
  const key = randomUUID();
  const { body } = await post(system, '/v1/orders', { key, body: ORDER });
  const keys = `next:${randomBytes(32).toString('base64')},${system.env['CONTACT_KEYS']}`;
  const rotated = await startAnotherApi(system, { CONTACT_KEYS: keys });
  onTestFinished(() => rotated.stop());
  const replayed = await post(rotated, '/v1/orders', { key, body: ORDER });
  expect(replayed).toMatchObject({ status: 202, body: { id: body.id } });
  expect(replayed.headers.get('idempotency-replayed')).toBe('true');
  expectProblem(
    await post(rotated, '/v1/orders', { key, body: { ...ORDER, reference: 'x' } }),
    'idempotency_key_reused',
  );
});

it('A hash from before there was a key still finds a repeated command', async () => {
  const orderId = await system.postOrder();
  await system.orderAtRest(orderId);
  const key = randomUUID();
  const path = `/v1/orders/${orderId}/refunds`;
  expect((await post(system, path, { key, body: { amountMinor: 100 } })).status).toBe(202);
  const unkeyed = createHash('sha256').update('{"amountMinor":100,"reason":null}').digest('hex');
  await system.database.query('UPDATE orders.order_commands SET request_hash = $2 WHERE order_id = $1', [
    orderId,
    unkeyed,
  ]);
  const replayed = await post(system, path, { key, body: { amountMinor: 100 } });
  expect(replayed.status).toBe(202);
  expect(replayed.headers.get('idempotency-replayed')).toBe('true');
  expectProblem(await post(system, path, { key, body: { amountMinor: 101 } }), 'idempotency_key_reused');
});
