import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createClockMonitor } from './clock-monitor.ts';
import { createLogger } from './logger.ts';

const logger = createLogger({ level: 'silent', service: 'test' });

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A monitor whose own clock is ahead of the server's; the server answers after a while. */
function monitorAhead(aheadMs: number, answerMs = 0) {
  const readServerTime = async (): Promise<Date> => {
    await vi.advanceTimersByTimeAsync(answerMs);
    return new Date();
  };
  return createClockMonitor({ readServerTime, logger, now: () => Date.now() + aheadMs });
}

it.each([
  ['6 s ahead', 6_000, false],
  ['6 s behind', -6_000, false],
  ['90 minutes ahead', 90 * 60_000, false],
  ['4 s ahead', 4_000, true],
  ['4 s behind', -4_000, true],
])('A machine whose clock is %s is told so', async (_, offsetMs, isRight) => {
  const monitor = monitorAhead(offsetMs);
  await monitor.look();
  expect(monitor.isRight()).toBe(isRight);
  expect(monitor.aheadMs()).toBe(offsetMs);
});

it("A machine's clock is not called wrong because the server answers late", async () => {
  const monitor = monitorAhead(4_900, 400);
  await monitor.look();
  expect(monitor.isRight()).toBe(true);
});

it("A machine's clock is right again when it was set", async () => {
  let offsetMs = 60_000;
  const monitor = createClockMonitor({
    readServerTime: () => Promise.resolve(new Date()),
    logger,
    now: () => Date.now() + offsetMs,
  });
  await monitor.look();
  expect(monitor.isRight()).toBe(false);
  offsetMs = 0;
  await monitor.look();
  expect(monitor.isRight()).toBe(true);
});

it("A machine's clock stays as it was known while the server is away", async () => {
  let isAway = false;
  const readServerTime = (): Promise<Date> =>
    isAway ? Promise.reject(new Error('away')) : Promise.resolve(new Date());
  const monitor = createClockMonitor({ readServerTime, logger, now: () => Date.now() + 60_000 });
  await monitor.look();
  isAway = true;
  await monitor.look();
  expect(monitor.isRight()).toBe(false);
});
