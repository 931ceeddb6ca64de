import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OrderView } from '../../src/api/orders/order-schemas.ts';
import { expectProblem, pointersOf } from '../support/http/problems.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

interface Page {
  readonly items: readonly OrderView[];
  readonly nextCursor: string | null;
}

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
});
afterAll(() => system.stop());

function list(query: Record<string, string | number>, token?: string) {
  const search = new URLSearchParams(
    Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]),
  );
  return system.request<Page>(`/v1/orders?${search.toString()}`, token === undefined ? {} : { token });
}

async function idsOf(query: Record<string, string | number>): Promise<string[]> {
  const { body } = await list(query);
  return body.items.map(({ id }) => id);
}

/** Follows the cursors to the end. */
async function walk(query: Record<string, string | number>, betweenPages = async (): Promise<void> => {}) {
  const pages: Page[] = [];
  let cursor: string | null = null;
  do {
    const { body }: { body: Page } = await list(cursor === null ? query : { ...query, cursor });
    pages.push(body);
    cursor = body.nextCursor;
    await betweenPages();
  } while (cursor !== null);
  return pages;
}

async function postAtRest(count: number, reference: string): Promise<string[]> {
  const ids = await Promise.all(Array.from({ length: count }, () => system.postOrder({ body: { reference } })));
  await Promise.all(ids.map((id) => system.orderAtRest(id)));
  return ids;
}

it('The list of orders is filtered by status, customer, reference and time, alone and together', async () => {
  const confirmed = await system.postOrder({ body: { reference: 'filter-1' } });
  const { createdAt } = await system.orderAtRest(confirmed);
  const rejected = await system.postOrder({
    method: 'pm_declined',
    body: { reference: 'filter-2', customer: { id: 'cust_7' } },
  });
  await system.orderAtRest(rejected);

  expect(await idsOf({})).toEqual([rejected, confirmed]);
  expect(await idsOf({ status: 'REJECTED' })).toEqual([rejected]);
  expect(await idsOf({ customerId: 'cust_42' })).toEqual([confirmed]);
  expect(await idsOf({ reference: 'filter-2' })).toEqual([rejected]);
  expect(await idsOf({ createdAfter: createdAt })).toEqual([rejected]);
  expect(await idsOf({ createdAfter: createdAt, status: 'CONFIRMED' })).toEqual([]);
  expect(await idsOf({ createdAfter: '2020-02-29T23:59:59+05:30', customerId: 'cust_7' })).toEqual([rejected]);
});

it('The list of orders shows each order as it is shown alone', async () => {
  const orderId = await system.postOrder({ body: { reference: 'alone' } });
  const alone = await system.orderAtRest(orderId);
  expect((await list({ reference: 'alone' })).body).toEqual({ items: [alone], nextCursor: null });
});

it('The list of orders holds nothing of another tenant', async () => {
  await system.postOrder();
  const { status, body } = await list({}, await system.token('acme'));
  expect(status).toBe(200);
  expect(body).toEqual({ items: [], nextCursor: null });
});

it('The list of orders has every order on exactly one page while others arrive', async () => {
  const ids = await postAtRest(24, 'paged');
  // The worst case of a sort key: all of one millisecond, so only the id tells them apart.
  await system.database.query(`UPDATE orders.orders SET created_at = now() WHERE reference = 'paged'`);
  const pages = await walk({ reference: 'paged', limit: 5 }, async () => {
    await postAtRest(2, 'paged');
  });
  const seen = pages.flatMap(({ items }) => items.map(({ id }) => id));
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen.toSorted()).toEqual(ids.toSorted());
  expect(pages.map(({ items }) => items.length)).toEqual([5, 5, 5, 5, 4]);
});

it('The list of orders is newest first over all pages', async () => {
  await postAtRest(6, 'sorted');
  const times = (await walk({ limit: 4 })).flatMap(({ items }) => items.map(({ createdAt }) => createdAt));
  expect(times).toEqual(times.toSorted().toReversed());
});

it('The list of orders says on its last page that it is the last, also when that page is full', async () => {
  await postAtRest(4, 'full');
  const pages = await walk({ reference: 'full', limit: 2 });
  expect(pages.map(({ items, nextCursor }) => [items.length, nextCursor === null])).toEqual([
    [2, false],
    [2, true],
  ]);
});

it.each([
  ['limit', '0'],
  ['limit', '101'],
  ['limit', 'ten'],
  ['status', 'DONE'],
  ['customerId', ''],
  ['reference', 'x'.repeat(129)],
  ['reference', 'a\0b'],
  ['createdAfter', 'yesterday'],
  ['createdAfter', '2026-02-30T00:00:00Z'],
  ['createdAfter', '0000-01-01T00:00:00Z'],
  ['createdAfter', '9999-12-31T23:59:59-14:00'],
  ['stauts', 'PENDING'],
])('The list of orders refuses the filter %s=%j and points at it', async (name, value) => {
  expect(pointersOf(expectProblem(await list({ [name]: value }), 'validation_failed'))).toEqual([`#/query/${name}`]);
});

const ofOurForm = `ord_${'a'.repeat(26)}`;
it.each([
  '',
  'abc',
  '....',
  'x'.repeat(401),
  ...[
    [],
    ['2026-11-21T10:00:00.000Z'],
    ['2026-11-21T10:00:00.000Z', 'ord_x'],
    ['yesterday', ofOurForm],
    ['-271821-04-20T00:00:00.000Z', ofOurForm],
    ['+275760-09-13T00:00:00.000Z', ofOurForm],
    ['0000-01-01T00:00:00.000Z', ofOurForm],
    [1, 2],
    { 0: 'a' },
  ].map((parts) => Buffer.from(JSON.stringify(parts)).toString('base64url')),
])('The list of orders refuses a cursor that is not one of ours: %s', async (cursor) => {
  expect(pointersOf(expectProblem(await list({ cursor }), 'validation_failed'))).toEqual(['#/query/cursor']);
});
