import { setTimeout as sleep } from 'node:timers/promises';

/** One look, and when it was taken. */
export type Sample<Seen> = Seen & {
  /** Since the first look. */
  readonly second: number;
};

/** Looks again and again until it is stopped. */
export interface Sampling<Seen> {
  /** @returns what was seen. @throws what a look has thrown, which ends the looking. */
  stop(): Promise<Sample<Seen>[]>;
}

/** Looks at once, and then this often. */
export function sampleEvery<Seen extends object>(intervalMs: number, look: () => Promise<Seen> | Seen): Sampling<Seen> {
  const started = performance.now();
  const ended = new AbortController();
  const samples: Sample<Seen>[] = [];
  const looking = (async () => {
    while (!ended.signal.aborted) {
      const second = (performance.now() - started) / 1_000;
      samples.push({ ...(await look()), second });
      await sleep(intervalMs, undefined, { signal: ended.signal }).catch(() => {});
    }
  })();
  // Told by `stop`; until then it must not be an unhandled rejection.
  looking.catch(() => {});
  return {
    stop: async () => {
      ended.abort();
      await looking;
      return samples;
    },
  };
}
