import type { Latency } from '../measure.ts';
import type { Cost } from './bench-stage.ts';

/** One rate that was tried. */
export interface RateStep {
  readonly rate: number;
  /** Events accepted per second. */
  readonly acceptedPerSecond: number;
  readonly accept: Latency;
  readonly refused: number;
  readonly late: number;
  /** Accepted events, including those of the generator's second of warm-up, which are processed, too. */
  readonly events: number;
  /** CPU milliseconds of the load generator, which are not part of the service's cost. */
  readonly generatorCpuMsPerThousand: number;
}

/** A rate that was tried for longer, with its cost. */
export type HeldRate = RateStep & Cost;

/** The requirements of a rate. */
export interface RateGoal {
  readonly batch: number;
  readonly p95LimitMs: number;
  /** Events per second, upward. */
  readonly rates: readonly number[];
}

/** The highest rate that a goal allows. */
export interface RateResult {
  readonly batch: number;
  readonly p95LimitMs: number;
  /** Every short try of the way upward. */
  readonly steps: readonly RateStep[];
  /** Every long try on the way downward, from the highest rate with a successful short try. */
  readonly holds: readonly HeldRate[];
  /** The successful long try, which ends the search; null when there was none. */
  readonly held: HeldRate | null;
}

/** How a rate is tried. */
export interface RateTrials {
  readonly step: (rate: number) => Promise<RateStep>;
  readonly hold: (rate: number) => Promise<HeldRate>;
}

/**
 * An overloaded moment is not the limit: a rate has this number of tries, and this number of consecutive rates must
 * fail to end the search.
 */
const TRIES_MAX = 3;
const MISSES_MAX = 2;

/**
 * Searches upward by short tries for the highest rate within a limit of latency, then downward for a rate that holds.
 */
export async function searchRate(goal: RateGoal, { step, hold }: RateTrials): Promise<RateResult> {
  const isGood = isGoodFor(goal);
  const steps: RateStep[] = [];
  const holdable: number[] = [];
  let misses = 0;
  for (const rate of goal.rates) {
    const good = await tryUntil(isGood, () => step(rate), steps);
    if (good !== null) holdable.unshift(rate);
    misses = good === null ? misses + 1 : 0;
    if (misses === MISSES_MAX) break;
  }
  const holds: HeldRate[] = [];
  let held: HeldRate | null = null;
  for (const rate of holdable) held ??= await tryUntil(isGood, () => hold(rate), holds);
  return { batch: goal.batch, p95LimitMs: goal.p95LimitMs, steps, holds, held };
}

/** Whether a try kept its rate within the limit, with no refusal. */
export function isGoodFor({ p95LimitMs }: Pick<RateGoal, 'p95LimitMs'>): (tried: RateStep) => boolean {
  return ({ rate, accept, refused, acceptedPerSecond }) =>
    accept.p95 <= p95LimitMs && refused === 0 && acceptedPerSecond >= rate * 0.95;
}

/** @returns the successful try; every try is added to `tries`. */
async function tryUntil<Tried extends RateStep>(
  isGood: (tried: Tried) => boolean,
  attempt: () => Promise<Tried>,
  tries: Tried[],
): Promise<Tried | null> {
  for (let left = TRIES_MAX; left > 0; left -= 1) {
    const tried = await attempt();
    tries.push(tried);
    if (isGood(tried)) return tried;
  }
  return null;
}
