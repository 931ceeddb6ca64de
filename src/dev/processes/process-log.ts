import { closeSync, fstatSync, mkdirSync, openSync, readSync, renameSync, statSync, writeSync } from 'node:fs';
import { devNull } from 'node:os';
import { dirname } from 'node:path';

/** Marks the beginning of each start in a log, so that a report never shows lines of an earlier one. */
const START_MARK = '=== started ';

/** At the next start a log beyond this size is put aside; one older log is kept. */
const ROTATE_BYTES = 20 * 1024 * 1024;

/** More than enough for the lines that are shown, and bounded for logs of any size. */
const TAIL_BYTES = 64 * 1024;

/** An open log: the caller closes the descriptor. */
export interface ProcessLog {
  readonly descriptor: number;
  /** Why the log cannot be written, else null. The process starts all the same. */
  readonly problem: string | null;
}

/**
 * Opens a process's log for appending, and marks the start in it. If the disk is full, an existing file stays in use,
 * for a process that continues without its log and writes it again when there is space. `mustWrite` is for a program
 * that ends when it cannot write: its output is then discarded.
 */
export function openProcessLog(path: string, { mustWrite }: { readonly mustWrite: boolean }): ProcessLog {
  let opened: number | null = null;
  try {
    mkdirSync(dirname(path), { recursive: true });
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (size > ROTATE_BYTES) renameSync(path, `${path}.old`);
    opened = openSync(path, 'a', 0o600);
    writeSync(opened, `${START_MARK}${new Date().toISOString()}\n`);
    return { descriptor: opened, problem: null };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    if (opened !== null && !mustWrite) return { descriptor: opened, problem };
    if (opened !== null) closeSync(opened);
    return { descriptor: openSync(devNull, 'a'), problem };
  }
}

/** The last lines of the newest start; empty when the file does not exist. */
export function logTail(path: string, lines = 20): string {
  const all = readEnd(path).trimEnd().split('\n');
  const start = all.findLastIndex((line) => line.startsWith(START_MARK));
  return all
    .slice(start + 1)
    .slice(-lines)
    .join('\n');
}

function readEnd(path: string): string {
  try {
    const file = openSync(path, 'r');
    try {
      const { size } = fstatSync(file);
      const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
      readSync(file, buffer, 0, buffer.length, size - buffer.length);
      return buffer.toString('utf8');
    } finally {
      closeSync(file);
    }
  } catch {
    return '';
  }
}
