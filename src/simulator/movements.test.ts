import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSimulator } from './simulator.ts';
import { createTestClient, ORDER_ID, startTestSimulator, type TestClient } from './test-client.ts';

let client: TestClient;
let dispose: () => Promise<void>;
let counter = 0;

beforeAll(async () => {
  ({ client, dispose } = await startTestSimulator());
});
afterAll(() => dispose());

/** A key nobody has used, with the colons of real ones. */
function freshKey(kind = 'sale'): string {
  counter += 1;
  return `ord_test:${kind}:${counter}`;
}

async function entriesOf(key: string): Promise<unknown[]> {
  const entries = await client.ledger(ORDER_ID);
  return entries.filter((entry) => typeof entry === 'object' && entry !== null && 'key' in entry && entry.key === key);
}

it('The simulator voids an authorization, which then can be neither captured nor made again', async () => {
  const key = freshKey('authorize');
  const voidKey = freshKey('void');
  await client.charge(key, { kind: 'authorize' });
  const first = await client.act('void', key, { key: voidKey });
  expect(first).toMatchObject({
    status: 200,
    body: { result: 'voided', key: voidKey, kind: 'void', amountMinor: 1_000, currency: 'EUR', state: 'SUCCEEDED' },
  });
  expect(await client.act('void', key, { key: voidKey })).toEqual(first);
  expect(await client.lookup(key)).toMatchObject({ status: 200, body: { voided: true, capturedMinor: 0 } });
  expect(await client.lookup(voidKey)).toEqual(first);
  const voided = { status: 410, body: { code: 'key_voided' } };
  expect(await client.act('captures', key, { key: freshKey('capture'), amountMinor: 1 })).toMatchObject(voided);
  expect(await client.charge(key, { kind: 'authorize' })).toMatchObject(voided);
  expect(await entriesOf(voidKey)).toHaveLength(1);
});

it('The simulator leaves a tombstone under an unknown key, which refuses the late original', async () => {
  const key = freshKey();
  const voidKey = freshKey('void');
  const first = await client.act('void', key, { key: voidKey });
  expect(first).toMatchObject({ status: 200, body: { result: 'tombstoned', amountMinor: 0, currency: 'EUR' } });
  const voided = { status: 410, body: { code: 'key_voided' } };
  expect(await client.charge(key)).toMatchObject(voided);
  expect(await client.lookup(key)).toMatchObject(voided);
  expect(await client.act('refunds', key, { key: freshKey('refund'), amountMinor: 1 })).toMatchObject(voided);
  expect(await client.act('void', key, { key: voidKey })).toEqual(first);
  expect(await entriesOf(key)).toHaveLength(0);
});

it('The simulator gives a tombstone without a currency the code XXX', async () => {
  const voidKey = freshKey('void');
  const route = `/v1/payments/${encodeURIComponent(freshKey())}/void`;
  const heard = await client.send('POST', route, {
    body: JSON.stringify({ orderId: ORDER_ID }),
    headers: {
      'Idempotency-Key': voidKey,
    },
  });
  expect(heard).toMatchObject({ status: 200, body: { currency: 'XXX', amountMinor: 0 } });
});

it('The simulator voids a key once, whatever the second void is called', async () => {
  const key = freshKey();
  const second = freshKey('void');
  await client.act('void', key, { key: freshKey('void') });
  expect(await client.act('void', key, { key: second })).toMatchObject({
    status: 200,
    body: { result: 'tombstoned', key: second },
  });
  expect(await entriesOf(second)).toHaveLength(0);
});

it('The simulator has nothing to do for the void of a declined payment', async () => {
  const key = freshKey();
  const voidKey = freshKey('void');
  await client.charge(key, { method: 'pm_declined' });
  const declined = {
    status: 200,
    body: { result: 'declined', key: voidKey, state: 'SUCCEEDED', amountMinor: 1_000, declineCode: 'card_declined' },
  };
  expect(await client.act('void', key, { key: voidKey })).toMatchObject(declined);
  expect(await client.act('void', key, { key: voidKey })).toMatchObject(declined);
  expect(await entriesOf(voidKey)).toHaveLength(0);
});

it('The simulator leaves a sale alone in a void and tells what is captured and refunded', async () => {
  const key = freshKey();
  const voidKey = freshKey('void');
  await client.charge(key);
  await client.act('refunds', key, { key: freshKey('refund'), amountMinor: 300 });
  const body = {
    result: 'already_captured',
    key: voidKey,
    state: 'SUCCEEDED',
    capturedMinor: 1_000,
    refundedMinor: 300,
  };
  expect(await client.act('void', key, { key: voidKey })).toMatchObject({ status: 200, body });
  expect(await client.lookup(key)).toMatchObject({ body: { voided: false } });
  expect(await entriesOf(voidKey)).toHaveLength(0);
});

it('The simulator leaves an authorization alone in a void once a part of it is captured', async () => {
  const key = freshKey('authorize');
  await client.charge(key, { kind: 'authorize' });
  await client.act('captures', key, { key: freshKey('capture'), amountMinor: 400 });
  const body = { result: 'already_captured', capturedMinor: 400, refundedMinor: 0 };
  expect(await client.act('void', key, { key: freshKey('void') })).toMatchObject({ status: 200, body });
});

it('The simulator refuses to void the key of a capture or a refund, or under the target key itself', async () => {
  const key = freshKey();
  const refundKey = freshKey('refund');
  await client.charge(key);
  await client.act('refunds', key, { key: refundKey, amountMinor: 300 });
  const heard = await client.act('void', refundKey, { key: freshKey('void') });
  expect(heard).toMatchObject({ status: 422, body: { code: 'not_voidable' } });
  expect(await client.act('void', key, { key })).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
});

it('The simulator captures an authorization in parts, never more than was authorized', async () => {
  const key = freshKey('authorize');
  const captureKey = freshKey('capture');
  await client.charge(key, { kind: 'authorize' });
  const first = await client.act('captures', key, { key: captureKey, amountMinor: 600 });
  expect(first).toMatchObject({ status: 201, body: { key: captureKey, kind: 'capture', amountMinor: 600 } });
  expect(await client.act('captures', key, { key: captureKey, amountMinor: 600 })).toEqual(first);
  expect(await client.lookup(captureKey)).toMatchObject({ status: 200, body: { kind: 'capture', amountMinor: 600 } });
  const exceeded = { status: 422, body: { code: 'amount_exceeds_authorized' } };
  expect(await client.act('captures', key, { key: freshKey('capture'), amountMinor: 401 })).toMatchObject(exceeded);
  expect(await client.act('captures', key, { key: freshKey('capture'), amountMinor: 400 })).toMatchObject({
    status: 201,
  });
  expect(await client.lookup(key)).toMatchObject({ body: { capturedMinor: 1_000, amountMinor: 1_000 } });
});

it('The simulator refunds in parts, never more than was captured', async () => {
  const key = freshKey();
  const refundKey = freshKey('refund');
  await client.charge(key);
  const first = await client.act('refunds', key, { key: refundKey, amountMinor: 700 });
  expect(first).toMatchObject({ status: 201, body: { key: refundKey, kind: 'refund', amountMinor: 700 } });
  expect(await client.act('refunds', key, { key: refundKey, amountMinor: 700 })).toEqual(first);
  const exceeded = { status: 422, body: { code: 'amount_exceeds_captured' } };
  expect(await client.act('refunds', key, { key: freshKey('refund'), amountMinor: 301 })).toMatchObject(exceeded);
  expect(await client.act('refunds', key, { key: freshKey('refund'), amountMinor: 300 })).toMatchObject({
    status: 201,
  });
  expect(await client.lookup(key)).toMatchObject({ body: { refundedMinor: 1_000 } });
});

it('The simulator keeps the caps under concurrent refunds with different keys', async () => {
  const key = freshKey();
  await client.charge(key);
  const heard = await Promise.all(
    Array.from({ length: 20 }, () => client.act('refunds', key, { key: freshKey('refund'), amountMinor: 100 })),
  );
  expect(heard.filter(({ status }) => status === 201)).toHaveLength(10);
  expect(await client.lookup(key)).toMatchObject({ body: { refundedMinor: 1_000 } });
});

it('The simulator refunds nothing of an authorization and captures nothing of a sale or a declined payment', async () => {
  const authorization = freshKey('authorize');
  const sale = freshKey();
  const declined = freshKey();
  await client.charge(authorization, { kind: 'authorize' });
  await client.charge(sale);
  await client.charge(declined, { kind: 'authorize', method: 'pm_declined' });
  const heard = [
    await client.act('refunds', authorization, { key: freshKey('refund'), amountMinor: 1 }),
    await client.act('captures', sale, { key: freshKey('capture'), amountMinor: 1 }),
    await client.act('captures', declined, { key: freshKey('capture'), amountMinor: 1 }),
  ];
  expect(heard.map(({ status }) => status)).toEqual([422, 422, 422]);
});

it('The simulator refuses a movement or a void in the name of another order or in another currency', async () => {
  const key = freshKey('authorize');
  await client.charge(key, { kind: 'authorize', orderId: 'ord_other' });
  const mismatch = { status: 422, body: { code: 'order_mismatch' } };
  expect(await client.act('captures', key, { key: freshKey('capture'), amountMinor: 1 })).toMatchObject(mismatch);
  expect(await client.act('void', key, { key: freshKey('void') })).toMatchObject(mismatch);
  const dollars = freshKey();
  await client.charge(dollars, { currency: 'USD' });
  const heard = await client.act('refunds', dollars, { key: freshKey('refund'), amountMinor: 1 });
  expect(heard).toMatchObject({ status: 422, body: { code: 'currency_mismatch' } });
});

const outside = (key: string, kind: string, amountMinor?: number) =>
  client.send('POST', `/v1/payments/${key}/external-${kind}`, { body: JSON.stringify({ amountMinor }) });

it('A movement made at the provider itself counts for what is left, and is listed without a key of the client', async () => {
  const key = freshKey();
  await client.charge(key, { kind: 'authorize' });
  expect(await outside(key, 'captures', 600)).toMatchObject({ status: 201, body: { amountMinor: 600 } });
  expect(await client.act('captures', key, { key: `${key}:c`, amountMinor: 401 })).toMatchObject({ status: 422 });
  await client.act('captures', key, { key: `${key}:c`, amountMinor: 400 });
  expect(await outside(key, 'refunds', 300)).toMatchObject({ status: 201 });
  expect(await client.act('refunds', key, { key: `${key}:r`, amountMinor: 701 })).toMatchObject({ status: 422 });
  expect(await client.send('GET', `/v1/payments/${key}/movements`)).toMatchObject({
    body: {
      movements: [
        { kind: 'capture', key: null, amountMinor: 600 },
        { kind: 'capture', key: `${key}:c`, amountMinor: 400 },
        { kind: 'refund', key: null, amountMinor: 300 },
      ],
    },
  });
});

it('A movement made at the provider itself takes all that is left without an amount, and then nothing', async () => {
  const key = freshKey();
  await client.charge(key);
  expect(await outside(key, 'refunds')).toMatchObject({ status: 201, body: { amountMinor: 1_000 } });
  expect(await outside(key, 'refunds')).toMatchObject({ status: 422, body: { code: 'nothing_left' } });
  expect(await outside(key, 'refunds', 1)).toMatchObject({ status: 422, body: { code: 'amount_exceeds_captured' } });
  expect(await outside(freshKey(), 'refunds')).toMatchObject({ status: 404 });
});

it('A movement made at the provider itself survives a restart', async () => {
  const started = await startTestSimulator();
  const key = freshKey();
  await started.client.charge(key);
  await started.client.send('POST', `/v1/payments/${key}/external-refunds`, { body: '{}' });
  await started.simulator.close();
  const again = await createSimulator({ ledgerFile: started.ledgerFile });
  const listed = await createTestClient(again.url).send('GET', `/v1/payments/${key}/movements`);
  expect(listed).toMatchObject({ body: { movements: [{ key: null, amountMinor: 1_000 }] } });
  await again.close();
  await started.dispose();
});
