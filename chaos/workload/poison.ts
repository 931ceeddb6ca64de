import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../random.ts';
import type { Call, GoodClient } from './good-client.ts';

/** A client with mistakes. */
export interface PoisonClient {
  readonly client: GoodClient;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly requests: number;
  readonly pauseMs: number;
}

const ORDER = {
  customer: { id: 'customer-poison' },
  currency: 'EUR',
  lines: [{ sku: 'CHAOS-001', quantity: 1 }],
  payment: { method: 'pm_ok' },
} as const;

const order = (change: object): string => JSON.stringify({ ...ORDER, ...change });
const deep = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;

/** Bodies of `POST /v1/orders` that must be refused, and never stored. */
const ORDERS: readonly string[] = [
  '{"customer": {"id": "customer-poison"',
  'null',
  '[]',
  order({ status: 'CONFIRMED' }),
  order({ tenantId: 'acme' }),
  order({ lines: [] }),
  order({ lines: [{ sku: 'CHAOS-001', quantity: 0 }] }),
  order({ lines: [{ sku: 'CHAOS-001', quantity: 1e9 }] }),
  order({ lines: [{ sku: 'CHAOS-001', quantity: 1.5 }] }),
  order({ currency: 'XYZ1' }),
  order({ customer: { id: 'customer\u0000poison' } }),
  order({ reference: '\ud800' }),
  order({ reference: 'x'.repeat(70_000) }),
  order({ expectedTotalMinor: -1 }),
  order({ payment: { method: '4111111111111111' } }),
  `{"customer": ${deep(2_000)}}`,
];

/** Bodies of `POST /v1/events` that must be refused. */
const EVENTS: readonly string[] = [
  '{"type": "purchase"',
  '{"events": []}',
  '{"type": "never_heard_of"}',
  '{"type": "purchase", "properties": 1}',
  '{"type": "purchase", "unknown": true}',
  `{"type": "custom", "properties": ${`{"a":`.repeat(60)}1${'}'.repeat(60)}}`,
];

/** Sends requests that no client should send. */
export async function runPoison({ client, random, signal, requests, pauseMs }: PoisonClient): Promise<void> {
  for (let request = 0; request < requests && !signal.aborted; request += 1) {
    await client.ask(random.strikes(0.7) ? poisonOrder(random, request) : poisonEvent(random));
    await sleep(pauseMs * 2 * random.next(), undefined, { signal }).catch(() => {});
  }
}

function poisonOrder(random: Random, request: number): Call {
  const key = random.strikes(0.1) ? 'short' : `poison-${request}-${random.between(0, 1e9)}`;
  // Without a body only the key is wrong.
  const body = key === 'short' ? order({}) : random.pick(ORDERS);
  return { op: 'poison', method: 'POST', path: '/v1/orders', key, body };
}

function poisonEvent(random: Random): Call {
  return { op: 'poison', method: 'POST', path: '/v1/events', body: random.pick(EVENTS) };
}
