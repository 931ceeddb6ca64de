import { closeSync, fstatSync, mkdirSync, openSync, readSync, renameSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** Stands before what one start of a process has written, so that a report never shows an earlier one's lines. */
const START_MARK = '=== started ';

/** A log that has grown beyond this is put aside at the next start; one older log is kept. */
const ROTATE_BYTES = 20 * 1024 * 1024;

/** More than enough for the lines that are shown, and bounded however large the log has grown. */
const TAIL_BYTES = 64 * 1024;

/** Opens a process's log for appending and marks the start in it; the caller closes the descriptor. */
export function openProcessLog(path: string): number {
  mkdirSync(dirname(path), { recursive: true });
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > ROTATE_BYTES) renameSync(path, `${path}.old`);
  const log = openSync(path, 'a', 0o600);
  try {
    writeSync(log, `${START_MARK}${new Date().toISOString()}\n`);
  } catch {
    // A full disk: the process starts all the same, and its log is read from an earlier mark.
  }
  return log;
}

/** The last lines that the newest start has written; empty when there is no such file. */
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
