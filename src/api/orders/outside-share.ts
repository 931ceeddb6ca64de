import type { BusyLoop } from '../../runtime/busy-loop.ts';

/** Tells slow partners outside (payment provider, mail server) from a busy machine, on which all steps take longer. */
export interface OutsideShare {
  stepEnded(ended: { readonly step: string; readonly seconds: number }): void;
  /** Whether orders spend nearly all their time in waiting for somebody outside. */
  isSlow(): boolean;
}

/** The steps of the fast path that ask somebody outside. */
const OUTSIDE: ReadonlySet<string> = new Set(['takePayment', 'sendMessage']);

/** With partners that answer in milliseconds, an order spends half of its steps' time in them, busy machine or not. */
const SLOW_SHARE = 0.8;

/** Less than this in the sum is a fifth of a second for each of its 17 steps outside: not slow, whatever the share is. */
const SLOW_SUM_SECONDS = 17 * 0.2;

/** What a step's time is worth after the next step: the sums are about the last 50 steps, a third of  them outside. */
const KEPT = 0.98;

/**
 * In an overload this process waits for CPU time wherever it waits, most of all in the calls that go through HTTP; so a busy
 * process never calls a partner slow.
 */
export function createOutsideShare(isBusy: BusyLoop): OutsideShare {
  let [outside, all] = [0, 0];
  return {
    stepEnded: ({ step, seconds }) => {
      outside = outside * KEPT + (OUTSIDE.has(step) ? seconds : 0);
      all = all * KEPT + seconds;
    },
    isSlow: () => outside > all * SLOW_SHARE && outside > SLOW_SUM_SECONDS && !isBusy(),
  };
}
