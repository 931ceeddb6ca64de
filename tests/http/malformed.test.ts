import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  rawRequests,
  wrongBodies,
  wrongFields,
  wrongHeaders,
  wrongTargets,
  type MalformedRequest,
} from '../support/http/malformed-requests.ts';
import { expectCompleteProblem, type Problem } from '../support/http/problems.ts';
import { parseRaw, sendRaw } from '../support/http/raw-http.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
});
afterAll(() => system.stop());

/** Requests that an attacker would send at once. */
const AT_ONCE = 16;

async function eachAtOnce<Item>(items: Iterable<Item>, work: (item: Item) => Promise<void>): Promise<void> {
  const queue = [...items];
  const runner = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, runner));
}

interface Refused {
  readonly status: number;
  readonly contentType: string | null;
  readonly body: string;
}

function expectRefusal(name: string, { status, contentType, body }: Refused): void {
  expect(status, `${name}: ${body.slice(0, 300)}`).toBeGreaterThanOrEqual(400);
  expect(status, name).toBeLessThan(500);
  const problem = JSON.parse(body) as Problem;
  expect(problem.status, name).toBe(status);
  expectCompleteProblem(contentType, problem);
}

async function expectRefused(requests: readonly MalformedRequest[], token: string): Promise<void> {
  await eachAtOnce(requests, async ({ name, method, path, headers, body }) => {
    const response = await fetch(system.url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'idempotency-key': randomUUID(), ...headers },
      ...(body === undefined ? {} : { body }),
    });
    expectRefusal(name, {
      status: response.status,
      contentType: response.headers.get('content-type'),
      body: await response.text(),
    });
  });
}

/** Figures of everything that requests could have changed. */
async function footprint(): Promise<unknown> {
  const [row] = await system.database.query(`
    SELECT (SELECT count(*) FROM orders.orders) AS orders,
      (SELECT count(*) FROM inventory.stock_movements) AS movements,
      (SELECT md5(string_agg(p::text, ',' ORDER BY p.tenant_id, p.sku)) FROM inventory.products p) AS products,
      (SELECT count(*) FROM payments.operations) AS operations`);
  return row;
}

let before: unknown;
let token: string;
beforeAll(async () => {
  before = await footprint();
  token = await system.token();
});

it.each([
  ['fields of a wrong kind', wrongFields],
  ['bodies of a wrong kind', wrongBodies],
  ['headers of a wrong kind', wrongHeaders],
  ['targets of a wrong kind', wrongTargets],
])('Malformed requests are each refused with a problem: %s', async (_, requests) => {
  await expectRefused(requests(), token);
});

it('The list of malformed requests has more than 300', () => {
  const all = [wrongFields(), wrongBodies(), wrongHeaders(), wrongTargets(), [...rawRequests(token)]];
  expect(all.flat().length).toBeGreaterThan(450);
});

it('Malformed requests are each refused with a problem, also when they are no HTTP', async () => {
  await eachAtOnce(rawRequests(token), async ([name, bytes]) => {
    const { status, contentType, body } = parseRaw(await sendRaw(system.url, bytes));
    expectRefusal(name, { status, contentType, body });
  });
});

it('Headers that are too large are refused with 431', async () => {
  const bytes = rawRequests(token).get('a header of 20 KB') ?? '';
  expect(parseRaw(await sendRaw(system.url, bytes)).status).toBe(431);
});

it('A request that is too large does not cost the connection it came on', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const send = (method: string, path: string, body: string): Promise<{ status: number; reused: boolean }> =>
    new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const sent = request(system.url + path, { method, agent, headers }, (response) => {
        response.resume().on('end', () => resolve({ status: response.statusCode ?? 0, reused: sent.reusedSocket }));
      });
      sent.on('error', reject).end(body);
    });
  expect(await send('POST', '/v1/orders', 'x'.repeat(200_000))).toEqual({ status: 413, reused: false });
  // Longer than the half second that the server drains a refused body.
  await sleep(700);
  expect(await send('GET', '/livez', '')).toEqual({ status: 200, reused: true });
  agent.destroy();
});

it('A request may end in its middle', async () => {
  const { hostname, port } = new URL(system.url);
  const head = `POST /v1/orders HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n`;
  const halves = [
    `${head}Content-Length: 500\r\n\r\n{"a"`,
    `${head}Transfer-Encoding: chunked\r\n\r\n4\r\n{"a"\r\n`,
    head,
  ];
  await eachAtOnce([...halves, ...halves, ...halves], (half) => {
    return new Promise((resolve) => {
      const socket = connect(Number(port), hostname, () =>
        socket.write(half, () => setTimeout(() => socket.destroy(), 20)),
      );
      socket.on('close', () => resolve());
    });
  });
  expect(await system.request('/livez')).toMatchObject({ status: 200 });
});

it('Malformed requests leave nothing behind, and the next order is carried as usual', async () => {
  expect(await footprint()).toEqual(before);
  expect(await system.orderAtRest(await system.postOrder())).toMatchObject({ status: 'CONFIRMED' });
  const [row] = await system.database.query<{ orders: string }>('SELECT count(*)::text AS orders FROM orders.orders');
  expect(row?.orders).toBe('1');
});

it('Malformed requests are no fault of ours, as the metrics tell', async () => {
  const metrics = await (await fetch(`${system.url}/metrics`)).text();
  const statuses = [...metrics.matchAll(/_count\{(.*?)http_response_status_code="(\d+)"/g)];
  expect(statuses.map(([, , status]) => status)).toContain('422');
  expect(statuses.filter(([, , status]) => Number(status) >= 500)).toEqual([]);
});
