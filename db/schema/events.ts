import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgSchema,
  primaryKey,
  smallint,
  text,
} from 'drizzle-orm/pg-core';
import type { CloudEventParts } from '../../src/domain/cloud-event-parts.ts';
import { EVENT_CONSUMERS, EVENT_FAILURE_CODES } from '../../src/domain/event.ts';
import { createdAt, instant, oneOf } from './columns.ts';

/** The log of business events and what its consumers made of it; the schema of the event pipeline. */
export const eventsSchema = pgSchema('events');

const sequence = () => bigint('sequence', { mode: 'number' }).notNull();
const consumer = () => text('consumer', { enum: EVENT_CONSUMERS }).notNull();
const receivedAt = () => instant('received_at').notNull();

/** One row per partition of the log: its lock orders the writers, so that a cursor can never skip an event. */
export const partitions = eventsSchema.table('partitions', {
  partition: smallint('partition').primaryKey(),
  nextSequence: bigint('next_sequence', { mode: 'number' }).notNull().default(1),
  /** Never goes back within a partition, whatever the clock does. */
  lastReceivedAt: instant('last_received_at')
    .notNull()
    .default(sql`'epoch'`),
});

/** The log: append-only (a trigger refuses UPDATE), partitioned by day of arrival for retention. */
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
    properties: jsonb('properties').$type<Record<string, unknown>>().notNull(),
    /** What a CloudEvent has beside that; null for other events. */
    cloudEvent: jsonb('cloud_event').$type<CloudEventParts>(),
  },
  (table) => [
    primaryKey({ columns: [table.partition, table.sequence, table.receivedAt] }),
    index('raw_events_tenant_idx').on(table.tenantId, table.receivedAt, table.partition, table.sequence),
  ],
);

/** Where each id is: a UNIQUE id is impossible on a table that is partitioned by time. */
export const eventIds = eventsSchema.table(
  'event_ids',
  {
    tenantId: text('tenant_id').notNull(),
    eventId: text('event_id').notNull(),
    partition: smallint('partition').notNull(),
    sequence: sequence(),
    receivedAt: receivedAt(),
    /** Of a CloudEvent's source; empty for other events, and for CloudEvents from before sources counted. */
    sourceHash: text('source_hash').notNull().default(''),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.eventId, table.sourceHash] }),
    index('event_ids_received_idx').using('brin', table.receivedAt),
  ],
);

/** The requests that came with an `Idempotency-Key`: a key belongs to one body. */
export const eventRequests = eventsSchema.table(
  'event_requests',
  {
    /** Made of the tenant and the key. */
    requestId: text('request_id').primaryKey(),
    requestHash: text('request_hash').notNull(),
    createdAt: createdAt(),
  },
  (table) => [index('event_requests_created_idx').using('brin', table.createdAt)],
);

/** One row per consumer that was ever paused. */
export const consumers = eventsSchema.table(
  'consumers',
  {
    name: text('name', { enum: EVENT_CONSUMERS }).primaryKey(),
    pausedAt: instant('paused_at'),
    pausedBy: text('paused_by'),
  },
  (table) => [check('consumers_name_check', oneOf(table.name, EVENT_CONSUMERS))],
);

/** How far a consumer is in a partition, and who may write there: each owner has an epoch of its own. */
export const cursors = eventsSchema.table(
  'cursors',
  {
    consumer: consumer(),
    partition: smallint('partition').notNull(),
    /** The last event that was dealt with: processed, failed, waiting for a retry, or of no interest. */
    sequence: sequence().default(0),
    receivedAt: receivedAt().default(sql`'epoch'`),
    /** The furthest the cursor ever was: up to there an event may have a result already. */
    furthest: bigint('furthest', { mode: 'number' }).notNull().default(0),
    epoch: bigint('epoch', { mode: 'number' }).notNull().default(1),
    owner: text('owner').notNull(),
    /** Events with a result, ever. */
    processed: bigint('processed', { mode: 'number' }).notNull().default(0),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.consumer, table.partition] }),
    check('cursors_consumer_check', oneOf(table.consumer, EVENT_CONSUMERS)),
    check('cursors_sequence_check', sql`sequence >= 0`),
  ],
);

/** What a consumer made of an event; partitioned by day of the event's arrival, like the log. */
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

/** Events that will be tried again, and those of the same key that wait behind them. */
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
    /** 0: it waits behind an earlier event of its key, or is played again. */
    attempts: integer('attempts').notNull(),
    nextAttemptAt: instant('next_attempt_at'),
    errorCode: text('error_code', { enum: EVENT_FAILURE_CODES }),
    errorMessage: text('error_message'),
    /** Played again although it was processed before. */
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

/** Events that a consumer gave up, with what they said: the dead letters. They stay until somebody acts on them. */
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
    properties: jsonb('properties').$type<Record<string, unknown>>().notNull(),
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
