import { expect, it } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { createProfiler, ProfileUnderWayError } from './profiler.ts';

const never = new AbortController().signal;

it('A profile is refused while another one is under way, and taken afterwards', async () => {
  const profiler = createProfiler();
  const first = profiler.take('cpu', 200, never);
  await expect(profiler.take('heap', 1, never)).rejects.toBeInstanceOf(ProfileUnderWayError);
  expect(JSON.parse(await first)).toHaveProperty('samples');
  expect(JSON.parse(await profiler.take('heap', 1, never))).toHaveProperty('head');
});

it('A CPU profile names the function that was busy while it was taken', async () => {
  const enough = new AbortController();
  const taken = createProfiler().take('cpu', 60_000, enough.signal);
  await sleep(100);
  busyForTheProfile(150);
  enough.abort();
  const { nodes } = JSON.parse(await taken) as { nodes: { callFrame: { functionName: string } }[] };
  expect(nodes.map(({ callFrame }) => callFrame.functionName)).toContain('busyForTheProfile');
});

it('A profile ends when it is not wanted any more', async () => {
  const started = performance.now();
  const left = new AbortController();
  const taken = createProfiler().take('cpu', 60_000, left.signal);
  left.abort();
  expect(JSON.parse(await taken)).toHaveProperty('nodes');
  expect(performance.now() - started).toBeLessThan(10_000);
});

function busyForTheProfile(durationMs: number): void {
  const end = performance.now() + durationMs;
  while (performance.now() < end);
}
