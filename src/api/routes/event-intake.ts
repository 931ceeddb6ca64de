import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { OfferedEvent } from '../../domain/event.ts';
import { guardedBy } from '../auth.ts';
import { readEventBody, type EventBody } from '../event-body.ts';
import { readEnvelopes } from '../event-envelope.ts';
import type { EventIntake } from '../event-intake.ts';
import type { EventMetrics } from '../event-metrics.ts';
import type { ApiEnv } from '../context.ts';
import { parseIdempotencyKey } from '../idempotency-key.ts';
import { ProblemError } from '../problem.ts';
import { logOf } from '../request-context.ts';
import type { RateBudget } from '../rate-limit.ts';
import { cloudEventBody, cloudEventsBody } from '../schemas/cloud-event.ts';
import { acceptedEvents, newEvents } from '../schemas/event.ts';
import { problems } from '../schemas/problem.ts';

/** What the route that accepts events works with. */
export interface EventIntakeRoutesDeps {
  readonly intake: EventIntake;
  /** One point per event. */
  readonly eventBudget: RateBudget;
  readonly eventMetrics: EventMetrics;
}

const json = <Schema extends z.ZodType>(schema: Schema) => ({ schema });

const postEvents = createRoute({
  method: 'post',
  path: '/v1/events',
  tags: ['Events'],
  summary: 'Send events',
  description:
    'One event, up to 500 of them, or CloudEvents 1.0 in structured or batched mode. They are stored when the answer ' +
    'comes. Bodies may have 2 MiB, and compressed with gzip 4 MiB after decompression. All events of a request are ' +
    'accepted, or none. `Idempotency-Key` is optional: with it, events without an id get one that is the same when the ' +
    'request is repeated.',
  ...guardedBy('events:write'),
  request: {
    body: {
      required: true,
      content: {
        'application/json': json(newEvents),
        'application/cloudevents+json': json(cloudEventBody),
        'application/cloudevents-batch+json': json(cloudEventsBody),
      },
    },
  },
  responses: {
    202: { description: 'Stored; they are processed soon', content: { 'application/json': json(acceptedEvents) } },
    ...problems(
      'malformed_json',
      'idempotency_key_malformed',
      'unsupported_media_type',
      'payload_too_large',
      'validation_failed',
    ),
  },
});

/**
 * Creates the route that accepts events. It reads its body by itself: other limits, three media types, compression,
 * and JSON that is parsed once.
 */
export function createEventIntakeRoutes({ intake, eventBudget, eventMetrics }: EventIntakeRoutesDeps) {
  const app = new OpenAPIHono<ApiEnv>();
  app.openAPIRegistry.registerPath(postEvents);
  app.post('/v1/events', postEvents.middleware, async (c) => {
    const { tenantId } = c.get('caller');
    // Also a request that is refused costs a point.
    await eventBudget.spend(tenantId, 1);
    const body = await readEventBody(c);
    const events = readOffered(c, body, eventMetrics);
    if (events.length > 1) await eventBudget.spend(tenantId, events.length - 1);
    const receipts = await intake.submit(events, body.bytes);
    let accepted = 0;
    const places = events.map(({ eventId, type }, index) => {
      const { partition, sequence, isNew } = receipts[index] ?? missingReceipt();
      eventMetrics.received(type, isNew ? 'accepted' : 'duplicate');
      if (isNew) accepted += 1;
      return { id: eventId, partition, sequence };
    });
    return c.json({ accepted, duplicates: events.length - accepted, events: places }, 202);
  });
  return app;
}

function readOffered(c: Context<ApiEnv>, body: EventBody, metrics: EventMetrics): OfferedEvent[] {
  const key = c.req.header('idempotency-key');
  const sender = {
    tenantId: c.get('caller').tenantId,
    correlationId: c.get('correlationId'),
    idempotencyKey: key === undefined ? null : parseIdempotencyKey(key),
  };
  try {
    return readEnvelopes(body, sender);
  } catch (error) {
    if (error instanceof ProblemError) {
      const { errors } = error;
      for (const type of typesIn(body.json)) metrics.received(type, 'refused');
      logOf(c).info({ tenantId: sender.tenantId, format: body.format, errors }, 'events were refused');
    }
    throw error;
  }
}

/** What a refused body calls its events, as far as it can be read. */
function typesIn(json: unknown): unknown[] {
  const events = typeof json === 'object' && json !== null && 'events' in json ? json.events : json;
  const list: readonly unknown[] = Array.isArray(events) ? events.slice(0, 1_000) : [events];
  return list.map((event) => (typeof event === 'object' && event !== null && 'type' in event ? event.type : null));
}

function missingReceipt(): never {
  throw new TypeError('an event has no receipt');
}
