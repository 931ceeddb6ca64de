import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createWebhookDeliveryRepository } from '../../db/repositories/notifications/webhook-delivery-repository.ts';
import { createTemporalClient } from '../../src/temporal/connection.ts';
import { createWebhookPublisher } from '../../src/activities/webhooks/webhook-publisher.ts';
import { wakeWebhookQueue } from '../../src/temporal/workflow-starts.ts';
import { startProcessSystem, type ProcessSystem } from '../support/processes/process-system.ts';
import {
  accept,
  orderEvent,
  startReceiver,
  subscribe,
  type WebhookReceiver,
} from '../support/http/webhook-receiver.ts';

let system: ProcessSystem;
let receiver: WebhookReceiver;
beforeAll(async () => {
  system = await startProcessSystem(['combined']);
  receiver = await startReceiver();
});
afterEach(() => {
  receiver.reply = accept;
});
afterAll(async () => {
  receiver.close();
  await system.stop();
});

it('A worker killed in the middle of an attempt, or a restarted Temporal, loses no webhook, and none comes out of its order', async () => {
  const { id, secret } = await subscribe(system, receiver.url);
  const client = createTemporalClient({ address: system.temporalAddress, namespace: 'default' });
  const repository = createWebhookDeliveryRepository(system.databases.notifications);
  const { publishToWebhooks } = createWebhookPublisher({
    repository,
    wake: (queue) => wakeWebhookQueue(client, queue),
  });
  const types = ['order.created', 'order.confirmed', 'order.refunded'];

  // The receiver has the message, and its answer is lost.
  receiver.reply = () => {};
  for (const type of types) await publishToWebhooks(orderEvent('ord_1', type));
  await expect.poll(() => receiver.received.length).toBe(1);
  await system.signal('combined', 'SIGKILL');
  receiver.reply = accept;
  await system.start('combined');
  await system.ready();
  await expect.poll(() => delivered(id)).toBe(3);
  expect(receiver.received.map(({ type }) => type)).toEqual(['order.created', ...types]);
  expect(receiver.received[1]).toMatchObject({ id: receiver.received[0]?.id, body: receiver.received[0]?.body });

  await system.signal('temporal', 'SIGKILL');
  const event = orderEvent('ord_1', 'order.cancelled');
  await expect(publishToWebhooks(event)).rejects.toMatchObject({ code: 'effect_unavailable' });
  await system.start('temporal');
  await system.ready();
  // Publishes like the consumer.
  await expect.poll(() => publishToWebhooks(event).catch(() => 0)).toBe(1);
  await expect.poll(() => delivered(id)).toBe(4);
  expect(receiver.received.filter(({ type }) => type === 'order.cancelled')).toHaveLength(1);
  receiver.verify(secret);
  await client.connection.close();
});

async function delivered(subscriptionId: string): Promise<number> {
  const path = `/v1/webhooks/${subscriptionId}/deliveries?state=DELIVERED`;
  return (await system.request<{ items: unknown[] }>(path)).body.items.length;
}
