import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Measures how late the event loop gets to its work. */
export interface EventLoopWatch {
  /** The longest delay of the last second, at most two, in milliseconds. */
  longestDelayMs(): number;
  stop(): void;
}

/** A timer of the native loop is due this often; it measures its own delay and costs some microseconds a second. */
const RESOLUTION_MS = 20;

const WINDOW_MS = 1_000;

/** Starts to measure; the watch keeps no process alive. */
export function watchEventLoop(): EventLoopWatch {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  // The histogram measures from one due time to the next, so an idle loop shows the resolution.
  const longest = (): number => (histogram.count === 0 ? 0 : Math.max(0, histogram.max / 1_000_000 - RESOLUTION_MS));
  let previous = 0;
  const turn = setInterval(() => {
    previous = longest();
    histogram.reset();
  }, WINDOW_MS).unref();
  return {
    longestDelayMs: () => Math.max(previous, longest()),
    stop: () => {
      clearInterval(turn);
      histogram.disable();
    },
  };
}
