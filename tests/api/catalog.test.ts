import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectProblem, pointersOf } from '../support/http/problems.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

interface Product {
  readonly sku: string;
  readonly name: string;
  readonly priceMinor: number;
  readonly currency: string;
}

interface ProductPage {
  readonly items: readonly Product[];
  readonly nextCursor: string | null;
}

let system: TestSystem;
let acme: string;
beforeAll(async () => {
  system = await startTestSystem();
  acme = await system.token('acme');
});
afterAll(() => system.stop());

const TEA = { name: 'Tea pot', priceMinor: 2_250, currency: 'EUR' };

function put(sku: string, product: unknown, token = acme) {
  return system.request<Product>(`/v1/products/${sku}`, { method: 'PUT', token, body: JSON.stringify(product) });
}

/** Adjusts the stock under a fresh key unless one is given. */
function adjust(sku: string, body: unknown, { key, token = acme }: { key?: string; token?: string } = {}) {
  return system.request(`/v1/stock/${sku}/adjustments`, {
    method: 'POST',
    token,
    headers: { 'idempotency-key': key ?? randomUUID() },
    body: JSON.stringify(body),
  });
}

async function stockOf(sku: string, token = acme): Promise<unknown> {
  return (await system.request(`/v1/stock/${sku}`, { token })).body;
}

async function newSku(pieces: number): Promise<string> {
  const sku = `NEW-${randomUUID()}`;
  await put(sku, TEA);
  if (pieces > 0) await adjust(sku, { delta: pieces, reason: 'first delivery' });
  return sku;
}

it('A product is created once and changed afterwards', async () => {
  expect(await put('TEA-1', TEA)).toMatchObject({ status: 201, body: { sku: 'TEA-1', ...TEA } });
  expect(await stockOf('TEA-1')).toEqual({ sku: 'TEA-1', onHand: 0, reserved: 0, available: 0 });
  const dearer = { ...TEA, priceMinor: 2_500 };
  expect(await put('TEA-1', dearer)).toMatchObject({ status: 200, body: { sku: 'TEA-1', ...dearer } });
});

it('A product keeps its price for orders that hold it already', async () => {
  const sku = await newSku(10);
  const body = JSON.stringify({
    customer: { id: 'cust_1' },
    currency: 'EUR',
    lines: [{ sku, quantity: 2 }],
    payment: { method: 'pm_down' },
  });
  const headers = { 'idempotency-key': randomUUID() };
  const { body: order } = await system.request('/v1/orders', { method: 'POST', token: acme, headers, body });
  const read = async () => (await system.request(`/v1/orders/${String(order['id'])}`, { token: acme })).body;
  await expect.poll(read).toMatchObject({ totalMinor: 4_500 });
  await put(sku, { ...TEA, priceMinor: 9_999 });
  expect(await read()).toMatchObject({ totalMinor: 4_500, lines: [{ unitPriceMinor: 2_250 }] });
});

it('A product may be free, and have any name that is text', async () => {
  const product = { name: 'Täßchen 🍵 "zero"', priceMinor: 0, currency: 'JPY' };
  expect(await put('FREE', product)).toMatchObject({ status: 201, body: product });
});

it.each<[Record<string, unknown>, string]>([
  [{ name: '' }, '/name'],
  [{ name: 'a\0b' }, '/name'],
  [{ name: '\ud800' }, '/name'],
  [{ priceMinor: -1 }, '/priceMinor'],
  [{ priceMinor: 1.5 }, '/priceMinor'],
  [{ priceMinor: 1_000_000_001 }, '/priceMinor'],
  [{ priceMinor: '2250' }, '/priceMinor'],
  [{ currency: 'EURO' }, '/currency'],
  [{ currency: undefined }, '/currency'],
  [{ stock: 5 }, '/stock'],
])('A product is refused with %j', async (change, pointer) => {
  const problem = expectProblem(await put('TEA-2', { ...TEA, ...change }), 'validation_failed');
  expect(pointersOf(problem)).toEqual([pointer]);
  expectProblem(await system.request('/v1/stock/TEA-2', { token: acme }), 'not_found');
});

it.each(['a%20b', 'x'.repeat(65), '%00', '%ff', 'a;b', 'ü'])('A product cannot have the SKU %s', async (sku) => {
  expect(pointersOf(expectProblem(await put(sku, TEA), 'validation_failed'))).toEqual(['#/path/sku']);
  expectProblem(await system.request(`/v1/stock/${sku}`, { token: acme }), 'not_found');
  expectProblem(await adjust(sku, { delta: 1, reason: 'restock' }), 'not_found');
});

it('The list of products shows the seeded catalog by SKU, page by page', async () => {
  const items: Product[] = [];
  const sizes: number[] = [];
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? '' : `&cursor=${cursor}`;
    const { body }: { body: ProductPage } = await system.request<ProductPage>(`/v1/products?limit=91${query}`);
    items.push(...body.items);
    sizes.push(body.items.length);
    cursor = body.nextCursor;
  } while (cursor !== null);
  const skus = items.map(({ sku }) => sku);
  expect(skus).toEqual([...new Set(skus)].toSorted());
  expect(skus).toHaveLength(1_001);
  // 11 pages of 91 are 1,001: the last one is full and says that it is the last.
  expect(sizes).toEqual(Array.from({ length: 11 }, () => 91));
  expect(items[0]).toEqual({ sku: 'SKU-0001', name: expect.any(String), priceMinor: 2_250, currency: 'EUR' });
});

it('The list of products holds nothing of another tenant', async () => {
  const token = await system.token('empty-shop');
  const { body } = await system.request('/v1/products', { token });
  expect(body).toEqual({ items: [], nextCursor: null });
});

const cursorOf = (parts: unknown): string => Buffer.from(JSON.stringify(parts)).toString('base64url');
it.each(['', 'abc', cursorOf([]), cursorOf([1]), cursorOf(['\0']), cursorOf(['\ud800']), cursorOf([''])])(
  'The list of products refuses the cursor %j',
  async (cursor) => {
    const problem = expectProblem(await system.request(`/v1/products?cursor=${cursor}`), 'validation_failed');
    expect(pointersOf(problem)).toEqual(['#/query/cursor']);
  },
);

it.each(['limit=0', 'limit=101', 'limit=x', 'page=2'])('The list of products refuses %s', async (query) => {
  expectProblem(await system.request(`/v1/products?${query}`), 'validation_failed');
});

it('An adjustment of stock adds and takes pieces', async () => {
  const sku = await newSku(0);
  const added = await adjust(sku, { delta: 10, reason: 'restock' });
  expect(added).toMatchObject({ status: 200, body: { sku, onHand: 10, reserved: 0, available: 10 } });
  expect(added.headers.get('idempotency-replayed')).toBe('false');
  expect(await adjust(sku, { delta: -4, reason: 'broken' })).toMatchObject({ body: { onHand: 6, available: 6 } });
  expect(await stockOf(sku)).toEqual({ sku, onHand: 6, reserved: 0, available: 6 });
});

it('An adjustment of stock happens once per key, however often and however concurrently it is sent', async () => {
  const sku = await newSku(0);
  const key = randomUUID();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => adjust(sku, { delta: 5, reason: 'restock' }, { key })),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  const replayed = answers.map(({ headers }) => headers.get('idempotency-replayed'));
  expect(replayed.filter((value) => value === 'false')).toHaveLength(1);
  expect(await stockOf(sku)).toMatchObject({ onHand: 5 });
});

it.each([
  ['delta', { delta: 6, reason: 'restock' }],
  ['reason', { delta: 5, reason: 'found' }],
])('An adjustment of stock is refused under a key that was used with another %s', async (_, other) => {
  const sku = await newSku(0);
  const key = randomUUID();
  await adjust(sku, { delta: 5, reason: 'restock' }, { key });
  expectProblem(await adjust(sku, other, { key }), 'idempotency_key_reused');
  expect(await stockOf(sku)).toMatchObject({ onHand: 5 });
});

it('An adjustment of stock is refused under a key that another SKU uses, also at the same moment', async () => {
  const skus = await Promise.all(Array.from({ length: 8 }, () => newSku(0)));
  for (let round = 0; round < 5; round += 1) {
    const key = randomUUID();
    const answers = await Promise.all(skus.map((sku) => adjust(sku, { delta: 1, reason: 'restock' }, { key })));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 422)).toHaveLength(7);
  }
  const levels = (await Promise.all(skus.map((sku) => stockOf(sku)))) as { onHand: number }[];
  expect(levels.reduce((sum, { onHand }) => sum + onHand, 0)).toBe(5);
});

it('An adjustment of stock keeps the key of one tenant apart from those of others', async () => {
  const key = randomUUID();
  const demo = await system.token('demo');
  const sku = await newSku(0);
  await adjust(sku, { delta: 5, reason: 'restock' }, { key });
  const answer = await adjust('SKU-0500', { delta: 7, reason: 'restock' }, { key, token: demo });
  expect(answer).toMatchObject({ status: 200, body: { onHand: 10_007 } });
});

it('An adjustment of stock never goes below what is reserved', async () => {
  const demo = await system.token('demo');
  const orderId = await system.postOrder({ method: 'pm_down', sku: 'SKU-0600', quantity: 30 });
  await expect.poll(() => stockOf('SKU-0600', demo)).toMatchObject({ reserved: 30 });
  const take = (delta: number) => adjust('SKU-0600', { delta, reason: 'inventory' }, { token: demo });

  expect(expectProblem(await take(-9_971), 'stock_below_reserved').detail).toContain('30');
  expect(await take(-9_970)).toMatchObject({ body: { onHand: 30, reserved: 30, available: 0 } });
  expectProblem(await take(-1), 'stock_below_reserved');
  expect(await system.request(`/v1/orders/${orderId}`)).toMatchObject({
    body: { lines: [{ reservation: 'HELD' }] },
  });
});

it('An adjustment that takes more than is on hand says how many pieces there are', async () => {
  const sku = await newSku(7);
  const { detail } = expectProblem(await adjust(sku, { delta: -8, reason: 'inventory' }), 'stock_below_zero');
  expect(detail).toBe('only 7 pieces are on hand');
  expect(await stockOf(sku)).toMatchObject({ onHand: 7 });
});

it('Concurrent adjustments of stock never go below what is reserved', async () => {
  const sku = await newSku(10);
  const answers = await Promise.all(Array.from({ length: 25 }, () => adjust(sku, { delta: -1, reason: 'inventory' })));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(10);
  expect(answers.filter(({ status }) => status === 409)).toHaveLength(15);
  expect(await stockOf(sku)).toMatchObject({ onHand: 0 });
});

it.each<[unknown, string]>([
  [{ delta: 0, reason: 'x' }, '/delta'],
  [{ delta: 1.5, reason: 'x' }, '/delta'],
  [{ delta: 1_000_001, reason: 'x' }, '/delta'],
  [{ delta: 1 }, '/reason'],
  [{ delta: 1, reason: 'a\0b' }, '/reason'],
  [{ delta: 1, reason: 'x', actor: 'me' }, '/actor'],
])('An adjustment of stock is refused with %j', async (body, pointer) => {
  expect(pointersOf(expectProblem(await adjust('SKU-0001', body), 'validation_failed'))).toEqual([pointer]);
});

it('An adjustment of stock needs a key, and a SKU of the tenant', async () => {
  const body = JSON.stringify({ delta: 1, reason: 'restock' });
  const withoutKey = await system.request('/v1/stock/SKU-0001/adjustments', { method: 'POST', body });
  expectProblem(withoutKey, 'idempotency_key_missing');
  expectProblem(await adjust('SKU-0001', { delta: 1, reason: 'x' }, { key: 'short' }), 'idempotency_key_malformed');
  const token = await system.token('empty-shop');
  expectProblem(await adjust('SKU-0001', { delta: 1, reason: 'restock' }, { token }), 'not_found');
  expectProblem(await system.request('/v1/stock/SKU-0001', { token }), 'not_found');
});
