import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EventConsumerDefinition } from '../../events/event-consumers.ts';
import { createEventWakeups } from './event-wakeups.ts';

const CONSUMER: EventConsumerDefinition = {
  name: 'webhooks',
  topics: new Set(['order']),
  retriesOf: () => ({ maxAttempts: 1, firstWaitSeconds: 1, longestWaitSeconds: 1 }),
  handle: () => 'done',
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

type Wakeups = ReturnType<typeof createEventWakeups>;

/** Milliseconds until a pump may look for events. */
async function untilNextTurn(wakeups: Wakeups): Promise<number> {
  const startedAt = performance.now();
  const turn = wakeups.nextTurn().then(() => performance.now() - startedAt);
  await vi.advanceTimersByTimeAsync(100);
  return turn;
}

/** Milliseconds between two turns, after a second with the given rate of events. */
async function turnAfter(wakeups: Wakeups, eventsPerSecond: number): Promise<number> {
  for (let passedMs = 0; passedMs < 1_000; passedMs += 10) {
    wakeups.count(eventsPerSecond / 100);
    await vi.advanceTimersByTimeAsync(10);
  }
  await wakeups.nextTurn();
  await vi.advanceTimersByTimeAsync(5);
  return 5 + (await untilNextTurn(wakeups));
}

it('Turns begin at once after a pause, and for those that are woken together', async () => {
  const wakeups = createEventWakeups();
  expect(await Promise.all([untilNextTurn(wakeups), untilNextTurn(wakeups)])).toEqual([0, 0]);
  expect(await untilNextTurn(wakeups)).toBe(0);
});

it('Turns come some milliseconds after each other, for all that wait at once', async () => {
  const wakeups = createEventWakeups();
  const begun: string[] = [];
  await wakeups.nextTurn();
  await vi.advanceTimersByTimeAsync(5);
  void wakeups.nextTurn().then(() => begun.push('first'));
  await vi.advanceTimersByTimeAsync(9);
  void wakeups.nextTurn().then(() => begun.push('second'));
  expect(begun).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(begun).toEqual(['first', 'second']);
});

it('Turns are longer while events come fast, and only then', async () => {
  const wakeups = createEventWakeups();
  expect(await turnAfter(wakeups, 1_000)).toBe(15);
  expect(await turnAfter(wakeups, 2_000)).toBe(60);
  expect(await turnAfter(wakeups, 1_000)).toBe(15);
});

describe('sleep', () => {
  const aSecond = { everyMs: 1_000, signal: new AbortController().signal };
  beforeEach(() => void vi.setSystemTime(5_000));

  it('A sleep ends at the same moment for all whom nobody wakes', async () => {
    const wakeups = createEventWakeups();
    const woken: [partition: number, at: number][] = [];
    for (const partition of [1, 2, 3]) {
      void wakeups
        .sleep(CONSUMER, partition, { seen: wakeups.seen(CONSUMER, partition), ...aSecond })
        .then(() => woken.push([partition, Date.now()]));
      await vi.advanceTimersByTimeAsync(300);
    }
    await vi.advanceTimersByTimeAsync(100);
    expect(woken).toEqual([1, 2, 3].map((partition) => [partition, 6_000]));
  });

  it('A sleep ends with an announcement of a topic that is wanted, in the partition', async () => {
    const wakeups = createEventWakeups();
    let isAwake = false;
    const seen = wakeups.seen(CONSUMER, 3);
    const slept = wakeups.sleep(CONSUMER, 3, { seen, ...aSecond }).then(() => (isAwake = true));
    wakeups.wake({ partitions: [2, 3], topics: ['purchase'] });
    wakeups.wake({ partitions: [2], topics: ['order'] });
    await vi.advanceTimersByTimeAsync(999);
    expect(isAwake).toBe(false);
    wakeups.wake({ partitions: [3], topics: ['purchase', 'order'] });
    await slept;
  });

  it('A sleep does not begin when an announcement came while the pump was looking', async () => {
    const wakeups = createEventWakeups();
    const seen = wakeups.seen(CONSUMER, 3);
    wakeups.wake(null);
    await wakeups.sleep(CONSUMER, 3, { seen, ...aSecond });
    expect(vi.getTimerCount()).toBe(0);
  });
});
