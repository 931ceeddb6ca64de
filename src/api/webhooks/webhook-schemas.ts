import { z } from '@hono/zod-openapi';
import {
  WEBHOOK_DELIVERY_STATES,
  WEBHOOK_DISABLED_REASONS,
  WEBHOOK_EVENT_TYPES,
  WEBHOOK_URL_MAX,
} from '../../domain/webhook.ts';
import { CASE_EVENT_TYPES } from '../../domain/case.ts';
import { EVENT_CONSUMERS, EVENT_FAILURE_CODES } from '../../domain/event.ts';
import { instant, pageQuery, pathId, text } from '../http/primitive-schemas.ts';

/** Body of `POST /v1/webhooks`. */
export const createWebhookBody = z
  .strictObject({
    url: text(WEBHOOK_URL_MAX).openapi({
      description: 'Address for the events: https, public, without user name and fragment',
      example: 'https://shop.example.com/hooks/orders',
    }),
    events: z
      .array(z.enum(WEBHOOK_EVENT_TYPES))
      .min(1)
      .max(WEBHOOK_EVENT_TYPES.length)
      .refine((events) => new Set(events).size === events.length, 'must not name an event twice')
      .openapi({
        description: 'Which events; `order.*` or `case.*` for all of a kind, also those that are added later',
        example: ['order.confirmed', 'order.cancelled'],
      }),
  })
  .openapi('CreateWebhook');

/** A subscription as its owner sees it. */
export const webhookView = z
  .object({
    id: z.string().openapi({ description: 'Subscription id', example: 'wh_abcdefghijklmnopqrstuvwxyz' }),
    url: z
      .string()
      .openapi({ description: 'Where events are posted', example: 'https://shop.example.com/hooks/orders' }),
    events: z.array(z.string()).openapi({ description: 'Which events', example: ['order.confirmed'] }),
    state: z.enum(['ACTIVE', 'DISABLED']).openapi({ description: 'Whether events are sent' }),
    disabledReason: z.enum(WEBHOOK_DISABLED_REASONS).nullable().openapi({
      description: '`gone`: the receiver answered 410; `failing`: nothing was accepted for days; null while active',
    }),
    disabledAt: instant('When it was disabled').nullable(),
    failingSince: instant('When the failures began; null since the last success').nullable(),
    createdAt: instant('When it was made'),
  })
  .openapi('Webhook');

/** Answer of `POST /v1/webhooks`. */
export const createdWebhook = webhookView
  .extend({
    secret: z.string().nullable().openapi({
      description:
        'Signing secret (Standard Webhooks). Shown for ten minutes to requests with the same key, then null for ever',
      example: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    }),
  })
  .openapi('CreatedWebhook');

/** A page of subscriptions. */
export const webhookPage = z
  .object({
    items: z.array(webhookView).openapi({ description: 'Newest first' }),
    nextCursor: z.string().nullable().openapi({ description: 'Cursor of the next page; null on the last one' }),
  })
  .openapi('WebhookPage');

/** Query of `GET /v1/webhooks`. */
export const listWebhooksQuery = z.strictObject(pageQuery);

/** Path of one subscription. */
export const webhookPath = z.object({
  id: pathId.openapi({ description: 'Subscription id', example: 'wh_abcdefghijklmnopqrstuvwxyz' }),
});

/** Path of one delivery. */
export const webhookDeliveryPath = webhookPath.extend({
  deliveryId: pathId.openapi({ description: 'Delivery id', example: 'msg_abcdefghijklmnopqrstuvwxyz' }),
});

/** One event for one subscription. */
export const webhookDeliveryView = z
  .object({
    id: z.string().openapi({
      description: 'Delivery id, sent as `webhook-id`: the same for every attempt',
      example: 'msg_abcdefghijklmnopqrstuvwxyz',
    }),
    eventId: z.string().openapi({ description: 'Id of the event' }),
    eventType: z.string().openapi({ description: 'Type of the event', example: 'order.confirmed' }),
    key: z
      .string()
      .openapi({ description: 'Order id, or the id of a failure; deliveries with one key follow each other' }),
    state: z.enum(WEBHOOK_DELIVERY_STATES).openapi({ description: 'How far it is' }),
    attempts: z
      .int()
      .openapi({ description: 'Attempts since the event was published or a redelivery was asked for', example: 1 }),
    lastStatus: z.int().nullable().openapi({ description: 'HTTP status of the last answer; null without one' }),
    lastError: z.string().nullable().openapi({
      description:
        'Why the last attempt failed: `status_500`, `name_not_resolved`, `connection_refused`, `tls_failed`, `invalid_http`, `timeout`, `unreachable`, `address_not_allowed`, `secret_unreadable`',
    }),
    responseExcerpt: z
      .string()
      .nullable()
      .openapi({ description: 'Beginning of the last answer, up to 512 characters' }),
    nextAttemptAt: instant('When it is tried again, while it is RETRYING').nullable(),
    deliveredAt: instant('When the receiver accepted it').nullable(),
    createdAt: instant('When it was published'),
  })
  .openapi('WebhookDelivery');

/** A page of deliveries. */
export const webhookDeliveryPage = z
  .object({
    items: z.array(webhookDeliveryView).openapi({ description: 'Newest first' }),
    nextCursor: z.string().nullable().openapi({ description: 'Cursor of the next page; null on the last one' }),
  })
  .openapi('WebhookDeliveryPage');

/** Query of `GET /v1/webhooks/{id}/deliveries`. */
export const listWebhookDeliveriesQuery = z.strictObject({
  state: z.enum(WEBHOOK_DELIVERY_STATES).optional().openapi({ description: 'Only deliveries in this state' }),
  ...pageQuery,
});

/** Body of a webhook about a case, for the `webhooks` section of the OpenAPI document. */
export const caseWebhookMessage = z
  .object({
    type: z.enum(CASE_EVENT_TYPES).openapi({ description: 'Type of the event' }),
    timestamp: instant('When it happened'),
    data: z
      .looseObject({
        caseId: z.string().openapi({ description: 'Case id', example: 'case_abcdefghijklmnopqrstuvwxyz' }),
        orderId: z
          .string()
          .openapi({ description: 'Order id, or `notice_…` for a report of a provider that has no order' }),
        step: z.string().openapi({ description: 'Step that is parked', example: 'take-payment' }),
        errorCode: z.string().openapi({ description: 'Code of the failure', example: 'payment_mismatch' }),
        attempts: z.int().openapi({ description: 'Tries of the step until then', example: 3 }),
        resolution: z
          .string()
          .nullable()
          .openapi({ description: 'How the case ended; null for a case that was opened', example: 'step_succeeded' }),
        traceId: z.string().nullable().openapi({ description: 'The recorded trace of the case; null without one' }),
      })
      .openapi({ description: 'The case at that moment' }),
  })
  .openapi('CaseWebhookMessage');

/** Body of a webhook about events that were given up. */
export const failureWebhookMessage = z
  .object({
    type: z.literal('event.failed').openapi({ description: 'Type of the event' }),
    timestamp: instant('When it was given up'),
    data: z
      .looseObject({
        count: z.int().openapi({ description: 'How many events failed for this reason within a second', example: 1 }),
        eventId: z.string().openapi({ description: 'Id of the first of them' }),
        eventType: z.string().openapi({ description: 'Its type', example: 'purchase' }),
        consumer: z.enum(EVENT_CONSUMERS).openapi({ description: 'The consumer that gave it up' }),
        errorCode: z.enum(EVENT_FAILURE_CODES).openapi({ description: 'Why' }),
        attempts: z.int().openapi({ description: 'Tries until then', example: 4 }),
        partition: z.int().openapi({ description: 'Its partition in the log', example: 7 }),
        sequence: z.int().openapi({ description: 'Its place in the partition', example: 4711 }),
        lastSequence: z.int().openapi({ description: 'Place of the last of them', example: 4711 }),
      })
      .openapi({ description: 'What failed' }),
  })
  .openapi('FailureWebhookMessage');

/** Body of a webhook about an order. */
export const webhookMessage = z
  .object({
    type: z.string().openapi({ description: 'Type of the event', example: 'order.confirmed' }),
    timestamp: instant('When it happened'),
    data: z
      .looseObject({
        orderId: z.string().openapi({ description: 'Order id', example: 'ord_abcdefghijklmnopqrstuvwxyz' }),
        status: z.string().openapi({ description: 'Status of the order after the event', example: 'CONFIRMED' }),
      })
      .openapi({ description: 'What happened; more fields by type' }),
  })
  .openapi('WebhookMessage');
