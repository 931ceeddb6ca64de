import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually, startTestSimulator, type TestClient } from './test-client.ts';

const KEY = 'ord_test:sale:1';
const VOID_KEY = 'ord_test:void:1';
const DEFAULTS = { latencyMs: 0, errorRate: 0, resetAfterRate: 0, lateMs: 0, down: false, pmDown: true };

let client: TestClient;
let dispose: () => Promise<void>;

beforeEach(async () => {
  ({ client, dispose } = await startTestSimulator());
});
afterEach(() => dispose());

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

it('The switches begin with no fault but pmDown, merge patches, and go back on reset with the ledger kept', async () => {
  expect(await client.send('GET', '/faults')).toEqual({ status: 200, body: DEFAULTS });
  await client.charge(KEY);
  expect(await client.faults({ latencyMs: 5 })).toEqual({ status: 200, body: { ...DEFAULTS, latencyMs: 5 } });
  expect(await client.faults({ pmDown: false })).toMatchObject({ body: { latencyMs: 5, pmDown: false } });
  expect(await client.send('POST', '/reset')).toEqual({ status: 200, body: DEFAULTS });
  expect(await client.ledger()).toHaveLength(1);
});

it.each([
  { latencyMs: -1 },
  { errorRate: 1.1 },
  { lateMs: 0.5 },
  { down: 'yes' },
  { unknown: 1 },
  { latencyMs: 1e9 },
  [],
])('The switches refuse %o and stay as they are', async (nonsense) => {
  expect(await client.faults(nonsense)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  expect(await client.send('GET', '/faults')).toEqual({ status: 200, body: DEFAULTS });
});

it('The switch latencyMs keeps the key in use until the effect is applied, and never delays a repeat', async () => {
  await client.faults({ latencyMs: 1_000 });
  const first = client.charge(KEY);
  await eventually(async () => (await client.lookup(KEY)).status === 409);
  expect(await client.charge(KEY)).toMatchObject({ status: 409, body: { code: 'key_in_use' } });
  expect(await client.ledger()).toHaveLength(0);
  expect(await first).toMatchObject({ status: 201 });
  await client.faults({ latencyMs: 60_000 });
  expect(await client.charge(KEY)).toEqual(await first);
});

it('The switch latencyMs lets a slow request finish although its client has hung up', async () => {
  const { simulator, dispose: disposeOther, client: other } = await startTestSimulator({ slowMs: 2_000 });
  const body = JSON.stringify({ orderId: 'o', kind: 'sale', amountMinor: 1, currency: 'EUR', method: 'pm_slow' });
  const hungUp = new AbortController();
  const request = fetch(`${simulator.url}/v1/payments`, {
    method: 'POST',
    headers: { 'Idempotency-Key': KEY },
    body,
    signal: hungUp.signal,
  });
  await eventually(async () => (await other.lookup(KEY)).status === 409);
  hungUp.abort();
  await expect(request).rejects.toThrow('aborted');
  expect(await other.lookup(KEY)).toMatchObject({ status: 409 });
  await eventually(async () => (await other.lookup(KEY)).status === 200);
  await disposeOther();
});

it('The switch errorRate answers 503 before anything is done, and lookups still answer', async () => {
  await client.faults({ errorRate: 1 });
  expect(await client.charge(KEY)).toMatchObject({ status: 503, body: { code: 'unavailable' } });
  expect(await client.lookup(KEY)).toMatchObject({ status: 404 });
  expect(await client.ledger()).toHaveLength(0);
});

it('The switch resetAfterRate resets the connection after the effect is durable, and answers the repeat', async () => {
  await client.faults({ resetAfterRate: 1 });
  expect(await client.charge(KEY)).toEqual({ status: 'reset' });
  expect(await client.ledger()).toHaveLength(1);
  expect(await client.charge(KEY)).toMatchObject({ status: 201 });
  expect(await client.act('refunds', KEY, { key: 'ord_test:refund:1', amountMinor: 10 })).toEqual({
    status: 'reset',
  });
  expect(await client.lookup(KEY)).toMatchObject({ body: { refundedMinor: 10 } });
});

it('A switch with a rate strikes when the random number is below the rate', async () => {
  const numbers = [0.4, 0.6];
  const fixed = await startTestSimulator({ random: () => numbers.shift() ?? 1 });
  await fixed.client.faults({ errorRate: 0.5 });
  expect(await fixed.client.charge(KEY)).toMatchObject({ status: 503 });
  expect(await fixed.client.charge(KEY)).toMatchObject({ status: 201 });
  await fixed.dispose();
});

it('The switch lateMs resets at once, is unknown to lookups, and lands later', async () => {
  await client.faults({ lateMs: 1_000 });
  expect(await client.charge(KEY)).toEqual({ status: 'reset' });
  expect(await client.lookup(KEY)).toMatchObject({ status: 404, body: { code: 'not_found' } });
  expect(await client.ledger()).toHaveLength(0);
  await eventually(async () => (await client.lookup(KEY)).status === 200);
  expect(await client.charge(KEY)).toMatchObject({ status: 201 });
  expect(await client.ledger()).toHaveLength(1);
});

it('The switch lateMs takes nothing when a void arrives before the late original lands', async () => {
  await client.faults({ lateMs: 1_000 });
  await client.charge(KEY);
  expect(await client.act('void', KEY, { key: VOID_KEY })).toMatchObject({
    status: 200,
    body: { result: 'tombstoned' },
  });
  await pause(1_100);
  expect(await client.lookup(KEY)).toMatchObject({ status: 410 });
  expect(await client.ledger()).toMatchObject([{ kind: 'void', key: VOID_KEY }]);
});

it('The switch lateMs tells a void that arrives after the landing what was taken', async () => {
  await client.faults({ lateMs: 30 });
  await client.charge(KEY);
  await eventually(async () => (await client.lookup(KEY)).status === 200);
  const body = { result: 'already_captured', capturedMinor: 1_000, refundedMinor: 0 };
  expect(await client.act('void', KEY, { key: VOID_KEY })).toMatchObject({ status: 200, body });
});

it('The switch lateMs makes one entry of a late original and a repeat that overtakes it', async () => {
  await client.faults({ lateMs: 1_000 });
  await client.charge(KEY);
  await client.send('POST', '/reset');
  expect(await client.charge(KEY)).toMatchObject({ status: 201 });
  await pause(1_100);
  expect(await client.ledger()).toHaveLength(1);
});

it('The switch lateMs makes one entry when the late original lands while its repeat is being processed', async () => {
  await client.faults({ lateMs: 50 });
  await client.charge(KEY);
  await client.faults({ lateMs: 0, latencyMs: 150 });
  expect(await client.charge(KEY)).toMatchObject({ status: 201 });
  expect(await client.ledger()).toHaveLength(1);
});

it('The switch down answers 503 on every payment route and on health, but keeps the switches and the ledger reachable', async () => {
  await client.charge(KEY);
  await client.faults({ down: true });
  const heard = [
    await client.charge('ord_test:sale:2'),
    await client.lookup(KEY),
    await client.act('void', KEY, { key: VOID_KEY }),
    await client.send('GET', '/healthz'),
  ];
  for (const answer of heard) expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' } });
  expect(await client.ledger()).toHaveLength(1);
  await client.send('POST', '/reset');
  expect(await client.send('GET', '/healthz')).toMatchObject({ status: 200 });
});

it('The switch pmDown refuses pm_down until it is switched off, then treats it as pm_ok', async () => {
  expect(await client.charge(KEY, { method: 'pm_down' })).toMatchObject({ status: 503 });
  expect(await client.lookup(KEY)).toMatchObject({ status: 404 });
  await client.faults({ pmDown: false });
  expect(await client.charge(KEY, { method: 'pm_down' })).toMatchObject({ status: 201 });
});
