import type { z } from '@hono/zod-openapi';
import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import type { OperatorActionRepository } from '../../../db/repositories/audit/operator-action-repository.ts';
import { commandIdFor, isOrderId } from '../../domain/ids.ts';
import { guardedBy } from '../access/auth.ts';
import type { ApiEnv } from '../http/context.ts';
import { parseIdempotencyKey } from '../http/idempotency-key.ts';
import type { OrderCommander } from './order-commands.ts';
import type { OrderReader } from './order-reader.ts';
import type { RequestHasher } from '../../domain/personal-data/request-hash.ts';
import { notFound, ProblemError } from '../http/problem.ts';
import { operatorOf, recordAction } from '../operator-log.ts';
import { reconcileBody, reconciliationView } from './command-schemas.ts';
import { orderPath } from './order-schemas.ts';
import { idempotencyHeader } from '../http/primitive-schemas.ts';
import { problems } from '../http/problem-schemas.ts';
import { validationHook } from '../http/validation.ts';

export interface OrderReconciliationRoutesDeps {
  readonly commander: OrderCommander;
  readonly reader: OrderReader;
  readonly actions: OperatorActionRepository;
  readonly hasher: RequestHasher;
}

const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } });

const reconcilePayments = createRoute({
  method: 'post',
  path: '/v1/orders/{id}/payments/reconcile',
  tags: ['Orders'],
  summary: 'Book what was moved at the payment provider itself',
  description:
    'Compares the captures and refunds of the order with those of the payment provider. What somebody refunded or ' +
    'captured there is adopted into the books once; the rest stays refundable. A refund moves a sold order to ' +
    'PARTIALLY_REFUNDED or REFUNDED.',
  ...guardedBy('ops:money'),
  request: { params: orderPath, headers: idempotencyHeader, body: { content: json(reconcileBody) } },
  responses: {
    200: { description: 'The books agree with the provider', content: json(reconciliationView) },
    202: { description: 'The command is running, or stored and under way', content: json(reconciliationView) },
    ...problems(
      'malformed_json',
      'idempotency_key_missing',
      'idempotency_key_malformed',
      'idempotency_key_reused',
      'not_found',
      'too_late',
      'order_busy',
      'unsupported_media_type',
      'payload_too_large',
      'validation_failed',
    ),
  },
});

/** By this route an operator adopts the provider's movements into the books of an order. */
export function createOrderReconciliationRoutes({ commander, reader, actions, hasher }: OrderReconciliationRoutesDeps) {
  const find = async (tenantId: string, orderId: string) => {
    const order = isOrderId(orderId) ? await reader.find(tenantId, orderId) : null;
    if (order === null) throw notFound('order');
    return order;
  };
  return new OpenAPIHono<ApiEnv>({ defaultHook: validationHook }).openapi(reconcilePayments, async (c) => {
    const operator = operatorOf(c);
    const { tenantId, actor } = operator;
    const { reason = null } = c.req.valid('json');
    const idempotencyKey = parseIdempotencyKey(c.req.header('idempotency-key'));
    const orderId = c.req.valid('param').id;
    const { status, payment } = await find(tenantId, orderId);
    const commandId = commandIdFor({ tenantId, orderId, kind: 'reconcile', idempotencyKey });
    await recordAction(actions, operator, {
      actionId: `act_${commandId}`,
      action: 'order.reconcile',
      subject: orderId,
      orderId,
      reason,
      before: { status, payment: payment.state, refundedMinor: payment.refundedMinor },
      after: { commandId },
    });
    const { decision, replayed } = await commander.give({
      tenantId,
      orderId,
      idempotencyKey,
      actor,
      reason,
      kind: 'reconcile',
      amountMinor: null,
      requestHash: hasher.hash(orderId, { reason }),
    });
    if (decision !== 'accepted' && decision !== 'books_agree' && decision !== 'pending') {
      throw new ProblemError('too_late', 'the order changed meanwhile');
    }
    c.header('Idempotency-Replayed', String(replayed));
    const order = await find(tenantId, orderId);
    return c.json({ decision, order }, decision === 'books_agree' ? 200 : 202);
  });
}
