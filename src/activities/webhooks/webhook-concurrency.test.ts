import { expect, it } from 'vitest';
import { createWebhookConcurrency, type AttemptOwner, type WebhookConcurrency } from './webhook-concurrency.ts';

function owner(subscription: number, tenant = 'acme'): AttemptOwner {
  return { subscriptionId: `${tenant}-${subscription}`, tenantId: tenant };
}

function takeAll(places: WebhookConcurrency, whose: AttemptOwner): (() => void)[] {
  const taken: (() => void)[] = [];
  for (let place = places.take(whose); place !== null; place = places.take(whose)) taken.push(place);
  return taken;
}

it('Concurrent attempts of one subscription are limited to 8, and a place that is given back is free again', () => {
  const places = createWebhookConcurrency();
  const [first] = takeAll(places, owner(1));
  expect(takeAll(places, owner(2))).toHaveLength(8);
  first?.();
  expect(takeAll(places, owner(1))).toHaveLength(1);
});

it('Concurrent attempts of one tenant are limited to 24, however many subscriptions it has', () => {
  const places = createWebhookConcurrency();
  const taken = Array.from({ length: 50 }, (_, number) => takeAll(places, owner(number)).length);
  expect(taken.reduce((sum, count) => sum + count, 0)).toBe(24);
  expect(takeAll(places, owner(1, 'other'))).toHaveLength(8);
});

it('Concurrent attempts are limited to 75 in all, so that mails keep a quarter of the slots', () => {
  const places = createWebhookConcurrency();
  const tenants = Array.from({ length: 20 }, (_, number) => `tenant-${number}`);
  const taken = tenants.flatMap((tenant) => takeAll(places, owner(1, tenant)));
  expect(taken).toHaveLength(75);
  for (const giveBack of taken) giveBack();
  expect(tenants.flatMap((tenant) => takeAll(places, owner(1, tenant)))).toHaveLength(75);
});
