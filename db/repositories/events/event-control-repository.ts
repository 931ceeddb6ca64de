import { EVENT_CONSUMERS, type EventConsumer, type EventFailureCode } from '../../../src/domain/event.ts';
import { acrossTenants } from '../../../src/runtime/tenants/tenant-reach.ts';
import type { Database } from '../../client.ts';
import {
  COUNT_OUTCOMES,
  LIST_CONSUMERS,
  PAUSE_CONSUMER,
  READ_PROGRESS,
  REPLAY_EVENTS,
  REPROCESS_BY_CODE,
  REPROCESS_BY_IDS,
  RESUME_CONSUMER,
  REWIND_CURSOR,
} from './event-control-statements.ts';

/** The position of a consumer in a partition. */
export interface ConsumerProgress {
  readonly consumer: EventConsumer;
  readonly partition: number;
  /** The last event that the consumer has handled; 0 before the first one. */
  readonly sequence: number;
  /** The sequence of the partition's last event. */
  readonly head: number;
  /** The number of events that have ever got a result. */
  readonly processed: number;
  /** How long the next event has waited; 0 when no event waits. */
  readonly oldestSeconds: number;
  /** When the cursor last moved; null before the consumer first ran. */
  readonly updatedAt: Date | null;
}

/** Whether a consumer is paused. */
export interface ConsumerPause {
  readonly name: EventConsumer;
  readonly pausedAt: Date | null;
  readonly pausedBy: string | null;
}

/** How many events of one consumer wait for another try, and how many it gave up; counted up to 100,000. */
export interface OutcomeCounts {
  readonly consumer: EventConsumer;
  readonly retrying: number;
  readonly failed: number;
}

/** Events that an operator has put back to be tried, and their partitions. */
export interface RequeuedEvents {
  readonly count: number;
  readonly partitions: readonly number[];
}

/** Which failed events of a tenant to try again. */
export type FailedSelection = { readonly ids: readonly string[] } | { readonly errorCode: EventFailureCode };

/** How operators see consumers and act on them. Consumers serve all tenants. */
export interface EventControlRepository {
  /** One entry per consumer and partition. */
  progress(): Promise<ConsumerProgress[]>;
  pauses(): Promise<ConsumerPause[]>;
  counts(): Promise<OutcomeCounts[]>;
  /** Pauses the consumer. Pausing it again is harmless, and the first pause is kept. */
  pause(name: EventConsumer, actor: string): Promise<void>;
  resume(name: EventConsumer): Promise<void>;
  /**
   * Moves a cursor back so that `sequence` is the next event, and fences the cursor's owner. Null when `sequence` is
   * not behind the cursor.
   */
  rewind(at: {
    consumer: EventConsumer;
    partition: number;
    sequence: number;
  }): Promise<{ readonly before: number } | null>;
  /** Has failed events tried again at once, oldest failures first. */
  reprocess(order: {
    readonly tenantId: string;
    readonly consumer: EventConsumer;
    readonly selection: FailedSelection;
    readonly most: number;
  }): Promise<RequeuedEvents>;
  /**
   * Has a tenant's events of a range tried again, as far as the consumer has passed the range; failed events are
   * included. Events that already wait for a try are left alone, so repeating a replay is harmless.
   * @returns how many events are replayed.
   */
  replay(range: ReplayRange): Promise<number>;
}

/** A range of sequences of one partition, with both ends included. */
export interface ReplayRange {
  readonly tenantId: string;
  readonly consumer: EventConsumer;
  readonly partition: number;
  readonly fromSequence: number;
  readonly toSequence: number;
}

/** More failed or retrying events than this are one incident, and counting all of them would take long. */
const COUNTED_MAX = 100_000;

/** Sequences that one statement replays in some 100 ms, far below the statement timeout. */
const REPLAY_STEP = 5_000;

export function createEventControlRepository(db: Database): EventControlRepository {
  return {
    progress: () => acrossTenants(() => db.run<ConsumerProgress>(READ_PROGRESS, [[...EVENT_CONSUMERS]])),
    pauses: () => db.run<ConsumerPause>(LIST_CONSUMERS, [[...EVENT_CONSUMERS]]),
    counts: () => acrossTenants(() => db.run<OutcomeCounts>(COUNT_OUTCOMES, [[...EVENT_CONSUMERS], COUNTED_MAX])),
    pause: async (name, actor) => {
      await db.run(PAUSE_CONSUMER, [name, actor]);
    },
    resume: async (name) => {
      await db.run(RESUME_CONSUMER, [name]);
    },
    rewind: async ({ consumer, partition, sequence }) => {
      const [row] = await db.run<{ before: number }>(REWIND_CURSOR, [consumer, partition, sequence]);
      return row ?? null;
    },
    reprocess: async ({ tenantId, consumer, selection, most }) => {
      const rows =
        'ids' in selection
          ? await db.run<{ partition: number }>(REPROCESS_BY_IDS, [tenantId, consumer, most, [...selection.ids]])
          : await db.run<{ partition: number }>(REPROCESS_BY_CODE, [tenantId, consumer, most, selection.errorCode]);
      return { count: rows.length, partitions: [...new Set(rows.map(({ partition }) => partition))] };
    },
    replay: async ({ tenantId, consumer, partition, fromSequence, toSequence }) => {
      let count = 0;
      for (let from = fromSequence; from <= toSequence; from += REPLAY_STEP) {
        const to = Math.min(from + REPLAY_STEP - 1, toSequence);
        const [row] = await db.run<{ count: number }>(REPLAY_EVENTS, [tenantId, consumer, partition, from, to]);
        count += row?.count ?? 0;
      }
      return count;
    },
  };
}
