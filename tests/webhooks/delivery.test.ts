import { randomUUID } from 'node:crypto';
import { WorkflowNotFoundError } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createWebhookDeliveryRepository } from '../../db/repositories/notifications/webhook-delivery-repository.ts';
import { WEBHOOK_RETRY_DELAYS_MS, webhookDeliveryIdFor } from '../../src/domain/webhook.ts';
import { EventFailure } from '../../src/events/event-failure.ts';
import { createWebhookPublisher } from '../../src/activities/webhooks/webhook-publisher.ts';
import { wakeWebhookQueue } from '../../src/temporal/workflow-starts.ts';
import { createTemporalClient } from '../../src/temporal/connection.ts';
import { WEBHOOK_SWEEP_WORKFLOW, webhookWakeSignal, webhookWorkflowId } from '../../src/workflows/contract.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';
import {
  accept,
  answerWith,
  orderEvent,
  publisherOf,
  startReceiver,
  subscribe,
  type WebhookReceiver,
  type WebhookReply,
} from '../support/http/webhook-receiver.ts';

interface DeliveryRow {
  readonly id: string;
  readonly type: string;
  readonly state: string;
  readonly attempts: number;
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  readonly excerpt: string | null;
}

let system: TestSystem;
let publish: ReturnType<typeof publisherOf>;
const receivers: WebhookReceiver[] = [];
const subscriptions: string[] = [];
beforeAll(async () => {
  system = await startTestSystem({ env: { WEBHOOK_DISABLE_AFTER_DAYS: '1' } });
  publish = publisherOf(system);
});
afterEach(async () => {
  for (const id of subscriptions.splice(0)) await system.request(`/v1/webhooks/${id}`, { method: 'DELETE' });
  for (const receiver of receivers.splice(0)) receiver.close();
});
afterAll(() => system.stop());

async function merchant(reply: WebhookReply = accept, events?: readonly string[]) {
  const receiver = await startReceiver(reply);
  receivers.push(receiver);
  const subscription = await subscribe(system, receiver.url, { events });
  subscriptions.push(subscription.id);
  return { receiver, ...subscription };
}

function deliveriesOf(subscriptionId: string): Promise<DeliveryRow[]> {
  return system.database.query<DeliveryRow>(
    `SELECT delivery_id AS id, event_type AS type, state, attempts, last_status AS "lastStatus", last_error AS "lastError",
       response_excerpt AS excerpt
     FROM notifications.webhook_deliveries WHERE subscription_id = $1 ORDER BY seq`,
    [subscriptionId],
  );
}

async function statesOf(subscriptionId: string): Promise<string[]> {
  return (await deliveriesOf(subscriptionId)).map(({ state }) => state);
}

function workflowOf(subscriptionId: string, key: string) {
  return system.client.workflow.getHandle(webhookWorkflowId({ subscriptionId, key }));
}

async function subscriptionRow(id: string): Promise<Record<string, unknown>> {
  const [row] = await system.database.query<Record<string, unknown>>(
    'SELECT state, disabled_reason, failing_since FROM notifications.webhook_subscriptions WHERE subscription_id = $1',
    [id],
  );
  return row ?? {};
}

const newOrder = (): string => `ord_${randomUUID()}`;

it('An event reaches those who asked for it, once each, signed, and its workflow ends', async () => {
  const all = await merchant();
  const confirmed = await merchant(accept, ['order.confirmed']);
  const others = await merchant(accept, ['order.refunded', 'order.cancelled']);
  const orderId = newOrder();
  const event = orderEvent(orderId, 'order.confirmed', {
    properties: { orderId, status: 'CONFIRMED', totalMinor: 7 },
  });

  expect(await publish(event)).toBe(2);
  await expect.poll(() => statesOf(all.id)).toEqual(['DELIVERED']);
  await expect.poll(() => statesOf(confirmed.id)).toEqual(['DELIVERED']);
  all.receiver.verify(all.secret);
  confirmed.receiver.verify(confirmed.secret);
  expect(() => all.receiver.verify(confirmed.secret)).toThrow('No matching signature');
  expect(JSON.parse(all.receiver.received[0]?.body ?? '')).toEqual({
    type: 'order.confirmed',
    timestamp: event.occurredAt.toISOString(),
    data: { orderId, status: 'CONFIRMED', totalMinor: 7 },
  });
  expect(all.receiver.received[0]?.id).toBe(webhookDeliveryIdFor(all.id, event.eventId));
  await workflowOf(all.id, orderId).result();
  expect(others.receiver.received).toEqual([]);
  expect(await statesOf(others.id)).toEqual([]);
});

it('An event that is published again and again, also at once, is delivered once', async () => {
  const { receiver, id } = await merchant();
  const event = orderEvent(newOrder(), 'order.created');
  expect(await Promise.all(Array.from({ length: 5 }, () => publish(event)))).toEqual([1, 1, 1, 1, 1]);
  await expect.poll(() => statesOf(id)).toEqual(['DELIVERED']);
  expect(await publish(event)).toBe(1);
  await workflowOf(id, event.key).result();
  expect(receiver.received).toHaveLength(1);
  expect(await deliveriesOf(id)).toMatchObject([{ attempts: 1, lastStatus: 200, lastError: null }]);
});

it('An event of another tenant reaches nobody else', async () => {
  const { receiver, id } = await merchant();
  expect(await publish(orderEvent(newOrder(), 'order.created', { tenantId: 'other' }))).toBe(0);
  expect(await statesOf(id)).toEqual([]);
  expect(receiver.received).toEqual([]);
});

it('An event is not accepted from the log while Temporal is away, and is healed by its repetition', async () => {
  const { receiver, id } = await merchant();
  const client = createTemporalClient({ address: '127.0.0.1:1', namespace: 'nowhere' });
  const repository = createWebhookDeliveryRepository(system.database.databases.notifications);
  const event = orderEvent(newOrder(), 'order.created');
  const cut = createWebhookPublisher({
    repository,
    wake: (queue) => wakeWebhookQueue(client, queue),
  }).publishToWebhooks(event);
  await expect(cut).rejects.toBeInstanceOf(EventFailure);
  await expect(cut).rejects.toMatchObject({ code: 'effect_unavailable' });
  expect(await statesOf(id)).toEqual(['PENDING']);
  expect(receiver.received).toEqual([]);

  expect(await publish(event)).toBe(1);
  await expect.poll(() => statesOf(id)).toEqual(['DELIVERED']);
  expect(receiver.received).toHaveLength(1);
});

it('The events of an order arrive in their order, also while the first one fails', async () => {
  let failures = 2;
  const { receiver, id } = await merchant((_, response) => void response.writeHead(failures-- > 0 ? 503 : 200).end());
  const orderId = newOrder();
  const types = ['order.created', 'order.confirmed', 'order.refunding', 'order.refunded'];
  for (const type of types) await publish(orderEvent(orderId, type));
  await expect.poll(() => pendingAttempt(id, orderId), { timeout: 10_000 }).toBeGreaterThanOrEqual(2);
  expect((await statesOf(id)).slice(1)).toEqual(['PENDING', 'PENDING', 'PENDING']);
  await expect.poll(() => statesOf(id), { timeout: 20_000 }).toEqual(types.map(() => 'DELIVERED'));
  expect(receiver.received.map(({ type }) => type)).toEqual(['order.created', 'order.created', ...types]);
  expect((await deliveriesOf(id)).map(({ attempts }) => attempts)).toEqual([3, 1, 1, 1]);
  expect(await subscriptionRow(id)).toMatchObject({ state: 'ACTIVE', failing_since: null });
});

it('The events of an order do not wait for those of another order, nor for a broken or hanging subscription', async () => {
  const broken = await merchant(answerWith(500));
  const hanging = await merchant(() => {});
  const { receiver, id } = await merchant();
  const orders = Array.from({ length: 12 }, newOrder);
  const startedAt = performance.now();
  for (const orderId of orders) await publish(orderEvent(orderId, 'order.created'));
  await expect.poll(() => statesOf(id), { timeout: 8_000 }).toEqual(orders.map(() => 'DELIVERED'));
  expect(performance.now() - startedAt).toBeLessThan(8_000);
  expect(new Set(receiver.received.map(({ orderId }) => orderId))).toEqual(new Set(orders));
  await expect.poll(async () => new Set(await statesOf(broken.id))).toEqual(new Set(['RETRYING']));
  expect(hanging.receiver.received.length).toBeLessThanOrEqual(8);
});

it('A failing receiver is seen in the Web UI as a pending activity with its attempt and its error', async () => {
  const { id } = await merchant(answerWith(500));
  const orderId = newOrder();
  await publish(orderEvent(orderId, 'order.created'));
  await expect.poll(() => pendingAttempt(id, orderId), { timeout: 10_000 }).toBeGreaterThanOrEqual(2);
  const { raw } = await workflowOf(id, orderId).describe();
  const [pending] = raw.pendingActivities ?? [];
  expect(pending).toMatchObject({ activityId: 'deliver-webhook' });
  expect(pending?.lastFailure?.message).toMatch(/^webhook msg_\w+ is not delivered: status_500$/);
  expect(await deliveriesOf(id)).toMatchObject([{ state: 'RETRYING', lastStatus: 500, excerpt: 'not now' }]);
});

it('A failing receiver is given up after the last wait, and what comes after it is delivered', async () => {
  const { receiver, id } = await merchant(answerWith(500));
  const orderId = newOrder();
  await publish(orderEvent(orderId, 'order.created'));
  await publish(orderEvent(orderId, 'order.confirmed'));
  await expect.poll(async () => (await deliveriesOf(id))[0]?.attempts).toBe(1);
  // As if all waits were over but the last.
  await system.database.query(
    `UPDATE notifications.webhook_deliveries SET attempts = $2 WHERE subscription_id = $1 AND event_type = 'order.created'`,
    [id, WEBHOOK_RETRY_DELAYS_MS.length],
  );
  receiver.reply = ({ type }, response) => void response.writeHead(type === 'order.created' ? 500 : 200).end();
  await expect.poll(() => statesOf(id)).toEqual(['GAVE_UP', 'DELIVERED']);
  await workflowOf(id, orderId).result();
});

it('A failing receiver that answers 410 disables its subscription at once, and gets nothing more', async () => {
  const { receiver, id } = await merchant(answerWith(410));
  const orderId = newOrder();
  await publish(orderEvent(orderId, 'order.created'));
  await publish(orderEvent(orderId, 'order.confirmed'));
  await expect.poll(() => statesOf(id)).toEqual(['GAVE_UP', 'CANCELLED']);
  expect(await subscriptionRow(id)).toMatchObject({ state: 'DISABLED', disabled_reason: 'gone' });
  expect(await publish(orderEvent(orderId, 'order.refunded'))).toBe(0);
  expect(receiver.received).toHaveLength(1);
  await workflowOf(id, orderId).result();
});

it('A failing receiver is disabled after days, its open deliveries are cancelled, and it can be enabled again', async () => {
  const { receiver, id } = await merchant(answerWith(500));
  const [first, second] = [newOrder(), newOrder()];
  await publish(orderEvent(first, 'order.created'));
  await publish(orderEvent(second, 'order.created'));
  await expect.poll(async () => (await deliveriesOf(id)).map(({ attempts }) => attempts > 0)).toEqual([true, true]);
  expect(await subscriptionRow(id)).toMatchObject({ state: 'ACTIVE', failing_since: expect.any(Date) });
  await system.database.query(
    `UPDATE notifications.webhook_subscriptions SET failing_since = now() - interval '25 hours' WHERE subscription_id = $1`,
    [id],
  );
  await expect.poll(() => statesOf(id)).toEqual(['CANCELLED', 'CANCELLED']);
  expect(await subscriptionRow(id)).toMatchObject({ state: 'DISABLED', disabled_reason: 'failing' });

  receiver.reply = accept;
  expect(await system.request(`/v1/webhooks/${id}/enable`, { method: 'POST' })).toMatchObject({
    status: 200,
    body: { state: 'ACTIVE', disabledAt: null, failingSince: null },
  });
  await publish(orderEvent(first, 'order.confirmed'));
  await expect.poll(() => statesOf(id)).toEqual(['CANCELLED', 'CANCELLED', 'DELIVERED']);
});

it('A failing receiver is tried at once by the signal that operators send to all', async () => {
  const { receiver, id } = await merchant(answerWith(500));
  const orderId = newOrder();
  await publish(orderEvent(orderId, 'order.created'));
  await system.database.query('UPDATE notifications.webhook_deliveries SET attempts = 8 WHERE subscription_id = $1', [
    id,
  ]);
  await expect.poll(async () => (await deliveriesOf(id))[0]?.attempts).toBe(9);
  receiver.reply = accept;
  await workflowOf(id, orderId).signal(webhookWakeSignal, 'at_once');
  await expect.poll(() => statesOf(id)).toEqual(['DELIVERED']);
});

it('A failing receiver that asks for time gets it, but no more than a day', async () => {
  const { id } = await merchant(({ type }, response) => {
    response.writeHead(type === 'order.created' ? 429 : 503, {
      'retry-after': type === 'order.created' ? '600' : '99999999',
    });
    response.end();
  });
  const [first, second] = [newOrder(), newOrder()];
  await publish(orderEvent(first, 'order.created'));
  await publish(orderEvent(second, 'order.confirmed'));
  await expect.poll(() => statesOf(id)).toEqual(['RETRYING', 'RETRYING']);
  const waits = (await nextAttemptsOf(id)).map((at) => Math.round(((at?.getTime() ?? 0) - Date.now()) / 60_000));
  expect(waits).toEqual([10, 24 * 60]);
});

it('A failing receiver pays no try and moves no attempt when operators have it tried before its time', async () => {
  const { receiver, id } = await merchant(answerWith(500));
  const orderId = newOrder();
  await publish(orderEvent(orderId, 'order.created'));
  await expect.poll(async () => (await deliveriesOf(id))[0]?.attempts).toBe(1);
  // The next attempt is hours away, and the one after it is the last.
  await system.database.query('UPDATE notifications.webhook_deliveries SET attempts = 9 WHERE subscription_id = $1', [
    id,
  ]);
  await expect.poll(async () => (await deliveriesOf(id))[0]?.attempts).toBe(10);
  const [before] = await nextAttemptsOf(id);
  for (let wish = 1; wish <= 4; wish++) {
    const sent = receiver.received.length;
    await workflowOf(id, orderId).signal(webhookWakeSignal, 'at_once');
    await expect.poll(() => receiver.received.length).toBe(sent + 1);
  }
  receiver.reply = answerWith(502);
  await workflowOf(id, orderId).signal(webhookWakeSignal, 'at_once');
  await expect.poll(() => deliveriesOf(id)).toMatchObject([{ state: 'RETRYING', attempts: 10, lastStatus: 502 }]);
  expect(await nextAttemptsOf(id)).toEqual([before]);
});

it('A failing receiver gets the message that a person asks for, at the expense of no other one', async () => {
  const { receiver, id } = await merchant(({ type }, response) => {
    response.writeHead(type === 'order.created' ? 500 : 200).end();
  });
  const orderId = newOrder();
  await publish(orderEvent(orderId, 'order.created'));
  await publish(orderEvent(orderId, 'order.confirmed'));
  await publish(orderEvent(orderId, 'order.refunding'));
  await system.database.query(
    `UPDATE notifications.webhook_deliveries SET attempts = 8 WHERE subscription_id = $1 AND event_type = 'order.created'`,
    [id],
  );
  await expect.poll(async () => (await deliveriesOf(id))[0]?.attempts).toBe(9);
  const [created] = await nextAttemptsOf(id);
  const sent = receiver.received.length;
  const [, confirmed] = await deliveriesOf(id);
  for (let wish = 1; wish <= 5; wish++) {
    await redeliver(id, confirmed?.id ?? '');
    await expect.poll(() => receiver.received.length).toBe(sent + wish);
  }
  await expect.poll(() => statesOf(id)).toEqual(['RETRYING', 'DELIVERED', 'PENDING']);
  expect(receiver.received.slice(sent).map(({ type }) => type)).toEqual(Array(5).fill('order.confirmed'));
  expect((await deliveriesOf(id)).map(({ attempts }) => attempts)).toEqual([9, 1, 0]);
  expect((await nextAttemptsOf(id))[0]).toEqual(created);
});

it('A failing receiver is asked once more for the message that a person names, which then waits in its place', async () => {
  const { receiver, id } = await merchant(answerWith(500));
  const orderId = newOrder();
  await publish(orderEvent(orderId, 'order.created'));
  await publish(orderEvent(orderId, 'order.confirmed'));
  await system.database.query(
    `UPDATE notifications.webhook_deliveries SET attempts = 3 WHERE subscription_id = $1 AND event_type = 'order.created'`,
    [id],
  );
  await expect.poll(async () => (await deliveriesOf(id))[0]?.attempts).toBe(4);
  const [, confirmed] = await deliveriesOf(id);
  await redeliver(id, confirmed?.id ?? '');
  await expect
    .poll(() => deliveriesOf(id))
    .toMatchObject([
      { attempts: 4, state: 'RETRYING' },
      { attempts: 1, state: 'RETRYING', lastError: 'status_500' },
    ]);
  receiver.reply = accept;
  await workflowOf(id, orderId).signal(webhookWakeSignal, 'at_once');
  await expect.poll(() => statesOf(id)).toEqual(['DELIVERED', 'DELIVERED']);
  expect(receiver.received.slice(-2).map(({ type }) => type)).toEqual(['order.created', 'order.confirmed']);
});

it('A failing receiver is tried at once when a person asks for it, although its next attempt is hours away', async () => {
  const { receiver, id } = await merchant(answerWith(500));
  const orderId = newOrder();
  await publish(orderEvent(orderId, 'order.created'));
  await expect.poll(async () => (await deliveriesOf(id))[0]?.attempts).toBe(1);
  await system.database.query('UPDATE notifications.webhook_deliveries SET attempts = 8 WHERE subscription_id = $1', [
    id,
  ]);
  await expect.poll(async () => (await deliveriesOf(id))[0]?.attempts).toBe(9);
  receiver.reply = accept;
  const [{ id: deliveryId } = { id: '' }] = await deliveriesOf(id);
  const again = await system.request(`/v1/webhooks/${id}/deliveries/${deliveryId}/redeliver`, { method: 'POST' });
  expect(again).toMatchObject({ status: 202, body: { id: deliveryId, state: 'PENDING', attempts: 0 } });
  await expect.poll(() => statesOf(id)).toEqual(['DELIVERED']);
  expect(new Set(receiver.received.map((message) => message.id))).toEqual(new Set([deliveryId]));
  await workflowOf(id, orderId).result();
});

it('A delivery that was made can be made again, under its id and with its body', async () => {
  const { receiver, id, secret } = await merchant();
  const orderId = newOrder();
  await publish(orderEvent(orderId, 'order.confirmed'));
  await expect.poll(() => statesOf(id)).toEqual(['DELIVERED']);
  const [{ id: deliveryId } = { id: '' }] = await deliveriesOf(id);
  const path = `/v1/webhooks/${id}/deliveries/${deliveryId}/redeliver`;
  expect((await system.request(path, { method: 'POST' })).status).toBe(202);
  await expect.poll(() => receiver.received.length).toBe(2);
  await expect.poll(() => statesOf(id)).toEqual(['DELIVERED']);
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
  const { receiver, id } = await merchant();
  const stranded = await rowWithoutSignal(id, '2 minutes');
  const fresh = await rowWithoutSignal(id, '1 second');
  await expect(workflowOf(id, stranded).describe()).rejects.toBeInstanceOf(WorkflowNotFoundError);
  expect(await sweep()).toEqual({ started: 1 });
  await expect.poll(() => statesOf(id)).toEqual(['DELIVERED', 'PENDING']);
  expect(receiver.received.map(({ orderId }) => orderId)).toEqual([stranded]);
  await expect(workflowOf(id, fresh).describe()).rejects.toBeInstanceOf(WorkflowNotFoundError);
  expect(await sweep()).toEqual({ started: 0 });
});

it('A delivery whose workflow was terminated while it waited goes on by the sweep, when it is due', async () => {
  const { receiver, id } = await merchant(answerWith(500));
  const orderId = newOrder();
  await publish(orderEvent(orderId, 'order.created'));
  await expect.poll(() => statesOf(id)).toEqual(['RETRYING']);
  await workflowOf(id, orderId).terminate('a test');
  receiver.reply = accept;
  expect(await sweep()).toEqual({ started: 0 });
  await system.database.query(
    `UPDATE notifications.webhook_deliveries SET next_attempt_at = now() - interval '6 minutes' WHERE subscription_id = $1`,
    [id],
  );
  expect(await sweep()).toEqual({ started: 1 });
  await expect.poll(() => statesOf(id)).toEqual(['DELIVERED']);
});

it('A delivery of a subscription that is deleted is cancelled', async () => {
  const { receiver, id } = await merchant(answerWith(500));
  const orderId = newOrder();
  await publish(orderEvent(orderId, 'order.created'));
  await expect.poll(() => statesOf(id)).toEqual(['RETRYING']);
  expect((await system.request(`/v1/webhooks/${id}`, { method: 'DELETE' })).status).toBe(200);
  expect(await statesOf(id)).toEqual(['CANCELLED']);
  const before = receiver.received.length;
  await workflowOf(id, orderId).result();
  expect(receiver.received.length).toBeLessThanOrEqual(before + 1);
  expect(
    await system.database.query(
      `SELECT sealed_secret FROM notifications.webhook_subscriptions WHERE subscription_id = $1`,
      [id],
    ),
  ).toEqual([{ sealed_secret: null }]);
});

async function nextAttemptsOf(subscriptionId: string): Promise<(Date | null)[]> {
  const rows = await system.database.query<{ at: Date | null }>(
    'SELECT next_attempt_at AS at FROM notifications.webhook_deliveries WHERE subscription_id = $1 ORDER BY seq',
    [subscriptionId],
  );
  return rows.map(({ at }) => at);
}

async function redeliver(subscriptionId: string, deliveryId: string): Promise<void> {
  const path = `/v1/webhooks/${subscriptionId}/deliveries/${deliveryId}/redeliver`;
  expect(await system.request(path, { method: 'POST' })).toMatchObject({ status: 202, body: { attempts: 0 } });
}

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
  const { raw } = await workflowOf(subscriptionId, key).describe();
  return raw.pendingActivities?.[0]?.attempt ?? 0;
}
