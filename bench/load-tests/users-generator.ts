import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'undici';
import { latencyOf } from '../measure.ts';
import { createPostMaker } from './posts.ts';
import type { UsersReport, UsersSpec } from './users-traffic.ts';

// Users, in a process of their own: a variable holds the plan, and a file the results.
const { plan, resultFile } = JSON.parse(process.env['USERS_SPEC'] ?? '{}') as UsersSpec;
const makePost = createPostMaker('orders');

/** Connections that are opened per second before the measurement: a service that has just started gets users one by one. */
const OPENED_PER_SECOND = 500;

/** The server cuts a connection that is still for 60 s; who wants to keep it says something before. */
const KEPT_EVERY_MS = 40_000;

/** Longest wait of a user for an order, and of a long poll, in seconds. */
const USER_WAITS = 10;
const POLL_WAITS = 20;

/** An answer that takes longer counts as none. */
const ANSWER_LIMIT_MS = 45_000;

const results = {
  accept: [] as number[],
  endToEnd: [] as number[],
  pollsHeld: 0,
  errors: {} as Record<string, number>,
};

function note(error: string): void {
  results.errors[error] = (results.errors[error] ?? 0) + 1;
}

interface Connection {
  ask(
    method: 'GET' | 'POST',
    path: string,
    body?: { readonly body: string; readonly idempotencyKey: string },
  ): Promise<{
    readonly status: number;
    readonly json: Record<string, unknown>;
  }>;
  close(): Promise<void>;
}

function connect(token: string): Connection {
  const client = new Client(plan.url, {
    pipelining: 1,
    keepAliveTimeout: 600_000,
    headersTimeout: ANSWER_LIMIT_MS,
    bodyTimeout: ANSWER_LIMIT_MS,
  });
  const authorization = `Bearer ${token}`;
  return {
    ask: async (method, path, post) => {
      const more =
        post === undefined ? {} : { 'content-type': 'application/json', 'idempotency-key': post.idempotencyKey };
      const sent = { method, path, headers: { authorization, ...more }, ...(post && { body: post.body }) };
      const { statusCode: status, body } = await client.request(sent);
      const text = await body.text();
      return { status, json: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {} };
    },
    close: () => client.destroy(),
  };
}

async function order({ ask }: Connection): Promise<void> {
  const startedAt = performance.now();
  const { path, body, idempotencyKey = '' } = makePost();
  const accepted = await ask('POST', path, { body, idempotencyKey });
  if (accepted.status !== 202) {
    note(`POST ${accepted.status}`);
    return;
  }
  results.accept.push(performance.now() - startedAt);
  const read = await ask('GET', `/v1/orders/${String(accepted.json['id'])}?wait=${USER_WAITS}`);
  if (read.status !== 200) note(`GET ${read.status}`);
  else if (read.json['status'] !== 'CONFIRMED') note(`the order was ${String(read.json['status'])}`);
  else results.endToEnd.push(performance.now() - startedAt);
}

async function poll({ ask }: Connection): Promise<void> {
  const startedAt = performance.now();
  const { status } = await ask('GET', `/v1/orders/${plan.polled?.orderId ?? ''}?wait=${POLL_WAITS}`);
  if (status !== 200) note(`long poll ${status}`);
  else if (performance.now() - startedAt >= POLL_WAITS * 1_000 - 100) results.pollsHeld += 1;
}

async function keepOpen({ ask }: Connection): Promise<void> {
  const { status } = await ask('GET', '/livez');
  if (status !== 200) note(`GET /livez ${status}`);
}

/** Repeats until the end; the pause before each time is random with the given mean, so that users do not act together. */
async function repeat(work: () => Promise<void>, meanPauseMs: number, endAt: number): Promise<void> {
  // The first pause is as long as the rest of one that has begun before.
  for (let pauseMs = Math.random() * meanPauseMs; performance.now() + pauseMs < endAt; pauseMs = pause(meanPauseMs)) {
    await sleep(pauseMs);
    await work().catch((error: unknown) => note(error instanceof Error ? error.message : String(error)));
  }
}

/** Between half and one and a half of the mean. */
function pause(meanMs: number): number {
  return meanMs * (0.5 + Math.random());
}

async function open(count: number): Promise<Connection[]> {
  const connections: Connection[] = [];
  while (connections.length < count) {
    const next = Array.from({ length: Math.min(OPENED_PER_SECOND / 10, count - connections.length) }, (_, index) =>
      connect(connections.length + index < plan.users ? plan.token : (plan.polled?.token ?? plan.token)),
    );
    await Promise.all([sleep(100), ...next.map((connection) => keepOpen(connection))]);
    connections.push(...next);
  }
  return connections;
}

const { users, polls, idle, ordersPerSecond, seconds } = plan;
const connections = await open(users + polls + idle);
const [cpuBefore, startedAt] = [process.cpuUsage(), performance.now()];
const endAt = startedAt + seconds * 1_000;
const thinkMs = (users / ordersPerSecond) * 1_000;
await Promise.all(
  connections.map((connection, index) => {
    if (index < users) return repeat(() => order(connection), thinkMs, endAt);
    return index < users + polls
      ? repeat(() => poll(connection), 100, endAt)
      : repeat(() => keepOpen(connection), KEPT_EVERY_MS, endAt);
  }),
);
const { user, system } = process.cpuUsage(cpuBefore);
const report: UsersReport = {
  orders: results.accept.length,
  accept: latencyOf(results.accept),
  endToEnd: latencyOf(results.endToEnd),
  pollsHeld: results.pollsHeld,
  errors: results.errors,
  cores: (user + system) / 1_000 / (performance.now() - startedAt),
};
await writeFile(resultFile, JSON.stringify(report));
await Promise.all(connections.map(({ close }) => close()));
