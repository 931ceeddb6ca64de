import { expect, it } from 'vitest';
import { createBatcher } from './batching.ts';

function gather(options: { weightMax?: number; runsMax?: number; fails?: (calls: readonly number[]) => boolean } = {}) {
  const runs: number[][] = [];
  const ask = createBatcher<number, number>({
    weightOf: () => 1,
    weightMax: options.weightMax ?? 10,
    runsMax: options.runsMax ?? 1,
    run: async (calls) => {
      runs.push([...calls]);
      if (options.fails?.(calls) === true) throw new Error(`refused ${calls.join(',')}`);
      return calls.map((call) => call * 10);
    },
  });
  return { ask, runs };
}

it('Calls of one turn of the event loop are run together, and each gets its own answer', async () => {
  const { ask, runs } = gather();
  expect(await Promise.all([1, 2, 3].map(ask))).toEqual([10, 20, 30]);
  expect(runs).toEqual([[1, 2, 3]]);
});

it('Calls of one turn of the event loop are run in parts of a bounded weight', async () => {
  const { ask, runs } = gather({ weightMax: 2 });
  expect(await Promise.all([1, 2, 3, 4, 5].map(ask))).toEqual([10, 20, 30, 40, 50]);
  expect(runs).toEqual([[1, 2], [3, 4], [5]]);
});

it('Calls of one turn of the event loop do not fail because of another one', async () => {
  const { ask, runs } = gather({ fails: (calls) => calls.includes(2) });
  const settled = await Promise.allSettled([1, 2, 3].map(ask));
  expect(settled.map((each) => (each.status === 'fulfilled' ? each.value : String(each.reason)))).toEqual([
    10,
    'Error: refused 2',
    30,
  ]);
  expect(runs).toEqual([[1, 2, 3], [1], [2], [3]]);
});

it('Calls that come while one runs are run together afterwards', async () => {
  const runs: number[][] = [];
  const first = Promise.withResolvers<void>();
  const ask = createBatcher<number, number>({
    weightOf: () => 1,
    weightMax: 10,
    runsMax: 1,
    run: async (calls) => {
      runs.push([...calls]);
      if (runs.length === 1) await first.promise;
      return [...calls];
    },
  });
  const one = ask(1);
  await new Promise((resolve) => setImmediate(resolve));
  const others = [ask(2), ask(3)];
  await new Promise((resolve) => setImmediate(resolve));
  expect(runs).toEqual([[1]]);
  first.resolve();
  expect(await Promise.all([one, ...others])).toEqual([1, 2, 3]);
  expect(runs).toEqual([[1], [2, 3]]);
});
