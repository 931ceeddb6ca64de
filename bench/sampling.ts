import { createBackgroundLoop } from '../src/runtime/background-loop.ts';

/** One observation and its time. */
export type Sample<Seen> = Seen & {
  /** Since the first look. */
  readonly second: number;
};

/** Observes repeatedly until it is stopped. */
export interface Sampling<Seen> {
  /**
   * Ends the observation; it may be called again.
   * @returns the observations.
   */
  stop(): readonly Sample<Seen>[];
}

/**
 * Observes at once and then at the interval; an observation that fails is left out. The sampling keeps no process
 * alive.
 */
export function sampleEvery<Seen extends object>(intervalMs: number, look: () => Promise<Seen> | Seen): Sampling<Seen> {
  const started = performance.now();
  const samples: Sample<Seen>[] = [];
  const take = async (): Promise<void> => {
    const second = (performance.now() - started) / 1_000;
    samples.push({ ...(await look()), second });
  };
  const loop = createBackgroundLoop(intervalMs, () => take().catch(() => {}));
  loop.start();
  return {
    stop: () => {
      loop.stop();
      return samples;
    },
  };
}
