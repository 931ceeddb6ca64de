import type { EventConsumerDefinition } from '../../events/event-consumers.ts';

/** Lets pumps sleep until events arrive for them. */
export interface EventWakeups {
  /**
   * The number of announcements for a pump so far. Read it before looking for events, so that no announcement is missed
   * between the look and the sleep.
   */
  seen(consumer: EventConsumerDefinition, partition: number): number;
  /**
   * Sleeps until an announcement after `seen`, or until `signal` aborts, at the latest until the next multiple of
   * `everyMs` on the clock. (By the clock, so that all pumps that nothing wakes look together and share their
   * statements.)
   */
  sleep(consumer: EventConsumerDefinition, partition: number, until: WakeupConditions): Promise<void>;
  /**
   * Resolves when a pump may look: at once after a pause, else some milliseconds after the last turn, together with all
   * pumps that wait. Pumps that work side by side thus share statements, and single events are collected.
   */
  nextTurn(): Promise<void>;
  /** Reports that `events` events were handled; turns are longer while many events arrive. */
  count(events: number): void;
  /** Wakes the pumps that an announcement is for; null wakes all pumps. */
  wake(announcement: { readonly partitions: readonly number[]; readonly topics: readonly string[] } | null): void;
}

/** Conditions that end the sleep of a pump; see {@link EventWakeups.sleep}. */
export interface WakeupConditions {
  readonly seen: number;
  readonly everyMs: number;
  readonly signal: AbortSignal;
}

interface Sleeper {
  readonly consumer: EventConsumerDefinition;
  readonly partition: number;
  announcements: number;
  wake: (() => void) | null;
}

/**
 * A turn is short compared with the 100 ms that an event may take, and long enough that a thousand events a second over
 * all partitions make some sixty statements instead of a thousand. Above that rate a statement that waits longer saves
 * more than it costs.
 */
const TURN_MS = { usual: 15, busy: 60 } as const;

/**
 * Events per millisecond of all pumps above which turns are longer. The rate is averaged over some turns, because
 * single turns differ by chance.
 */
const BUSY_RATE = 1.5;
const COUNT_MS = 250;

export function createEventWakeups(): EventWakeups {
  const sleepers = new Map<string, Sleeper>();
  const sleeperOf = (consumer: EventConsumerDefinition, partition: number): Sleeper => {
    const id = `${consumer.name}/${partition}`;
    const sleeper = sleepers.get(id) ?? { consumer, partition, announcements: 0, wake: null };
    sleepers.set(id, sleeper);
    return sleeper;
  };
  return {
    ...createTurns(),
    seen: (consumer, partition) => sleeperOf(consumer, partition).announcements,
    sleep: (consumer, partition, { seen, everyMs, signal }) => {
      const sleeper = sleeperOf(consumer, partition);
      if (sleeper.announcements !== seen || signal.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', wake);
          sleeper.wake = null;
          resolve();
        };
        const timer = setTimeout(wake, everyMs - (Date.now() % everyMs));
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
function createTurns(): Pick<EventWakeups, 'nextTurn' | 'count'> {
  let begunAt = -Infinity;
  // Pumps that are woken by the same announcement take the same turn.
  let isOpen = false;
  let next: Promise<void> | null = null;
  let countedFrom = performance.now();
  let counted = 0;
  let lengthMs: number = TURN_MS.usual;
  const begin = (): void => {
    begunAt = performance.now();
    next = null;
    isOpen = true;
    setImmediate(() => (isOpen = false));
  };
  return {
    nextTurn: () => {
      if (isOpen) return Promise.resolve();
      const sinceMs = performance.now() - begunAt;
      if (next === null && sinceMs >= lengthMs) {
        begin();
        return Promise.resolve();
      }
      next ??= new Promise<void>((resolve) => setTimeout(resolve, lengthMs - sinceMs)).then(begin);
      return next;
    },
    count: (events) => {
      counted += events;
      const countedMs = performance.now() - countedFrom;
      if (countedMs < COUNT_MS) return;
      lengthMs = counted > BUSY_RATE * countedMs ? TURN_MS.busy : TURN_MS.usual;
      countedFrom += countedMs;
      counted = 0;
    },
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
