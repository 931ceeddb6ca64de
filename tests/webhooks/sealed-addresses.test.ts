import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createSealedWebhookAddresses } from '../../db/repositories/notifications/sealed-webhooks.ts';
import { createWebhookSubscriptionRepository } from '../../db/repositories/notifications/webhook-subscription-repository.ts';
import { reseal } from '../../src/cli/reseal.ts';
import { createFieldSealer } from '../../src/domain/personal-data/field-sealer.ts';
import { createTextSealer, type SealingKey } from '../../src/domain/personal-data/text-sealer.ts';
import { sendEvents } from '../support/events.ts';
import { accept, orderEvent } from '../support/http/webhook-receiver.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';
import { createMerchants, newOrder, type Merchants } from './merchants.ts';

let system: TestSystem;
let webhooks: Merchants;
beforeAll(async () => {
  system = await startTestSystem({ events: true, env: { SEAL_AT_REST: 'webhook-addresses,event-properties' } });
  webhooks = createMerchants(system);
});
afterEach(() => webhooks.leave());
afterAll(() => system.stop());

async function storedAddress(id: string): Promise<string> {
  const [row] = await system.database.query<{ url: string }>(
    'SELECT url FROM notifications.webhook_subscriptions WHERE subscription_id = $1',
    [id],
  );
  return row?.url ?? '';
}

it('A webhook whose address is sealed is delivered to, listed and found as any other one', async () => {
  const { id, receiver } = await webhooks.merchant(accept);
  expect(await storedAddress(id)).toMatch(/^sealed:test:[A-Za-z0-9+/]+=*$/);
  const found = await system.request<{ url: string }>(`/v1/webhooks/${id}`);
  expect(found.body.url).toBe(receiver.url);
  const list = await system.request<{ items: { id: string; url: string }[] }>('/v1/webhooks');
  expect(JSON.stringify(list.body)).toContain(receiver.url);
  expect(await webhooks.publish(orderEvent(newOrder(), 'order.created'))).toBe(1);
  await expect.poll(() => webhooks.statesOf(id)).toEqual(['DELIVERED']);
  expect(receiver.received).toHaveLength(1);
});

it('An order is told to a webhook through a log whose contents are sealed', async () => {
  const { id, receiver } = await webhooks.merchant(accept, ['order.confirmed']);
  const orderId = await system.postOrder();
  expect((await system.orderAtRest(orderId)).status).toBe('CONFIRMED');
  await expect.poll(() => webhooks.statesOf(id)).toEqual(['DELIVERED']);
  expect(JSON.parse(receiver.received[0]?.body ?? '')).toMatchObject({ data: { orderId, status: 'CONFIRMED' } });
});

it('An event is accepted sealed, processed, and shown as it was sent', async () => {
  const note = `canary-${randomUUID()}`;
  const { status, body } = await sendEvents(system, { type: 'custom', userId: 'u1', properties: { note } });
  expect(status).toBe(202);
  const eventId = body.events[0]?.id ?? '';
  const read = async () => (await system.request(`/v1/events/${eventId}`)).body;
  await expect.poll(read).toMatchObject({ status: 'PROCESSED', raw: { properties: { note } } });
  const stored = await system.database.query(`SELECT 1 FROM events.raw_events t WHERE t::text LIKE '%' || $1 || '%'`, [
    note,
  ]);
  expect(stored).toEqual([]);
});

it('Addresses are sealed again with a newer key, those from before sealing stay plain, and the old key is needed no more', async () => {
  const { id, receiver } = await webhooks.merchant(accept);
  const plain = await webhooks.merchant(accept);
  await system.database.query('UPDATE notifications.webhook_subscriptions SET url = $2 WHERE subscription_id = $1', [
    plain.id,
    plain.receiver.url,
  ]);
  const newest: SealingKey = { id: 'newest', key: Buffer.alloc(32, 7) };
  const { notifications } = system.database.databases;
  const source = { kind: 'webhookAddresses', source: 'it', rows: createSealedWebhookAddresses(notifications) } as const;
  const before = await storedAddress(id);
  const { resealed, unreadable } = await reseal([source], [newest, ...system.config.contactKeys]);
  expect(unreadable).toEqual([]);
  expect(resealed.webhookAddresses).toBeGreaterThanOrEqual(1);
  expect(await storedAddress(id)).toMatch(/^sealed:newest:/);
  expect(await storedAddress(plain.id)).toBe(plain.receiver.url);

  const fields = createFieldSealer(createTextSealer([newest]), false);
  const subscriptions = createWebhookSubscriptionRepository(notifications, fields);
  expect((await subscriptions.findOptional('demo', id))?.url).toBe(receiver.url);
  expect((await subscriptions.findOptional('demo', plain.id))?.url).toBe(plain.receiver.url);
  // The system of this file does not have the newest key.
  await system.database.query('UPDATE notifications.webhook_subscriptions SET url = $2 WHERE subscription_id = $1', [
    id,
    before,
  ]);
});
