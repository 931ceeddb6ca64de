import { setTimeout as sleep } from 'node:timers/promises';

/** One look, and when it was taken. */
export type Sample<Seen> = Seen & {
  /** Since the first look. */
  readonly second: number;
};

/** Looks again and again until it is stopped. */
export interface Sampling<Seen> {
  /** @returns what was seen. May be called again. */
  stop(): Promise<Sample<Seen>[]>;
}

/** Looks at once, and then this often; a look that fails is left out. Keeps no process alive. */
export function sampleEvery<Seen extends object>(intervalMs: number, look: () => Promise<Seen> | Seen): Sampling<Seen> {
  const started = performance.now();
  const ended = new AbortController();
  const samples: Sample<Seen>[] = [];
  const take = async (): Promise<void> => {
    const second = (performance.now() - started) / 1_000;
    samples.push({ ...(await look()), second });
  };
  const looking = (async () => {
    while (!ended.signal.aborted) {
      await take().catch(() => {});
      await sleep(intervalMs, undefined, { signal: ended.signal, ref: false }).catch(() => {});
    }
  })();
  return {
    stop: async () => {
      ended.abort();
      await looking;
      return samples;
    },
  };
}
