import { createEventMaker } from '../../src/dev/produce/make-events.ts';
import { createOrderMaker } from '../../src/dev/produce/make-orders.ts';
import type { Post } from '../../src/dev/produce/sender.ts';
import { EVENTS_PER_POST, type TrafficPlan } from './traffic.ts';

/** Customers, and users of events. */
const USERS = 5_000;

/** The SKU that everybody buys. */
export const HOT_SKU = 'SKU-0001';

/** Bodies of events are made before the load: making 15,000 events costs a generator as much as sending them. */
const EVENT_POOL = 20_000;

const MIX = {
  weights: [
    { type: 'purchase', weight: 50 },
    { type: 'page_view', weight: 40 },
    { type: 'user_signup', weight: 10 },
  ],
  duplicates: 0,
  invalid: 0,
  users: USERS,
} as const;

/** Makes one post after another, all of which a healthy service accepts. */
export function createPostMaker(what: TrafficPlan['what']): () => Post {
  if (what === 'events') return createEventBatchMaker();
  const makeOrder = createOrderMaker(USERS);
  return what === 'orders' ? makeOrder : () => ofOneSku(makeOrder());
}

function ofOneSku(post: Post): Post {
  const order = JSON.parse(post.body) as { readonly lines: readonly { readonly quantity: number }[] };
  const lines = [{ sku: HOT_SKU, quantity: 1 }];
  return { ...post, body: JSON.stringify({ ...order, lines }) };
}

/** The events of a post have no ids, so that the service gives each a new one, and a body may be sent again. */
function createEventBatchMaker(): () => Post {
  const makeEvent = createEventMaker(MIX);
  const bodies = Array.from({ length: EVENT_POOL / EVENTS_PER_POST }, () => {
    const events = Array.from({ length: EVENTS_PER_POST }, () => {
      const { id: _, ...event } = makeEvent();
      return event;
    });
    return JSON.stringify({ events });
  });
  let next = 0;
  return () => {
    const body = bodies[next % bodies.length] ?? '';
    next += 1;
    return { path: '/v1/events', body };
  };
}
