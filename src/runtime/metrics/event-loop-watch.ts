import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Measures how late the event loop gets to its work, over the last half to whole of a time window. */
export interface EventLoopWatch {
  readonly longestDelayMs: () => number;
  readonly p99DelayMs: () => number;
  readonly stop: () => void;
}

/**
 * How finely the delay is measured: far below a delay that matters (100 ms). A timer of the native loop is due this
 * often; it measures its own delay and costs some microseconds a second.
 */
const RESOLUTION_MS = 20;

/**
 * Starts to measure; the watch keeps no process alive. Two histograms overlap by half a window, so that no delay is
 * forgotten before it was seen for half a window, however many readers there are.
 */
export function watchEventLoop(windowMs: number): EventLoopWatch {
  let older = startHistogram();
  let younger = startHistogram();
  const turn = setInterval(() => {
    older.reset();
    [older, younger] = [younger, older];
  }, windowMs / 2).unref();
  return {
    longestDelayMs: () => (older.count === 0 ? 0 : delayMsOf(older.max)),
    p99DelayMs: () => (older.count === 0 ? 0 : delayMsOf(older.percentile(99))),
    stop: () => {
      clearInterval(turn);
      older.disable();
      younger.disable();
    },
  };
}

function startHistogram() {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  return histogram;
}

/** The histogram measures from one due time to the next, so an idle loop shows the resolution. */
function delayMsOf(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1_000_000 - RESOLUTION_MS);
}
