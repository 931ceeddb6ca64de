import { setTimeout as sleep } from 'node:timers/promises';
import type { History, HistoryEntry } from '../history.ts';
import type { Random } from '../random.ts';
import type { AnswerBody, GoodClient } from './good-client.ts';

/** A person who looks after the events of one tenant. */
export interface EventOperator {
  readonly client: GoodClient;
  readonly history: History;
  readonly random: Random;
  readonly signal: AbortSignal;
}

const LOOK_EVERY_MS = 4_000;

/** Places of the log that one replay covers. */
const REPLAYED = 200;

/** Lines of the history in which the place of a replay is looked for. */
const RECENT = 500;

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

async function replay({ client, random, history }: EventOperator): Promise<void> {
  const places = history.entries.slice(-RECENT).flatMap(placesOf);
  if (places.length === 0) return;
  const { partition, sequence } = random.pick(places);
  await client.ask({
    op: 'replay',
    method: 'POST',
    path: '/v1/events/replays',
    body: { partition, fromSequence: Math.max(1, sequence - REPLAYED), toSequence: sequence },
    data: { partition },
    read: ({ replayed }: AnswerBody) => ({ replayed }),
  });
}

interface Place {
  readonly partition: number;
  readonly sequence: number;
}

/** The places of events that were accepted. */
function placesOf({ op, type, data }: HistoryEntry): readonly Place[] {
  return op === 'event' && type === 'ok' ? (data['places'] as readonly Place[]) : [];
}
