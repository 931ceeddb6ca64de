import { afterEach, expect, it } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { watchEventLoop, type EventLoopWatch } from './event-loop-watch.ts';

let watch: EventLoopWatch | null = null;
afterEach(() => watch?.stop());

const block = (durationMs: number): void => {
  const end = performance.now() + durationMs;
  while (performance.now() < end);
};

it('The watch of the event loop shows a block at once, and forgets it within two seconds', async () => {
  watch = watchEventLoop(2_000);
  await sleep(100);
  block(600);
  await sleep(1);
  expect(watch.longestDelayMs()).toBeGreaterThan(500);
  expect(watch.longestDelayMs()).toBeLessThan(5_000);
  const { longestDelayMs } = watch;
  await expect.poll(longestDelayMs).toBeLessThan(400);
});
