/** Orders beyond slots and waiters that are accepted nevertheless, because a burst is promised to pass. */
export interface BurstAllowance {
  /** Takes one order of the burst; false when it is used up. */
  spend(): boolean;
  /** Gives back what was spent for an order that found a slot after all. */
  giveBack(): void;
  /** Whether it is used up. Asking counts as a sign that the crowd is still there. */
  isSpent(): boolean;
}

/** The promise of the API: this number of posts at once is accepted, whatever waits. */
const BURST_ORDERS = 256;

/**
 * A crowd that has been away for this long comes back as a new burst. An overload never is away: each of its posts
 * asks. It may keep the task queue busy once, and is refused from then on, because orders over the queue cost half as
 * much again, and a queue that never ends only makes everything late.
 */
const CALM_MS = 5_000;

export function createBurstAllowance(now: () => number = () => performance.now()): BurstAllowance {
  let left = BURST_ORDERS;
  let crowdedAt = Number.NEGATIVE_INFINITY;
  const look = (): number => {
    if (now() - crowdedAt > CALM_MS) left = BURST_ORDERS;
    crowdedAt = now();
    return left;
  };
  return {
    spend: () => {
      if (look() === 0) return false;
      left -= 1;
      return true;
    },
    giveBack: () => {
      left = Math.min(BURST_ORDERS, left + 1);
    },
    isSpent: () => look() === 0,
  };
}
