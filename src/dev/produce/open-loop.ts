import { setTimeout as sleep } from 'node:timers/promises';

/** What is sent, and when. */
export interface OpenLoopOptions {
  readonly sendsPerSecond: number;
  readonly sends: number;
  /** Sends without an answer at most; a bound on sockets and memory. */
  readonly inFlightMax: number;
  /** Aborted: nothing more is sent, answers that are due are still waited for. */
  readonly signal: AbortSignal;
  /** Sends number `index`, which was due at `dueAt` (`performance.now()`). Must not reject. */
  readonly send: (index: number, dueAt: number) => Promise<void>;
}

/** How well the schedule was kept. */
export interface OpenLoopCounts {
  /** Of the first send, `performance.now()`. */
  readonly startedAt: number;
  sent: number;
  /** Sent later than {@link LATE_MS} after they were due: this machine, or the bound on sends in flight, was in the way. */
  late: number;
  /** Never sent, because they were over {@link SKIP_MS} late. */
  skipped: number;
  inFlight: number;
}

/** Timers of Node are a millisecond late, a garbage collection some more; what is over this is told. */
const LATE_MS = 50;

/** What is so late is not sent any more: else a dead server would be met by everything at once when it comes back. */
const SKIP_MS = 10_000;

/**
 * Sends at a fixed rate whatever the answers (open loop). `onProgress` may look at the counts at any time.
 * Resolves when everything that was sent is answered.
 */
export async function runOpenLoop(
  { sendsPerSecond, sends, inFlightMax, signal, send }: OpenLoopOptions,
  onStart: (counts: Readonly<OpenLoopCounts>) => void = () => {},
): Promise<Readonly<OpenLoopCounts>> {
  const counts: OpenLoopCounts = { startedAt: performance.now(), sent: 0, late: 0, skipped: 0, inFlight: 0 };
  const answered = createBell();
  onStart(counts);
  const begin = (index: number, dueAt: number): void => {
    counts.sent += 1;
    counts.inFlight += 1;
    void send(index, dueAt).finally(() => {
      counts.inFlight -= 1;
      answered.ring();
    });
  };
  for (let index = 0; index < sends && !signal.aborted;) {
    const dueAt = counts.startedAt + (index * 1_000) / sendsPerSecond;
    const lateMs = performance.now() - dueAt;
    if (lateMs < 0) {
      await sleep(-lateMs, undefined, { signal }).catch(() => {});
    } else if (lateMs > SKIP_MS) {
      counts.skipped += 1;
      index += 1;
    } else if (counts.inFlight >= inFlightMax) {
      await answered.next();
    } else {
      if (lateMs > LATE_MS) counts.late += 1;
      begin(index, dueAt);
      index += 1;
    }
  }
  while (counts.inFlight > 0) await answered.next();
  return counts;
}

/** Wakes whoever waits for the next of something. */
function createBell() {
  let waiting: (() => void) | null = null;
  return {
    ring: (): void => {
      const wake = waiting;
      waiting = null;
      wake?.();
    },
    next: (): Promise<void> => new Promise((resolve) => (waiting = resolve)),
  };
}
