import { setTimeout as sleep } from 'node:timers/promises';

/** What is sent, and when. */
export interface OpenLoopOptions {
  readonly sendsPerSecond: number;
  readonly sends: number;
  /** Largest number of sends without an answer, which bounds sockets and memory. */
  readonly inFlightMax: number;
  /** When it is aborted, nothing more is sent, and outstanding answers are awaited. */
  readonly signal: AbortSignal;
  /** Sends number `index`, which was due at `dueAt` (`performance.now()`). It must not reject. */
  readonly send: (index: number, dueAt: number) => Promise<void>;
}

/** How well the schedule was kept. */
export interface OpenLoopCounts {
  /** The time of the first send, `performance.now()`. */
  readonly startedAt: number;
  sent: number;
  /** Sends that were more than {@link LATE_MS} late, because of this machine or the bound on sends in flight. */
  late: number;
  /** Sends that were left out, because they were over {@link SKIP_MS} late. */
  skipped: number;
  inFlight: number;
}

/** Node's timers are a millisecond late, and a garbage collection takes some more; larger delays are counted. */
const LATE_MS = 50;

/** A send that is this late is left out; otherwise a dead server would get all of them at once when it comes back. */
const SKIP_MS = 10_000;

/**
 * Sends at a fixed rate that does not depend on the answers (open loop). `onProgress` may look at the counts at any
 * time. Resolves when every send is answered.
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

/** Wakes the callers that wait for the next signal. */
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
