import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LOG_FIELDS } from '../../src/domain/log-fields.ts';
import { startApiProcess, type ApiProcess } from '../support/processes/another-api.ts';
import { sendRaw } from '../support/http/raw-http.ts';
import { orderBody, startTestSystem, type TestSystem } from '../support/system.ts';

type Line = Record<string, unknown>;

let system: TestSystem;
let api: ApiProcess;
beforeAll(async () => {
  system = await startTestSystem({ worker: false });
  const WORKER_QUEUES = 'orders,inventory,payments,notifications,events';
  api = await startApiProcess(system, { LOG_LEVEL: 'debug', WORKER_QUEUES }, 'src/combined.ts');
});
afterAll(async () => {
  await api.stop();
  await system.stop();
});

async function linesOf(process: ApiProcess): Promise<Line[]> {
  const printed = (await process.log()).split('\n').filter((line) => line.startsWith('{'));
  return printed.map((line) => JSON.parse(line) as Line);
}

async function linesWith(fields: Line): Promise<Line[]> {
  const wanted = Object.entries(fields);
  return (await linesOf(api)).filter((line) => wanted.every(([name, value]) => line[name] === value));
}

async function movesOf(orderId: string): Promise<unknown[]> {
  return (await linesWith({ msg: 'order', orderId })).map(({ from, to }) => [from, to]);
}

it('A request leaves one line that names it, without its query and its ids', async () => {
  const headers = { 'x-correlation-id': `test-${randomUUID()}` };
  const answer = await api.request(`/v1/orders?reference=private-words`, { headers });
  const requestId = answer.headers.get('x-request-id');
  await expect
    .poll(() => linesWith({ msg: 'request', requestId }))
    .toEqual([
      {
        time: expect.any(String),
        level: 30,
        service: 'combined',
        pid: expect.any(Number),
        msg: 'request',
        method: 'GET',
        route: '/v1/orders',
        status: 200,
        durationMs: expect.any(Number),
        tenantId: 'demo',
        requestId,
        correlationId: headers['x-correlation-id'],
      },
    ]);
  expect(await api.log()).not.toContain('private-words');
});

it.each([
  ['/v1/orders/ord_x', { status: 404, level: 40, route: '/v1/orders/:id' }],
  ['/livez', { status: 200, level: 20, route: '/livez' }],
])('A request to %s is told by its status', async (path, line) => {
  const requestId = (await api.request(path)).headers.get('x-request-id');
  await expect.poll(() => linesWith({ requestId })).toMatchObject([line]);
});

it('A request that the HTTP parser refuses leaves its line, too', async () => {
  const answer = await sendRaw(api.url, 'nonsense\r\n\r\n');
  const requestId = /x-request-id: (\S+)/i.exec(answer)?.[1];
  await expect
    .poll(() => linesWith({ requestId }))
    .toMatchObject([{ msg: 'request', status: 400, errorCode: 'bad_request', level: 40 }]);
});

it('A request leaves no line where that is asked for', async () => {
  const quiet = await startApiProcess(system, { LOG_LEVEL: 'debug', LOG_REQUESTS: 'false' });
  try {
    await quiet.request('/v1/orders');
    expect((await linesOf(quiet)).filter(({ msg }) => msg === 'request')).toEqual([]);
  } finally {
    await quiet.stop();
  }
});

const post = async (method: string, correlationId: string): Promise<string> => {
  const headers = { 'idempotency-key': randomUUID(), 'x-correlation-id': correlationId };
  const body = JSON.stringify(orderBody({ method }));
  const answer = await api.request<{ id: string }>('/v1/orders', { method: 'POST', headers, body });
  return answer.body.id;
};

it('An order leaves one line for each status that it enters', async () => {
  const correlationId = `test-${randomUUID()}`;
  const orderId = await post('pm_ok', correlationId);
  await api.orderAtRest(orderId);
  await api.request(`/v1/orders/${orderId}/cancel`, {
    method: 'POST',
    headers: { 'idempotency-key': randomUUID() },
    body: JSON.stringify({ reason: 'words of a person' }),
  });
  await expect
    .poll(() => movesOf(orderId))
    .toEqual([
      [null, 'PENDING'],
      ['PENDING', 'CONFIRMED'],
      ['CONFIRMED', 'CANCELLING'],
      ['CANCELLING', 'CANCELLED'],
    ]);
  for (const line of await linesWith({ msg: 'order', orderId })) {
    expect(line).toMatchObject({ tenantId: 'demo', correlationId, workflowId: `order/${orderId}` });
  }
  expect(await api.log()).not.toContain('words of a person');
});

it('The requests about an order carry its id', async () => {
  const orderId = await post('pm_lost_reply', `test-${randomUUID()}`);
  await api.orderAtRest(orderId);
  await expect
    .poll(async () => (await linesWith({ msg: 'request', orderId })).map(({ method, route }) => [method, route]))
    .toEqual([
      ['POST', '/v1/orders'],
      ['GET', '/v1/orders/:id'],
    ]);
});

it('A person can ask for lines that are easier to read than JSON', async () => {
  const readable = await startApiProcess(system, { LOG_FORMAT: 'pretty', LOG_LEVEL: 'info' });
  try {
    await readable.request('/v1/orders');
    await expect.poll(() => readable.log()).toMatch(/INFO.*: request \{.*"route":"\/v1\/orders".*"status":200/);
    expect((await linesOf(readable)).length).toBe(0);
  } finally {
    await readable.stop();
  }
});

it('An order that is declined is told with its reason', async () => {
  const orderId = await post('pm_declined', 'declined-1');
  await expect
    .poll(() => linesWith({ msg: 'order', orderId, to: 'REJECTED' }))
    .toMatchObject([{ reason: 'payment_declined', reasonDetails: { declineCode: expect.any(String) } }]);
});

it('Every line uses the known fields in their one spelling', async () => {
  const event = { type: 'purchase', userId: 'u1', properties: { amount: -1 } };
  await api.request('/v1/events', { method: 'POST', body: JSON.stringify(event) });
  await expect.poll(() => linesWith({ msg: 'event', errorCode: 'invalid_event' })).toHaveLength(1);
  const used = new Set((await linesOf(api)).flatMap((line) => Object.keys(line)));
  expect([...used].filter((field) => !(field in LOG_FIELDS))).toEqual([]);
  expect(used.size).toBeGreaterThan(20);
});
