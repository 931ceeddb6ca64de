import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { runOpenLoop } from './open-loop.ts';

const signal = new AbortController().signal;

it('The open loop sends on schedule, however slow the answers are', async () => {
  const due: number[] = [];
  const started = performance.now();
  const counts = await runOpenLoop({
    sendsPerSecond: 100,
    sends: 20,
    inFlightMax: 100,
    signal,
    send: async (_, dueAt) => {
      due.push(dueAt);
      await sleep(300);
    },
  });
  expect(counts).toMatchObject({ sent: 20, skipped: 0, inFlight: 0 });
  const gaps = due.slice(1).map((at, index) => at - (due[index] ?? 0));
  for (const gap of gaps) expect(gap).toBeCloseTo(10, 5);
  // Twenty answers of 300 ms would take 6 s one after another.
  expect(performance.now() - started).toBeLessThan(4_000);
});

it('The open loop never has more without an answer than it may, and tells what was late because of it', async () => {
  let inFlight = 0;
  let most = 0;
  const counts = await runOpenLoop({
    sendsPerSecond: 1_000,
    sends: 12,
    inFlightMax: 2,
    signal,
    send: async () => {
      inFlight += 1;
      most = Math.max(most, inFlight);
      await sleep(60);
      inFlight -= 1;
    },
  });
  expect(most).toBe(2);
  expect(counts.sent).toBe(12);
  expect(counts.late).toBeGreaterThan(5);
});

it('The open loop skips what is far too late', async () => {
  let sends = 0;
  const counts = await runOpenLoop({
    sendsPerSecond: 1,
    sends: 3,
    inFlightMax: 1,
    signal,
    send: async () => {
      sends += 1;
      // Simulates a machine that slept for a minute.
      const { now } = performance;
      performance.now = () => now.call(performance) + 60_000;
      await Promise.resolve();
    },
  }).finally(() => Reflect.deleteProperty(performance, 'now'));
  expect(counts).toMatchObject({ sent: 1, skipped: 2 });
  expect(sends).toBe(1);
});

it('The open loop stops when it is interrupted, and waits for what is on its way', async () => {
  const stop = new AbortController();
  let answered = 0;
  const running = runOpenLoop({
    sendsPerSecond: 20,
    sends: 1_000,
    inFlightMax: 100,
    signal: stop.signal,
    send: async () => {
      await sleep(50);
      answered += 1;
    },
  });
  await sleep(120);
  stop.abort();
  const counts = await running;
  expect(counts.sent).toBeLessThan(1_000);
  expect(answered).toBe(counts.sent);
});
