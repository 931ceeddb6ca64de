import { createBackgroundLoop, type BackgroundLoop } from './background-loop.ts';

/** A figure that is read in the background, so that its readers never wait. */
export interface Sampler<Value> extends BackgroundLoop {
  last(this: void): Value;
}

/**
 * Samples `read` at the interval; until the first answer the value is `first`. If a sample fails, the last one stays;
 * readiness reports that its source is away.
 */
export function createSampler<Value>(intervalMs: number, first: Value, read: () => Promise<Value>): Sampler<Value> {
  let last = first;
  const sample = async (): Promise<void> => {
    last = await read().catch(() => last);
  };
  return { last: () => last, ...createBackgroundLoop(intervalMs, sample) };
}
