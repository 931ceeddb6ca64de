import { EVENT_CONSUMERS, type EventConsumer, type EventFailureCode } from '../../../src/domain/event.ts';
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

/** How far a consumer is in a partition. */
export interface ConsumerProgress {
  readonly consumer: EventConsumer;
  readonly partition: number;
  /** The last event that it has dealt with; 0 before the first one. */
  readonly sequence: number;
  /** The last event of the partition. */
  readonly head: number;
  /** Events with a result, ever. */
  readonly processed: number;
  /** How long the next event has waited; 0 when there is none. */
  readonly oldestSeconds: number;
  /** When it last moved; null before it was ever there. */
  readonly updatedAt: Date | null;
}

/** Whether a consumer is paused. */
export interface ConsumerPause {
  readonly name: EventConsumer;
  readonly pausedAt: Date | null;
  readonly pausedBy: string | null;
}

/** Events of one consumer that wait for another try, and those given up; counted up to 100,000. */
export interface OutcomeCounts {
  readonly consumer: EventConsumer;
  readonly retrying: number;
  readonly failed: number;
}

/** Events that an act has put back to be tried, and the partitions they are in. */
export interface RequeuedEvents {
  readonly count: number;
  readonly partitions: readonly number[];
}

/** Which failed events of a tenant to try again. */
export type FailedSelection = { readonly ids: readonly string[] } | { readonly errorCode: EventFailureCode };

/** What operators see of consumers and do to them. Consumers serve all tenants. */
export interface EventControlRepository {
  /** One entry per consumer and partition. */
  progress(): Promise<ConsumerProgress[]>;
  pauses(): Promise<ConsumerPause[]>;
  counts(): Promise<OutcomeCounts[]>;
  /** Pauses; again is harmless, the first one counts. */
  pause(name: EventConsumer, actor: string): Promise<void>;
  resume(name: EventConsumer): Promise<void>;
  /** Moves a cursor back so that `sequence` is next, and fences its owner; null when it is not behind the cursor. */
  rewind(at: {
    consumer: EventConsumer;
    partition: number;
    sequence: number;
  }): Promise<{ readonly before: number } | null>;
  /** Takes failed events, oldest failures first, and has them tried again at once. */
  reprocess(order: {
    readonly tenantId: string;
    readonly consumer: EventConsumer;
    readonly selection: FailedSelection;
    readonly most: number;
  }): Promise<RequeuedEvents>;
  /**
   * Has a tenant's events of a range that the consumer has passed tried again, failed ones included; those that wait for
   * a try already are left alone. Repeating it is harmless.
   * @returns how many are played again.
   */
  replay(range: ReplayRange): Promise<number>;
}

/** Sequences of one partition, both ends included. */
export interface ReplayRange {
  readonly tenantId: string;
  readonly consumer: EventConsumer;
  readonly partition: number;
  readonly fromSequence: number;
  readonly toSequence: number;
}

/** More failed or retrying events are one incident, and counting them all would take long. */
const COUNTED_MAX = 100_000;

/** Sequences replayed in one statement: some 100 ms, far below the statement timeout. */
const REPLAY_STEP = 5_000;

export function createEventControlRepository(db: Database): EventControlRepository {
  return {
    progress: () => db.run<ConsumerProgress>(READ_PROGRESS, [[...EVENT_CONSUMERS]]),
    pauses: () => db.run<ConsumerPause>(LIST_CONSUMERS, [[...EVENT_CONSUMERS]]),
    counts: () => db.run<OutcomeCounts>(COUNT_OUTCOMES, [[...EVENT_CONSUMERS], COUNTED_MAX]),
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
