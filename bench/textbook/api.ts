import { serve } from '@hono/node-server';
import { Client, Connection } from '@temporalio/client';
import { Hono } from 'hono';
import { jwt } from 'hono/jwt';
import { createOrderBody } from '../../src/api/orders/order-schemas.ts';
import { orderIdFor } from '../../src/domain/ids.ts';
import { settings } from './settings.ts';
import type { textbookOrderWorkflow } from './workflow.ts';

const connection = await Connection.connect({ address: settings.temporalAddress });
const client = new Client({ connection });

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
  await client.workflow.start<typeof textbookOrderWorkflow>(settings.workflowType, {
    workflowId: `order/${orderId}`,
    taskQueue: 'textbook',
    args: [{ orderId, tenantId, idempotencyKey, email: customer.email ?? '', request }],
  });
  return c.json({ id: orderId, status: 'PENDING' }, 202);
});

const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: settings.port });
process.once('SIGTERM', () => server.close(() => void connection.close()));
