import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { startAnotherApi } from '../support/processes/another-api.ts';
import { purchase, sendEvents } from '../support/events.ts';
import { sendHalves } from '../support/http/half-requests.ts';
import { expectCompleteProblem, expectProblem, type Problem } from '../support/http/problems.ts';
import { parseRaw, sendRaw } from '../support/http/raw-http.ts';
import { timed } from '../support/stopwatch.ts';
import { orderBody, startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
let greedy: string;
let modest: string;
beforeAll(async () => {
  system = await startTestSystem({ webhooks: true });
  greedy = await system.token('greedy');
  modest = await system.token('modest');
});
afterAll(() => system.stop());

/** A post that announces more bytes than it sends. */
function unfinished(path: string, token: string | null): string {
  const authorization = token === null ? '' : `Authorization: Bearer ${token}\r\n`;
  return `POST ${path} HTTP/1.1\r\nHost: a\r\n${authorization}Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{`;
}

async function statusOf(path: string, token: string): Promise<number> {
  const response = await fetch(system.url + path, { headers: { authorization: `Bearer ${token}` } });
  await response.body?.cancel();
  return response.status;
}

it('A place is taken by no order that has not arrived', async () => {
  const halves = await sendHalves(system.url, 1_100, unfinished('/v1/orders', greedy));
  onTestFinished(() => halves.close());
  const posted = await system.request('/v1/orders', {
    method: 'POST',
    token: greedy,
    headers: { 'idempotency-key': randomUUID() },
    body: JSON.stringify(orderBody()),
  });
  expect(posted.status).toBe(202);
});

it('A place is taken by no events that have not arrived', async () => {
  const halves = await sendHalves(system.url, 2_100, unfinished('/v1/events', greedy));
  onTestFinished(() => halves.close());
  expect((await sendEvents(system, purchase(), { token: modest })).status).toBe(202);
});

it('A place is taken by no report that has not arrived', async () => {
  const halves = await sendHalves(system.url, 200, unfinished('/v1/payment-webhooks/simulator', null));
  onTestFinished(() => halves.close());
  const orderId = await system.postOrder();
  await system.orderAtRest(orderId);
  // The simulator reports what it did; stored is what was let in.
  const reports = (): Promise<unknown> =>
    system.database.query('SELECT FROM payments.payment_notices WHERE order_id = $1', [orderId]);
  await expect.poll(reports).not.toEqual([]);
  expect(halves.answers()).toBe('');
});

it('A place is kept by no stream that is only asked for its head', async () => {
  const head = `HEAD /v1/console/stream HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${greedy}\r\n\r\n`;
  const heads = await sendHalves(system.url, 5, head.repeat(100));
  onTestFinished(() => heads.close());
  await expect.poll(() => heads.answers().match(/HTTP\/1\.1 200/g)?.length).toBe(500);
  expect(await statusOf('/v1/console/stream', greedy)).toBe(200);
});

it('A tenant who opens all streams that he can leaves places for others', async () => {
  const stream = `GET /v1/console/stream HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${greedy}\r\n\r\n`;
  const streams = await sendHalves(system.url, 250, stream);
  onTestFinished(() => streams.close());
  await expect.poll(() => statusOf('/v1/console/stream', greedy)).toBe(503);
  expect(await statusOf('/v1/console/stream', modest)).toBe(200);
  streams.close();
  await expect.poll(() => statusOf('/v1/console/stream', greedy)).toBe(200);
});

it('A place to wait in is left for others, and a request that finds none is answered at once', async () => {
  const orderId = await system.postOrder({ method: 'pm_down' });
  const token = await system.token();
  const wait = `GET /v1/orders/${orderId}?wait=30 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`;
  const waits = await sendHalves(system.url, 1_050, wait);
  onTestFinished(() => waits.close());
  await expect.poll(() => waits.answers().match(/HTTP\/1\.1 200/g)?.length).toBe(50);
  expect(waits.answers()).not.toMatch(/HTTP\/1\.1 [^2]/);
});

const compressed = { headers: { 'content-encoding': 'gzip' } };
const MiB = 1024 * 1024;

it.for<[string, () => Parameters<typeof sendEvents>[1], 'payload_too_large' | 'validation_failed', object]>([
  ['gzip of 4 MiB of brackets', () => gzipSync('['.repeat(4 * MiB)), 'payload_too_large', compressed],
  ['gzip of 250 KiB of brackets', () => gzipSync('['.repeat(250 * 1024)), 'validation_failed', compressed],
  ['2 MiB of brackets', () => '['.repeat(2 * MiB), 'validation_failed', {}],
  ['2 MiB of objects in objects', () => '{"a":'.repeat(400_000), 'validation_failed', {}],
  ['a list of a million numbers', () => `[${'1,'.repeat(1_000_000)}`, 'validation_failed', {}],
])(
  'A body that is cheap to send and expensive to read is refused before it is read: %s',
  async ([, body, code, options]) => {
    // Bodies without an end are no JSON: they would be `malformed_json` if they were read.
    expectProblem(await sendEvents(system, body(), options), code);
  },
);

it.each([
  ['application/cloudevents+json', (event: object) => event],
  ['application/cloudevents-batch+json', (event: object) => [purchase(), event]],
])('An event with thousands of attributes is refused as %s', async (type, wrap) => {
  const attributes = Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`a${index}`, 1]));
  const event = { specversion: '1.0', id: randomUUID(), source: '/a', type: 'purchase', ...attributes };
  const answer = await sendEvents(system, wrap(event), { headers: { 'content-type': type } });
  expect(expectProblem(answer, 'validation_failed').errors.length).toBeLessThanOrEqual(50);
});

it('An order that is expensive to read is refused as well', async () => {
  const answer = await system.request('/v1/orders', { method: 'POST', body: '['.repeat(60_000) });
  expectProblem(answer, 'validation_failed');
});

it('A text with many brackets and commas is accepted, because it only looks expensive', async () => {
  const note = '[{,"\\'.repeat(5_000);
  expect((await sendEvents(system, { type: 'custom', properties: { note } })).status).toBe(202);
});

it('A body costs the budget by its bytes, and a body that can never fit is told so', async () => {
  const api = await startAnotherApi(system, { EVENT_RATE_LIMIT_PER_SECOND: '1' });
  onTestFinished(() => api.stop());
  const [first, second] = [await system.token('first'), await system.token('second')];
  // 40 KiB count as 10 events, and these are saved up in ten seconds.
  const large = { type: 'custom', properties: { text: 'x'.repeat(40 * 1024 - 60) } };
  expect(await sendEvents(api, large, { token: first })).toMatchObject({ status: 202 });
  expectProblem(await sendEvents(api, large, { token: first }), 'rate_limited');
  const many = { events: Array.from({ length: 11 }, () => purchase()) };
  expectProblem(await sendEvents(api, many, { token: second }), 'payload_too_large');
  const huge = {
    events: Array.from({ length: 10 }, () => ({ type: 'custom', properties: { text: 'x'.repeat(50_000) } })),
  };
  expectProblem(await sendEvents(api, huge, { token: second }), 'payload_too_large');
});

it.each([
  ['a host that is no address', 'GET /livez HTTP/1.1\r\nHost: 1.2.3.4.5\r\n'],
  [
    'a host that is no address, of a report',
    'POST /v1/payment-webhooks/simulator HTTP/1.1\r\nHost: 1.2.3.4.5\r\nContent-Length: 0\r\n',
  ],
  ['a host in an impossible base', 'GET /livez HTTP/1.1\r\nHost: 0x1g.0x7\r\n'],
  ['a port beyond all ports', 'GET /livez HTTP/1.1\r\nHost: a:99999\r\n'],
  ['two hosts', 'GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n'],
  ['the same host twice', 'GET /livez HTTP/1.1\r\nHost: a\r\nhOST: a\r\n'],
  ['an address without a host', 'GET http://1.2.3.4.5/livez HTTP/1.1\r\nHost: a\r\n'],
  ['gzip as transfer encoding', 'POST /v1/orders HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n'],
  ['a doubled transfer encoding', 'POST /v1/orders HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n'],
  [
    'a transfer encoding that ends otherwise',
    'POST /v1/orders HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n',
  ],
])('A request is refused with %s', async (_, head) => {
  const { status, contentType, body } = parseRaw(await sendRaw(system.url, `${head}\r\n`));
  expect(status).toBe(400);
  expectCompleteProblem(contentType, JSON.parse(body) as Problem);
});

it.each(['a', 'A.example:8080', '127.0.0.1', '[::1]:8080', 'xn--mller-kva.de', 'a_b'])(
  'A request may name the host %s',
  async (host) => {
    expect(parseRaw(await sendRaw(system.url, `GET /livez HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).status).toBe(200);
  },
);

it('A body in chunks over the limit is refused, and the connection lives on as promised', async () => {
  const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
  const post = `POST /v1/orders HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${greedy}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const socket = connect(Number(new URL(system.url).port), '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let answers = '';
  socket.on('data', (data: Buffer) => (answers += data.toString('latin1')));
  await once(socket, 'connect');
  socket.write(`${post}${chunk.repeat(4)}0\r\n\r\n`);
  await expect.poll(() => answers).toContain('payload_too_large');
  expect(answers).toMatch(/^HTTP\/1\.1 413 /);
  expect(answers.toLowerCase()).not.toContain('connection: close');
  socket.write('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n');
  await expect.poll(() => answers).toContain('HTTP/1.1 200');
});

it('A body without an end is refused, and the answer says that the connection ends', async () => {
  const head = `POST /v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${greedy}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const answer = await sendRaw(system.url, head + `100000\r\n${'x'.repeat(0x100000)}\r\n`.repeat(12));
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  expect(answer.toLowerCase()).toContain('connection: close');
});

async function answerTo(bytes: string) {
  const socket = connect(Number(new URL(system.url).port), '127.0.0.1');
  let answer = '';
  socket.on('data', (data: Buffer) => (answer += data.toString('latin1')));
  socket.write(bytes);
  const { seconds, clockSeconds } = await timed(once(socket, 'close'));
  return { answer, seconds, clockSeconds };
}

it('A client that is slow is cut after 10 s of headers and 15 s of body, with the reason', async () => {
  const [headers, body, report] = await Promise.all([
    answerTo('GET /livez HTTP/1.1\r\nHost: a\r\nX-'),
    answerTo(unfinished('/v1/orders', greedy)),
    answerTo(unfinished('/v1/payment-webhooks/simulator', null)),
  ]);
  for (const { answer } of [headers, body, report]) {
    const { status, contentType, body: problem } = parseRaw(answer);
    expect(status).toBe(408);
    expectCompleteProblem(contentType, JSON.parse(problem) as Problem);
  }
  expect(headers.clockSeconds).toBeGreaterThanOrEqual(9);
  expect(headers.seconds).toBeLessThan(13);
  expect(body.clockSeconds).toBeGreaterThanOrEqual(14);
  expect(body.seconds).toBeLessThan(18);
});
