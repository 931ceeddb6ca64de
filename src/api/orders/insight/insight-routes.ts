import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import { isOrderId } from '../../../domain/ids.ts';
import { guardedBy } from '../../access/auth.ts';
import type { ApiEnv } from '../../http/context.ts';
import type { OrderExplainer } from './order-explanation.ts';
import type { OrderReader } from '../order-reader.ts';
import type { OrderInsight } from './order-insight.ts';
import { notFound } from '../../http/problem.ts';
import { explainView, receiptView } from './insight-schemas.ts';
import { orderPath, timelineView } from '../order-schemas.ts';
import { problems } from '../../http/problem-schemas.ts';
import { validationHook } from '../../http/validation.ts';

export interface OrderInsightRoutesDeps {
  readonly insight: OrderInsight;
  readonly explainer: OrderExplainer;
  readonly reader: OrderReader;
}

const getTimeline = createRoute({
  method: 'get',
  path: '/v1/orders/{id}/timeline',
  tags: ['Orders'],
  summary: 'Read what happened to an order',
  ...guardedBy('orders:read'),
  request: { params: orderPath },
  responses: {
    200: { description: 'Its events, oldest first', content: { 'application/json': { schema: timelineView } } },
    ...problems('not_found'),
  },
});

const explainOrder = createRoute({
  method: 'get',
  path: '/v1/orders/{id}/explain',
  tags: ['Orders'],
  summary: 'Say in words where an order is, and who must act',
  ...guardedBy('orders:read'),
  request: { params: orderPath },
  responses: {
    200: { description: 'The explanation', content: { 'application/json': { schema: explainView } } },
    ...problems('not_found'),
  },
});

const getReceipt = createRoute({
  method: 'get',
  path: '/v1/orders/{id}/receipt',
  tags: ['Orders'],
  summary: 'List every effect of an order with its proof and its undo',
  ...guardedBy('orders:read'),
  request: { params: orderPath },
  responses: {
    200: { description: 'The effects', content: { 'application/json': { schema: receiptView } } },
    ...problems('not_found'),
  },
});

/** The routes tell what happened to an order, and why it is where it is. */
export function createOrderInsightRoutes({ insight, explainer, reader }: OrderInsightRoutesDeps) {
  return new OpenAPIHono<ApiEnv>({ defaultHook: validationHook })
    .openapi(getTimeline, async (c) => {
      const { tenantId } = c.get('caller');
      const { id } = c.req.valid('param');
      if (!isOrderId(id)) throw notFound('order');
      const entries = await insight.timeline(tenantId, id);
      if (entries.length === 0 && (await reader.find(tenantId, id)) === null) throw notFound('order');
      const items = entries.map((entry, index) => ({ ...entry, seq: index + 1, at: entry.at.toISOString() }));
      return c.json({ items }, 200);
    })
    .openapi(explainOrder, async (c) => {
      const { id } = c.req.valid('param');
      const explanation = isOrderId(id) ? await explainer.explain(c.get('caller').tenantId, id) : null;
      if (explanation === null) throw notFound('order');
      return c.json(explanation, 200);
    })
    .openapi(getReceipt, async (c) => {
      const { id } = c.req.valid('param');
      const receipt = isOrderId(id) ? await insight.receipt(c.get('caller').tenantId, id) : null;
      if (receipt === null) throw notFound('order');
      return c.json(receipt, 200);
    });
}
