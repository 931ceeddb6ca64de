import { createBackgroundLoop, type BackgroundLoop } from './background-loop.ts';

/** A figure that is read in the background, so that nobody who asks for it has to wait. */
export interface Sampler<Value> extends BackgroundLoop {
  last(this: void): Value;
}

/**
 * Samples `read` every so often; until the first answer it has `first`. A sample that fails keeps the last one: that its
 * source is away is told by readiness.
 */
export function createSampler<Value>(intervalMs: number, first: Value, read: () => Promise<Value>): Sampler<Value> {
  let last = first;
  const sample = async (): Promise<void> => {
    last = await read().catch(() => last);
  };
  return { last: () => last, ...createBackgroundLoop(intervalMs, sample) };
}
