/** Whether this process has hardly a moment in which it waits. */
export type BusyLoop = () => boolean;

/** A process at its capacity has something to do for 80 to 100 % of the time, one at half of it for 40 %. */
const BUSY_SHARE = 0.7;

/**
 * The answer is about the last half second to second: less says little, and a mean over more, of which most may be a
 * time without any work, would find a process at rest where an overload has begun.
 */
const READ_EVERY_MS = 500;

/** What the event loop has done since an earlier reading; the real clock, which no test replaces. */
const readLoop = performance.eventLoopUtilization.bind(performance);

/**
 * Reads the event loop twice a second. A process that gets no CPU time is busy, too: what it has begun is not done.
 */
export function createBusyLoop(read: typeof readLoop = readLoop): BusyLoop {
  let [earlier, last] = [read(), read()];
  setInterval(() => {
    [earlier, last] = [last, read()];
  }, READ_EVERY_MS).unref();
  return () => read(read(), earlier).utilization > BUSY_SHARE;
}
