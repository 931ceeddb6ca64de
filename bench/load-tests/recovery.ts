import { latencyOf, type Latency } from '../measure.ts';
import type { LoadSample } from './scene.ts';

/** One post, and how long it took until it was answered and until its work was done. */
export interface Served {
  /** Milliseconds since the epoch. */
  readonly dueAt: number;
  readonly acceptMs: number;
  readonly endToEndMs: number;
}

/** What is normal: latencies and work under way at half of the capacity. */
export interface Normal {
  readonly accept: Latency;
  readonly endToEnd: Latency;
  readonly inFlight: number;
}

/** A second is normal when its p95 is at most twice what it was before, and this much more for noise. */
const TIMES = 2;
const NOISE_MS = 50;

/** Posts and work under way that come and go between two looks. */
const IN_FLIGHT_NOISE = 16;

/**
 * Seconds from the end of an overload until a second begins after which every second is normal: in its latencies, and
 * in the work under way during it. All seconds when the last one is not normal.
 */
export function recoverySeconds(
  normal: Normal,
  after: { readonly from: number; readonly seconds: number; readonly served: readonly Served[] },
  samples: readonly (Pick<LoadSample, 'second'> & { readonly inFlight: number })[],
): number {
  let recoveredAt = 0;
  for (let second = 0; second < after.seconds; second += 1) {
    const from = after.from + second * 1_000;
    const served = after.served.filter(({ dueAt }) => dueAt >= from && dueAt < from + 1_000);
    const looks = samples.filter((sample) => sample.second >= second && sample.second < second + 1);
    if (
      isNormal(normal, served) &&
      looks.every(({ inFlight }) => inFlight <= normal.inFlight * TIMES + IN_FLIGHT_NOISE)
    ) {
      continue;
    }
    recoveredAt = second + 1;
  }
  return recoveredAt;
}

function isNormal(normal: Normal, served: readonly Served[]): boolean {
  if (served.length === 0) return false;
  const within = (of: (one: Served) => number, usual: Latency): boolean =>
    latencyOf(served.map(of)).p95 <= usual.p95 * TIMES + NOISE_MS;
  return within(({ acceptMs }) => acceptMs, normal.accept) && within(({ endToEndMs }) => endToEndMs, normal.endToEnd);
}
