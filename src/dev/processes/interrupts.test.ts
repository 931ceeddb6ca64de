import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createInterrupts } from './interrupts.ts';

class FakeProcess extends EventEmitter {
  ppid = 100;
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

it('The same Ctrl-C by terminal and npm is one wish', () => {
  const source = new FakeProcess();
  const { stop, hurry } = createInterrupts(source, { watchParent: false });
  source.emit('SIGINT');
  vi.advanceTimersByTime(50);
  source.emit('SIGINT');
  expect([stop.aborted, hurry.aborted]).toEqual([true, false]);
});

it('A second Ctrl-C hurries', async () => {
  const source = new FakeProcess();
  const { stopped, hurry } = createInterrupts(source, { watchParent: false });
  source.emit('SIGTERM');
  await stopped;
  vi.advanceTimersByTime(2_000);
  source.emit('SIGINT');
  expect(hurry.aborted).toBe(true);
});

it('The death of the parent stops the program, where it is watched', () => {
  const source = new FakeProcess();
  const watching = createInterrupts(source, { watchParent: true });
  const indifferent = createInterrupts(source, { watchParent: false });
  source.ppid = 1;
  vi.advanceTimersByTime(1_000);
  expect([watching.stop.aborted, indifferent.stop.aborted]).toEqual([true, false]);
  vi.advanceTimersByTime(10_000);
  expect(watching.hurry.aborted).toBe(false);
});
