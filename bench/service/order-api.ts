import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { jwt } from 'hono/jwt';
import { createOrderBody } from '../../src/api/orders/order-schemas.ts';
import { orderIdFor } from '../../src/domain/ids.ts';
import type { Order } from './order-steps.ts';
import { settings } from './settings.ts';

/**
 * Serves `POST /v1/orders` until SIGTERM. An order is answered with 202 when `start` has resolved, which must mean that
 * the engine will carry it out. The same key is the same order.
 */
export function serveOrders(start: (order: Order) => Promise<unknown>) {
  const app = new Hono();
  app.use('/v1/*', jwt({ secret: settings.jwtSecret, alg: 'HS256' }));
  app.post('/v1/orders', async (c) => {
    const { customer, currency, lines, payment } = createOrderBody.parse(await c.req.json());
    const { tenant: tenantId } = c.get('jwtPayload') as { tenant: string };
    const idempotencyKey = c.req.header('idempotency-key') ?? crypto.randomUUID();
    const orderId = orderIdFor(tenantId, idempotencyKey);
    const request = {
      customerId: customer.id,
      currency,
      lines,
      paymentMethod: payment.method,
      captureMode: payment.capture,
      expectedTotalMinor: null,
      reference: null,
    };
    await start({ orderId, tenantId, idempotencyKey, email: customer.email ?? '', request });
    return c.json({ id: orderId, status: 'PENDING' }, 202);
  });
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: settings.port });
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGTERM', () => server.close(() => resolve()));
  });
  /** Resolves after SIGTERM, when the last request is answered. */
  return { stopped };
}
