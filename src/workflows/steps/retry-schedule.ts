/** When a failed attempt is tried again, and until when. All times are in milliseconds. */
export interface RetrySchedule {
  /** Limit of one regular attempt; also how soon a killed worker is noticed. */
  readonly attemptTimeoutMs: number;
  readonly firstDelayMs: number;
  readonly backoff: number;
  readonly maxDelayMs: number;
  /** Waits that the activity names by itself; `jitter` is the fraction by which each may be longer. */
  readonly namedDelays?: { readonly delaysMs: readonly number[]; readonly jitter: number };
  /** Time until the budget is spent, if time is counted; else null. */
  readonly budgetMs: number | null;
}

/**
 * The longest time that a step may stay in the schedule: every wait at its longest, and every attempt ended by its
 * limit.
 */
export function worstCaseMs(schedule: Omit<RetrySchedule, 'budgetMs'>): number {
  const { attemptTimeoutMs, namedDelays } = schedule;
  const { delaysMs, jitter } = namedDelays ?? { delaysMs: growingDelaysOf(schedule), jitter: 0 };
  const waitsMs = delaysMs.reduce((sum, delayMs) => sum + longest(delayMs, jitter), 0);
  return waitsMs + (delaysMs.length + 1) * attemptTimeoutMs;
}

/** The longest wait that the jitter can make. */
function longest(delayMs: number, jitter: number): number {
  return Math.ceil(delayMs * (1 + jitter));
}

/** The waits up to the first one that grows no more; the budget decides how many follow. */
export function growingDelaysOf({
  firstDelayMs,
  backoff,
  maxDelayMs,
}: Pick<RetrySchedule, 'firstDelayMs' | 'backoff' | 'maxDelayMs'>): number[] {
  const delaysMs = [Math.min(firstDelayMs, maxDelayMs)];
  if (backoff <= 1) return delaysMs;
  for (let delayMs = firstDelayMs; delayMs < maxDelayMs;) {
    delayMs = Math.min(delayMs * backoff, maxDelayMs);
    delaysMs.push(delayMs);
  }
  return delaysMs;
}
