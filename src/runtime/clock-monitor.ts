import type { Logger } from './logger.ts';

/** How far a worker's or an API's own clock may be from the database's before it is not ready. */
const CLOCK_TOLERANCE_MS = 5_000;

/** How often the clocks are compared, from the start of the process on. */
export const CLOCK_CHECK_INTERVAL_MS = 30_000;

/** Whether this machine's clock agrees with the one of the servers. */
export interface ClockMonitor {
  /** Compares once, and never rejects. */
  look(): Promise<void>;
  /** False when the clocks certainly differ; true while nothing is known. */
  isRight(): boolean;
  /** Positive when our clock is ahead; 0 while nothing is known. */
  aheadMs(): number;
}

/** `now` can be another clock in tests. */
export interface ClockMonitorDeps {
  /** Reads the database's clock. */
  readonly readServerTime: () => Promise<Date>;
  readonly logger: Logger;
  readonly now?: () => number;
}

/** The server's answer counts as made in the middle between question and answer. */
export function createClockMonitor({ readServerTime, logger, now = Date.now }: ClockMonitorDeps): ClockMonitor {
  let aheadMs = 0;
  let isRight = true;
  const compare = async (): Promise<void> => {
    const askedAt = now();
    const started = performance.now();
    const serverTime = await readServerTime();
    const halfMs = (performance.now() - started) / 2;
    aheadMs = askedAt + halfMs - serverTime.getTime();
    // A slow answer may be older or younger than the middle, which does not make the clock wrong.
    isRight = Math.abs(aheadMs) - halfMs <= CLOCK_TOLERANCE_MS;
    if (!isRight) logger.error(`not ready: this machine's clock is ${describe(aheadMs)} the database's`);
  };
  return {
    // Another check reports that the database is away; the last result about the clock stays.
    look: () => compare().catch(() => {}),
    isRight: () => isRight,
    aheadMs: () => aheadMs,
  };
}

function describe(aheadMs: number): string {
  const seconds = (Math.abs(aheadMs) / 1_000).toFixed(1);
  return aheadMs > 0 ? `${seconds} s ahead of` : `${seconds} s behind`;
}
