import { sql } from 'drizzle-orm';
import {
  bigint,
  bigserial,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgSchema,
  primaryKey,
  smallint,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import type { CloudEventParts } from '../../src/domain/cloud-event-parts.ts';
import { EVENT_CONSUMERS, EVENT_FAILURE_CODES } from '../../src/domain/event.ts';
import { createdAt, instant, oneOf } from './columns.ts';

/** The log of business events and the outcomes of its consumers; the schema of the event pipeline. */
export const eventsSchema = pgSchema('events');

const sequence = () => bigint('sequence', { mode: 'number' }).notNull();
const consumer = () => text('consumer', { enum: EVENT_CONSUMERS }).notNull();
const receivedAt = () => instant('received_at').notNull();

/** One row per partition of the log. Its lock orders the writers, so that a cursor can never skip an event. */
export const partitions = eventsSchema.table('partitions', {
  partition: smallint('partition').primaryKey(),
  nextSequence: bigint('next_sequence', { mode: 'number' }).notNull().default(1),
  /** Never decreases within a partition, even if the clock does. */
  lastReceivedAt: instant('last_received_at')
    .notNull()
    .default(sql`'epoch'`),
});

/** The log, partitioned by the day of arrival for retention. It is append-only: a trigger refuses UPDATE. */
export const rawEvents = eventsSchema.table(
  'raw_events',
  {
    partition: smallint('partition').notNull(),
    sequence: sequence(),
    receivedAt: receivedAt(),
    tenantId: text('tenant_id').notNull(),
    eventId: text('event_id').notNull(),
    type: text('type').notNull(),
    key: text('key').notNull(),
    userId: text('user_id'),
    source: text('source').notNull(),
    correlationId: text('correlation_id').notNull(),
    occurredAt: instant('occurred_at').notNull(),
    /** May be sealed, see `field-sealer.ts`. */
    properties: jsonb('properties').$type<Record<string, unknown> | string>().notNull(),
    /** The parts of a CloudEvent that have no column; null for other events. */
    cloudEvent: jsonb('cloud_event').$type<CloudEventParts | string>(),
    /** The W3C `traceparent` of the request or the order that the event comes from; null when it is not traced. */
    traceparent: text('traceparent'),
  },
  (table) => [
    primaryKey({ columns: [table.partition, table.sequence, table.receivedAt] }),
    index('raw_events_tenant_idx').on(table.tenantId, table.receivedAt, table.partition, table.sequence),
  ],
);

/** The place of each id. A table that is partitioned by time cannot have a UNIQUE id. */
export const eventIds = eventsSchema.table(
  'event_ids',
  {
    tenantId: text('tenant_id').notNull(),
    eventId: text('event_id').notNull(),
    partition: smallint('partition').notNull(),
    sequence: sequence(),
    receivedAt: receivedAt(),
    /**
     * The hash of a CloudEvent's source. It is empty for other events, and for CloudEvents that were stored before the
     * source was part of the identity.
     */
    sourceHash: text('source_hash').notNull().default(''),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.eventId, table.sourceHash] }),
    index('event_ids_received_idx').using('brin', table.receivedAt),
  ],
);

/** The requests that had an `Idempotency-Key`; a key belongs to one body. */
export const eventRequests = eventsSchema.table(
  'event_requests',
  {
    /** Made from the tenant and the key. */
    requestId: text('request_id').primaryKey(),
    requestHash: text('request_hash').notNull(),
    createdAt: createdAt(),
  },
  (table) => [index('event_requests_created_idx').using('brin', table.createdAt)],
);

/** One row per consumer that has ever been paused. */
export const consumers = eventsSchema.table(
  'consumers',
  {
    name: text('name', { enum: EVENT_CONSUMERS }).primaryKey(),
    pausedAt: instant('paused_at'),
    pausedBy: text('paused_by'),
  },
  (table) => [check('consumers_name_check', oneOf(table.name, EVENT_CONSUMERS))],
);

/** The position of a consumer in a partition, and the owner that may write there. Each owner has its own epoch. */
export const cursors = eventsSchema.table(
  'cursors',
  {
    consumer: consumer(),
    partition: smallint('partition').notNull(),
    /** The last event that was handled: processed, failed, waiting for a retry, or not wanted. */
    sequence: sequence().default(0),
    receivedAt: receivedAt().default(sql`'epoch'`),
    /** The high-water mark of the cursor: events up to here may have a result already. */
    highWaterMark: bigint('high_water_mark', { mode: 'number' }).notNull().default(0),
    epoch: bigint('epoch', { mode: 'number' }).notNull().default(1),
    owner: text('owner').notNull(),
    /** The number of events that have ever got a result. */
    processed: bigint('processed', { mode: 'number' }).notNull().default(0),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.consumer, table.partition] }),
    check('cursors_consumer_check', oneOf(table.consumer, EVENT_CONSUMERS)),
    check('cursors_sequence_check', sql`sequence >= 0`),
  ],
);

/** The results of consumers, partitioned by the day of the event's arrival, like the log. */
export const processedEvents = eventsSchema.table(
  'processed_events',
  {
    consumer: consumer(),
    partition: smallint('partition').notNull(),
    sequence: sequence(),
    receivedAt: receivedAt(),
    tenantId: text('tenant_id').notNull(),
    eventId: text('event_id').notNull(),
    type: text('type').notNull(),
    category: text('category').notNull(),
    workerId: text('worker_id').notNull(),
    processedAt: instant('processed_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.consumer, table.partition, table.sequence, table.receivedAt] }),
    check('processed_events_consumer_check', oneOf(table.consumer, EVENT_CONSUMERS)),
  ],
);

/** Events that will be tried again, and events of the same key that wait behind them. */
export const retryingEvents = eventsSchema.table(
  'retrying_events',
  {
    consumer: consumer(),
    partition: smallint('partition').notNull(),
    sequence: sequence(),
    receivedAt: receivedAt(),
    tenantId: text('tenant_id').notNull(),
    eventId: text('event_id').notNull(),
    key: text('key').notNull(),
    /** 0 when the event waits behind an earlier event of its key, or is replayed. */
    attempts: integer('attempts').notNull(),
    nextAttemptAt: instant('next_attempt_at'),
    errorCode: text('error_code', { enum: EVENT_FAILURE_CODES }),
    errorMessage: text('error_message'),
    /** Whether the event is replayed although it was processed before. */
    replayed: boolean('replayed').notNull().default(false),
    createdAt: createdAt(),
  },
  (table) => [
    primaryKey({ columns: [table.consumer, table.partition, table.sequence] }),
    index('retrying_events_key_idx').on(table.consumer, table.partition, table.tenantId, table.key, table.sequence),
    index('retrying_events_id_idx').on(table.tenantId, table.eventId),
    check('retrying_events_consumer_check', oneOf(table.consumer, EVENT_CONSUMERS)),
    check('retrying_events_code_check', oneOf(table.errorCode, EVENT_FAILURE_CODES)),
    check('retrying_events_attempts_check', sql`attempts >= 0`),
  ],
);

/**
 * Events that were given up, which the log does not tell of yet. A trigger on `failed_events` counts them here in the
 * transaction of the failure: a row for each consumer, partition, tenant, topic and code, until the feed takes the row.
 * So a flood of failures is few rows, and pumps never wait for each other, because each partition has one owner. A
 * failed `event.failed` is not counted, so that no failure leads to another one for ever.
 */
export const failureOutbox = eventsSchema.table(
  'failure_outbox',
  {
    position: bigserial('position', { mode: 'number' }).primaryKey(),
    consumer: consumer(),
    partition: smallint('partition').notNull(),
    tenantId: text('tenant_id').notNull(),
    /** The first word of the type. */
    topic: text('topic').notNull(),
    errorCode: text('error_code', { enum: EVENT_FAILURE_CODES }).notNull(),
    count: integer('count').notNull().default(1),
    /** The first event, in these columns down to the time of its failure. */
    sequence: sequence(),
    receivedAt: receivedAt(),
    eventId: text('event_id').notNull(),
    type: text('type').notNull(),
    attempts: integer('attempts').notNull(),
    failedAt: instant('failed_at').notNull(),
    lastSequence: bigint('last_sequence', { mode: 'number' }).notNull(),
    /** Whether the feed has taken the row: further failures are counted in another one. */
    taken: boolean('taken').notNull().default(false),
  },
  (table) => [
    uniqueIndex('failure_outbox_open_idx')
      .on(table.consumer, table.partition, table.tenantId, table.topic, table.errorCode)
      .where(sql`NOT taken`),
  ],
);

/**
 * The dead letters: events that a consumer gave up, with their content. They stay until a person acts on them, or past
 * their retention once the event has left the log.
 */
export const failedEvents = eventsSchema.table(
  'failed_events',
  {
    consumer: consumer(),
    partition: smallint('partition').notNull(),
    sequence: sequence(),
    receivedAt: receivedAt(),
    tenantId: text('tenant_id').notNull(),
    eventId: text('event_id').notNull(),
    type: text('type').notNull(),
    key: text('key').notNull(),
    errorCode: text('error_code', { enum: EVENT_FAILURE_CODES }).notNull(),
    errorMessage: text('error_message').notNull(),
    attempts: integer('attempts').notNull(),
    /** May be sealed, see `field-sealer.ts`. */
    properties: jsonb('properties').$type<Record<string, unknown> | string>().notNull(),
    failedAt: instant('failed_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.consumer, table.partition, table.sequence] }),
    index('failed_events_tenant_idx').on(table.tenantId, table.failedAt, table.eventId),
    index('failed_events_id_idx').on(table.tenantId, table.eventId),
    check('failed_events_consumer_check', oneOf(table.consumer, EVENT_CONSUMERS)),
    check('failed_events_code_check', oneOf(table.errorCode, EVENT_FAILURE_CODES)),
    check('failed_events_attempts_check', sql`attempts >= 1`),
  ],
);
