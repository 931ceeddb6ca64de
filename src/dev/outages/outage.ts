import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

/** The system on which an outage is played. */
export interface OutageStage {
  readonly apiUrl: string;
  readonly simulatorUrl: string;
  readonly token: string;
  readonly signal: AbortSignal;
}

/** One outage: its length, and its number of orders. */
export interface OutagePlan {
  readonly minutes: number;
  readonly ordersPerSecond: number;
}

/** The results of the orders that were posted while the provider was away. Seconds count from its return. */
export interface OutageResult extends OutagePlan {
  readonly orders: number;
  readonly confirmed: number;
  /** Orders that waited for a person when the provider came back, and at the end. */
  readonly casesBefore: number;
  readonly casesAfter: number;
  readonly medianSeconds: number;
  readonly lastSeconds: number;
}

const orderSchema = z.object({ status: z.string(), updatedAt: z.string() });
const acceptedSchema = z.object({ id: z.string() });
const caseListSchema = z.object({
  items: z.array(z.object({ orderId: z.string() })),
  nextCursor: z.string().nullish(),
});

/** An order that does not end within this time after the provider's return is reported in its present state. */
const PATIENCE_MS = 120_000;

const SKUS = 1_000;

/** Stops the provider for some minutes, posts orders meanwhile, and waits for their end. No person intervenes. */
export async function playOutage(stage: OutageStage, plan: OutagePlan): Promise<OutageResult> {
  await setDown(stage, true);
  let orderIds: string[];
  try {
    orderIds = await postAllTheWhile(stage, plan);
  } finally {
    await setDown(stage, false);
  }
  const backAt = Date.now();
  const casesBefore = await casesOf(stage, orderIds);
  const endings: (number | null)[] = [];
  // The orders are read one by one: each stores its own time, and the reads must not become a load.
  for (const orderId of orderIds) endings.push(await endOf(stage, orderId, backAt + PATIENCE_MS));
  const seconds = endings.flatMap((at) => (at === null ? [] : [Math.max(0, (at - backAt) / 1_000)])).toSorted(byValue);
  return {
    ...plan,
    orders: orderIds.length,
    confirmed: seconds.length,
    casesBefore,
    casesAfter: await casesOf(stage, orderIds),
    medianSeconds: seconds[Math.floor(seconds.length / 2)] ?? Number.NaN,
    lastSeconds: seconds.at(-1) ?? Number.NaN,
  };
}

async function postAllTheWhile(stage: OutageStage, { minutes, ordersPerSecond }: OutagePlan): Promise<string[]> {
  const posts: Promise<string>[] = [];
  for (let index = 0; index < minutes * 60 * ordersPerSecond; index += 1) {
    const post = postOrder(stage, 1 + (index % SKUS));
    post.catch(() => {});
    posts.push(post);
    await sleep(1_000 / ordersPerSecond, undefined, { signal: stage.signal });
  }
  return Promise.all(posts);
}

async function postOrder(stage: OutageStage, sku: number): Promise<string> {
  const answer = await ask(stage, '/v1/orders', {
    key: randomUUID(),
    body: {
      customer: { id: 'cust_outage', email: 'ada@example.com' },
      currency: 'EUR',
      lines: [{ sku: `SKU-${String(sku).padStart(4, '0')}`, quantity: 1 }],
      payment: { method: 'pm_ok' },
    },
  });
  return acceptedSchema.parse(answer).id;
}

/** When the order was CONFIRMED; null when it is not confirmed by the deadline. */
async function endOf(stage: OutageStage, orderId: string, deadline: number): Promise<number | null> {
  for (;;) {
    const order = orderSchema.parse(await ask(stage, `/v1/orders/${orderId}`));
    if (order.status === 'CONFIRMED') return Date.parse(order.updatedAt);
    if (Date.now() > deadline) return null;
    await sleep(500, undefined, { signal: stage.signal });
  }
}

async function casesOf(stage: OutageStage, orderIds: readonly string[]): Promise<number> {
  const ours = new Set(orderIds);
  let found = 0;
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: z.output<typeof caseListSchema> = caseListSchema.parse(
      await ask(stage, `/v1/cases?state=open&limit=100${cursor === '' ? '' : `&cursor=${cursor}`}`),
    );
    found += page.items.filter(({ orderId }) => ours.has(orderId)).length;
    cursor = page.nextCursor ?? null;
  }
  return found;
}

async function ask(
  { apiUrl, token, signal }: OutageStage,
  path: string,
  post?: { readonly key: string; readonly body: unknown },
): Promise<unknown> {
  const authorization = `Bearer ${token}`;
  const response = await fetch(`${apiUrl}${path}`, {
    signal,
    ...(post === undefined
      ? { headers: { authorization } }
      : {
          method: 'POST',
          headers: { authorization, 'idempotency-key': post.key, 'content-type': 'application/json' },
          body: JSON.stringify(post.body),
        }),
  });
  const body: unknown = await response.json();
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${JSON.stringify(body).slice(0, 300)}`);
  return body;
}

async function setDown({ simulatorUrl }: OutageStage, down: boolean): Promise<void> {
  await fetch(`${simulatorUrl}/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ down }),
  });
}

function byValue(one: number, other: number): number {
  return one - other;
}
