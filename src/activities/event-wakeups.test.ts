import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EventConsumerDefinition } from '../events/event-consumers.ts';
import { createEventWakeups } from './event-wakeups.ts';

const CONSUMER: EventConsumerDefinition = {
  name: 'webhooks',
  topics: new Set(['order']),
  retriesOf: () => ({ maxAttempts: 1, firstWaitSeconds: 1, longestWaitSeconds: 1 }),
  handle: () => 'done',
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Milliseconds until a pump that has dealt with so many events gets its next turn. */
async function turnAfter(wakeups: ReturnType<typeof createEventWakeups>, events: number): Promise<number> {
  const startedAt = performance.now();
  const turn = wakeups.nextTurn(events).then(() => performance.now() - startedAt);
  await vi.advanceTimersByTimeAsync(1_000);
  return turn;
}

describe('turns', () => {
  it('are taken together', async () => {
    const wakeups = createEventWakeups();
    const first = wakeups.nextTurn(1);
    await vi.advanceTimersByTimeAsync(10);
    const second = wakeups.nextTurn(1);
    await vi.advanceTimersByTimeAsync(5);
    await expect(Promise.all([first, second])).resolves.toHaveLength(2);
  });

  it('last longer while events come fast, and no longer', async () => {
    const wakeups = createEventWakeups();
    expect(await turnAfter(wakeups, 100)).toBe(15);
    // 2,000 in a second.
    expect(await turnAfter(wakeups, 2_000)).toBe(15);
    expect(await turnAfter(wakeups, 2_000)).toBe(60);
    expect(await turnAfter(wakeups, 100)).toBe(60);
    expect(await turnAfter(wakeups, 100)).toBe(15);
  });

  it('are not longer for some events at once', async () => {
    const wakeups = createEventWakeups();
    for (const events of [0, 200, 0]) {
      const turn = wakeups.nextTurn(events);
      await vi.advanceTimersByTimeAsync(15);
      await turn;
    }
    expect(await turnAfter(wakeups, 0)).toBe(15);
  });
});

describe('sleep', () => {
  const never = new AbortController().signal;

  it('ends with an announcement of a topic that is wanted, in the partition', async () => {
    const wakeups = createEventWakeups();
    let isAwake = false;
    const slept = wakeups.sleep(CONSUMER, 3, wakeups.seen(CONSUMER, 3), 1_000, never).then(() => (isAwake = true));
    wakeups.wake({ partitions: [2, 3], topics: ['purchase'] });
    wakeups.wake({ partitions: [2], topics: ['order'] });
    await vi.advanceTimersByTimeAsync(999);
    expect(isAwake).toBe(false);
    wakeups.wake({ partitions: [3], topics: ['purchase', 'order'] });
    await slept;
  });

  it('does not begin when an announcement came while the pump was looking', async () => {
    const wakeups = createEventWakeups();
    const seen = wakeups.seen(CONSUMER, 3);
    wakeups.wake(null);
    await wakeups.sleep(CONSUMER, 3, seen, 1_000, never);
    expect(vi.getTimerCount()).toBe(0);
  });
});
