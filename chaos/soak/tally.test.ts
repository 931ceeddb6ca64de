import { expect, it } from 'vitest';
import type { NewEntry } from '../history.ts';
import { flatnessOf } from './flatness.ts';
import { growthPerOrder } from './growth.ts';
import { createTally } from './tally.ts';

it('A soak counts each order once, each try’s latency, and requests that were not served as unavailable', () => {
  let now = 0;
  const { history, minutes, accepted, faults } = createTally(0, () => now);
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
  expect(faults()).toBe(0);
  history.write({ who: 'nemesis', op: 'fault', type: 'ok', key: '1' });
  expect(faults()).toBe(1);
  expect(accepted()).toBe(2);
  expect(minutes()).toEqual([
    { accepted: 1, acceptMs: { p50: 40, p99: 40, max: 40 }, requests: 2, failed: 1, availability: 0.5 },
    { accepted: 1, acceptMs: { p50: 10, p99: 10, max: 10 }, requests: 3, failed: 1, availability: 1 - 1 / 3 },
  ]);
});

it('Growth is what was added, per order', () => {
  expect(growthPerOrder({ app: 1_000 }, { app: 3_000, wal: 500 }, 10)).toEqual({ app: 200, wal: 50 });
});

it('A soak is flat when the last fifth is as the second, and not when memory or latency has grown', () => {
  const minutes = (memory: (minute: number) => number, ms: (minute: number) => number) => ({
    clients: Array.from({ length: 10 }, (_, minute) => {
      const acceptMs = { p50: ms(minute), p99: 900, max: 900 };
      return { accepted: 60, acceptMs, requests: 60, failed: 0, availability: 1 };
    }),
    memoryMib: Array.from({ length: 10 }, (_, minute) => ({ 'combined-1': memory(minute), temporal: 100 * minute })),
  });
  const verdicts = (found: ReturnType<typeof flatnessOf>) => found.map(({ what, met }) => [what, met]);
  const flat = minutes(
    (minute) => (minute < 2 ? 100 : 300),
    () => 20,
  );
  expect(verdicts(flatnessOf(flat))).toEqual([
    ['memory of combined-1', true],
    ['time until a 202, p50', true],
  ]);
  const grown = minutes(
    (minute) => 300 + 20 * minute,
    (minute) => 20 + 3 * minute,
  );
  expect(flatnessOf(grown).map(({ met }) => met)).toEqual([false, false]);
  expect(flatnessOf({ clients: [], memoryMib: [] }).map(({ met }) => met)).toEqual([false]);
});
