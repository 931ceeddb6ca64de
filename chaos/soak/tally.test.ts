import { expect, it } from 'vitest';
import { growthPerOrder } from './growth.ts';
import { createTally } from './tally.ts';

it('A soak counts each order once, each try’s latency, and requests that were not served as unavailable', () => {
  let now = 0;
  const { history, minutes, accepted } = createTally(0, () => now);
  const create = (key: string, type: 'invoke' | 'ok' | 'info', at: number, status: number | null = null): void => {
    now = at;
    history.write({ who: 'demo/shop', op: 'create', key, type, status });
  };
  create('a', 'invoke', 0);
  create('a', 'info', 8_000);
  create('a', 'invoke', 9_000);
  create('a', 'ok', 9_040, 202);
  create('b', 'invoke', 61_000);
  create('b', 'info', 61_010, 503);
  create('b', 'invoke', 62_000);
  create('b', 'ok', 62_010, 202);
  create('b', 'invoke', 62_020);
  create('b', 'ok', 62_030, 202);
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
