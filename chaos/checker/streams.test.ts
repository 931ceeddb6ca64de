import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { expect, it, onTestFinished } from 'vitest';
import { orderIdFor } from '../../src/domain/ids.ts';
import type { ReceivedWebhook } from '../system/receiver.ts';
import { CANARY } from '../workload/order-plans.ts';
import { checkEvents } from './events.ts';
import type { DeliveryFact, EventFact, RunFacts, Violation } from './facts.ts';
import { checkSecrets } from './secrets.ts';
import { lines, runWith, SECRET, STARTED_AT } from './sound-run.ts';
import { checkWebhooks } from './webhooks.ts';

const ORDER = orderIdFor('demo', 'order-1');

const messages = (found: readonly Violation[]): string[] => found.map(({ message }) => message);

const SENT = [
  { id: 'event-1', key: 'user-1', valid: true, alerted: false },
  { id: 'event-2', key: 'user-1', valid: true, alerted: false },
  { id: 'event-3', key: 'user-2', valid: false, alerted: false },
];

const acknowledged = lines(
  ...SENT.map((sent, index) => ({
    who: 'demo/producer-1',
    op: 'event',
    type: 'ok' as const,
    status: 202,
    data: { sent: [sent], places: [{ id: sent.id, partition: 1, sequence: index + 1 }] },
  })),
);

function eventsWith(changes: Readonly<Record<string, Partial<EventFact> | null>> = {}): RunFacts {
  const facts = SENT.flatMap(({ id: eventId, valid }, index) => {
    const sound: EventFact = {
      tenantId: 'demo',
      eventId,
      partition: 1,
      sequence: index + 1,
      processed: valid ? 1 : 0,
      processedAt: valid ? STARTED_AT + index : null,
      failed: valid ? null : 'invalid_event',
      isRetrying: false,
    };
    const change = changes[eventId];
    return change === null ? [] : [{ ...sound, ...change }];
  });
  const events = new Map(facts.map((fact) => [`demo/${fact.eventId}`, fact]));
  return runWith({}, { entries: acknowledged, events });
}

it('Events of a sound run have no violation', () => {
  expect(checkEvents(eventsWith())).toEqual([]);
});

it.each<[string, Parameters<typeof eventsWith>[0], string]>([
  ['is lost', { 'event-1': null }, 'is not in the log'],
  ['has no result', { 'event-1': { processed: 0, processedAt: null } }, 'it has no result'],
  ['was processed twice', { 'event-1': { processed: 2 } }, 'it was processed 2 times'],
  ['stands elsewhere', { 'event-1': { sequence: 9 } }, 'it was told to be at 1/1, and is at 1/9'],
  ['still waits', { 'event-1': { isRetrying: true } }, 'it still waits for a try'],
  ['failed for nothing', { 'event-1': { processed: 0, failed: 'unclassified' } }, 'it failed with unclassified'],
  ['was processed with wrong content', { 'event-3': { processed: 1, failed: null } }, 'and it was processed'],
  ['was overtaken', { 'event-1': { processedAt: STARTED_AT + 99 } }, 'event-2 was processed before event-1'],
])('An event that %s is found', (_, changes, message) => {
  expect(messages(checkEvents(eventsWith(changes))).join()).toContain(message);
});

it('An event that was sent later and stands before another one of its key is found', () => {
  const [first, second, third] = acknowledged;
  if (first === undefined || second === undefined || third === undefined) throw new Error('three lines');
  const facts = { ...eventsWith(), entries: [second, first, third] };
  expect(messages(checkEvents(facts))).toContain('event-1 was sent after event-2, and stands before it');
});

const SUBSCRIBED = { who: 'demo/shop', op: 'subscribe', type: 'ok', status: 201, data: { secret: SECRET } } as const;

const CREATION = { id: 'msg_1', type: 'order.created', at: STARTED_AT + 10 };
const CONFIRMATION = { id: 'msg_2', type: 'order.confirmed', at: STARTED_AT + 20 };

function messageOf({ id, type, at }: typeof CREATION, secret = SECRET): ReceivedWebhook {
  const body = JSON.stringify({ type, data: { orderId: ORDER } });
  const signature = new Webhook(secret).sign(id, new Date(STARTED_AT), body);
  const headers = { 'webhook-timestamp': String(STARTED_AT / 1_000), 'webhook-signature': signature };
  return { at, id, headers, body, answered: 200 };
}

const CREATED = messageOf(CREATION);
const CONFIRMED = messageOf(CONFIRMATION);

function deliveryOf(seq: number, eventType: string, state = 'DELIVERED'): DeliveryFact {
  return { deliveryId: `msg_${seq}`, tenantId: 'demo', seq, eventType, eventKey: ORDER, state, attempts: 1 };
}

const DELIVERED = [deliveryOf(1, 'order.created'), deliveryOf(2, 'order.confirmed')];

function webhooksWith(received: readonly ReceivedWebhook[], deliveries = DELIVERED): RunFacts {
  return runWith({ later: [SUBSCRIBED] }, { received, deliveries });
}

it('Webhooks of a sound run have no violation, also where one arrives twice', () => {
  expect(checkWebhooks(webhooksWith([CREATED, { ...CREATED, answered: 500 }, CONFIRMED, CONFIRMED]))).toEqual([]);
});

it.each<[string, RunFacts, string]>([
  ['was never published', webhooksWith([CREATED], DELIVERED.slice(0, 1)), 'there is no delivery of order.confirmed'],
  ['never arrived', webhooksWith([CREATED]), 'is DELIVERED, and never arrived'],
  ['was refused and yet DELIVERED', webhooksWith([CREATED, { ...CONFIRMED, answered: 500 }]), 'and never arrived'],
  [
    'overtook another one',
    webhooksWith([{ ...CREATED, at: STARTED_AT + 99 }, CONFIRMED]),
    'order.confirmed arrived before order.created',
  ],
  [
    'is signed for another tenant',
    webhooksWith([CREATED, messageOf(CONFIRMATION, `whsec_${btoa('another-secret')}`)]),
    'is not signed by the secret of demo',
  ],
  [
    'was given up',
    webhooksWith([CREATED, CONFIRMED], [deliveryOf(1, 'order.created'), deliveryOf(2, 'order.confirmed', 'GAVE_UP')]),
    'the delivery msg_2 is GAVE_UP',
  ],
])('A webhook that %s is found', (_, facts, message) => {
  expect(messages(checkWebhooks(facts)).join()).toContain(message);
});

it('A webhook about an order of a tenant that has none is found', () => {
  const facts = runWith({}, { received: [CREATED], deliveries: DELIVERED });
  expect(messages(checkWebhooks(facts)).join()).toContain('went out, and demo has no webhook');
});

it('A secret and an address of a customer are found in a log', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'chaos-secrets-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'combined-1.log');
  const settings = { jwtSecret: 'a-jwt-secret', contactKeys: 'k:a-contact-key', paymentWebhookSecret: 'whsec_a' };
  const search = async (text: string) => {
    await writeFile(file, text);
    return messages(await checkSecrets({ logFiles: [file], settings: { ...settings, toolEnv: {} } }));
  };
  expect(await search('{"msg":"order"}\n')).toEqual([]);
  expect(await search(`{"msg":"order"}\n{"to":"${CANARY}.1@example.com"}\n`)).toEqual([
    'line 2 contains the address of a customer',
  ]);
  expect(await search('{"err":"a-jwt-secret"}\n')).toEqual(['line 1 contains the secret of the tokens']);
  expect(await search('{"err":"a-contact-key"}\n')).toEqual(['line 1 contains the key of the contacts']);
});
