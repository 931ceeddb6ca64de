import { createBackgroundLoop } from '../src/runtime/background-loop.ts';

/** One look, and when it was taken. */
export type Sample<Seen> = Seen & {
  /** Since the first look. */
  readonly second: number;
};

/** Looks again and again until it is stopped. */
export interface Sampling<Seen> {
  /** @returns what was seen. May be called again. */
  stop(): readonly Sample<Seen>[];
}

/** Looks at once, and then this often; a look that fails is left out. Keeps no process alive. */
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
