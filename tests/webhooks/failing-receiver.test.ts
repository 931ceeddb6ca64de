import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { WEBHOOK_RETRY_DELAYS_MS } from '../../src/domain/webhook.ts';
import { webhookWakeSignal } from '../../src/workflows/contract.ts';
import { accept, answerWith, orderEvent } from '../support/http/webhook-receiver.ts';
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

it('A failing receiver is seen in the Web UI as a pending activity with its attempt and its error', async () => {
  const { id } = await webhooks.merchant(answerWith(500));
  const orderId = newOrder();
  await webhooks.publish(orderEvent(orderId, 'order.created'));
  await expect.poll(() => pendingAttempt(id, orderId)).toBeGreaterThanOrEqual(2);
  const { raw } = await webhooks.workflowOf(id, orderId).describe();
  const [pending] = raw.pendingActivities ?? [];
  expect(pending).toMatchObject({ activityId: 'deliver-webhook' });
  expect(pending?.lastFailure?.message).toMatch(/^webhook msg_\w+ is not delivered: status_500$/);
  expect(await webhooks.deliveriesOf(id)).toMatchObject([{ state: 'RETRYING', lastStatus: 500, excerpt: 'not now' }]);
});

it('A failing receiver is given up after the last wait, and what comes after it is delivered', async () => {
  const { receiver, id } = await webhooks.merchant(answerWith(500));
  const orderId = newOrder();
  await webhooks.publish(orderEvent(orderId, 'order.created'));
  await webhooks.publish(orderEvent(orderId, 'order.confirmed'));
  await expect.poll(async () => (await webhooks.deliveriesOf(id))[0]?.attempts).toBe(1);
  // As if all waits were over but the last.
  await system.database.query(
    `UPDATE notifications.webhook_deliveries SET attempts = $2 WHERE subscription_id = $1 AND event_type = 'order.created'`,
    [id, WEBHOOK_RETRY_DELAYS_MS.length],
  );
  receiver.reply = ({ type }, response) => void response.writeHead(type === 'order.created' ? 500 : 200).end();
  await expect.poll(() => webhooks.statesOf(id)).toEqual(['GAVE_UP', 'DELIVERED']);
  await webhooks.workflowOf(id, orderId).result();
});

it('A failing receiver that answers 410 disables its subscription at once, and gets nothing more', async () => {
  const { receiver, id } = await webhooks.merchant(answerWith(410));
  const orderId = newOrder();
  await webhooks.publish(orderEvent(orderId, 'order.created'));
  await webhooks.publish(orderEvent(orderId, 'order.confirmed'));
  await expect.poll(() => webhooks.statesOf(id)).toEqual(['GAVE_UP', 'CANCELLED']);
  expect(await webhooks.subscriptionRow(id)).toMatchObject({ state: 'DISABLED', disabled_reason: 'gone' });
  expect(await webhooks.publish(orderEvent(orderId, 'order.refunded'))).toBe(0);
  expect(receiver.received).toHaveLength(1);
  await webhooks.workflowOf(id, orderId).result();
});

it('A failing receiver is disabled after days, its open deliveries are cancelled, and it can be enabled again', async () => {
  const { receiver, id } = await webhooks.merchant(answerWith(500));
  const [first, second] = [newOrder(), newOrder()];
  await webhooks.publish(orderEvent(first, 'order.created'));
  await webhooks.publish(orderEvent(second, 'order.created'));
  await expect
    .poll(async () => (await webhooks.deliveriesOf(id)).map(({ attempts }) => attempts > 0))
    .toEqual([true, true]);
  expect(await webhooks.subscriptionRow(id)).toMatchObject({ state: 'ACTIVE', failing_since: expect.any(Date) });
  await system.database.query(
    `UPDATE notifications.webhook_subscriptions SET failing_since = now() - interval '25 hours' WHERE subscription_id = $1`,
    [id],
  );
  await expect.poll(() => webhooks.statesOf(id)).toEqual(['CANCELLED', 'CANCELLED']);
  expect(await webhooks.subscriptionRow(id)).toMatchObject({ state: 'DISABLED', disabled_reason: 'failing' });

  receiver.reply = accept;
  expect(await system.request(`/v1/webhooks/${id}/enable`, { method: 'POST' })).toMatchObject({
    status: 200,
    body: { state: 'ACTIVE', disabledAt: null, failingSince: null },
  });
  await webhooks.publish(orderEvent(first, 'order.confirmed'));
  await expect.poll(() => webhooks.statesOf(id)).toEqual(['CANCELLED', 'CANCELLED', 'DELIVERED']);
});

it('A failing receiver is tried at once by the signal that operators send to all', async () => {
  const { receiver, id } = await webhooks.merchant(answerWith(500));
  const orderId = newOrder();
  await webhooks.publish(orderEvent(orderId, 'order.created'));
  await system.database.query('UPDATE notifications.webhook_deliveries SET attempts = 8 WHERE subscription_id = $1', [
    id,
  ]);
  await expect.poll(async () => (await webhooks.deliveriesOf(id))[0]?.attempts).toBe(9);
  receiver.reply = accept;
  await webhooks.workflowOf(id, orderId).signal(webhookWakeSignal, 'at_once');
  await expect.poll(() => webhooks.statesOf(id)).toEqual(['DELIVERED']);
});

it('A failing receiver that asks for time gets it, but no more than a day', async () => {
  const { id } = await webhooks.merchant(({ type }, response) => {
    response.writeHead(type === 'order.created' ? 429 : 503, {
      'retry-after': type === 'order.created' ? '600' : '99999999',
    });
    response.end();
  });
  const [first, second] = [newOrder(), newOrder()];
  await webhooks.publish(orderEvent(first, 'order.created'));
  await webhooks.publish(orderEvent(second, 'order.confirmed'));
  await expect.poll(() => webhooks.statesOf(id)).toEqual(['RETRYING', 'RETRYING']);
  const waits = (await nextAttemptsOf(id)).map((at) => Math.round(((at?.getTime() ?? 0) - Date.now()) / 60_000));
  expect(waits).toEqual([10, 24 * 60]);
});

it('A failing receiver pays no try and moves no attempt when operators have it tried before its time', async () => {
  const { receiver, id } = await webhooks.merchant(answerWith(500));
  const orderId = newOrder();
  await webhooks.publish(orderEvent(orderId, 'order.created'));
  await expect.poll(async () => (await webhooks.deliveriesOf(id))[0]?.attempts).toBe(1);
  // The next attempt is hours away, and the one after it is the last.
  await system.database.query('UPDATE notifications.webhook_deliveries SET attempts = 9 WHERE subscription_id = $1', [
    id,
  ]);
  await expect.poll(async () => (await webhooks.deliveriesOf(id))[0]?.attempts).toBe(10);
  const [before] = await nextAttemptsOf(id);
  for (let wish = 1; wish <= 4; wish++) {
    const sent = receiver.received.length;
    await webhooks.workflowOf(id, orderId).signal(webhookWakeSignal, 'at_once');
    await expect.poll(() => receiver.received.length).toBe(sent + 1);
  }
  receiver.reply = answerWith(502);
  await webhooks.workflowOf(id, orderId).signal(webhookWakeSignal, 'at_once');
  await expect
    .poll(() => webhooks.deliveriesOf(id))
    .toMatchObject([{ state: 'RETRYING', attempts: 10, lastStatus: 502 }]);
  expect(await nextAttemptsOf(id)).toEqual([before]);
});

it('A failing receiver gets the message that a person asks for, at the expense of no other one', async () => {
  const { receiver, id } = await webhooks.merchant(({ type }, response) => {
    response.writeHead(type === 'order.created' ? 500 : 200).end();
  });
  const orderId = newOrder();
  await webhooks.publish(orderEvent(orderId, 'order.created'));
  await webhooks.publish(orderEvent(orderId, 'order.confirmed'));
  await webhooks.publish(orderEvent(orderId, 'order.refunding'));
  await system.database.query(
    `UPDATE notifications.webhook_deliveries SET attempts = 8 WHERE subscription_id = $1 AND event_type = 'order.created'`,
    [id],
  );
  await expect.poll(async () => (await webhooks.deliveriesOf(id))[0]?.attempts).toBe(9);
  const [created] = await nextAttemptsOf(id);
  const sent = receiver.received.length;
  const [, confirmed] = await webhooks.deliveriesOf(id);
  for (let wish = 1; wish <= 5; wish++) {
    await redeliver(id, confirmed?.id ?? '');
    await expect.poll(() => receiver.received.length).toBe(sent + wish);
  }
  await expect.poll(() => webhooks.statesOf(id)).toEqual(['RETRYING', 'DELIVERED', 'PENDING']);
  expect(receiver.received.slice(sent).map(({ type }) => type)).toEqual(Array(5).fill('order.confirmed'));
  expect((await webhooks.deliveriesOf(id)).map(({ attempts }) => attempts)).toEqual([9, 1, 0]);
  expect((await nextAttemptsOf(id))[0]).toEqual(created);
});

it('A failing receiver is asked once more for the message that a person names, which then waits in its place', async () => {
  const { receiver, id } = await webhooks.merchant(answerWith(500));
  const orderId = newOrder();
  await webhooks.publish(orderEvent(orderId, 'order.created'));
  await webhooks.publish(orderEvent(orderId, 'order.confirmed'));
  await system.database.query(
    `UPDATE notifications.webhook_deliveries SET attempts = 3 WHERE subscription_id = $1 AND event_type = 'order.created'`,
    [id],
  );
  await expect.poll(async () => (await webhooks.deliveriesOf(id))[0]?.attempts).toBe(4);
  const [, confirmed] = await webhooks.deliveriesOf(id);
  await redeliver(id, confirmed?.id ?? '');
  await expect
    .poll(() => webhooks.deliveriesOf(id))
    .toMatchObject([
      { attempts: 4, state: 'RETRYING' },
      { attempts: 1, state: 'RETRYING', lastError: 'status_500' },
    ]);
  receiver.reply = accept;
  await webhooks.workflowOf(id, orderId).signal(webhookWakeSignal, 'at_once');
  await expect.poll(() => webhooks.statesOf(id)).toEqual(['DELIVERED', 'DELIVERED']);
  expect(receiver.received.slice(-2).map(({ type }) => type)).toEqual(['order.created', 'order.confirmed']);
});

it('A failing receiver is tried at once when a person asks for it, although its next attempt is hours away', async () => {
  const { receiver, id } = await webhooks.merchant(answerWith(500));
  const orderId = newOrder();
  await webhooks.publish(orderEvent(orderId, 'order.created'));
  await expect.poll(async () => (await webhooks.deliveriesOf(id))[0]?.attempts).toBe(1);
  await system.database.query('UPDATE notifications.webhook_deliveries SET attempts = 8 WHERE subscription_id = $1', [
    id,
  ]);
  await expect.poll(async () => (await webhooks.deliveriesOf(id))[0]?.attempts).toBe(9);
  receiver.reply = accept;
  const [{ id: deliveryId } = { id: '' }] = await webhooks.deliveriesOf(id);
  const again = await system.request(`/v1/webhooks/${id}/deliveries/${deliveryId}/redeliver`, { method: 'POST' });
  expect(again).toMatchObject({ status: 202, body: { id: deliveryId, state: 'PENDING', attempts: 0 } });
  await expect.poll(() => webhooks.statesOf(id)).toEqual(['DELIVERED']);
  expect(new Set(receiver.received.map((message) => message.id))).toEqual(new Set([deliveryId]));
  await webhooks.workflowOf(id, orderId).result();
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

async function pendingAttempt(subscriptionId: string, key: string): Promise<number> {
  const { raw } = await webhooks.workflowOf(subscriptionId, key).describe();
  return raw.pendingActivities?.[0]?.attempt ?? 0;
}
