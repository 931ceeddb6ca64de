import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type {
  WebhookDeliveryRecord,
  WebhookDeliveryRepository,
} from '../../../db/repositories/notifications/webhook-delivery-repository.ts';
import type {
  WebhookSubscriptionRecord,
  WebhookSubscriptionRepository,
} from '../../../db/repositories/notifications/webhook-subscription-repository.ts';
import { guardedBy } from '../access/auth.ts';
import { topicOf } from '../../domain/event.ts';
import type { Scope } from '../../domain/access/scopes.ts';
import type { ApiEnv, Caller } from '../http/context.ts';
import { decodeCursor, foreignCursor, toPage } from '../http/cursor.ts';
import { parseIdempotencyKey } from '../http/idempotency-key.ts';
import { notFound, ProblemError } from '../http/problem.ts';
import { operatorOf } from '../operator-log.ts';
import { requestFields } from '../http/request-context.ts';
import { idempotencyHeader, plainInstant } from '../http/primitive-schemas.ts';
import { problems } from '../http/problem-schemas.ts';
import {
  caseWebhookMessage,
  createdWebhook,
  createWebhookBody,
  failureWebhookMessage,
  listWebhookDeliveriesQuery,
  listWebhooksQuery,
  webhookDeliveryPage,
  webhookDeliveryPath,
  webhookDeliveryView,
  webhookMessage,
  webhookPage,
  webhookPath,
  webhookView,
} from './webhook-schemas.ts';
import { validationHook } from '../http/validation.ts';
import type { WebhookActor, WebhookOperations } from './webhook-subscriptions.ts';

const shared = { tags: ['Webhooks'], ...guardedBy('webhooks:write') };

const createWebhook = createRoute({
  ...shared,
  method: 'post',
  path: '/v1/webhooks',
  summary: 'Subscribe to events of orders, cases and failed events',
  description:
    'Only this answer contains the signing secret. Events of cases need the scope `ops:read` too, and `event.failed` needs `events:read`.',
  request: {
    headers: idempotencyHeader,
    body: { required: true, content: { 'application/json': { schema: createWebhookBody } } },
  },
  responses: {
    201: {
      description: 'Subscribed, now or by an earlier request with the same key',
      headers: {
        Location: { description: 'Address of the subscription', schema: { type: 'string' } },
        'Idempotency-Replayed': { description: '`true` when the key was used before', schema: { type: 'string' } },
      },
      content: { 'application/json': { schema: createdWebhook } },
    },
    ...problems(
      'malformed_json',
      'idempotency_key_missing',
      'idempotency_key_malformed',
      'too_many_webhooks',
      'payload_too_large',
      'unsupported_media_type',
      'validation_failed',
      'idempotency_key_reused',
    ),
  },
});

const listWebhooks = createRoute({
  ...shared,
  method: 'get',
  path: '/v1/webhooks',
  summary: 'List webhooks, newest first',
  request: { query: listWebhooksQuery },
  responses: {
    200: { description: 'A page of webhooks', content: { 'application/json': { schema: webhookPage } } },
    ...problems('validation_failed'),
  },
});

const getWebhook = createRoute({
  ...shared,
  method: 'get',
  path: '/v1/webhooks/{id}',
  summary: 'Read a webhook',
  request: { params: webhookPath },
  responses: {
    200: { description: 'The webhook, without its secret', content: { 'application/json': { schema: webhookView } } },
    ...problems('not_found'),
  },
});

const deleteWebhook = createRoute({
  ...shared,
  method: 'delete',
  path: '/v1/webhooks/{id}',
  summary: 'Delete a webhook',
  description: 'Open deliveries are cancelled; an attempt that is under way may still arrive.',
  request: { params: webhookPath },
  responses: {
    200: { description: 'Deleted; what it was', content: { 'application/json': { schema: webhookView } } },
    ...problems('not_found'),
  },
});

const enableWebhook = createRoute({
  ...shared,
  method: 'post',
  path: '/v1/webhooks/{id}/enable',
  summary: 'Enable a disabled webhook',
  description:
    'Events from now on are sent. Those that were cancelled can be delivered again one by one; those in between were never stored.',
  request: { params: webhookPath },
  responses: {
    200: { description: 'It is active', content: { 'application/json': { schema: webhookView } } },
    ...problems('not_found'),
  },
});

const listDeliveries = createRoute({
  ...shared,
  method: 'get',
  path: '/v1/webhooks/{id}/deliveries',
  summary: 'List the deliveries of a webhook, newest first',
  request: { params: webhookPath, query: listWebhookDeliveriesQuery },
  responses: {
    200: { description: 'A page of deliveries', content: { 'application/json': { schema: webhookDeliveryPage } } },
    ...problems('not_found', 'validation_failed'),
  },
});

const redeliver = createRoute({
  ...shared,
  method: 'post',
  path: '/v1/webhooks/{id}/deliveries/{deliveryId}/redeliver',
  summary: 'Deliver an event again',
  description: 'Under the same `webhook-id` and with the same body, now, with all attempts of a first delivery.',
  request: { params: webhookDeliveryPath },
  responses: {
    202: { description: 'It is on its way', content: { 'application/json': { schema: webhookDeliveryView } } },
    ...problems('not_found', 'webhook_disabled'),
  },
});

export interface WebhookRoutesDeps {
  readonly webhookSubscriptions: WebhookSubscriptionRepository;
  readonly webhookDeliveries: WebhookDeliveryRepository;
  readonly webhookOperations: WebhookOperations;
}

export function createWebhookRoutes(deps: WebhookRoutesDeps) {
  const { webhookSubscriptions: subscriptions, webhookDeliveries: deliveries, webhookOperations: operations } = deps;
  const existing = async (tenantId: string, id: string): Promise<WebhookSubscriptionRecord> => {
    const found = await subscriptions.findOptional(tenantId, id);
    if (found === null) throw notFound('webhook');
    return found;
  };
  const routes = new OpenAPIHono<ApiEnv>({ defaultHook: validationHook })
    .openapi(createWebhook, async (c) => {
      const key = parseIdempotencyKey(c.req.header('idempotency-key'));
      requireReadable(c.get('caller'), c.req.valid('json').events);
      const { subscription, secret, isReplayed } = await operations.create(actorOf(c), key, c.req.valid('json'));
      c.header('Location', `/v1/webhooks/${subscription.subscriptionId}`);
      c.header('Idempotency-Replayed', String(isReplayed));
      return c.json({ ...toView(subscription), secret }, 201);
    })
    .openapi(listWebhooks, async (c) => {
      const { limit, cursor } = c.req.valid('query');
      const before = cursor === undefined ? undefined : decodeWebhookCursor(cursor);
      const found = await subscriptions.list({ tenantId: c.get('caller').tenantId, before, limit: limit + 1 });
      const page = toPage(found, limit, (item) => [item.createdAt.toISOString(), item.subscriptionId]);
      return c.json({ ...page, items: page.items.map(toView) }, 200);
    })
    .openapi(getWebhook, async (c) =>
      c.json(toView(await existing(c.get('caller').tenantId, c.req.valid('param').id)), 200),
    )
    .openapi(deleteWebhook, async (c) => {
      const { id } = c.req.valid('param');
      const before = await existing(c.get('caller').tenantId, id);
      await operations.delete(actorOf(c), id);
      return c.json(toView(before), 200);
    })
    .openapi(enableWebhook, async (c) =>
      c.json(toView(await operations.enable(actorOf(c), c.req.valid('param').id)), 200),
    )
    .openapi(listDeliveries, async (c) => {
      const { tenantId } = c.get('caller');
      const { limit, cursor, state } = c.req.valid('query');
      const { subscriptionId } = await existing(tenantId, c.req.valid('param').id);
      const beforeSeq = cursor === undefined ? undefined : decodeSeqCursor(cursor);
      const found = await deliveries.list({ tenantId, subscriptionId, state, beforeSeq, limit: limit + 1 });
      const page = toPage(found, limit, ({ seq }) => [String(seq)]);
      return c.json({ ...page, items: page.items.map(toDeliveryView) }, 200);
    })
    .openapi(redeliver, async (c) => {
      const { id, deliveryId } = c.req.valid('param');
      return c.json(toDeliveryView(await operations.redeliver(actorOf(c), id, deliveryId)), 202);
    });
  for (const message of MESSAGES) describeMessage(routes, message);
  return routes;
}

/** Who hears of something by a webhook must be allowed to read it: cases and failed events have scopes of their own. */
const SCOPE_OF_TOPIC: Readonly<Record<string, Scope>> = { case: 'ops:read', event: 'events:read' };

function requireReadable({ scopes }: Caller, events: readonly string[]): void {
  for (const event of events) {
    const scope = SCOPE_OF_TOPIC[topicOf(event)];
    if (scope === undefined || scopes.has(scope)) continue;
    throw new ProblemError('forbidden', `the token lacks the scope ${scope}, which ${event} needs`);
  }
}

const MESSAGES = [
  { path: 'order', what: 'An event of an order', schema: webhookMessage },
  { path: 'case', what: 'A case that was opened or resolved', schema: caseWebhookMessage },
  { path: 'event', what: 'An event that a consumer gave up', schema: failureWebhookMessage },
] as const;

/** A message that receivers get, for the `webhooks` section of the OpenAPI document. */
function describeMessage(
  { openAPIRegistry }: OpenAPIHono<ApiEnv>,
  { path, what, schema }: (typeof MESSAGES)[number],
): void {
  openAPIRegistry.registerWebhook({
    method: 'post',
    path,
    tags: ['Webhooks'],
    summary: `${what}, signed by the Standard Webhooks scheme`,
    description:
      'Headers `webhook-id`, `webhook-timestamp` and `webhook-signature`. May arrive more than once under one `webhook-id`.',
    request: { body: { required: true, content: { 'application/json': { schema } } } },
    responses: {
      '2XX': { description: 'Accepted' },
      410: { description: 'The receiver wants no more messages: the subscription is disabled' },
      default: { description: 'The message is not accepted, and tried again for three days' },
    },
  });
}

function actorOf(c: Context<ApiEnv>): WebhookActor {
  return { ...operatorOf(c), logger: c.get('logger'), fields: requestFields(c) };
}

function toView(subscription: WebhookSubscriptionRecord) {
  const { subscriptionId, url, eventTypes, state, disabledReason, disabledAt, failingSince, createdAt } = subscription;
  return {
    id: subscriptionId,
    url,
    events: [...eventTypes],
    state: state === 'DISABLED' ? ('DISABLED' as const) : ('ACTIVE' as const),
    disabledReason,
    disabledAt: disabledAt?.toISOString() ?? null,
    failingSince: failingSince?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
  };
}

function toDeliveryView({ deliveryId, seq: _, eventKey, ...delivery }: WebhookDeliveryRecord) {
  return {
    id: deliveryId,
    key: eventKey,
    ...delivery,
    nextAttemptAt: delivery.nextAttemptAt?.toISOString() ?? null,
    deliveredAt: delivery.deliveredAt?.toISOString() ?? null,
    createdAt: delivery.createdAt.toISOString(),
  };
}

function decodeWebhookCursor(cursor: string): { createdAt: Date; subscriptionId: string } {
  const [createdAt = '', subscriptionId = ''] = decodeCursor(cursor);
  if (!plainInstant.safeParse(createdAt).success || !/^wh_[a-z2-7]{26}$/.test(subscriptionId)) throw foreignCursor();
  return { createdAt: new Date(createdAt), subscriptionId };
}

function decodeSeqCursor(cursor: string): number {
  const [seq = ''] = decodeCursor(cursor);
  if (!/^[1-9]\d{0,14}$/.test(seq)) throw foreignCursor();
  return Number(seq);
}
