import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi';
import type {
  EventRecord,
  EventViewRepository,
  FailedEvent,
} from '../../../db/repositories/events/event-view-repository.ts';
import { toCloudEvent } from '../../domain/cloud-event-parts.ts';
import type { EventPosition } from '../../domain/event.ts';
import { guardedBy } from '../access/auth.ts';
import type { ApiEnv } from '../http/context.ts';
import { decodeCursor, encodeCursor, foreignCursor, toPage } from '../http/cursor.ts';
import { notFound } from '../http/problem.ts';
import {
  consumerName,
  eventPage,
  eventPath,
  eventQuery,
  eventView,
  failedPage,
  listEventsQuery,
  listFailedQuery,
  type EventView,
} from './event-schemas.ts';
import { plainInstant } from '../http/primitive-schemas.ts';
import { problems } from '../http/problem-schemas.ts';
import { validationHook } from '../http/validation.ts';

export interface EventRoutesDeps {
  readonly events: EventViewRepository;
}

const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } });

const listEvents = createRoute({
  method: 'get',
  path: '/v1/events',
  tags: ['Events'],
  summary: 'List events, newest first',
  description:
    'One request looks at 2,000 events at most. Under a filter that few events pass, a page may therefore have fewer ' +
    'items than `limit`, even none, while `nextCursor` goes on: the list ends where `nextCursor` is null.',
  ...guardedBy('events:read'),
  request: { query: listEventsQuery },
  responses: { 200: { description: 'A page of events', content: json(eventPage) }, ...problems('validation_failed') },
});

const listFailed = createRoute({
  method: 'get',
  path: '/v1/events/failed',
  tags: ['Events'],
  summary: 'List events that were given up, newest failure first',
  description: 'Failed events stay until a person has them tried again (`POST /v1/events/failed/reprocess`).',
  ...guardedBy('events:read'),
  request: { query: listFailedQuery },
  responses: {
    200: { description: 'A page of failed events', content: json(failedPage) },
    ...problems('validation_failed'),
  },
});

const getEvent = createRoute({
  method: 'get',
  path: '/v1/events/{id}',
  tags: ['Events'],
  summary: 'Read an event and what became of it',
  description: '`status`, `processed` and `error` are those of the consumer `analytics`.',
  ...guardedBy('events:read'),
  request: { params: eventPath, query: eventQuery },
  responses: {
    200: { description: 'The event', content: json(eventView) },
    ...problems('not_found', 'validation_failed'),
  },
});

/** The consumer whose results an event shows. */
const SHOWN_CONSUMER = 'analytics';

export function createEventRoutes({ events }: EventRoutesDeps) {
  return new OpenAPIHono<ApiEnv>({ defaultHook: validationHook })
    .openapi(listEvents, async (c) => {
      const { tenantId } = c.get('caller');
      const { cursor, ...query } = c.req.valid('query');
      const before = cursor === undefined ? undefined : decodePosition(cursor);
      const page = await events.list({ tenantId, consumer: SHOWN_CONSUMER, ...query, before });
      const nextCursor = page.before === null ? null : encodePosition(page.before);
      return c.json({ items: page.events.map(toView), nextCursor }, 200);
    })
    .openapi(listFailed, async (c) => {
      const { tenantId } = c.get('caller');
      const { limit, cursor, ...filters } = c.req.valid('query');
      const before = cursor === undefined ? undefined : decodeFailure(cursor);
      const found = await events.listFailed({ tenantId, ...filters, before, limit: limit + 1 });
      return c.json(
        toPage(found.map(toFailedView), limit, ({ failedAt, id, consumer }) => [failedAt, id, consumer]),
        200,
      );
    })
    .openapi(getEvent, async (c) => {
      const { id: eventId } = c.req.valid('param');
      const { source } = c.req.valid('query');
      const found = await events.findOptional({ tenantId: c.get('caller').tenantId, eventId, source }, SHOWN_CONSUMER);
      if (found === null) throw notFound('event');
      return c.json(toView(found), 200);
    });
}

function toView(event: EventRecord): EventView {
  const { type, key, userId, source, correlationId, partition, sequence, properties } = event;
  return {
    id: event.eventId,
    type,
    status: event.status,
    raw: {
      type,
      key,
      userId,
      source,
      correlationId,
      occurredAt: event.occurredAt.toISOString(),
      receivedAt: event.receivedAt.toISOString(),
      partition,
      sequence,
      properties,
      ...(event.cloudEvent == null ? {} : { cloudEvent: toCloudEvent(event.cloudEvent, event) }),
    },
    processed: processedOf(event),
    error: errorOf(event),
  };
}

function processedOf({ category, processedAt, workerId }: EventRecord): EventView['processed'] {
  if (category === null || processedAt === null || workerId === null) return null;
  return { category, processedAt: processedAt.toISOString(), workerId };
}

/** An event that waits for another one of its key, or is replayed, has no failure to show. */
function errorOf({ status, errorCode, errorMessage, ...event }: EventRecord): EventView['error'] {
  if (status === 'PROCESSED' || errorCode === null) return null;
  return {
    code: errorCode,
    message: errorMessage ?? '',
    attempts: event.attempts ?? 0,
    nextAttemptAt: event.nextAttemptAt?.toISOString() ?? null,
    failedAt: event.failedAt?.toISOString() ?? null,
  };
}

function toFailedView({ eventId, ...failed }: FailedEvent) {
  return {
    id: eventId,
    ...failed,
    receivedAt: failed.receivedAt.toISOString(),
    failedAt: failed.failedAt.toISOString(),
  };
}

function encodePosition({ receivedAt, partition, sequence }: EventPosition): string {
  return encodeCursor([receivedAt.toISOString(), String(partition), String(sequence)]);
}

function decodePosition(cursor: string): EventPosition {
  const [receivedAt = '', partition = '', sequence = ''] = decodeCursor(cursor);
  const isOurs = isInstant(receivedAt) && /^\d{1,5}$/.test(partition) && /^\d{1,15}$/.test(sequence);
  if (!isOurs || Number(partition) > 32_767) throw foreignCursor();
  return { receivedAt: new Date(receivedAt), partition: Number(partition), sequence: Number(sequence) };
}

function decodeFailure(cursor: string): Pick<FailedEvent, 'failedAt' | 'eventId' | 'consumer'> {
  const [failedAt = '', eventId = '', name = ''] = decodeCursor(cursor);
  const consumer = consumerName.safeParse(name);
  const isId = eventPath.shape.id.safeParse(eventId).success;
  if (!isInstant(failedAt) || !isId || !consumer.success) throw foreignCursor();
  return { failedAt: new Date(failedAt), eventId, consumer: consumer.data };
}

function isInstant(text: string): boolean {
  return plainInstant.safeParse(text).success;
}
