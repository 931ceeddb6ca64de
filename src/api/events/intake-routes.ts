import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { OfferedEvent } from '../../domain/event.ts';
import { activeTrace } from '../../runtime/tracing/spans.ts';
import { guardedBy } from '../access/auth.ts';
import { decompressEvents, parseEvents, receiveEvents, type EventBody } from './event-body.ts';
import { readEnvelopes, type EventSender } from './event-envelope.ts';
import type { EventIntake } from './event-intake.ts';
import type { EventMetrics } from './event-metrics.ts';
import { claimEventRequest, type EventRequestDeps } from './event-request.ts';
import type { ApiEnv } from '../http/context.ts';
import { parseIdempotencyKey } from '../http/idempotency-key.ts';
import { tenantOf, type ConcurrencyLimit } from '../http/concurrency-limit.ts';
import { ProblemError } from '../http/problem.ts';
import { onResponseEnd } from '../http/response-end.ts';
import { requestFields } from '../http/request-context.ts';
import type { RateBudget } from '../access/rate-limit.ts';
import { cloudEventBody, cloudEventsBody } from './cloud-event-schemas.ts';
import { acceptedEvents, newEvents } from './event-schemas.ts';
import { problems } from '../http/problem-schemas.ts';

/** Bytes that count as one event in the budget: an event of 64 KiB counts as 16. */
const BYTES_PER_POINT = 4 * 1024;

export interface EventIntakeRoutesDeps extends EventRequestDeps {
  readonly intake: EventIntake;
  /** One point per event, and at least one per 4 KiB of the request. */
  readonly eventBudget: RateBudget;
  readonly eventConcurrency: ConcurrencyLimit;
  readonly eventMetrics: EventMetrics;
}

const json = <Schema extends z.ZodType>(schema: Schema) => ({ schema });

const postEvents = createRoute({
  method: 'post',
  path: '/v1/events',
  tags: ['Events'],
  summary: 'Send events',
  description:
    'One event, up to 500 of them, or CloudEvents 1.0 in structured, batched or binary mode. They are stored when the answer ' +
    'comes. Bodies may have 2 MiB, and compressed with gzip 4 MiB after decompression. All events of a request are ' +
    'accepted, or none. `Idempotency-Key` is optional: with it, events without an id get one that is the same when the ' +
    'request is repeated, and another body under the same key is refused.',
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
    202: {
      description: 'The events are stored, and will be processed soon',
      content: { 'application/json': json(acceptedEvents) },
    },
    ...problems(
      'malformed_json',
      'idempotency_key_malformed',
      'unsupported_media_type',
      'payload_too_large',
      'validation_failed',
      'idempotency_key_reused',
    ),
  },
});

/**
 * The route reads its body by itself, because its limits differ, it accepts three media types and compression, and it
 * parses JSON only once.
 */
export function createEventIntakeRoutes(deps: EventIntakeRoutesDeps) {
  const { intake, eventBudget, eventMetrics, eventConcurrency } = deps;
  const app = new OpenAPIHono<ApiEnv>();
  app.openAPIRegistry.registerPath(postEvents);
  app.post('/v1/events', postEvents.middleware, async (c) => {
    const { tenantId } = c.get('caller');
    const arrived = intake.announce();
    onResponseEnd(c.env, arrived);
    // A refused request costs points, too: one for the request, and those of its bytes before they are read.
    const spent = createSpending(eventBudget, tenantId);
    await spent.upTo(1);
    const received = await receiveEvents(c);
    onResponseEnd(c.env, eventConcurrency.take(tenantOf(c), received.sent.byteLength));
    const bytes = await decompressEvents(received);
    await spent.upTo(Math.ceil(bytes.byteLength / BYTES_PER_POINT));
    const body = parseEvents(received, bytes);
    const sender = senderOf(c);
    const events = readOffered(c, { body, sender }, eventMetrics);
    await spent.upTo(events.length);
    const { idempotencyKey } = sender;
    if (idempotencyKey !== null) await claimEventRequest(deps, { tenantId, idempotencyKey }, body);
    arrived();
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

/** Spends points up to a sum that grows as more is known about a request. */
function createSpending(budget: RateBudget, tenantId: string) {
  let spent = 0;
  return {
    /**
     * Spends up to the given sum.
     * @throws {ProblemError} `rate_limited`, or `payload_too_large` when the sum is more than a tenant can ever have.
     */
    upTo: async (points: number): Promise<void> => {
      if (points <= spent) return;
      if (points > budget.most) throw beyondBudget(budget.most);
      await budget.spend(tenantId, points - spent);
      spent = points;
    },
  };
}

function beyondBudget(most: number): ProblemError {
  return new ProblemError(
    'payload_too_large',
    `a tenant may send ${most} events of 4 KiB in 10 s, and no more at once`,
  );
}

function senderOf(c: Context<ApiEnv>): EventSender {
  const key = c.req.header('idempotency-key');
  return {
    tenantId: c.get('caller').tenantId,
    correlationId: c.get('correlationId'),
    ...activeTrace(),
    idempotencyKey: key === undefined ? null : parseIdempotencyKey(key),
  };
}

function readOffered(
  c: Context<ApiEnv>,
  { body, sender }: { readonly body: EventBody; readonly sender: EventSender },
  metrics: EventMetrics,
): OfferedEvent[] {
  try {
    return readEnvelopes(body, sender);
  } catch (error) {
    if (error instanceof ProblemError) {
      const { errors } = error;
      for (const type of typesIn(body.json)) metrics.received(type, 'refused');
      c.get('logger').info({ ...requestFields(c), format: body.format, errors }, 'events were refused');
    }
    throw error;
  }
}

/** The types that a refused body contains, as far as they can be read. */
function typesIn(json: unknown): unknown[] {
  const events = typeof json === 'object' && json !== null && 'events' in json ? json.events : json;
  const list: readonly unknown[] = Array.isArray(events) ? events.slice(0, 1_000) : [events];
  return list.map((event) => (typeof event === 'object' && event !== null && 'type' in event ? event.type : null));
}

function missingReceipt(): never {
  throw new TypeError('an event has no receipt');
}
