import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { startProcessFigures, type ProcessFigure } from './process-figures.ts';

const figures: readonly ProcessFigure[] = startProcessFigures();

function valueOf(name: string): number {
  const [[value] = [Number.NaN]] = figures.find((figure) => figure.name === name)?.read() ?? [];
  return value;
}

/** Occupies the event loop for a time, and longer on a busy machine: until it has also used some of the CPU. */
function block(ms: number, cpuMs: number): void {
  const until = performance.now() + ms;
  const before = process.threadCpuUsage();
  while (performance.now() < until || process.threadCpuUsage(before).user < cpuMs * 1_000);
}

it('Every figure of a process is a number that is not negative', () => {
  for (const { name, read } of figures) {
    for (const [value] of read()) expect(Number.isFinite(value) && value >= 0, `${name} is ${value}`).toBe(true);
  }
});

it('A blocked event loop is seen in its delay and in the CPU time', async () => {
  await sleep(100);
  const cpuBefore = valueOf('process_cpu_seconds');
  block(400, 60);
  await sleep(100);
  expect(valueOf('nodejs_eventloop_delay_max_seconds')).toBeGreaterThan(0.3);
  expect(valueOf('process_cpu_seconds') - cpuBefore).toBeGreaterThan(0.05);
});

it('Garbage collections are counted with their time', async () => {
  const before = valueOf('nodejs_gc_seconds');
  const kept: unknown[] = [];
  for (let round = 0; round < 200; round += 1) kept.push(Array.from({ length: 20_000 }, () => ({})));
  expect(kept).toHaveLength(200);
  await expect.poll(() => valueOf('nodejs_gc_seconds')).toBeGreaterThan(before);
});
