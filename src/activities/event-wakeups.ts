import type { EventConsumerDefinition } from '../events/event-consumers.ts';

/** Lets pumps sleep until there is something for them. */
export interface EventWakeups {
  /** Counts the announcements for a pump; take it before looking, so that none is missed between looking and sleeping. */
  seen(consumer: EventConsumerDefinition, partition: number): number;
  /** Sleeps until an announcement after `seen`, at most so long, or until `signal` aborts. */
  sleep(
    consumer: EventConsumerDefinition,
    partition: number,
    seen: number,
    atMostMs: number,
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * For a pump that has dealt with so many events. Resolves for all that wait at once, some milliseconds after the first
   * began to wait: pumps that work side by side share their statements, and events that come in ones are collected.
   */
  nextTurn(events: number): Promise<void>;
  /** Wakes the pumps that an announcement is for; null wakes all. */
  wake(announcement: { readonly partitions: readonly number[]; readonly topics: readonly string[] } | null): void;
}

interface Sleeper {
  readonly consumer: EventConsumerDefinition;
  readonly partition: number;
  announcements: number;
  wake: (() => void) | null;
}

/**
 * Short against the 100 ms that an event may take, long enough that a thousand events a second over all partitions make
 * some sixty statements and not a thousand. Faster than that, each statement is worth waiting for.
 */
const TURN_MS = { usual: 15, busy: 60 } as const;

/** Events per millisecond of all pumps, counted over some turns: single ones differ by chance. */
const BUSY_RATE = 1.5;
const COUNT_MS = 250;

/** Creates the wake-up calls of one process. */
export function createEventWakeups(): EventWakeups {
  const sleepers = new Map<string, Sleeper>();
  const sleeperOf = (consumer: EventConsumerDefinition, partition: number): Sleeper => {
    const id = `${consumer.name}/${partition}`;
    const sleeper = sleepers.get(id) ?? { consumer, partition, announcements: 0, wake: null };
    sleepers.set(id, sleeper);
    return sleeper;
  };
  return {
    nextTurn: createTurns(),
    seen: (consumer, partition) => sleeperOf(consumer, partition).announcements,
    sleep: (consumer, partition, seen, atMostMs, signal) => {
      const sleeper = sleeperOf(consumer, partition);
      if (sleeper.announcements !== seen || signal.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', wake);
          sleeper.wake = null;
          resolve();
        };
        const timer = setTimeout(wake, atMostMs);
        signal.addEventListener('abort', wake, { once: true });
        sleeper.wake = wake;
      });
    },
    wake: (announcement) => {
      for (const sleeper of sleepers.values()) {
        if (announcement !== null && !isFor(sleeper, announcement)) continue;
        sleeper.announcements += 1;
        sleeper.wake?.();
      }
    },
  };
}

/** Turns that all pumps take together. */
function createTurns(): EventWakeups['nextTurn'] {
  let turn: Promise<void> | null = null;
  let countedFrom = performance.now();
  let dealt = 0;
  let isBusy = false;
  const end = (resolve: () => void): void => {
    const countedMs = performance.now() - countedFrom;
    if (countedMs >= COUNT_MS) {
      isBusy = dealt > BUSY_RATE * countedMs;
      countedFrom += countedMs;
      dealt = 0;
    }
    turn = null;
    resolve();
  };
  return (events) => {
    dealt += events;
    turn ??= new Promise((resolve) => {
      setTimeout(() => end(resolve), isBusy ? TURN_MS.busy : TURN_MS.usual);
    });
    return turn;
  };
}

function isFor(
  { consumer, partition }: Sleeper,
  { partitions, topics }: { readonly partitions: readonly number[]; readonly topics: readonly string[] },
): boolean {
  if (!partitions.includes(partition)) return false;
  const { topics: wanted } = consumer;
  return wanted === null || topics.some((topic) => topic === '*' || wanted.has(topic));
}
