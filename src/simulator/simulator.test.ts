import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, ORDER_ID, startTestSimulator, type TestClient } from './test-client.ts';

let client: TestClient;
let url: string;
let dispose: () => Promise<void>;
let counter = 0;

beforeAll(async () => {
  const started = await startTestSimulator();
  ({ client, dispose } = started);
  ({ url } = started.simulator);
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

it('The simulator charges pm_ok with the amount and the key of the request', async () => {
  const key = freshKey();
  expect(await client.charge(key)).toEqual({
    status: 201,
    body: {
      id: expect.stringMatching(/^pay_[0-9a-f]{32}$/),
      key,
      orderId: ORDER_ID,
      kind: 'sale',
      amountMinor: 1_000,
      currency: 'EUR',
      state: 'SUCCEEDED',
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    },
  });
});

it.each([
  ['pm_declined', 'card_declined', false],
  ['pm_insufficient_funds', 'insufficient_funds', true],
  ['pm_unheard_of', 'unsupported_method', false],
  ['constructor', 'unsupported_method', false],
])(
  'The simulator declines %s with %s (retryable: %s) and keeps that answer',
  async (method, declineCode, retryable) => {
    const key = freshKey();
    const first = await client.charge(key, { method });
    expect(first).toMatchObject({ status: 402, body: { key, state: 'DECLINED', declineCode, retryable } });
    expect(await client.charge(key, { method })).toEqual(first);
    expect(await entriesOf(key)).toHaveLength(1);
    expect(await client.lookup(key)).toMatchObject({
      status: 200,
      body: { state: 'DECLINED', declineCode, voided: false, capturedMinor: 0, refundedMinor: 0 },
    });
  },
);

it('The simulator keeps the key of pm_slow in use until it is applied, for posts, lookups and voids', async () => {
  const key = freshKey();
  const slow = client.charge(key, { method: 'pm_slow' });
  await eventually(async () => (await client.lookup(key)).status === 409);
  const inUse = { status: 409, body: { code: 'key_in_use' } };
  expect(await client.charge(key, { method: 'pm_slow' })).toMatchObject(inUse);
  expect(await client.lookup(key)).toMatchObject(inUse);
  expect(await client.act('void', key, { key: freshKey('void') })).toMatchObject(inUse);
  expect(await client.act('refunds', key, { key: freshKey('refund'), amountMinor: 1 })).toMatchObject(inUse);
  expect(await slow).toMatchObject({ status: 201 });
  expect(await client.charge(key, { method: 'pm_slow' })).toEqual(await slow);
});

it('The simulator refuses pm_flaky twice per key with 503, then charges once', async () => {
  const key = freshKey();
  const statuses = [];
  for (let attempt = 0; attempt < 4; attempt++) {
    statuses.push((await client.charge(key, { method: 'pm_flaky' })).status);
    statuses.push((await client.lookup(key)).status);
  }
  expect(statuses).toEqual([503, 404, 503, 404, 201, 200, 201, 200]);
  expect(await entriesOf(key)).toHaveLength(1);
});

it('The simulator charges pm_lost_reply, resets the connection, and answers the repeat', async () => {
  const key = freshKey();
  expect(await client.charge(key, { method: 'pm_lost_reply' })).toEqual({ status: 'reset' });
  expect(await client.lookup(key)).toMatchObject({ status: 200, body: { state: 'SUCCEEDED', capturedMinor: 1_000 } });
  expect(await client.charge(key, { method: 'pm_lost_reply' })).toMatchObject({ status: 201 });
  expect(await entriesOf(key)).toHaveLength(1);
});

it('The simulator captures pm_lost_capture_reply, resets the connection, and answers the repeat', async () => {
  const key = freshKey();
  const captureKey = freshKey('capture');
  expect(await client.charge(key, { kind: 'authorize', method: 'pm_lost_capture_reply' })).toMatchObject({
    status: 201,
  });
  const capture = { key: captureKey, amountMinor: 400 };
  expect(await client.act('captures', key, capture)).toEqual({ status: 'reset' });
  expect(await client.lookup(key)).toMatchObject({ status: 200, body: { capturedMinor: 400 } });
  expect(await client.act('captures', key, capture)).toMatchObject({ status: 201 });
  expect(await entriesOf(captureKey)).toHaveLength(1);
});

it('The simulator charges one minor unit more for pm_wrong_amount', async () => {
  const key = freshKey();
  const first = await client.charge(key, { method: 'pm_wrong_amount' });
  expect(first).toMatchObject({ status: 201, body: { amountMinor: 1_001 } });
  expect(await client.charge(key, { method: 'pm_wrong_amount' })).toEqual(first);
});

it('The simulator refuses every refund of pm_refund_fails and writes nothing', async () => {
  const key = freshKey();
  const refundKey = freshKey('refund');
  expect(await client.charge(key, { method: 'pm_refund_fails' })).toMatchObject({ status: 201 });
  const refused = { status: 422, body: { code: 'refund_failed' } };
  expect(await client.act('refunds', key, { key: refundKey, amountMinor: 1_000 })).toMatchObject(refused);
  expect(await client.act('refunds', key, { key: refundKey, amountMinor: 1_000 })).toMatchObject(refused);
  expect(await client.lookup(refundKey)).toMatchObject({ status: 404 });
  expect(await entriesOf(refundKey)).toHaveLength(0);
});

it('The simulator makes one entry of fifty concurrent posts of one key', async () => {
  const key = freshKey();
  const heard = await Promise.all(Array.from({ length: 50 }, () => client.charge(key)));
  const charged = heard.filter(({ status }) => status === 201);
  const inUse = heard.filter(({ status }) => status === 409);
  expect(charged.length).toBeGreaterThan(0);
  expect(charged.length + inUse.length).toBe(50);
  for (const answer of charged) expect(answer).toEqual(charged[0]);
  expect(await entriesOf(key)).toHaveLength(1);
});

it.each([
  { amountMinor: 999 },
  { orderId: 'ord_other' },
  { kind: 'authorize' },
  { currency: 'USD' },
  { method: 'pm_flaky' },
])('The simulator refuses a key that comes back with %o', async (other) => {
  const key = freshKey();
  await client.charge(key);
  expect(await client.charge(key, other)).toMatchObject({ status: 422, body: { code: 'key_reused' } });
});

it('The simulator refuses a key that comes back for another kind of effect', async () => {
  const key = freshKey();
  const refundKey = freshKey('refund');
  await client.charge(key);
  await client.act('refunds', key, { key: refundKey, amountMinor: 100 });
  const reused = { status: 422, body: { code: 'key_reused' } };
  expect(await client.charge(refundKey)).toMatchObject(reused);
  expect(await client.act('captures', key, { key: refundKey, amountMinor: 100 })).toMatchObject(reused);
  expect(await client.act('refunds', key, { key: refundKey, amountMinor: 101 })).toMatchObject(reused);
  expect(await client.act('void', freshKey(), { key: refundKey })).toMatchObject(reused);
});

it('The simulator knows nothing of an unused key', async () => {
  expect(await client.lookup(freshKey())).toMatchObject({ status: 404, body: { code: 'not_found' } });
  const target = freshKey();
  expect(await client.act('refunds', target, { key: freshKey('refund'), amountMinor: 1 })).toMatchObject({
    status: 404,
  });
  expect(await client.act('captures', target, { key: freshKey('capture'), amountMinor: 1 })).toMatchObject({
    status: 404,
  });
});

it('The simulator finds a key with characters that a URL must escape', async () => {
  const key = `a/b?c#d%41%:${freshKey()}`;
  expect(await client.charge(key)).toMatchObject({ status: 201, body: { key } });
  expect(await client.lookup(key)).toMatchObject({ status: 200, body: { key } });
  expect(await client.act('refunds', key, { key: freshKey('refund'), amountMinor: 1 })).toMatchObject({
    status: 201,
  });
});

it.each([
  { amountMinor: 0 },
  { amountMinor: -5 },
  { amountMinor: 1.5 },
  { amountMinor: 2 ** 53 },
  { amountMinor: '1000' },
  { currency: 'euro' },
  { kind: 'refund' },
  { orderId: '' },
  { method: null },
])('The simulator refuses a charge with %o', async (nonsense) => {
  expect(await client.charge(freshKey(), nonsense)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
});

it('The simulator refuses a missing or malformed key, bad JSON, and a body that is no object', async () => {
  const body = JSON.stringify({ orderId: 'o', kind: 'sale', amountMinor: 1, currency: 'EUR', method: 'pm_ok' });
  const key = { 'Idempotency-Key': freshKey() };
  const heard = [
    await client.send('POST', '/v1/payments', { body }),
    await client.send('POST', '/v1/payments', { body, headers: { 'Idempotency-Key': 'two words' } }),
    await client.send('POST', '/v1/payments', { body, headers: { 'Idempotency-Key': 'k'.repeat(256) } }),
    await client.send('POST', '/v1/payments', { body: '{"orderId":', headers: key }),
    await client.send('POST', '/v1/payments', { body: '[]', headers: key }),
    await client.send('POST', '/v1/payments', { body: '', headers: key }),
  ];
  for (const answer of heard) expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
});

it('The simulator refuses a body over 64 kB, with a declared length and without', async () => {
  const big = JSON.stringify({ method: 'x'.repeat(70_000) });
  expect(await client.send('POST', '/v1/payments', { body: big })).toMatchObject({ status: 413 });
  const chunked = await fetch(`${url}/v1/payments`, {
    method: 'POST',
    body: new Blob([big]).stream(),
    duplex: 'half',
  });
  expect(chunked.status).toBe(413);
});

it('The simulator answers an unknown route with a JSON 404', async () => {
  expect(await client.send('GET', '/v2/nothing')).toMatchObject({ status: 404, body: { code: 'not_found' } });
  expect(await client.send('DELETE', '/ledger')).toMatchObject({ status: 404, body: { code: 'not_found' } });
});
