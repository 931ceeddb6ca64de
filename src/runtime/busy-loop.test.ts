import type { EventLoopUtilization } from 'node:perf_hooks';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createBusyLoop } from './busy-loop.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** An event loop of which the test says how it passes the time. */
function loopOf() {
  let [active, idle] = [0, 0];
  const read = (one?: EventLoopUtilization, other?: EventLoopUtilization): EventLoopUtilization => {
    if (one === undefined || other === undefined) return { active, idle, utilization: 0 };
    const [worked, waited] = [one.active - other.active, one.idle - other.idle];
    return { active: worked, idle: waited, utilization: worked / Math.max(1, worked + waited) };
  };
  const pass = (worked: number, waited: number): void => {
    active += worked;
    idle += waited;
    vi.advanceTimersByTime(worked + waited);
  };
  return { isBusy: createBusyLoop(read), pass };
}

it('A loop is busy when it had hardly a moment to wait in the last second', () => {
  const { isBusy, pass } = loopOf();
  expect(isBusy()).toBe(false);
  pass(450, 50);
  pass(450, 50);
  expect(isBusy()).toBe(true);
  pass(100, 400);
  pass(100, 400);
  expect(isBusy()).toBe(false);
});

it('A loop is busy within a second after a long time of rest, although nobody has asked meanwhile', () => {
  const { isBusy, pass } = loopOf();
  for (let second = 0; second < 60; second += 1) {
    pass(10, 490);
    pass(10, 490);
  }
  pass(480, 20);
  pass(240, 10);
  expect(isBusy()).toBe(true);
});
