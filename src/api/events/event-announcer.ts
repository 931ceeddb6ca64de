import type { AppendedEvent, EventLogRepository } from '../../../db/repositories/events/event-log-repository.ts';
import { topicOf } from '../../domain/event.ts';

/** Wakes the consumers of the log, at a bounded rate. */
export interface EventAnnouncer {
  /** Records that events were appended, without waiting. */
  add(appended: readonly Pick<AppendedEvent, 'partition'>[], types: Iterable<string>): void;
  /** Resolves when every recorded append is announced. */
  close(): Promise<void>;
}

/**
 * Each process announces at most once in this time, which is also the longest delay of a consumer's wake-up. Busy
 * workers take turns of the same length (`TURN_MS` in `src/activities/events/event-wakeups.ts`), so more announcements
 * would hardly wake them sooner.
 */
const INTERVAL_MS = 15;

/** A failed announcement is harmless, because consumers also look by themselves. */
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
