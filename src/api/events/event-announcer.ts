import type { AppendedEvent, EventLogRepository } from '../../../db/repositories/events/event-log-repository.ts';
import { topicOf } from '../../domain/event.ts';

/** Wakes the consumers of the log, seldom enough that it costs nothing. */
export interface EventAnnouncer {
  /** Notes that events were appended; does not wait for anybody. */
  add(appended: readonly Pick<AppendedEvent, 'partition'>[], types: Iterable<string>): void;
  /** Resolves when everything that was noted is announced. */
  close(): Promise<void>;
}

/**
 * At most one announcement per process in this time, and what a consumer waits at most for its wake. Workers that are
 * busy take turns as long as that (`TURN_MS` in `src/activities/events/event-wakeups.ts`), so more would hardly wake them sooner.
 */
const INTERVAL_MS = 15;

/** Creates the announcer. A failed announcement is harmless: consumers look by themselves, too. */
export function createEventAnnouncer(log: Pick<EventLogRepository, 'announce'>): EventAnnouncer {
  const partitions = new Set<number>();
  const topics = new Set<string>();
  let lastAt = -Infinity;
  let timer: NodeJS.Timeout | null = null;
  let announcing: Promise<void> | null = null;

  const announce = async (): Promise<void> => {
    lastAt = performance.now();
    const noted = [[...partitions], [...topics]] as const;
    partitions.clear();
    topics.clear();
    await log.announce(...noted).catch(() => {});
    announcing = null;
    schedule();
  };
  const start = (): void => {
    timer = null;
    announcing = announce();
  };
  const schedule = (): void => {
    if (partitions.size === 0 || timer !== null || announcing !== null) return;
    const wait = lastAt + INTERVAL_MS - performance.now();
    if (wait <= 0) start();
    else timer = setTimeout(start, wait);
  };
  return {
    add: (appended, types) => {
      for (const { partition } of appended) partitions.add(partition);
      for (const type of types) topics.add(topicOf(type));
      schedule();
    },
    close: async () => {
      await announcing;
      if (timer === null) return;
      clearTimeout(timer);
      await announce();
    },
  };
}
