import type {
  EventConsumer,
  EventFailureCode,
  EventPosition,
  EventStatus,
  LoggedEvent,
} from '../../../src/domain/event.ts';
import { openContent, propertiesSubject } from '../../../src/domain/personal-data/event-content.ts';
import { PLAIN_FIELDS, type FieldSealer } from '../../../src/domain/personal-data/field-sealer.ts';
import type { Database } from '../../client.ts';
import { FIND_EVENT, LIST_EVENTS, LIST_EVENTS_BY_STATUS, LIST_FAILED } from './event-view-statements.ts';

/** An event and the outcome that one consumer stored for it. */
export interface EventRecord extends LoggedEvent {
  readonly status: EventStatus;
  readonly category: string | null;
  readonly workerId: string | null;
  readonly processedAt: Date | null;
  /** The code of the last failure, while the event is RETRYING or FAILED. */
  readonly errorCode: EventFailureCode | null;
  readonly errorMessage: string | null;
  readonly attempts: number | null;
  readonly nextAttemptAt: Date | null;
  readonly failedAt: Date | null;
}

/** Filters and page of a list of events, newest first. */
export interface EventListQuery {
  readonly tenantId: string;
  readonly consumer: EventConsumer;
  readonly type?: string | undefined;
  readonly status?: EventStatus | undefined;
  readonly userId?: string | undefined;
  readonly before?: EventPosition | undefined;
  readonly limit: number;
}

/** One part of a list. */
export interface EventListPage {
  readonly events: EventRecord[];
  /** Where the next part begins; null at the end of the list. */
  readonly before: EventPosition | null;
}

/** An event that a consumer gave up. */
export interface FailedEvent extends EventPosition {
  readonly consumer: EventConsumer;
  readonly eventId: string;
  readonly type: string;
  readonly key: string;
  readonly errorCode: EventFailureCode;
  readonly errorMessage: string;
  readonly attempts: number;
  readonly properties: Record<string, unknown>;
  readonly failedAt: Date;
}

/** Filters and page of a list of failed events, newest failure first. */
export interface FailedListQuery {
  readonly tenantId: string;
  readonly errorCode?: EventFailureCode | undefined;
  readonly consumer?: EventConsumer | undefined;
  readonly before?: Pick<FailedEvent, 'failedAt' | 'eventId' | 'consumer'> | undefined;
  readonly limit: number;
}

/** One tenant's events as clients see them. */
export interface EventViewRepository {
  /**
   * Finds one event. `source` selects among CloudEvents of several sources that share an id; without it the first one
   * to arrive is found.
   */
  findOptional(
    wanted: { readonly tenantId: string; readonly eventId: string; readonly source?: string | undefined },
    consumer: EventConsumer,
  ): Promise<EventRecord | null>;
  /** Looks at a bounded number of events, so a part may be short or even empty before the list ends. */
  list(query: EventListQuery): Promise<EventListPage>;
  listFailed(query: FailedListQuery): Promise<FailedEvent[]>;
}

/**
 * Events that one list looks at. Even a filter that hardly any event passes takes some 20 ms, well below the statement
 * timeout.
 */
const SCANNED_MAX = 2_000;

/** A position after every event. */
const LAST: readonly [string, number, number] = ['infinity', 32_767, Number.MAX_SAFE_INTEGER];

interface ListRow extends Omit<EventRecord, 'eventId'> {
  readonly scanned: number;
  readonly lastReceivedAt: Date | null;
  readonly lastPartition: number | null;
  readonly lastSequence: number | null;
  /** Null in the single row of a part without events. */
  readonly eventId: string | null;
}

export function createEventViewRepository(db: Database, fields: FieldSealer = PLAIN_FIELDS): EventViewRepository {
  return {
    findOptional: async ({ tenantId, eventId, source }, consumer) => {
      const [row] = await db.run<EventRecord>(FIND_EVENT, [consumer, tenantId, eventId, source ?? null]);
      return row === undefined ? null : openContent(fields, row);
    },
    list: async ({ tenantId, consumer, type, status, userId, before, limit }) => {
      const [receivedAt, partition, sequence] =
        before === undefined ? LAST : [before.receivedAt, before.partition, before.sequence];
      const isFiltered = type !== undefined || status !== undefined || userId !== undefined;
      const most = isFiltered ? SCANNED_MAX : limit + 1;
      const values = [consumer, tenantId, receivedAt, partition, sequence, most, type ?? null, userId ?? null, limit];
      const rows =
        status === undefined
          ? await db.run<ListRow>(LIST_EVENTS, values)
          : await db.run<ListRow>(LIST_EVENTS_BY_STATUS, [...values, status]);
      const { events, before: next } = toPage(rows, limit, most);
      return { events: events.map((event) => openContent(fields, event)), before: next };
    },
    listFailed: async ({ tenantId, errorCode, consumer, before, limit }) => {
      const rows = await db.run<FailedEvent>(LIST_FAILED, [
        tenantId,
        errorCode ?? null,
        consumer ?? null,
        before?.failedAt ?? 'infinity',
        before?.eventId ?? '',
        before?.consumer ?? '',
        limit,
      ]);
      return rows.map((row) => ({
        ...row,
        properties: fields.openObject(propertiesSubject({ tenantId, eventId: row.eventId }), row.properties),
      }));
    },
  };
}

/**
 * A full part continues after its last event, and a short part after the last event that was looked at. The list ends
 * where no event is left to look at.
 */
function toPage(rows: readonly ListRow[], limit: number, most: number): EventListPage {
  const events = rows.filter((row): row is ListRow & { eventId: string } => row.eventId !== null);
  const [row] = rows;
  const lookedTo = row === undefined ? null : lastLookedAt(row);
  const last = events.length === limit ? (events.at(-1) ?? lookedTo) : lookedTo;
  if (row === undefined || lookedTo === null || last === null) return { events, before: null };
  const isAll = row.scanned < most && last.partition === lookedTo.partition && last.sequence === lookedTo.sequence;
  return { events, before: isAll ? null : last };
}

function lastLookedAt({ lastReceivedAt, lastPartition, lastSequence }: ListRow): EventPosition | null {
  if (lastReceivedAt === null || lastPartition === null || lastSequence === null) return null;
  return { receivedAt: lastReceivedAt, partition: lastPartition, sequence: lastSequence };
}
