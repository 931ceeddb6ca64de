/** How often the stopwatch looks whether this thread was kept from running. */
const LOOK_MS = 20;

/** Measures a promise about time, in seconds. */
interface Stopwatch {
  /** Seconds since the start, without the time in which other processes kept this thread from running. */
  seconds(): number;
  stop(): void;
}

/**
 * A promise about time holds for a machine that has time for us. This one also runs other tests, so the time in which
 * our thread was ready and did not get a core is not counted: the lateness of a timer, less the CPU time that the
 * thread itself used meanwhile. Whatever the product waits for or computes in this thread does count.
 */
function startStopwatch(): Stopwatch {
  const startedAt = performance.now();
  let lostMs = 0;
  let lookedAt = startedAt;
  let usedMs = cpuMs();
  const look = (): void => {
    const [now, used] = [performance.now(), cpuMs()];
    lostMs += Math.max(0, now - lookedAt - LOOK_MS - (used - usedMs));
    [lookedAt, usedMs] = [now, used];
  };
  const looking = setInterval(look, LOOK_MS);
  return {
    seconds: () => {
      look();
      return (performance.now() - startedAt - lostMs) / 1_000;
    },
    stop: () => clearInterval(looking),
  };
}

/** The result of some work with its time: by a stopwatch, for what it takes at most, and by the clock, for at least. */
export interface Timed<Result> {
  readonly result: Result;
  readonly seconds: number;
  readonly clockSeconds: number;
}

/** Measures how long some work takes. */
export async function timed<Result>(work: Promise<Result>): Promise<Timed<Result>> {
  const stopwatch = startStopwatch();
  const startedAt = performance.now();
  try {
    const result = await work;
    return { result, seconds: stopwatch.seconds(), clockSeconds: (performance.now() - startedAt) / 1_000 };
  } finally {
    stopwatch.stop();
  }
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
