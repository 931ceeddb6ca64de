import { setTimeout as sleep } from 'node:timers/promises';
import { isAtRest } from '../../src/domain/order-status.ts';
import type { OrderView } from '../../src/api/orders/order-schemas.ts';
import { freshKey } from './processes/process-system.ts';
import { orderBody, type OrderOverrides, type SystemClient } from './system.ts';

/** The result of one post, after the repeats of a good client. */
export interface Post {
  readonly key: string;
  /** Null when no 202 came in time. */
  readonly orderId: string | null;
  /** Answers in the order in which they came; 0 is a lost connection. */
  readonly statuses: readonly number[];
  /** Answers 503 and 429 without `Retry-After`. */
  readonly withoutRetryAfter: number;
}

/** How long a client repeats a post with the same key before it gives up. */
const PATIENCE_MS = 90_000;

/** The limit is generous, because on a busy machine the client's own event loop is late, too. */
const ANSWER_LIMIT_MS = 20_000;

/** Posts one order like a good client, which sends the same key again after a 503, a 429 or no answer. */
export async function postPatiently(system: SystemClient, order: OrderOverrides, key = freshKey()): Promise<Post> {
  const statuses: number[] = [];
  let withoutRetryAfter = 0;
  const deadline = performance.now() + PATIENCE_MS;
  while (performance.now() < deadline) {
    const { status, retryAfter, orderId } = await postOnce(system, order, key);
    statuses.push(status);
    if (orderId !== null) return { key, orderId, statuses, withoutRetryAfter };
    if (!REPEATED.has(status)) break;
    if (status !== NO_ANSWER.status && retryAfter === null) withoutRetryAfter += 1;
    await sleep((Number(retryAfter ?? 1) + Math.random()) * 1_000);
  }
  return { key, orderId: null, statuses, withoutRetryAfter };
}

const NO_ANSWER = { status: 0, retryAfter: null, orderId: null } as const;
const REPEATED = new Set<number>([NO_ANSWER.status, 429, 503]);

async function postOnce(system: SystemClient, order: OrderOverrides, key: string) {
  const posting = system.request<{ id: string }>('/v1/orders', {
    method: 'POST',
    headers: { 'idempotency-key': key },
    body: JSON.stringify(orderBody(order)),
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
  });
  const answer = await posting.catch(() => null);
  if (answer === null) return NO_ANSWER;
  const { status, headers, body } = answer;
  return { status, retryAfter: headers.get('retry-after'), orderId: status === 202 ? body.id : null };
}

/** Posts orders at a fixed rate that does not depend on the answers (open loop). */
export async function postAtRate(
  system: SystemClient,
  options: { readonly count: number; readonly perSecond: number; readonly orderOf?: (index: number) => OrderOverrides },
): Promise<Post[]> {
  const posts: Promise<Post>[] = [];
  const started = performance.now();
  for (let index = 0; index < options.count; index += 1) {
    const due = started + (index * 1_000) / options.perSecond;
    const wait = due - performance.now();
    if (wait > 0) await sleep(wait);
    posts.push(postPatiently(system, options.orderOf?.(index) ?? {}));
  }
  return Promise.all(posts);
}

/** Resolves when all orders are at rest; when the time is over, rejects with the orders that are not. */
export async function settle(
  system: SystemClient,
  orderIds: readonly string[],
  limitMs: number,
): Promise<Map<string, OrderView>> {
  const settled = new Map<string, OrderView>();
  const deadline = performance.now() + limitMs;
  let open = [...orderIds];
  while (open.length > 0 && performance.now() < deadline) {
    const found = await Promise.all(open.slice(0, 50).map((id) => readOrder(system, id)));
    for (const order of found) if (order !== null && isAtRest(order.status)) settled.set(order.id, order);
    open = open.filter((id) => !settled.has(id));
    if (open.length > 0) await sleep(100);
  }
  if (open.length > 0)
    throw new Error(`${open.length} orders are not at rest, for example ${open.slice(0, 3).join(', ')}`);
  return settled;
}

async function readOrder(system: SystemClient, orderId: string): Promise<OrderView | null> {
  const answer = await system.request<OrderView>(`/v1/orders/${orderId}`).catch(() => null);
  return answer?.status === 200 ? answer.body : null;
}
