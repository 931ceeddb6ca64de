import type { LogFields } from '../domain/log-fields.ts';
import type { Logger } from './logger.ts';

/** Lines in a window; what comes beyond is only counted. */
const LINES_MAX = 10;
const WINDOW_MS = 10_000;

/** Logs refusals so that an attack or an overload cannot fill the disk: `unlogged` says how many lines were left out. */
export function createBoundedLog(logger: Logger): (fields: LogFields) => void {
  let [lines, unlogged, endsAt] = [0, 0, 0];
  return (fields) => {
    const now = Date.now();
    if (endsAt <= now) [lines, endsAt] = [0, now + WINDOW_MS];
    if (lines >= LINES_MAX) {
      unlogged += 1;
      return;
    }
    lines += 1;
    logger.warn({ ...fields, ...(unlogged === 0 ? {} : { unlogged }) }, 'refused');
    unlogged = 0;
  };
}
