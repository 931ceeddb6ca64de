import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { outsideCloudEvents, outsideEvents, outsideOrders, type OutsideBody } from '../support/http/outside-bodies.ts';
import { exchange, type Exchange } from '../support/http/outside-http.ts';
import { outsideHttp } from '../support/http/outside-http-cases.ts';
import { outsideTokens } from '../support/http/outside-tokens.ts';
import { expectCompleteProblem, type Problem } from '../support/http/problems.ts';
import { orderBody, startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
let token: string;
beforeAll(async () => {
  system = await startTestSystem({ webhooks: true });
  token = await system.token();
});
afterAll(() => system.stop());

/** Requests that an impatient client sends at once. */
const AT_ONCE = 8;

/** Exchanges at once: most of their time is the silence at their end. */
const EXCHANGES_AT_ONCE = 24;

/** Does the work for each item, several at once, and returns the items that are wrong. */
async function wrongOf<Item extends { readonly name: string }>(
  items: readonly Item[],
  work: (item: Item) => Promise<string | null>,
  atOnce = AT_ONCE,
): Promise<string[]> {
  const queue = items.values();
  const wrong: string[] = [];
  const worker = async (): Promise<void> => {
    for (const item of queue) {
      const found = await work(item);
      if (found !== null) wrong.push(`${item.name}: ${found}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return wrong;
}

const ORDER = JSON.stringify(orderBody({ quantity: 1 }));
const EVENT = JSON.stringify({ type: 'purchase', userId: 'u1', properties: { amount: 1 } });

/** A busy machine may answer 503 to a good request, which says nothing about its body. */
const REPEATS_MAX = 10;

async function post({ path, headers, body, statuses }: OutsideBody): Promise<string | null> {
  const send = (): Promise<Response> =>
    fetch(system.url + path, { method: 'POST', headers: { authorization: `Bearer ${token}`, ...headers }, body });
  let response = await send();
  for (let repeats = 0; repeats < REPEATS_MAX && response.status === 503; repeats += 1) response = await send();
  const text = await response.text();
  if (response.status >= 400) expectCompleteProblem(response.headers.get('content-type'), JSON.parse(text) as Problem);
  return statuses.includes(response.status) ? null : `${response.status} ${text.slice(0, 300)}`;
}

it('The outside corpus of HTTP is answered as it says', async () => {
  const exchanged = async ({ bytes, statuses }: Exchange): Promise<string | null> => {
    const answers = await exchange(system.url, bytes, statuses.length).catch(() => []);
    const fits =
      answers.length === statuses.length && answers.every(({ status }, at) => statuses[at]?.includes(status));
    return fits ? null : answers.map(({ status, body }) => `${status} ${body.slice(0, 200)}`).join(' | ');
  };
  const cases = outsideHttp({ token, order: ORDER, event: EVENT });
  expect(await wrongOf(cases, exchanged, EXCHANGES_AT_ONCE)).toEqual([]);
});

it.each([
  ['events', outsideEvents],
  ['CloudEvents', outsideCloudEvents],
  ['orders', () => outsideOrders(ORDER)],
])('The outside corpus of %s is taken or refused as it says', async (_, bodies) => {
  expect(await wrongOf(bodies(), post)).toEqual([]);
});

it('The outside corpus of tokens is let in or refused as it says', async () => {
  const wrong = await wrongOf(outsideTokens(system.env['JWT_SECRET'] ?? ''), async ({ authorization, statuses }) => {
    const response = await fetch(`${system.url}/v1/orders?limit=1`, { headers: { authorization } });
    const text = await response.text();
    return statuses.includes(response.status) ? null : `${response.status} ${text.slice(0, 200)}`;
  });
  expect(wrong).toEqual([]);
});

/** A connection whose client closes nothing by itself, and reads only when it is told to. */
async function hold(bytes: string | Buffer, reads = true): Promise<{ socket: Socket; answers: () => string }> {
  const { hostname: host, port } = new URL(system.url);
  const socket = connect({ host, port: Number(port), allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  let answers = '';
  if (reads) socket.on('data', (chunk: Buffer) => (answers += chunk.toString('latin1')));
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(bytes);
  return { socket, answers: () => answers };
}

const authorized = (): string => `Host: a\r\nAuthorization: Bearer ${token}\r\n`;

it.each([
  ['that speaks no HTTP', 'hello\r\n\r\n'],
  ['that asks for a tunnel', 'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['with a header too many', `GET /livez HTTP/1.1\r\nHost: a\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`],
])('A connection %s is closed, also when its client never closes it', async (_, bytes) => {
  const { socket, answers } = await hold(bytes);
  await expect.poll(answers).toMatch(/^HTTP\/1\.1 4\d\d /);
  // What still comes on a socket that is gone is answered with a reset.
  const isReset = (): boolean => {
    if (!socket.destroyed) socket.write('x');
    return socket.destroyed;
  };
  await expect.poll(isReset).toBe(true);
});

it('A connection that reads nothing costs no memory for each of its requests', async () => {
  const held = (): number => process.memoryUsage().arrayBuffers + process.memoryUsage().external;
  const before = held();
  const pages = 'GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(100);
  for (let count = 0; count < 3; count += 1) await hold(pages, false);
  await sleep(1_500);
  // A hundred pages have 150 MB.
  expect(held() - before).toBeLessThan(60_000_000);
  expect(await system.request('/livez')).toMatchObject({ status: 200 });
});

it('A connection with hundreds of requests that nobody waits for is cut', async () => {
  const { socket } = await hold('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(1_000));
  await expect.poll(() => socket.readableEnded).toBe(true);
});

it('A connection answers in order what came whole, before it refuses what came then', async () => {
  const orderId = await system.postOrder({ method: 'pm_down' });
  const wait = `GET /v1/orders/${orderId}?wait=1 HTTP/1.1\r\n${authorized()}\r\n`;
  const half = `POST /v1/orders HTTP/1.1\r\n${authorized()}Transfer-Encoding: chunked\r\n\r\nzz\r\n`;
  const answers = await exchange(system.url, `${wait}GET /livez HTTP/1.1\r\nHost: a\r\n\r\n${half}`, 3);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 400]);
});

it('A connection takes no place of the reports by what nobody has signed', async () => {
  const orderId = await system.postOrder({ method: 'pm_down' });
  const wait = `GET /v1/orders/${orderId}?wait=20 HTTP/1.1\r\n${authorized()}\r\n`;
  const report = 'POST /v1/payment-webhooks/simulator HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}';
  await hold(wait + report.repeat(100));
  await sleep(300);
  const [answer] = await exchange(system.url, report, 1);
  expect(answer?.status).toBe(401);
});

it('A connection with a body in crumbs is refused before all of them are read', async () => {
  const crumbs = '1\r\nx\r\n'.repeat(20_000);
  const head = `POST /v1/orders HTTP/1.1\r\n${authorized()}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const [answer] = await exchange(system.url, `${head}${crumbs}0\r\n\r\n`, 1);
  expect(answer?.status).toBe(400);
  expect(answer?.body).toContain('too many small pieces');
  expect(answer?.head).toMatch(/^connection: close$/im);
});
