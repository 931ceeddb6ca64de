import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../random.ts';
import type { AnswerBody, GoodClient } from './good-client.ts';

/** One program that sends events; it is the only one that uses its keys. */
export interface EventProducer {
  readonly name: string;
  readonly client: GoodClient;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** Requests that it sends at most. */
  readonly requests: number;
  readonly pauseMs: number;
}

/** An event that was made. */
interface MadeEvent {
  readonly id: string;
  readonly type: string;
  readonly userId: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** Users of one producer; each is a key whose events stay in order. */
const USERS = 12;

/** Shares of the events: wrong content, which is accepted and then given up; and purchases that are alerted. */
const SHARES = { invalid: 0.03, alerted: 0.05, batches: 0.3, repeated: 0.06 } as const;

/** The sales team hears of purchases over this amount. */
const ALERTED_OVER = 1_000;

const BATCH = { least: 3, most: 30 } as const;

/** Sends events one request after the other, so that the order of a key's events is known. */
export async function runProducer(producer: EventProducer): Promise<void> {
  const { name, client, random, signal, requests, pauseMs } = producer;
  for (let request = 0; request < requests && !signal.aborted; request += 1) {
    const size = random.strikes(SHARES.batches) ? random.between(BATCH.least, BATCH.most) : 1;
    const events = Array.from({ length: size }, (_, index) => makeEvent(random, `${name}-${request}-${index}`, name));
    const post = {
      op: size === 1 ? 'event' : 'events',
      method: 'POST',
      path: '/v1/events',
      body: size === 1 ? events[0] : { events },
      read: placesOf,
      data: { sent: events.map(({ id, userId, properties }) => ({ id, key: userId, ...natureOf(properties) })) },
    } as const;
    const answer = await client.ask(post);
    // A producer that does not trust its own memory sends the request again.
    if (answer?.status === 202 && random.strikes(SHARES.repeated)) await client.ask(post);
    await sleep(pauseMs * 2 * random.next(), undefined, { signal }).catch(() => {});
  }
}

function placesOf({ events }: AnswerBody): Record<string, unknown> {
  return { places: events };
}

/** Whether the content is right, and whether the event is alerted. */
function natureOf({ amount = 0 }: MadeEvent['properties']) {
  return { valid: amount !== -1, alerted: Number(amount) > ALERTED_OVER };
}

function makeEvent(random: Random, id: string, producer: string): MadeEvent {
  const shared = { id: `event-${id}`, userId: `${producer}-user-${random.between(1, USERS)}` };
  const share = random.next();
  if (share < SHARES.invalid) return { ...shared, type: 'purchase', properties: { amount: -1 } };
  if (share < SHARES.invalid + SHARES.alerted) {
    return { ...shared, type: 'purchase', properties: { amount: random.between(ALERTED_OVER + 1, 9 * ALERTED_OVER) } };
  }
  return random.pick([
    { ...shared, type: 'purchase', properties: { amount: random.between(1, ALERTED_OVER) } },
    { ...shared, type: 'page_view', properties: { path: `/products/${random.between(1, 999)}` } },
    { ...shared, type: 'user_signup', properties: {} },
    { ...shared, type: 'custom', properties: { value: random.between(0, 99) } },
  ]);
}
