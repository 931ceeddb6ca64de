import { expect, it } from 'vitest';
import type { PendingEvent } from '../domain/event.ts';
import { createEventConsumers } from './event-consumers.ts';
import { EventFailure } from './event-failure.ts';
import { eventRetryTable, isEventRetryKey, type EventRetrySettings } from './event-retries.ts';
import { processEvents } from './process-events.ts';

const SETTINGS: EventRetrySettings = {
  webhooks: { maxAttempts: 3 },
  'webhooks/order.refunded': { firstWaitSeconds: 5, longestWaitSeconds: 7 },
  'analytics/custom': { maxAttempts: 2 },
};

it('The retries of events are those of the code where nothing is set', () => {
  expect(eventRetryTable({})).toMatchObject({
    'analytics/purchase': { maxAttempts: 4, firstWaitSeconds: 2, longestWaitSeconds: 8 },
    'webhooks/order': { maxAttempts: 12, firstWaitSeconds: 1, longestWaitSeconds: 600 },
  });
  expect(eventRetryTable({})).not.toHaveProperty('webhooks/purchase');
});

it('The retries of events are set by consumer, by family and by type, the nearest wins', () => {
  expect(eventRetryTable(SETTINGS)).toMatchObject({
    'webhooks/order': { maxAttempts: 3, firstWaitSeconds: 1, longestWaitSeconds: 600 },
    'webhooks/order.refunded': { maxAttempts: 3, firstWaitSeconds: 5, longestWaitSeconds: 7 },
    'analytics/custom': { maxAttempts: 2, firstWaitSeconds: 2, longestWaitSeconds: 8 },
    'analytics/purchase': { maxAttempts: 4 },
  });
});

it.each([
  ['analytics', true],
  ['analytics/order.refunded', true],
  ['webhooks/order', true],
  ['webhooks/purchase', false],
  ['analytics/purchase.made', false],
  ['analytics/', false],
  ['toString', false],
  ['mail', false],
])('The retries of events can be set for %s: %s', (key, isOne) => {
  expect(isEventRetryKey(key)).toBe(isOne);
});

it('The retries of events decide how a consumer goes on after a failure', async () => {
  const now = 1_700_000_000_000;
  const fails = (): Promise<never> => Promise.reject(new EventFailure('effect_unavailable', 'away'));
  const { webhooks } = createEventConsumers({ alertOfPurchase: fails, publishToWebhooks: fails }, SETTINGS);
  const outcomeAfter = async (attempts: number): Promise<unknown> => {
    const event = { ...pendingRefund(now), attempts };
    const [outcome] = await processEvents([event], { consumer: webhooks, onUnexpected: () => {}, now: () => now });
    return outcome;
  };
  expect(await outcomeAfter(0)).toMatchObject({ kind: 'retrying', nextAttemptAt: new Date(now + 5_000) });
  expect(await outcomeAfter(1)).toMatchObject({ kind: 'retrying', nextAttemptAt: new Date(now + 7_000) });
  expect(await outcomeAfter(2)).toMatchObject({ kind: 'failed', attempts: 3 });
});

function pendingRefund(now: number): PendingEvent {
  const at = new Date(now);
  const where = { partition: 0, sequence: 1, receivedAt: at, attempts: 0, isBlocked: false, isReplay: false };
  const envelope = { tenantId: 'demo', eventId: 'e1', type: 'order.refunded', key: 'k', userId: null, source: 'http' };
  return { ...envelope, ...where, correlationId: 'c', occurredAt: at, properties: {} };
}
