import { randomUUID } from 'node:crypto';
import { WorkflowNotFoundError } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createWebhookDeliveryRepository } from '../../db/repositories/notifications/webhook-delivery-repository.ts';
import { createWebhookPublisher } from '../../src/activities/webhooks/webhook-publisher.ts';
import { webhookDeliveryIdFor } from '../../src/domain/webhook.ts';
import { EventFailure } from '../../src/events/event-failure.ts';
import { wakeWebhookQueue } from '../../src/temporal/workflow-starts.ts';
import { createTemporalClient } from '../../src/temporal/connection.ts';
import { WEBHOOK_SWEEP_WORKFLOW } from '../../src/workflows/contract.ts';
import { accept, answerWith, orderEvent } from '../support/http/webhook-receiver.ts';
import { timed } from '../support/stopwatch.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';
import { createMerchants, newOrder, type Merchants } from './merchants.ts';

let system: TestSystem;
let webhooks: Merchants;
beforeAll(async () => {
  system = await startTestSystem({ env: { WEBHOOK_DISABLE_AFTER_DAYS: '1' } });
  webhooks = createMerchants(system);
});
afterEach(() => webhooks.leave());
afterAll(() => system.stop());

it('An event reaches those who asked for it, once each, signed, and its workflow ends', async () => {
  const all = await webhooks.merchant();
  const confirmed = await webhooks.merchant(accept, ['order.confirmed']);
  const others = await webhooks.merchant(accept, ['order.refunded', 'order.cancelled']);
  const orderId = newOrder();
  const event = orderEvent(orderId, 'order.confirmed', {
    properties: { orderId, status: 'CONFIRMED', totalMinor: 7 },
  });

  expect(await webhooks.publish(event)).toBe(2);
  await expect.poll(() => webhooks.statesOf(all.id)).toEqual(['DELIVERED']);
  await expect.poll(() => webhooks.statesOf(confirmed.id)).toEqual(['DELIVERED']);
  all.receiver.verify(all.secret);
  confirmed.receiver.verify(confirmed.secret);
  expect(() => all.receiver.verify(confirmed.secret)).toThrow('No matching signature');
  expect(JSON.parse(all.receiver.received[0]?.body ?? '')).toEqual({
    type: 'order.confirmed',
    timestamp: event.occurredAt.toISOString(),
    data: { orderId, status: 'CONFIRMED', totalMinor: 7 },
  });
  expect(all.receiver.received[0]?.id).toBe(webhookDeliveryIdFor(all.id, event.eventId));
  await webhooks.workflowOf(all.id, orderId).result();
  expect(others.receiver.received).toEqual([]);
  expect(await webhooks.statesOf(others.id)).toEqual([]);
});

it('An event that is published again and again, also at once, is delivered once', async () => {
  const { receiver, id } = await webhooks.merchant();
  const event = orderEvent(newOrder(), 'order.created');
  expect(await Promise.all(Array.from({ length: 5 }, () => webhooks.publish(event)))).toEqual([1, 1, 1, 1, 1]);
  await expect.poll(() => webhooks.statesOf(id)).toEqual(['DELIVERED']);
  expect(await webhooks.publish(event)).toBe(1);
  await webhooks.workflowOf(id, event.key).result();
  expect(receiver.received).toHaveLength(1);
  expect(await webhooks.deliveriesOf(id)).toMatchObject([{ attempts: 1, lastStatus: 200, lastError: null }]);
});

it('An event of another tenant reaches nobody else', async () => {
  const { receiver, id } = await webhooks.merchant();
  expect(await webhooks.publish(orderEvent(newOrder(), 'order.created', { tenantId: 'other' }))).toBe(0);
  expect(await webhooks.statesOf(id)).toEqual([]);
  expect(receiver.received).toEqual([]);
});

it('An event is not accepted from the log while Temporal is away, and is healed by its repetition', async () => {
  const { receiver, id } = await webhooks.merchant();
  const client = createTemporalClient({ address: '127.0.0.1:1', namespace: 'nowhere' });
  const repository = createWebhookDeliveryRepository(system.database.databases.notifications);
  const event = orderEvent(newOrder(), 'order.created');
  const cut = createWebhookPublisher({
    repository,
    wake: (queue) => wakeWebhookQueue(client, queue),
  }).publishToWebhooks(event);
  await expect(cut).rejects.toBeInstanceOf(EventFailure);
  await expect(cut).rejects.toMatchObject({ code: 'effect_unavailable' });
  expect(await webhooks.statesOf(id)).toEqual(['PENDING']);
  expect(receiver.received).toEqual([]);

  expect(await webhooks.publish(event)).toBe(1);
  await expect.poll(() => webhooks.statesOf(id)).toEqual(['DELIVERED']);
  expect(receiver.received).toHaveLength(1);
});

it('The events of an order arrive in their order, also while the first one fails', async () => {
  let failures = 2;
  const { receiver, id } = await webhooks.merchant(
    (_, response) => void response.writeHead(failures-- > 0 ? 503 : 200).end(),
  );
  const orderId = newOrder();
  const types = ['order.created', 'order.confirmed', 'order.refunding', 'order.refunded'];
  for (const type of types) await webhooks.publish(orderEvent(orderId, type));
  await expect.poll(() => pendingAttempt(id, orderId)).toBeGreaterThanOrEqual(2);
  expect((await webhooks.statesOf(id)).slice(1)).toEqual(['PENDING', 'PENDING', 'PENDING']);
  await expect.poll(() => webhooks.statesOf(id)).toEqual(types.map(() => 'DELIVERED'));
  expect(receiver.received.map(({ type }) => type)).toEqual(['order.created', 'order.created', ...types]);
  expect((await webhooks.deliveriesOf(id)).map(({ attempts }) => attempts)).toEqual([3, 1, 1, 1]);
  expect(await webhooks.subscriptionRow(id)).toMatchObject({ state: 'ACTIVE', failing_since: null });
});

it('The events of an order do not wait for those of another order, nor for a broken or hanging subscription', async () => {
  const broken = await webhooks.merchant(answerWith(500));
  const hanging = await webhooks.merchant(() => {});
  const { receiver, id } = await webhooks.merchant();
  const orders = Array.from({ length: 12 }, newOrder);
  const delivered = async (): Promise<void> => {
    for (const orderId of orders) await webhooks.publish(orderEvent(orderId, 'order.created'));
    await expect.poll(() => webhooks.statesOf(id)).toEqual(orders.map(() => 'DELIVERED'));
  };
  // An attempt at a subscription that hangs takes 10 s.
  expect((await timed(delivered())).seconds).toBeLessThan(8);
  expect(new Set(receiver.received.map(({ orderId }) => orderId))).toEqual(new Set(orders));
  await expect.poll(async () => new Set(await webhooks.statesOf(broken.id))).toEqual(new Set(['RETRYING']));
  expect(hanging.receiver.received.length).toBeLessThanOrEqual(8);
});

it('A delivery that was made can be made again, under its id and with its body', async () => {
  const { receiver, id, secret } = await webhooks.merchant();
  const orderId = newOrder();
  await webhooks.publish(orderEvent(orderId, 'order.confirmed'));
  await expect.poll(() => webhooks.statesOf(id)).toEqual(['DELIVERED']);
  const [{ id: deliveryId } = { id: '' }] = await webhooks.deliveriesOf(id);
  const path = `/v1/webhooks/${id}/deliveries/${deliveryId}/redeliver`;
  expect((await system.request(path, { method: 'POST' })).status).toBe(202);
  await expect.poll(() => receiver.received.length).toBe(2);
  await expect.poll(() => webhooks.statesOf(id)).toEqual(['DELIVERED']);
  const [first, second] = receiver.received;
  expect(second).toMatchObject({ id: first?.id, body: first?.body });
  receiver.verify(secret);
  const acts = await system.database.query<{ action: string; subject: string }>(
    `SELECT action, subject FROM audit.operator_actions WHERE order_id = $1`,
    [orderId],
  );
  expect(acts).toEqual([{ action: 'webhook.redeliver', subject: id }]);
});

it('A delivery whose process died between row and signal is found by the sweep', async () => {
  const { receiver, id } = await webhooks.merchant();
  const stranded = await rowWithoutSignal(id, '2 minutes');
  const fresh = await rowWithoutSignal(id, '1 second');
  await expect(webhooks.workflowOf(id, stranded).describe()).rejects.toBeInstanceOf(WorkflowNotFoundError);
  expect(await sweep()).toEqual({ started: 1 });
  await expect.poll(() => webhooks.statesOf(id)).toEqual(['DELIVERED', 'PENDING']);
  expect(receiver.received.map(({ orderId }) => orderId)).toEqual([stranded]);
  await expect(webhooks.workflowOf(id, fresh).describe()).rejects.toBeInstanceOf(WorkflowNotFoundError);
  expect(await sweep()).toEqual({ started: 0 });
});

it('A delivery whose workflow was terminated while it waited goes on by the sweep, when it is due', async () => {
  const { receiver, id } = await webhooks.merchant(answerWith(500));
  const orderId = newOrder();
  await webhooks.publish(orderEvent(orderId, 'order.created'));
  await expect.poll(() => webhooks.statesOf(id)).toEqual(['RETRYING']);
  await webhooks.workflowOf(id, orderId).terminate('a test');
  receiver.reply = accept;
  expect(await sweep()).toEqual({ started: 0 });
  await system.database.query(
    `UPDATE notifications.webhook_deliveries SET next_attempt_at = now() - interval '6 minutes' WHERE subscription_id = $1`,
    [id],
  );
  expect(await sweep()).toEqual({ started: 1 });
  await expect.poll(() => webhooks.statesOf(id)).toEqual(['DELIVERED']);
});

it('A delivery of a subscription that is deleted is cancelled', async () => {
  const { receiver, id } = await webhooks.merchant(answerWith(500));
  const orderId = newOrder();
  await webhooks.publish(orderEvent(orderId, 'order.created'));
  await expect.poll(() => webhooks.statesOf(id)).toEqual(['RETRYING']);
  expect((await system.request(`/v1/webhooks/${id}`, { method: 'DELETE' })).status).toBe(200);
  expect(await webhooks.statesOf(id)).toEqual(['CANCELLED']);
  const before = receiver.received.length;
  await webhooks.workflowOf(id, orderId).result();
  expect(receiver.received.length).toBeLessThanOrEqual(before + 1);
  expect(
    await system.database.query(
      `SELECT sealed_secret FROM notifications.webhook_subscriptions WHERE subscription_id = $1`,
      [id],
    ),
  ).toEqual([{ sealed_secret: null }]);
});

async function rowWithoutSignal(subscriptionId: string, age: string): Promise<string> {
  const event = orderEvent(newOrder(), 'order.created');
  const { tenantId, eventId, type, key } = event;
  const body = JSON.stringify({ type, timestamp: event.occurredAt.toISOString(), data: event.properties });
  const deliveryId = webhookDeliveryIdFor(subscriptionId, eventId);
  await createWebhookDeliveryRepository(system.database.databases.notifications).offer(
    { tenantId, eventId, eventType: type, eventKey: key, body },
    [{ subscriptionId, deliveryId }],
  );
  await system.database.query(
    'UPDATE notifications.webhook_deliveries SET updated_at = now() - $2::interval WHERE delivery_id = $1',
    [deliveryId, age],
  );
  return key;
}

function sweep(): Promise<unknown> {
  return system.client.workflow.execute(WEBHOOK_SWEEP_WORKFLOW, { workflowId: randomUUID(), taskQueue: 'orders' });
}

async function pendingAttempt(subscriptionId: string, key: string): Promise<number> {
  const { raw } = await webhooks.workflowOf(subscriptionId, key).describe();
  return raw.pendingActivities?.[0]?.attempt ?? 0;
}
