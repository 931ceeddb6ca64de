import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import { guardedBy } from '../access/auth.ts';
import type { ApiEnv } from '../http/context.ts';
import { parseIdempotencyKey } from '../http/idempotency-key.ts';
import { idempotencyHeader } from '../http/primitive-schemas.ts';
import { problems } from '../http/problem-schemas.ts';
import { validationHook } from '../http/validation.ts';
import { operatorOf } from '../operator-log.ts';
import type { CustomerErasure } from './customer-erasure.ts';
import { erasureBody, erasureView } from './erasure-schemas.ts';

export interface ErasureRoutesDeps {
  readonly erasure: CustomerErasure;
}

const eraseCustomer = createRoute({
  method: 'post',
  path: '/v1/customers/erasures',
  tags: ['Orders'],
  summary: 'Erase a customer',
  description:
    'Takes contact data, the customer’s id and words about the customer out of all orders at rest; amounts and stock stay. ' +
    'A pseudonym takes the place of the id. The audit trail keeps the act with its numbers, not the id. It may be repeated, ' +
    'with the same key too: until `left` is 0, and after a restore.',
  ...guardedBy('customers:erase'),
  request: {
    headers: idempotencyHeader,
    body: { required: true, content: { 'application/json': { schema: erasureBody } } },
  },
  responses: {
    200: { description: 'Erased, but for what is left', content: { 'application/json': { schema: erasureView } } },
    ...problems(
      'malformed_json',
      'idempotency_key_missing',
      'idempotency_key_malformed',
      'idempotency_key_reused',
      'unsupported_media_type',
      'payload_too_large',
      'validation_failed',
    ),
  },
});

export function createErasureRoutes({ erasure }: ErasureRoutesDeps) {
  return new OpenAPIHono<ApiEnv>({ defaultHook: validationHook }).openapi(eraseCustomer, async (c) => {
    const idempotencyKey = parseIdempotencyKey(c.req.header('idempotency-key'));
    return c.json(await erasure.erase({ ...operatorOf(c), idempotencyKey }, c.req.valid('json')), 200);
  });
}
