import { expect, it } from 'vitest';
import type { PendingEvent } from '../domain/event.ts';
import type { EventConsumerDefinition } from './event-consumers.ts';
import { EventFailure } from './event-failure.ts';
import { findEventType } from './event-types.ts';
import { processEvents } from './process-events.ts';

const NOW = 1_700_000_000_000;

function pending(sequence: number, key: string, more: Partial<PendingEvent> = {}): PendingEvent {
  return {
    tenantId: 'demo',
    eventId: `e${sequence}`,
    type: 'custom',
    key,
    userId: null,
    source: 'http',
    correlationId: 'c',
    occurredAt: new Date(NOW),
    properties: {},
    partition: 0,
    sequence,
    receivedAt: new Date(NOW),
    attempts: 0,
    isBlocked: false,
    isReplay: false,
    ...more,
  };
}

function consumerOf(handle: EventConsumerDefinition['handle']): EventConsumerDefinition {
  const retries = { maxAttempts: 4, firstWaitSeconds: 2, longestWaitSeconds: 8 };
  return { name: 'analytics', topics: null, retriesOf: () => retries, handle };
}

function processWith(events: readonly PendingEvent[], handle: EventConsumerDefinition['handle']) {
  const unexpected: unknown[] = [];
  const outcomes = processEvents(events, {
    consumer: consumerOf(handle),
    onUnexpected: (_, error) => unexpected.push(error),
    now: () => NOW,
  });
  return outcomes.then((found) => ({ outcomes: found, unexpected }));
}

const down = (): never => {
  throw new EventFailure('effect_unavailable', 'down');
};

it('A batch runs effects of different keys side by side, those of one key one after another', async () => {
  const running: string[] = [];
  let most = 0;
  const events = [pending(1, 'a'), pending(2, 'b'), pending(3, 'a'), pending(4, 'c')];
  const { outcomes } = await processWith(events, ({ key, sequence }) => async () => {
    expect(running).not.toContain(key);
    running.push(key);
    most = Math.max(most, running.length);
    await new Promise((resolve) => void setTimeout(resolve, 5));
    running.splice(running.indexOf(key), 1);
    return `done ${sequence}`;
  });
  expect(most).toBe(3);
  expect(outcomes).toEqual([1, 2, 3, 4].map((sequence) => ({ kind: 'processed', category: `done ${sequence}` })));
});

it('A batch delays the later events of a key that has to be tried again, and no others', async () => {
  const events = [pending(1, 'a'), pending(2, 'b'), pending(3, 'a'), pending(4, 'a'), pending(5, 'b')];
  const { outcomes } = await processWith(events, ({ sequence }) => (sequence === 1 ? down() : 'fine'));
  expect(outcomes.map(({ kind }) => kind)).toEqual(['retrying', 'processed', 'waiting', 'waiting', 'processed']);
});

it('A batch delays an effect that waits behind one that fails', async () => {
  const events = [pending(1, 'a'), pending(2, 'a')];
  const { outcomes } = await processWith(
    events,
    ({ sequence }) =>
      async () =>
        sequence === 1 ? down() : 'fine',
  );
  expect(outcomes.map(({ kind }) => kind)).toEqual(['retrying', 'waiting']);
});

it('A batch leaves a key alone whose earlier events wait already', async () => {
  const { outcomes } = await processWith([pending(1, 'a', { isBlocked: true }), pending(2, 'b')], () => 'fine');
  expect(outcomes.map(({ kind }) => kind)).toEqual(['waiting', 'processed']);
});

it.each([
  [0, { kind: 'retrying', attempts: 1, nextAttemptAt: new Date(NOW + 2_000) }],
  [1, { kind: 'retrying', attempts: 2, nextAttemptAt: new Date(NOW + 4_000) }],
  [2, { kind: 'retrying', attempts: 3, nextAttemptAt: new Date(NOW + 8_000) }],
  [3, { kind: 'failed', attempts: 4 }],
])('An event after %i tries that failed for a moment has the outcome %o', async (attempts, expected) => {
  const { outcomes, unexpected } = await processWith([pending(1, 'a', { attempts })], down);
  expect(outcomes).toEqual([{ ...expected, code: 'effect_unavailable', message: 'down' }]);
  expect(unexpected).toEqual([]);
});

it('A batch tells of what nobody foresaw, and keeps its words out of the stored message', async () => {
  const bug = new TypeError('secret of the customer');
  const { outcomes, unexpected } = await processWith([pending(1, 'a')], () => {
    throw bug;
  });
  expect(unexpected).toEqual([bug]);
  expect(outcomes).toMatchObject([{ kind: 'retrying', code: 'unclassified' }]);
  expect(JSON.stringify(outcomes)).not.toContain('secret');
});

it('Slow effects leave the rest of their key to a later batch, and no event without an outcome', async () => {
  let now = NOW;
  const slow = () => () => {
    now += 2_000;
    return Promise.resolve('done');
  };
  const events = Array.from({ length: 500 }, (_, index) => pending(index + 1, 'a'));
  const consumer = consumerOf((event) => (event.sequence === 400 ? 'at_once' : slow()));
  const outcomes = await processEvents(events, { consumer, onUnexpected: () => {}, now: () => now });
  expect(outcomes.slice(0, 4).map(({ kind }) => kind)).toEqual(['processed', 'processed', 'processed', 'waiting']);
  expect(outcomes.slice(4)).toEqual(Array.from({ length: 496 }, () => ({ kind: 'waiting' })));
});

it.each([
  ['purchase', 'purchase'],
  ['purchase.refund', null],
  ['custom', 'custom'],
  ['custom.a.b', 'custom'],
  ['customs', null],
  ['order.created', 'order'],
  ['', null],
])('The event type %j belongs to the family %j', (name, found) => {
  expect(findEventType(name)?.name ?? null).toBe(found);
});

it.for([
  ['purchase', { amount: 0 }, null, 'amount'],
  ['purchase', { amount: '10' }, null, 'amount'],
  ['page_view', { url: '' }, null, 'url'],
  ['page_view', {}, null, 'url or path is missing'],
  ['user_signup', {}, null, 'userId is missing'],
] as const)('A %s with %j is invalid', ([type, properties, userId, words]) => {
  const event = pending(1, 'a', { type, properties, userId });
  expect(() => findEventType(type)?.read(event)).toThrow(words);
});
