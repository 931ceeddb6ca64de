import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { build, type Histogram } from 'hdr-histogram-js';
import { createDraws } from './draws.ts';

/** Longest latency that is recorded exactly, in microseconds: two minutes. */
const HIGHEST_MICROSECONDS = 120_000_000;

const SKUS = 1_000;
const LINES = 2;
const QUANTITY_MAX = 3;

/** A refused post is repeated with the same key, as the contract requires; more refusals than this are an outage. */
const REPEATS_MAX = 20;

/** One order to post. */
export interface LoadOrder {
  readonly key: string;
  readonly body: string;
}

/** What the clients saw. */
export interface LoadResult {
  /** Milliseconds since the epoch, when the first post was sent (paced: was due). */
  readonly firstPostAt: number;
  /** By order id: when its post was sent (paced: was due). */
  readonly postedAt: ReadonlyMap<string, number>;
  /** Until the 202, in microseconds. */
  readonly accept: Histogram;
  /** Answers 429 and 503, after which the post was repeated. */
  readonly refusals: number;
}

/** How posts follow each other. */
export type Pace =
  /** Closed loop: each connection posts as soon as its last answer is there. */
  | { readonly kind: 'flood'; readonly connections: number }
  /** Open loop: posts are due at a fixed rate, and latency counts from when they were due. */
  | { readonly kind: 'paced'; readonly perSecond: number };

/** Orders that are the same for every system and run: 2 lines out of 1,000 SKUs, 1 to 3 pieces, no declines. */
export function makeOrders(prefix: string, count: number, seed: number): LoadOrder[] {
  const random = createDraws(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  return Array.from({ length: count }, (_, index) => {
    const skus = new Set<number>();
    while (skus.size < LINES) skus.add(1 + below(SKUS));
    const lines = [...skus].map((number) => ({
      sku: `SKU-${String(number).padStart(4, '0')}`,
      quantity: 1 + below(QUANTITY_MAX),
    }));
    const customer = { id: `cust_${below(10_000)}`, email: `customer${below(10_000)}@example.com` };
    return {
      key: `${prefix}-${String(index).padStart(8, '0')}`,
      body: JSON.stringify({ customer, currency: 'EUR', lines, payment: { method: 'pm_ok' } }),
    };
  });
}

/**
 * Posts all orders, and resolves when each is accepted.
 * @throws when an order is refused for good.
 */
export async function postOrders(
  target: { readonly url: string; readonly token: string },
  orders: readonly LoadOrder[],
  pace: Pace,
): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: pace.kind === 'flood' ? pace.connections : Infinity });
  const accept = build({ highestTrackableValue: HIGHEST_MICROSECONDS, numberOfSignificantValueDigits: 3 });
  const postedAt = new Map<string, number>();
  const count = { refusals: 0 };
  const clock = performance.timeOrigin;
  const post = async (order: LoadOrder, sinceMs: number): Promise<void> => {
    const id = await postUntilAccepted({ ...target, agent }, order, count);
    accept.recordValue(Math.min(HIGHEST_MICROSECONDS, Math.round((performance.now() - sinceMs) * 1_000)));
    postedAt.set(id, clock + sinceMs);
  };
  try {
    const startedAt = performance.now();
    await (pace.kind === 'flood' ? flood(orders, pace.connections, post) : paced(orders, pace.perSecond, post));
    return { firstPostAt: clock + startedAt, postedAt, accept, refusals: count.refusals };
  } finally {
    agent.destroy();
  }
}

type Post = (order: LoadOrder, sinceMs: number) => Promise<void>;

async function flood(orders: readonly LoadOrder[], connections: number, post: Post): Promise<void> {
  let next = 0;
  const client = async (): Promise<void> => {
    for (let order = orders[next++]; order !== undefined; order = orders[next++]) await post(order, performance.now());
  };
  await Promise.all(Array.from({ length: connections }, client));
}

async function paced(orders: readonly LoadOrder[], perSecond: number, post: Post): Promise<void> {
  const startedAt = performance.now();
  const posts: Promise<void>[] = [];
  for (const [index, order] of orders.entries()) {
    const dueAt = startedAt + (index * 1_000) / perSecond;
    const early = dueAt - performance.now();
    if (early > 0) await sleep(early);
    const posted = post(order, dueAt);
    // The results are awaited together at the end; until then a failure must not be an unhandled rejection.
    posted.catch(() => {});
    posts.push(posted);
  }
  await Promise.all(posts);
}

interface Target {
  readonly url: string;
  readonly token: string;
  readonly agent: Agent;
}

async function postUntilAccepted(target: Target, order: LoadOrder, count: { refusals: number }): Promise<string> {
  for (let repeats = 0; ; repeats += 1) {
    const { status, retryAfterSeconds, body } = await postOnce(target, order);
    if (status === 202) return (JSON.parse(body) as { id: string }).id;
    const refused = status === 429 || status === 503;
    if (!refused || repeats >= REPEATS_MAX)
      throw new Error(`POST /v1/orders answered ${status}: ${body.slice(0, 500)}`);
    count.refusals += 1;
    await sleep(retryAfterSeconds * 1_000);
  }
}

/** Node's own client takes a fraction of the CPU time of `fetch`, which the system under test would lack. */
function postOnce(
  { url, token, agent }: Target,
  { key, body }: LoadOrder,
): Promise<{ status: number; retryAfterSeconds: number; body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${url}/v1/orders`, {
      method: 'POST',
      agent,
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'idempotency-key': key,
      },
    });
    outgoing.on('error', reject);
    outgoing.on('response', (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => (text += chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const retryAfterSeconds = Number(answer.headers['retry-after'] ?? 1);
        resolve({ status: answer.statusCode ?? 0, retryAfterSeconds, body: text });
      });
    });
    outgoing.end(body);
  });
}
