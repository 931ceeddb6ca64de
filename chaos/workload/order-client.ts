import { setTimeout as sleep } from 'node:timers/promises';
import { isAtRest, type OrderStatus } from '../../src/domain/order-status.ts';
import type { Random } from '../random.ts';
import type { AnswerBody, GoodClient } from './good-client.ts';
import type { OrderPlan, Story } from './order-plans.ts';

/** The client of one order, and what it needs. */
export interface OrderClient {
  readonly plan: OrderPlan;
  /** The shop of the order's tenant. */
  readonly shop: GoodClient;
  /** The shop of another tenant, which must not see the order. */
  readonly spy: GoodClient;
  readonly random: Random;
  /** Ends the reads of an order that does not come to rest. */
  readonly signal: AbortSignal;
}

/** The fields of an order that a client acts on. */
interface SeenOrder {
  readonly status: OrderStatus;
  readonly totalMinor: number;
  readonly capturedMinor: number;
}

/** Seconds of one long poll. */
const WAIT_SECONDS = 5;

/** How long a cancel comes after its 202, on average; an order takes some tens of milliseconds. */
const CANCEL_AFTER_MS = 120;

/** How long the other command of a race comes after the first. */
const RACE_WITHIN_MS = 40;

/** How long the client waits for a capture: one whose answer was lost takes a second, a parked one takes for ever. */
const CAPTURE_LOOKS = { count: 20, everyMs: 300 } as const;

/** Places the order, and carries out its story. */
export async function runOrder(client: OrderClient): Promise<void> {
  const { plan, shop, spy } = client;
  const orderId = await place(client);
  if (orderId === null) return;
  if (plan.reusesKey)
    await shop.ask({ ...postOf(plan), order: orderId, body: otherBodyOf(plan), data: { body: 'other' } });
  if (plan.isSpiedOn) await spy.ask({ op: 'spy', method: 'GET', path: `/v1/orders/${orderId}`, order: orderId });
  await STORIES[plan.story](client, orderId);
}

function postOf({ key }: OrderPlan) {
  return { op: 'create', method: 'POST', path: '/v1/orders', key, read: ({ id }: AnswerBody) => ({ id }) } as const;
}

/** Posts the order, some also twice; null when the run ended before, or it was refused. */
async function place({ plan, shop }: OrderClient): Promise<string | null> {
  const { body, kind, story, tenant } = plan;
  const post = { ...postOf(plan), body, data: { body: 'first', kind, story, tenant } };
  const answers = [shop.ask(post)];
  if (plan.repeat === 'at_once') answers.push(shop.ask(post));
  const [answer] = await Promise.all(answers);
  if (plan.repeat === 'later') await shop.ask(post);
  const id = answer?.body['id'];
  return answer?.status === 202 && typeof id === 'string' ? id : null;
}

/** The same order for one more piece: another request under the same key. */
function otherBodyOf({ body }: OrderPlan): Record<string, unknown> {
  const lines = body['lines'] as readonly { readonly sku: string; readonly quantity: number }[];
  return { ...body, lines: lines.map(({ sku, quantity }) => ({ sku, quantity: quantity + 1 })) };
}

type Play = (client: OrderClient, orderId: string) => Promise<void>;

const STORIES: Readonly<Record<Story, Play>> = {
  leave: async () => {},
  watch: async (client, orderId) => void (await untilRest(client, orderId)),
  capture_never: async (client, orderId) => void (await untilRest(client, orderId)),
  cancel_early: async (client, orderId) => {
    await sleep(-Math.log(1 - client.random.next()) * CANCEL_AFTER_MS);
    await command(client, orderId, { op: 'cancel' });
    await untilRest(client, orderId);
  },
  cancel_sold: async (client, orderId) => {
    if (await isSold(client, orderId)) await command(client, orderId, { op: 'cancel' });
    await untilRest(client, orderId);
  },
  refund_full: async (client, orderId) => {
    if (await isSold(client, orderId)) await command(client, orderId, { op: 'refund' });
    await untilRest(client, orderId);
  },
  refund_parts: refundParts,
  capture_all: async (client, orderId) => {
    if ((await untilRest(client, orderId))?.status !== 'AWAITING_CAPTURE') return;
    await command(client, orderId, { op: 'capture' });
    await untilRest(client, orderId);
  },
  capture_parts: captureParts,
  capture_cancel: async (client, orderId) => {
    if ((await untilRest(client, orderId))?.status !== 'AWAITING_CAPTURE') return;
    await command(client, orderId, { op: 'cancel' });
    await untilRest(client, orderId);
  },
  capture_race: captureRace,
};

async function isSold(client: OrderClient, orderId: string): Promise<boolean> {
  return (await untilRest(client, orderId))?.status === 'CONFIRMED';
}

/** Whether the capture of an order has sold it. An order awaits its capture while the capture is under way, too. */
async function isCaptured(client: OrderClient, orderId: string): Promise<boolean> {
  for (let look = 0; look < CAPTURE_LOOKS.count && !client.signal.aborted; look += 1) {
    const order = await untilRest(client, orderId);
    if (order?.status !== 'AWAITING_CAPTURE') return order?.status === 'CONFIRMED';
    await sleep(CAPTURE_LOOKS.everyMs, undefined, { signal: client.signal }).catch(() => {});
  }
  return false;
}

/** Two parts, then sometimes more than is left, then sometimes the rest. */
async function refundParts(client: OrderClient, orderId: string): Promise<void> {
  const order = await untilRest(client, orderId);
  if (order?.status !== 'CONFIRMED') return;
  const part = Math.max(1, Math.floor(order.totalMinor / 4));
  await command(client, orderId, { op: 'refund', amountMinor: part });
  await untilRest(client, orderId);
  await command(client, orderId, { op: 'refund', amountMinor: part });
  if (client.random.strikes(0.3)) await command(client, orderId, { op: 'refund', amountMinor: order.totalMinor });
  if (client.random.strikes(0.5)) await command(client, orderId, { op: 'refund' });
  await untilRest(client, orderId);
}

async function captureParts(client: OrderClient, orderId: string): Promise<void> {
  const order = await untilRest(client, orderId);
  if (order?.status !== 'AWAITING_CAPTURE') return;
  const part = Math.max(1, Math.floor(order.totalMinor / 3));
  if (client.random.strikes(0.3)) {
    await command(client, orderId, { op: 'capture', amountMinor: order.totalMinor + 1 });
  }
  await command(client, orderId, { op: 'capture', amountMinor: part });
  await untilRest(client, orderId);
  await command(client, orderId, { op: 'capture', amountMinor: part });
  if (client.random.strikes(0.5)) await command(client, orderId, { op: 'capture' });
  if (client.random.strikes(0.3)) await command(client, orderId, { op: 'refund' });
  await untilRest(client, orderId);
}

/** A further capture is under way while the order is cancelled or refunded: two commands want to move its money. */
async function captureRace(client: OrderClient, orderId: string): Promise<void> {
  const { random } = client;
  const order = await untilRest(client, orderId);
  if (order?.status !== 'AWAITING_CAPTURE') return;
  const part = Math.max(1, Math.floor(order.totalMinor / 3));
  await command(client, orderId, { op: 'capture', amountMinor: part });
  if (!(await isCaptured(client, orderId))) return;
  const further = command(client, orderId, { op: 'capture', amountMinor: part });
  await sleep(random.next() * RACE_WITHIN_MS);
  await Promise.all([further, command(client, orderId, { op: random.pick(['cancel', 'refund']) })]);
  await untilRest(client, orderId);
}

interface PlannedCommand {
  readonly op: 'cancel' | 'capture' | 'refund';
  /** Everything that is left by default. */
  readonly amountMinor?: number;
}

const ROUTES = { cancel: 'cancel', capture: 'capture', refund: 'refunds' } as const;

async function command({ plan, shop, random }: OrderClient, orderId: string, planned: PlannedCommand): Promise<void> {
  const { op, amountMinor } = planned;
  await shop.ask({
    op,
    method: 'POST',
    path: `/v1/orders/${orderId}/${ROUTES[op]}`,
    key: `${plan.key}-${op}-${random.between(0, 1e9)}`,
    order: orderId,
    body: amountMinor === undefined ? {} : { amountMinor },
    data: amountMinor === undefined ? {} : { amountMinor },
    read: ({ decision }) => ({ decision }),
  });
}

/** Reads the order until it is at rest; null when the run ended before. An order that waits for a person is read on. */
async function untilRest({ shop, signal }: OrderClient, orderId: string): Promise<SeenOrder | null> {
  while (!signal.aborted) {
    const answer = await shop.ask({
      op: 'read',
      method: 'GET',
      path: `/v1/orders/${orderId}?wait=${WAIT_SECONDS}`,
      order: orderId,
      waitSeconds: WAIT_SECONDS,
      read: seenOf,
    });
    if (answer === null || answer.status !== 200) return null;
    const { status, attention } = answer.body as { status: OrderStatus; attention: object | null };
    if (isAtRest(status)) return orderOf(answer.body);
    // A case ends the wait at once.
    if (attention !== null) await sleep(1_000, undefined, { signal }).catch(() => {});
  }
  return null;
}

/** What the checker needs of a read: the order by its version, and whose it is. */
function seenOf({ id, status, version, attention }: AnswerBody): Record<string, unknown> {
  return { id, status, version, attention: attention !== null };
}

function orderOf(body: AnswerBody): SeenOrder {
  const { status, totalMinor, payment } = body as {
    status: OrderStatus;
    totalMinor: number | null;
    payment: { capturedMinor: number };
  };
  return { status, totalMinor: totalMinor ?? 0, capturedMinor: payment.capturedMinor };
}
