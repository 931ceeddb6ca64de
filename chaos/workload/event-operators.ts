import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../random.ts';
import type { AnswerBody, GoodClient } from './good-client.ts';

/** A person who looks after the events of one tenant. */
export interface EventOperator {
  readonly client: GoodClient;
  readonly random: Random;
  readonly signal: AbortSignal;
}

const LOOK_EVERY_MS = 4_000;

/** Places of the log that one replay covers. */
const REPLAYED = 200;

/** Share of the looks in which a stretch of the log is replayed. */
const REPLAYS = 0.3;

/** Has failed events tried again, and now and then a stretch of the log replayed, until told to stop. */
export async function runEventOperator(operator: EventOperator): Promise<void> {
  const { random, signal } = operator;
  while (!signal.aborted) {
    await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
    await reprocess(operator);
    if (random.strikes(REPLAYS)) await replay(operator);
  }
}

/** Events whose effect failed are tried again; those with wrong content would fail again. */
async function reprocess({ client, signal }: EventOperator): Promise<void> {
  for (let left = 1; left > 0 && !signal.aborted;) {
    const answer = await client.ask({
      op: 'reprocess',
      method: 'POST',
      path: '/v1/events/failed/reprocess',
      body: { errorCode: 'effect_unavailable' },
      read: ({ reprocessed }: AnswerBody) => ({ reprocessed }),
    });
    left = Number(answer?.body['reprocessed'] ?? 0);
  }
}

async function replay({ client, random }: EventOperator): Promise<void> {
  const newest = await client.ask({ op: 'list_events', method: 'GET', path: '/v1/events?limit=20' });
  const items = (newest?.body['items'] ?? []) as readonly { readonly partition: number; readonly sequence: number }[];
  if (items.length === 0) return;
  const { partition, sequence } = random.pick(items);
  await client.ask({
    op: 'replay',
    method: 'POST',
    path: '/v1/events/replays',
    body: { partition, fromSequence: Math.max(1, sequence - REPLAYED), toSequence: sequence },
    data: { partition },
    read: ({ replayed }: AnswerBody) => ({ replayed }),
  });
}
