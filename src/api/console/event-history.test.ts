import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createEventHistory } from './event-history.ts';
import type { EventFigures } from '../events/event-overview.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function figures(second: number, accepted: number, failed = 0): EventFigures {
  const consumer = { paused: false, retrying: 0, partitions: [], oldestSeconds: 0.5 };
  return {
    at: new Date(Date.UTC(2026, 10, 21, 10, 0, second)).toISOString(),
    accepted,
    consumers: [
      { ...consumer, name: 'analytics', processed: accepted - 10, failed, lag: 10 },
      { ...consumer, name: 'webhooks', processed: 0, failed: 0, lag: 3 },
    ],
  };
}

/** Reads a history at each of these moments. */
async function readAll(moments: readonly EventFigures[]) {
  let looks = 0;
  const history = createEventHistory({
    stats: () => {
      looks += 1;
      return Promise.resolve(moments[looks - 1] ?? figures(0, 0));
    },
  });
  let view: Awaited<ReturnType<typeof history.read>> = null;
  for (let index = 0; index < moments.length; index += 1) {
    [view] = await Promise.all([history.read(), history.read()]);
    vi.advanceTimersByTime(2_000);
  }
  return { view, looks };
}

it('The history of events is null before the first event, and when nothing can be read', async () => {
  expect((await readAll([figures(0, 0)])).view).toBeNull();
  const down = createEventHistory({ stats: () => Promise.reject(new Error('down')) });
  expect(await down.read()).toBeNull();
});

it('The history of events tells what happened between looks, which all watchers share', async () => {
  const { view, looks } = await readAll([figures(0, 100), figures(2, 300, 4), figures(4, 300, 0)]);
  expect(looks).toBe(3);
  expect(view).toMatchObject({ accepted: 300, consumers: [{ name: 'analytics', lag: 10 }, { name: 'webhooks' }] });
  expect(view?.steps).toEqual([
    {
      at: '2026-11-21T10:00:02.000Z',
      accepted: 100,
      processed: 100,
      failed: 2,
      lag: [10, 3],
      oldestSeconds: [0.5, 0.5],
    },
    { at: '2026-11-21T10:00:04.000Z', accepted: 0, processed: 0, failed: 0, lag: [10, 3], oldestSeconds: [0.5, 0.5] },
  ]);
});

it('The history of events goes back two minutes', async () => {
  const { view } = await readAll([0, 50, 100, 150, 200].map((second) => figures(second, 100 + second)));
  expect(view?.steps.map(({ at }) => at.slice(14, 19))).toEqual(['02:30', '03:20']);
});
