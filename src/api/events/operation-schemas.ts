import { z } from '@hono/zod-openapi';
import { EVENT_CONSUMERS, EVENT_FAILURE_CODES } from '../../domain/event.ts';
import { EVENT_NAME_MAX } from './event-schemas.ts';
import { instant, text } from '../http/primitive-schemas.ts';

/** Failed events that one request may name. */
export const REPROCESS_IDS_MAX = 1_000;

/**
 * Size of a body with the largest number of ids of the greatest length, with each character escaped (6 bytes), and
 * quotes and a comma for each.
 */
export const REPROCESS_BODY_MAX_BYTES = REPROCESS_IDS_MAX * (EVENT_NAME_MAX * 6 + 3) + 1_024;

/** Failed events of a code that one request takes: half a second. */
export const REPROCESS_MAX = 5_000;

/** Places of the log that one replay covers: a few seconds. */
const REPLAY_MAX = 100_000;

const consumer = z
  .enum(EVENT_CONSUMERS)
  .default('analytics')
  .openapi({ description: 'Consumer; `analytics` by default' });
const partition = z.int().min(0).max(32_767).openapi({ description: 'Partition of the log', example: 7 });
const sequence = z.int().min(1);

/** Body of `POST /v1/events/failed/reprocess`. */
export const reprocessBody = z
  .strictObject({
    ids: z
      .array(text(EVENT_NAME_MAX))
      .min(1)
      .max(REPROCESS_IDS_MAX)
      .optional()
      .openapi({ description: `Failed events to try again, up to ${REPROCESS_IDS_MAX}; others are skipped` }),
    errorCode: z
      .enum(EVENT_FAILURE_CODES)
      .optional()
      .openapi({
        description: `Try again the events that failed with this code, the oldest ${REPROCESS_MAX} failures`,
      }),
    consumer,
  })
  .refine(
    ({ ids, errorCode }) => (ids === undefined) !== (errorCode === undefined),
    'must have either ids or errorCode',
  )
  .openapi('ReprocessEvents');

/** Answer of `POST /v1/events/failed/reprocess`. */
export const reprocessedView = z
  .object({
    reprocessed: z.int().openapi({ description: 'Events that are tried again; 0 when none is left', example: 3 }),
  })
  .openapi('ReprocessedEvents');

/** Body of `POST /v1/events/replays`. */
export const replayBody = z
  .strictObject({
    fromSequence: sequence.openapi({ description: 'First place of the range', example: 1 }),
    toSequence: sequence.openapi({ description: 'Last place of the range', example: 1000 }),
    partition,
    consumer,
  })
  .refine(({ fromSequence, toSequence }) => toSequence >= fromSequence, {
    path: ['toSequence'],
    message: 'must not be before fromSequence',
  })
  .refine(({ fromSequence, toSequence }) => toSequence - fromSequence < REPLAY_MAX, {
    path: ['toSequence'],
    message: `must be at most ${REPLAY_MAX - 1} after fromSequence`,
  })
  .openapi('ReplayEvents');

/** Answer of `POST /v1/events/replays`. */
export const replayedView = z
  .object({ replayed: z.int().openapi({ description: 'Your events that are replayed', example: 1000 }) })
  .openapi('ReplayedEvents');

/** Path of one consumer. */
export const consumerPath = z.object({
  name: z.enum(EVENT_CONSUMERS).openapi({ description: 'Name of the consumer', example: 'analytics' }),
});

/** Body of `POST /v1/events/consumers/{name}/rewind`. */
export const rewindBody = z
  .strictObject({
    partition,
    sequence: sequence.openapi({ description: 'The next place; at most the one after the cursor', example: 1 }),
  })
  .openapi('RewindConsumer');

/** Answer of `POST /v1/events/consumers/{name}/rewind`. */
export const rewoundView = z
  .object({
    consumer: z.enum(EVENT_CONSUMERS).openapi({ description: 'Consumer' }),
    partition,
    before: z.int().openapi({ description: 'Where its cursor was', example: 4711 }),
    sequence: z.int().openapi({ description: 'Place of its cursor, before the next event', example: 0 }),
  })
  .openapi('RewoundConsumer');

/** A consumer and how far it is. */
export const consumerView = z
  .object({
    name: z.enum(EVENT_CONSUMERS).openapi({ description: 'Name' }),
    paused: z.boolean().openapi({ description: 'Whether the consumer is paused until it is resumed' }),
    pausedAt: instant('Since when').nullable(),
    pausedBy: z.string().nullable().openapi({ description: 'Who paused it' }),
    partitions: z
      .array(
        z.object({
          partition,
          sequence: z
            .int()
            .openapi({ description: 'Last event that it has handled; 0 before the first', example: 4711 }),
          head: z.int().openapi({ description: 'Last event of the partition', example: 4712 }),
          lag: z.int().openapi({ description: 'Events that it has not handled', example: 1 }),
          oldestSeconds: z.number().openapi({ description: 'How long the next event has waited', example: 0.02 }),
          processed: z.int().openapi({ description: 'Events that have ever got a result', example: 4700 }),
          updatedAt: instant('When it last moved; null before it was ever there').nullable(),
        }),
      )
      .openapi({ description: 'By partition' }),
  })
  .openapi('EventConsumer');

/** All consumers. */
export const consumersView = z
  .object({ items: z.array(consumerView).openapi({ description: 'Every consumer there is' }) })
  .openapi('EventConsumers');

const count = (description: string) => z.int().openapi({ description, example: 0 });

/** Answer of `GET /v1/events/stats`. */
export const eventStats = z
  .object({
    at: instant('When it was counted'),
    accepted: count('Events of the log, ever'),
    consumers: z
      .array(
        z.object({
          name: z.enum(EVENT_CONSUMERS).openapi({ description: 'Consumer' }),
          paused: z.boolean().openapi({ description: 'Whether it stands still' }),
          processed: count('Events that have ever got a result'),
          retrying: count('Events that wait for another try; counted up to 100,000'),
          failed: count('Events that were given up; counted up to 100,000'),
          lag: count('Events that it has not handled'),
          oldestSeconds: z.number().openapi({ description: 'How long the oldest of them has waited', example: 0.02 }),
          partitions: z
            .array(
              z.object({
                partition,
                lag: count('Events that it has not handled'),
                oldestSeconds: z.number().openapi({ description: 'How long the next one has waited', example: 0.02 }),
              }),
            )
            .openapi({ description: 'By partition' }),
        }),
      )
      .openapi({ description: 'By consumer' }),
  })
  .openapi('EventStats');
