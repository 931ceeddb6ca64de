import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** More than enough for the lines that are shown, and bounded however large the log has grown. */
const TAIL_BYTES = 64 * 1024;

/** The last lines of a log file, without a trailing line break; empty when there is no such file. */
export function logTail(path: string, lines = 20): string {
  try {
    const file = openSync(path, 'r');
    try {
      const { size } = fstatSync(file);
      const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
      readSync(file, buffer, 0, buffer.length, size - buffer.length);
      return buffer.toString('utf8').trimEnd().split('\n').slice(-lines).join('\n');
    } finally {
      closeSync(file);
    }
  } catch {
    return '';
  }
}
