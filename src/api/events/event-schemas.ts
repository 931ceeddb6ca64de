import { z } from '@hono/zod-openapi';
import { EVENT_CONSUMERS, EVENT_FAILURE_CODES, EVENT_STATUSES, SERVICE_EVENT_ID_PREFIX } from '../../domain/event.ts';
import { instant, pageQuery, requestedInstant, text } from '../http/primitive-schemas.ts';

/** Events of one request. */
export const EVENTS_MAX = 500;

/** Characters of ids, keys, users and types: an index entry of PostgreSQL holds 2,700 bytes, four per character. */
export const EVENT_NAME_MAX = 200;

/** Ids that `/v1/events/{id}` cannot contain, because other routes have these names or URLs drop them. */
const UNREADABLE_IDS: ReadonlySet<string> = new Set(['.', '..', 'consumers', 'failed', 'replays', 'stats']);

/** The id of an offered event; the service's own ids are refused. */
export const offeredId = text(EVENT_NAME_MAX)
  .refine((id) => !id.startsWith(SERVICE_EVENT_ID_PREFIX), `must not begin with ${SERVICE_EVENT_ID_PREFIX}`)
  .refine((id) => !UNREADABLE_IDS.has(id), `must not be one of ${[...UNREADABLE_IDS].join(', ')}`);

/** An object that is neither copied nor checked here; its content is checked elsewhere in one pass. */
const eventProperties = z
  .custom<Record<string, unknown>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'must be an object',
  )
  .openapi({
    type: 'object',
    additionalProperties: true,
    description: 'What happened, by type; up to 64 KiB as JSON and 32 levels deep, numbers as doubles',
    example: { amount: 99.99 },
  });

/** Unknown fields are refused, so a misspelled field is not silently ignored. */
export const eventBody = z
  .strictObject({
    type: text(EVENT_NAME_MAX).openapi({
      description: 'Type: `purchase`, `user_signup`, `page_view`, `custom` or `custom.*`',
      example: 'purchase',
    }),
    userId: text(EVENT_NAME_MAX).nullish().openapi({ description: 'Whom it is about', example: 'u1' }),
    properties: eventProperties.optional(),
    id: offeredId.optional().openapi({
      description:
        'Your id, best a UUID: the same id is accepted once per tenant. Without one it is made from the `Idempotency-Key` and the place in the request, else at random',
      example: '3f0c8f6e-2b0f-4a53-9a5b-0d6f6f0a3c11',
    }),
    key: text(EVENT_NAME_MAX).nullish().openapi({
      description: 'Events of one key are processed in the order they were accepted; by default the user, else the id',
      example: 'u1',
    }),
    occurredAt: requestedInstant.optional().openapi({
      description: 'When the event happened (RFC 3339); by default now',
      example: '2026-11-21T10:00:00.000Z',
    }),
  })
  .openapi('NewEvent');
export type NewEvent = z.output<typeof eventBody>;

/** Body with several events, accepted or refused together. */
export const eventsBody = z
  .strictObject({
    events: z
      .array(eventBody)
      .min(1)
      .max(EVENTS_MAX)
      .openapi({ description: `1 to ${EVENTS_MAX} events; either all of them are accepted or none` }),
  })
  .openapi('NewEvents');

/** Body of `POST /v1/events` in its own format, as the documentation shows it. */
export const newEvents = z.union([eventBody, eventsBody]);

/** Answer of `POST /v1/events`. */
export const acceptedEvents = z
  .object({
    accepted: z.int().openapi({ description: 'Events that are new', example: 1 }),
    duplicates: z.int().openapi({ description: 'Events whose id had been accepted before', example: 0 }),
    events: z
      .array(
        z.object({
          id: z.string().openapi({ description: 'Event id', example: '3f0c8f6e-2b0f-4a53-9a5b-0d6f6f0a3c11' }),
          partition: z.int().openapi({ description: 'Partition of the log, which depends on the key', example: 7 }),
          sequence: z.int().openapi({ description: 'Place in the partition, from 1 without gaps', example: 4711 }),
        }),
      )
      .openapi({ description: 'In the order of the request; a duplicate has the place of the first one' }),
  })
  .openapi('AcceptedEvents');

/** Path of one event. */
export const eventPath = z.object({
  id: text(EVENT_NAME_MAX).openapi({ description: 'Event id', example: '3f0c8f6e-2b0f-4a53-9a5b-0d6f6f0a3c11' }),
});

const rawEvent = z
  .object({
    type: z.string().openapi({ description: 'Type', example: 'purchase' }),
    key: z.string().openapi({ description: 'Events of one key are processed in order', example: 'u1' }),
    userId: z.string().nullable().openapi({ description: 'Whom it is about', example: 'u1' }),
    source: z.string().openapi({ description: '`http`, or the `source` of a CloudEvent', example: 'http' }),
    correlationId: z.string().openapi({ description: 'Correlation id of the request with this event' }),
    occurredAt: instant('When it happened'),
    receivedAt: instant('When it was accepted'),
    partition: z.int().openapi({ description: 'Partition of the log', example: 7 }),
    sequence: z.int().openapi({ description: 'Place in the partition', example: 4711 }),
    properties: z.record(z.string(), z.unknown()).openapi({ description: 'What happened, as it was sent' }),
    cloudEvent: z.record(z.string(), z.unknown()).optional().openapi({
      description:
        'The whole CloudEvent in the JSON format, with the attributes and the data that it came with; absent for other events',
    }),
  })
  .openapi({ description: 'The event as it was accepted; it never changes' });

const errorCode = z.enum(EVENT_FAILURE_CODES).openapi({ description: 'Stable code, see docs/errors.md' });

/** An event and what the consumer `analytics` made of it. */
export const eventView = z
  .object({
    id: z.string().openapi({ description: 'Event id', example: '3f0c8f6e-2b0f-4a53-9a5b-0d6f6f0a3c11' }),
    type: z.string().openapi({ description: 'Type', example: 'purchase' }),
    status: z.enum(EVENT_STATUSES).openapi({ description: 'State of the event at the consumer `analytics`' }),
    raw: rawEvent,
    processed: z
      .object({
        category: z.string().openapi({ description: 'Kind of event within its type', example: 'high_value' }),
        processedAt: instant('When it was processed'),
        workerId: z.string().openapi({ description: 'Process that did it' }),
      })
      .nullable()
      .openapi({ description: 'Result; null before there is one' }),
    error: z
      .object({
        code: errorCode,
        message: z.string().openapi({ description: 'What was wrong; names fields, never their values' }),
        attempts: z.int().openapi({ description: 'Tries so far', example: 4 }),
        nextAttemptAt: instant(
          'When it is tried again; null when it is given up or waits for another event',
        ).nullable(),
        failedAt: instant('When it was given up; null while it is tried again').nullable(),
      })
      .nullable()
      .openapi({ description: 'Last failure of an event that is RETRYING or FAILED' }),
  })
  .openapi('Event');
export type EventView = z.output<typeof eventView>;

/** Characters of a `source`, which is a URI reference. */
export const SOURCE_MAX = 1_000;

/** Query of one event. */
export const eventQuery = z.strictObject({
  source: text(SOURCE_MAX).optional().openapi({
    description: 'Only the CloudEvent of this source, if several sources used the same id',
    example: '/shop/checkout',
  }),
});

/** Query of `GET /v1/events`. */
export const listEventsQuery = z.strictObject({
  type: text(EVENT_NAME_MAX).optional().openapi({ description: 'Only events of exactly this type' }),
  status: z.enum(EVENT_STATUSES).optional().openapi({ description: 'Only events in this status' }),
  userId: text(EVENT_NAME_MAX).optional().openapi({ description: 'Only events of this user' }),
  ...pageQuery,
});

/** A page of events. */
export const eventPage = z
  .object({
    items: z
      .array(eventView)
      .openapi({ description: 'Newest first; may be fewer than `limit`, even none, although more pages follow' }),
    nextCursor: z.string().nullable().openapi({ description: 'Cursor of the next page; null on the last one' }),
  })
  .openapi('EventPage');

/** Which consumer is meant. */
export const consumerName = z.enum(EVENT_CONSUMERS);

/** Query of `GET /v1/events/failed`. */
export const listFailedQuery = z.strictObject({
  errorCode: errorCode.optional().openapi({ description: 'Only events that failed with this code' }),
  consumer: consumerName.optional().openapi({ description: 'Only failures of this consumer' }),
  ...pageQuery,
});

/** A page of failed events. */
export const failedPage = z
  .object({
    items: z
      .array(
        z.object({
          id: z.string().openapi({ description: 'Event id' }),
          consumer: consumerName.openapi({ description: 'Consumer that gave it up' }),
          type: z.string().openapi({ description: 'Type', example: 'purchase' }),
          key: z.string().openapi({ description: 'Events of one key are processed in order', example: 'u1' }),
          partition: z.int().openapi({ description: 'Partition of the log', example: 7 }),
          sequence: z.int().openapi({ description: 'Place in the partition', example: 4711 }),
          errorCode,
          errorMessage: z.string().openapi({ description: 'What was wrong; names fields, never their values' }),
          attempts: z.int().openapi({ description: 'Tries', example: 1 }),
          properties: z.record(z.string(), z.unknown()).openapi({ description: 'What happened, as it was sent' }),
          receivedAt: instant('When it was accepted'),
          failedAt: instant('When it was given up'),
        }),
      )
      .openapi({ description: 'Newest failure first' }),
    nextCursor: z.string().nullable().openapi({ description: 'Cursor of the next page; null on the last one' }),
  })
  .openapi('FailedEventPage');
