import type { ProducePlan } from './arguments.ts';
import { createEventMaker } from './make-events.ts';
import { createOrderMaker } from './make-orders.ts';
import { runOpenLoop, type OpenLoopCounts } from './open-loop.ts';
import { createSender, type Post } from './sender.ts';
import { createTally, type Tally } from './tally.ts';

/** The results at the end. */
export interface Production {
  readonly tally: Tally;
  readonly counts: Readonly<OpenLoopCounts>;
  /** From the first send to the last answer. */
  readonly seconds: number;
}

/** Largest number of sockets; each has one request at a time. */
const CONNECTIONS_MAX = 128;

/**
 * Produces as planned, in an open loop. `onStart` may look at the figures at any time. Resolves when every request is
 * answered or given up.
 */
export async function produce(
  plan: Omit<ProducePlan, 'url' | 'token'> & { readonly url: string; readonly token: string },
  signal: AbortSignal,
  onStart: (tally: Tally, counts: Readonly<OpenLoopCounts>) => void = () => {},
): Promise<Production> {
  const sender = createSender({ ...plan, connections: Math.min(plan.inFlightMax, CONNECTIONS_MAX) });
  const tally = createTally();
  const makePost = plan.what === 'orders' ? createOrderMaker(plan.users) : createEventPostMaker(plan);
  try {
    const counts = await runOpenLoop(
      {
        sendsPerSecond: plan.rate / plan.batch,
        sends: Math.ceil(plan.count / plan.batch),
        inFlightMax: plan.inFlightMax,
        signal,
        send: async (index, dueAt) => {
          const items = Math.min(plan.batch, plan.count - index * plan.batch);
          const answer = await sender.post(makePost(items));
          tally.record(items, answer, performance.now() - dueAt);
        },
      },
      (started) => onStart(tally, started),
    );
    return { tally, counts, seconds: Math.max(0, tally.lastAnswerAt - counts.startedAt) / 1_000 };
  } finally {
    await sender.close();
  }
}

function createEventPostMaker(plan: Omit<ProducePlan, 'url' | 'token'>): (items: number) => Post {
  const makeEvent = createEventMaker(plan);
  return (items) => {
    const events = Array.from({ length: items }, makeEvent);
    const body = JSON.stringify(plan.batch === 1 ? events[0] : { events });
    return { path: '/v1/events', body };
  };
}
