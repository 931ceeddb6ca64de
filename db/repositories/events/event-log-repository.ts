import {
  EVENT_CONSUMERS,
  partitionOf,
  sourceHashOf,
  type EventPosition,
  type OfferedEvent,
} from '../../../src/domain/event.ts';
import { sealContent } from '../../../src/domain/personal-data/event-content.ts';
import { PLAIN_FIELDS, type FieldSealer } from '../../../src/domain/personal-data/field-sealer.ts';
import { acrossTenants } from '../../../src/runtime/tenants/tenant-reach.ts';
import type { Database } from '../../client.ts';
import {
  APPEND_EVENTS,
  COUNT_PARTITIONS,
  DROP_DAYS,
  FORGET_FAILED,
  FORGET_IDS,
  FORGET_REQUESTS,
  NOTIFY_APPENDED,
  OPEN_DAYS,
  OPEN_PARTITIONS,
} from './event-log-statements.ts';
import { deleteInBatches } from '../../delete-in-batches.ts';

/** Where an event is stored, and whether this append stored it. */
export interface AppendedEvent extends Omit<EventPosition, 'receivedAt'> {
  readonly isNew: boolean;
}

/** An {@link AppendedEvent} in the form that the SQL function answers. */
type Place = readonly [partition: number, sequence: number, isNew: boolean];

/** The append-only log of events. */
export interface EventLogRepository {
  /**
   * Appends events in their order, and those of one partition without gaps. An id that is stored already keeps its
   * place. The append is all or nothing, and durable when the promise resolves; the answers have the order of the
   * events. The caller must not pass the same id twice.
   * @throws {DatabaseContractError} `23505` when another writer has just appended one of the ids under another key.
   */
  append(events: readonly OfferedEvent[]): Promise<AppendedEvent[]>;
  /** Tells all processes that events were appended; `topics` are the first words of their types. */
  announce(partitions: readonly number[], topics: readonly string[]): Promise<void>;
  /** The number of partitions. The first call ever creates them; later calls cannot change their number. */
  countPartitions(): Promise<number>;
  /**
   * Opens the tables of the days from yesterday to `ahead` days from now, and moves rows that arrived before their
   * day's table was open.
   */
  openDays(ahead: number): Promise<void>;
  /** The time by the clock that stamps arriving events. */
  now(): Promise<Date>;
  /** Drops the days that ended before `oldest` and that no consumer needs; answers them as `YYYYMMDD`. */
  dropDays(oldest: Date): Promise<string[]>;
  /** Deletes failed events that were given up before a time and have left the log. */
  forgetFailed(before: Date): Promise<void>;
}

/** `wantedPartitions` counts only while the log has no partitions yet; `fields` seals what producers sent. */
export function createEventLogRepository(
  db: Database,
  wantedPartitions: number,
  fields: FieldSealer = PLAIN_FIELDS,
): EventLogRepository {
  let known = 0;
  const countPartitions = async (): Promise<number> => {
    if (known > 0) return known;
    await db.run(OPEN_PARTITIONS, [wantedPartitions]);
    const [row] = await db.run<{ count: number }>(COUNT_PARTITIONS, []);
    known = row?.count ?? 0;
    return known;
  };
  return {
    countPartitions,
    append: async (events) => {
      const partitions = await countPartitions();
      const batch = events.map((event) => ({
        ...sealContent(fields, event),
        partition: partitionOf(event.tenantId, event.key, partitions),
        sourceHash: sourceHashOf(event),
      }));
      const touched = [...new Set(batch.map(({ partition }) => partition))];
      const values = [JSON.stringify(batch), touched];
      const [row] = await acrossTenants(() => db.run<{ places: Place[] }>(APPEND_EVENTS, values));
      return (row?.places ?? []).map(([partition, sequence, isNew]) => ({ partition, sequence, isNew }));
    },
    announce: async (touched, topics) => {
      await db.run(NOTIFY_APPENDED, [`${touched.join(',')} ${topics.join(',')}`]);
    },
    now: () => db.now(),
    openDays: async (ahead) => {
      await db.run(OPEN_DAYS, [ahead]);
    },
    dropDays: async (oldest) => {
      const days = await db.run<{ day: string }>(DROP_DAYS, [oldest, [...EVENT_CONSUMERS]]);
      await deleteInBatches(db, FORGET_IDS, []);
      await deleteInBatches(db, FORGET_REQUESTS, [oldest]);
      return days.map(({ day }) => day);
    },
    forgetFailed: (before) => deleteInBatches(db, FORGET_FAILED, [before]),
  };
}
