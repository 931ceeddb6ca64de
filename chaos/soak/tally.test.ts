import { expect, it } from 'vitest';
import type { NewEntry } from '../history.ts';
import { growthPerOrder } from './growth.ts';
import { createTally } from './tally.ts';

it('A soak counts each order once, each try’s latency, and requests that were not served as unavailable', () => {
  let now = 0;
  const { history, minutes, accepted } = createTally(0, () => now);
  const create = (key: string, at: number, told: Pick<NewEntry, 'type' | 'status'>): void => {
    now = at;
    history.write({ who: 'demo/shop', op: 'create', key, ...told });
  };
  create('a', 0, { type: 'invoke' });
  create('a', 8_000, { type: 'info' });
  create('a', 9_000, { type: 'invoke' });
  create('a', 9_040, { type: 'ok', status: 202 });
  create('b', 61_000, { type: 'invoke' });
  create('b', 61_010, { type: 'info', status: 503 });
  create('b', 62_000, { type: 'invoke' });
  create('b', 62_010, { type: 'ok', status: 202 });
  create('b', 62_020, { type: 'invoke' });
  create('b', 62_030, { type: 'ok', status: 202 });
  history.write({ who: 'nemesis', op: 'fault', type: 'invoke', key: '1' });
  expect(accepted()).toBe(2);
  expect(minutes()).toEqual([
    { accepted: 1, acceptMs: { p50: 40, p99: 40, max: 40 }, requests: 2, failed: 1, availability: 0.5 },
    { accepted: 1, acceptMs: { p50: 10, p99: 10, max: 10 }, requests: 3, failed: 1, availability: 1 - 1 / 3 },
  ]);
});

it('Growth is what was added, per order', () => {
  expect(growthPerOrder({ app: 1_000 }, { app: 3_000, wal: 500 }, 10)).toEqual({ app: 200, wal: 50 });
});
