import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createSimulator, type Simulator } from './simulator.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

interface Received {
  readonly id: string;
  readonly signature: string;
  readonly type: string;
  readonly data: { readonly key: string | null };
}

let folder: string;
let merchant: Server;
let received: Received[];
/** Statuses that the merchant answers with, in order; then 200. */
let answers: number[];
let simulator: Simulator;

beforeEach(async () => {
  received = [];
  answers = [];
  merchant = createServer((incoming, outgoing) => {
    let text = '';
    incoming.on('data', (chunk: Buffer) => (text += chunk.toString()));
    incoming.on('end', () => {
      const { 'webhook-id': id, 'webhook-signature': signature } = incoming.headers;
      received.push({
        id: String(id),
        signature: String(signature),
        ...(JSON.parse(text) as Pick<Received, 'type' | 'data'>),
      });
      outgoing.writeHead(answers.shift() ?? 200).end();
    });
  });
  merchant.listen(0, '127.0.0.1');
  await once(merchant, 'listening');
  folder = await mkdtemp(join(tmpdir(), 'order-saga-webhooks-'));
  const { port } = merchant.address() as AddressInfo;
  const webhook = { url: `http://127.0.0.1:${port}/`, secret: SECRET };
  simulator = await createSimulator({ ledgerFile: join(folder, 'ledger.jsonl'), webhook, warn: () => {} });
});
afterEach(async () => {
  await simulator.close();
  merchant.closeAllConnections();
  merchant.close();
  await rm(folder, { recursive: true });
});

async function post(path: string, key: string, body: object): Promise<number> {
  const answer = await fetch(`${simulator.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify({ orderId: 'o1', amountMinor: 5, currency: 'EUR', ...body }),
  });
  await answer.text();
  return answer.status;
}

const told = (): string[] => received.map(({ type, data }) => `${type} ${data.key}`);

it('The reports of the simulator tell each effect once, and not what changed nothing', async () => {
  await post('/v1/payments', 'a', { kind: 'sale', method: 'pm_ok' });
  await post('/v1/payments', 'a', { kind: 'sale', method: 'pm_ok' });
  await post('/v1/payments', 'b', { kind: 'sale', method: 'pm_declined' });
  await post('/v1/payments', 'c', { kind: 'authorize', method: 'pm_ok' });
  await post('/v1/payments/c/captures', 'd', {});
  await post('/v1/payments/a/refunds', 'e', {});
  await expect
    .poll(() => told().toSorted())
    .toEqual([
      'payment.declined b',
      'payment.succeeded a',
      'payment.succeeded c',
      'payment.succeeded d',
      'refund.succeeded e',
    ]);
  expect(new Set(received.map(({ id }) => id)).size).toBe(5);
  expect(received.every(({ signature }) => signature.startsWith('v1,'))).toBe(true);
});

it('The reports of the simulator tell what somebody has moved at the provider itself without a key', async () => {
  await post('/v1/payments', 'k', { kind: 'sale', method: 'pm_ok' });
  expect(await post('/v1/payments/k/external-refunds', 'unused', { amountMinor: 2 })).toBe(201);
  await expect.poll(told).toEqual(['payment.succeeded k', 'refund.succeeded null']);
  expect(received[1]?.data).toMatchObject({ id: expect.stringMatching(/^pay_/), orderId: 'o1', amountMinor: 2 });
});

it('The reports of the simulator tell a refund that the card does not take under one id, however often it is tried', async () => {
  await post('/v1/payments', 'f', { kind: 'sale', method: 'pm_refund_fails' });
  expect(await post('/v1/payments/f/refunds', 'g', {})).toBe(422);
  expect(await post('/v1/payments/f/refunds', 'g', {})).toBe(422);
  await expect.poll(told).toEqual(['payment.succeeded f', 'refund.failed g', 'refund.failed g']);
  expect(received[1]?.id).toBe(received[2]?.id);
});

it('The reports of the simulator are repeated under the same id until they are taken, and delay no answer', async () => {
  answers = [503, 500];
  expect(await post('/v1/payments', 'h', { kind: 'sale', method: 'pm_ok' })).toBe(201);
  await expect.poll(told).toHaveLength(3);
  expect(new Set(received.map(({ id }) => id)).size).toBe(1);
});

it('The reports of the simulator are sent although the reply is lost', async () => {
  await expect(post('/v1/payments', 'i', { kind: 'sale', method: 'pm_lost_reply' })).rejects.toThrow('fetch failed');
  await expect.poll(told).toEqual(['payment.succeeded i']);
});
