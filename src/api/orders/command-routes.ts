import type { z } from '@hono/zod-openapi';
import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import { isOrderId } from '../../domain/ids.ts';
import type { RequestHasher } from '../../domain/personal-data/request-hash.ts';
import { guardedBy } from '../access/auth.ts';
import type { ApiEnv } from '../http/context.ts';
import { parseIdempotencyKey } from '../http/idempotency-key.ts';
import type { CommandRequest, OrderCommander } from './order-commands.ts';
import type { OrderReader } from './order-reader.ts';
import { notFound, orderBusy, ProblemError } from '../http/problem.ts';
import { cancelBody, captureBody, commandView, giveBackBody, refundBody } from './command-schemas.ts';
import { orderPath } from './order-schemas.ts';
import { idempotencyHeader } from '../http/primitive-schemas.ts';
import { problems } from '../http/problem-schemas.ts';
import { validationHook } from '../http/validation.ts';

export interface OrderCommandRoutesDeps {
  readonly commander: OrderCommander;
  readonly reader: OrderReader;
  readonly hasher: RequestHasher;
}

const USUAL_PROBLEMS = [
  'malformed_json',
  'idempotency_key_missing',
  'idempotency_key_malformed',
  'idempotency_key_reused',
  'not_found',
  'too_late',
  'order_busy',
  'order_stopped',
  'unsupported_media_type',
  'payload_too_large',
  'validation_failed',
] as const;

const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } });
const under = { description: 'Stored and under way', content: json(commandView) };

const cancelOrder = createRoute({
  method: 'post',
  path: '/v1/orders/{id}/cancel',
  tags: ['Orders'],
  summary: 'Cancel an order',
  description:
    'Answers what will happen, and the service keeps this promise. After the confirmation a cancel is possible within the cancel window.',
  ...guardedBy('orders:cancel'),
  request: { params: orderPath, headers: idempotencyHeader, body: { content: json(cancelBody) } },
  responses: {
    200: { description: 'Decided', content: json(commandView) },
    202: under,
    ...problems(...USUAL_PROBLEMS),
  },
});

const capturePayment = createRoute({
  method: 'post',
  path: '/v1/orders/{id}/capture',
  tags: ['Orders'],
  summary: 'Take an authorized payment, or a part of it',
  description: 'The first capture confirms the order; the rest can be captured later.',
  ...guardedBy('captures:write'),
  request: { params: orderPath, headers: idempotencyHeader, body: { content: json(captureBody) } },
  responses: {
    202: under,
    ...problems(...USUAL_PROBLEMS, 'amount_exceeds_authorized', 'capture_not_supported', 'amount_not_chargeable'),
  },
});

const refundOrder = createRoute({
  method: 'post',
  path: '/v1/orders/{id}/refunds',
  tags: ['Orders'],
  summary: 'Pay a sold order back, or a part of it',
  description: 'A refund that the provider refuses stays owed: the order is REFUNDING until the refund is proved.',
  ...guardedBy('refunds:write'),
  request: { params: orderPath, headers: idempotencyHeader, body: { content: json(refundBody) } },
  responses: {
    202: under,
    ...problems(...USUAL_PROBLEMS, 'amount_exceeds_captured', 'not_captured', 'amount_not_chargeable'),
  },
});

const giveBackOrder = createRoute({
  method: 'post',
  path: '/v1/orders/{id}/give-back',
  tags: ['Orders'],
  summary: 'Give back what an order that has ended still has',
  description:
    'For operators. Whatever the provider still has of an order that is REJECTED, CANCELLED, EXPIRED or REFUNDED goes back; ' +
    'its status stays. It is harmless where nothing is left.',
  ...guardedBy('ops:money'),
  request: { params: orderPath, headers: idempotencyHeader, body: { content: json(giveBackBody) } },
  responses: { 202: under, ...problems(...USUAL_PROBLEMS) },
});

export function createOrderCommandRoutes({ commander, reader, hasher }: OrderCommandRoutesDeps) {
  const give = async (request: Omit<CommandRequest, 'requestHash'>) => {
    const { tenantId, orderId, amountMinor, reason } = request;
    if (!isOrderId(orderId)) throw notFound('order');
    const requestHash = hasher.hash(orderId, { amountMinor, reason });
    const { decision, replayed } = await commander.give({ ...request, requestHash });
    const accepted = acceptedOrThrow(decision);
    const order = await reader.find(tenantId, orderId);
    if (order === null) throw notFound('order');
    return { view: { decision: accepted, order }, replayed };
  };
  return new OpenAPIHono<ApiEnv>({ defaultHook: validationHook })
    .openapi(cancelOrder, async (c) => {
      const { tenantId, subject: actor } = c.get('caller');
      const { reason = null } = c.req.valid('json');
      const idempotencyKey = parseIdempotencyKey(c.req.header('idempotency-key'));
      const orderId = c.req.valid('param').id;
      const request = { tenantId, orderId, kind: 'cancel', idempotencyKey, actor, reason, amountMinor: null } as const;
      const { view, replayed } = await give(request);
      c.header('Idempotency-Replayed', String(replayed));
      return c.json(view, view.decision === 'pending' ? 202 : 200);
    })
    .openapi(capturePayment, async (c) => {
      const { tenantId, subject: actor } = c.get('caller');
      const { amountMinor = null } = c.req.valid('json');
      const idempotencyKey = parseIdempotencyKey(c.req.header('idempotency-key'));
      const orderId = c.req.valid('param').id;
      const request = { tenantId, orderId, kind: 'capture', idempotencyKey, actor, reason: null, amountMinor } as const;
      const { view, replayed } = await give(request);
      c.header('Idempotency-Replayed', String(replayed));
      return c.json(view, 202);
    })
    .openapi(refundOrder, async (c) => {
      const { tenantId, subject: actor } = c.get('caller');
      const { amountMinor = null, reason = null } = c.req.valid('json');
      const idempotencyKey = parseIdempotencyKey(c.req.header('idempotency-key'));
      const orderId = c.req.valid('param').id;
      const request = { tenantId, orderId, kind: 'refund', idempotencyKey, actor, reason, amountMinor } as const;
      const { view, replayed } = await give(request);
      c.header('Idempotency-Replayed', String(replayed));
      return c.json(view, 202);
    })
    .openapi(giveBackOrder, async (c) => {
      const { tenantId, subject: actor } = c.get('caller');
      const { reason } = c.req.valid('json');
      const idempotencyKey = parseIdempotencyKey(c.req.header('idempotency-key'));
      const orderId = c.req.valid('param').id;
      const request = {
        tenantId,
        orderId,
        kind: 'give_back',
        idempotencyKey,
        actor,
        reason,
        amountMinor: null,
      } as const;
      const { view, replayed } = await give(request);
      c.header('Idempotency-Replayed', String(replayed));
      return c.json(view, 202);
    });
}

type Accepted = 'will_cancel' | 'will_refund' | 'accepted' | 'pending';

function acceptedOrThrow(decision: Awaited<ReturnType<OrderCommander['give']>>['decision']): Accepted {
  switch (decision) {
    case 'too_late':
      throw new ProblemError('too_late', 'the order does not allow this any more');
    case 'busy':
      throw orderBusy('another command is under way');
    case 'capture_not_supported':
      throw new ProblemError('capture_not_supported', 'there is no capture of its own to make');
    case 'amount_exceeds_authorized':
      throw new ProblemError('amount_exceeds_authorized', 'less than that is left to capture');
    case 'amount_exceeds_captured':
      throw new ProblemError('amount_exceeds_captured', 'less than that is left to refund');
    case 'will_cancel':
    case 'will_refund':
    case 'accepted':
    case 'pending':
      return decision;
    case 'books_agree':
      throw new TypeError(`${decision} is no answer to a command of a client`);
  }
}
