import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  createWebhookDeliveryRepository,
  type WebhookDeliveryRepository,
} from '../../db/repositories/notifications/webhook-delivery-repository.ts';
import { REDELIVER } from '../../db/repositories/notifications/webhook-delivery-statements.ts';
import { createWebhookSubscriptionRepository } from '../../db/repositories/notifications/webhook-subscription-repository.ts';
import { createTestDatabase, type TestDatabase } from '../support/database/database.ts';
import { freshId } from './fixtures.ts';

let database: TestDatabase;
let deliveries: WebhookDeliveryRepository;
beforeAll(async () => {
  database = await createTestDatabase();
  deliveries = createWebhookDeliveryRepository(database.databases.notifications);
});
afterAll(() => database.close());

const TENANT = 'demo';

async function deliveredOnce(): Promise<{ subscriptionId: string; deliveryId: string }> {
  const [subscriptionId, deliveryId] = [freshId('wh'), freshId('whd')];
  await createWebhookSubscriptionRepository(database.databases.notifications).create({
    subscriptionId,
    tenantId: TENANT,
    requestHash: 'hash',
    url: 'https://shop.example/hook',
    eventTypes: ['order.confirmed'],
    sealedSecret: { keyId: 'key', box: 'sealed' },
  });
  const event = { tenantId: TENANT, eventId: freshId('evt'), eventType: 'order.confirmed', eventKey: freshId() };
  await deliveries.offer({ ...event, body: '{}' }, [{ deliveryId, subscriptionId }]);
  await deliveries.recordDelivered({ deliveryId, status: 204, excerpt: null });
  return { subscriptionId, deliveryId };
}

const tomorrow = (): Date => new Date(Date.now() + 86_400_000);

it('A delivery that is over is forgotten when it is old enough, and is not found after that', async () => {
  const { subscriptionId, deliveryId } = await deliveredOnce();
  await deliveries.forgetSettled(new Date(0));
  expect(await deliveries.list({ tenantId: TENANT, subscriptionId, limit: 10 })).toMatchObject([{ deliveryId }]);
  await deliveries.forgetSettled(tomorrow());
  expect(await deliveries.list({ tenantId: TENANT, subscriptionId, limit: 10 })).toEqual([]);
  expect(await deliveries.redeliver(TENANT, subscriptionId, deliveryId)).toBeNull();
});

it('A delivery that is over stays when it is asked for again while it is looked at', async () => {
  const { subscriptionId, deliveryId } = await deliveredOnce();
  const operator = await database.databases.notifications.pool.connect();
  try {
    await operator.query('BEGIN');
    await operator.query({ text: REDELIVER.text, values: [TENANT, subscriptionId, deliveryId] });
    // Still DELIVERED for everybody else, and old enough.
    await deliveries.forgetSettled(tomorrow());
    await operator.query('COMMIT');
  } finally {
    operator.release();
  }
  await deliveries.forgetSettled(tomorrow());
  expect(await deliveries.list({ tenantId: TENANT, subscriptionId, limit: 10 })).toMatchObject([
    { deliveryId, state: 'PENDING', attempts: 0 },
  ]);
});
