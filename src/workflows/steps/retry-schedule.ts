/** When a failed attempt is tried again, and until when. All times in milliseconds. */
export interface RetrySchedule {
  /** Limit of one regular attempt; also how soon a killed worker is noticed. */
  readonly attemptTimeoutMs: number;
  readonly firstDelayMs: number;
  readonly backoff: number;
  readonly maxDelayMs: number;
  /** Waits that the activity names by itself; `jitter` is the part of each by which it may be longer. */
  readonly namedDelays?: { readonly delaysMs: readonly number[]; readonly jitter: number };
  /** Time until the budget is spent, when time is counted; else null. */
  readonly budgetMs: number | null;
}

/** How long a step may stay in the schedule: every wait at its longest, and every attempt ended by its limit. */
export function worstCaseMs(schedule: Omit<RetrySchedule, 'budgetMs'>): number {
  const { attemptTimeoutMs, namedDelays } = schedule;
  const { delaysMs, jitter } = namedDelays ?? { delaysMs: growingDelaysOf(schedule), jitter: 0 };
  const waitsMs = delaysMs.reduce((sum, delayMs) => sum + longest(delayMs, jitter), 0);
  return waitsMs + (delaysMs.length + 1) * attemptTimeoutMs;
}

/** The longest wait that a jitter can make of one. */
function longest(delayMs: number, jitter: number): number {
  return Math.ceil(delayMs * (1 + jitter));
}

/** Up to the first wait that grows no more; the ones after it are as many as the budget has room for. */
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
