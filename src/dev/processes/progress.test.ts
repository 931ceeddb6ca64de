import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createProgress } from './progress.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

it('Progress is one changing line on a terminal, and leaves nothing there', () => {
  const written: string[] = [];
  const terminal = { isTTY: true, write: (text: string) => written.push(text) };
  const progress = createProgress({ title: 'building', log: () => {}, terminal });
  progress.update('compiling net');
  vi.advanceTimersByTime(2_000);
  progress.end();
  vi.advanceTimersByTime(5_000);
  const clear = '\r\u001B[K';
  expect(written).toEqual([`${clear}building: 1 s, compiling net`, `${clear}building: 2 s, compiling net`, clear]);
});

it('Progress is a line every 15 s elsewhere', () => {
  const lines: string[] = [];
  const log = (line: string): void => {
    lines.push(line);
  };
  const progress = createProgress({ title: 'building', log, terminal: { write: () => true } });
  vi.advanceTimersByTime(31_000);
  progress.end();
  expect(lines).toEqual(['building: 15 s', 'building: 30 s']);
});
