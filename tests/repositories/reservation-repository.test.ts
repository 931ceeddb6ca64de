import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCatalogRepository } from '../../db/repositories/inventory/catalog-repository.ts';
import { createTestDatabase, type TestDatabase } from '../support/database/database.ts';
import { freshId, listBrokenFigures, openShop, PRICE_MINOR } from './fixtures.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

const TWO_LINES = [
  { sku: 'A', quantity: 2 },
  { sku: 'B', quantity: 3 },
];

it('A hold takes all lines at the prices of now', async () => {
  const shop = await openShop(database, { A: 10, B: 10 });
  const orderId = freshId();
  const { held, offers } = await shop.reservations.hold({
    orderId,
    tenantId: shop.tenantId,
    currency: 'EUR',
    lines: TWO_LINES,
    expectedTotalMinor: 5 * PRICE_MINOR,
    ttlSeconds: 60,
  });

  expect(held).toBe(true);
  expect(offers).toMatchObject([
    { sku: 'A', quantity: 2, unitPriceMinor: PRICE_MINOR },
    { sku: 'B', quantity: 3, unitPriceMinor: PRICE_MINOR },
  ]);
  expect(await shop.figures()).toEqual({ A: [10, 2], B: [10, 3] });
  const [first] = await shop.reservations.listByOrder([orderId]);
  const secondsLeft = ((first?.expiresAt?.getTime() ?? 0) - Date.now()) / 1_000;
  expect(secondsLeft).toBeGreaterThan(30);
  expect(secondsLeft).toBeLessThan(90);
});

it('A hold freezes its prices: a later price does not reach it', async () => {
  const shop = await openShop(database, { A: 10 });
  const orderId = freshId();
  await shop.hold(orderId, [{ sku: 'A', quantity: 1 }]);
  await createCatalogRepository(database.databases.inventory).putProduct(shop.tenantId, {
    sku: 'A',
    name: 'A',
    priceMinor: 7,
    currency: 'EUR',
  });

  expect(await shop.reservations.listByOrder([orderId])).toMatchObject([{ unitPriceMinor: PRICE_MINOR }]);
});

it('A hold takes nothing when one line is short, and says what is left', async () => {
  const shop = await openShop(database, { A: 10, B: 2 });
  const { held, offers } = await shop.reservations.hold({
    orderId: freshId(),
    tenantId: shop.tenantId,
    currency: 'EUR',
    lines: TWO_LINES,
    expectedTotalMinor: null,
    ttlSeconds: 60,
  });

  expect(held).toBe(false);
  expect(offers).toMatchObject([
    { sku: 'A', available: 10 },
    { sku: 'B', quantity: 3, available: 2 },
  ]);
  expect(await shop.figures()).toEqual({ A: [10, 0], B: [2, 0] });
});

it.each([
  ['a SKU is unknown', { lines: [...TWO_LINES, { sku: 'C', quantity: 1 }] }],
  ['the currency is another', { currency: 'USD' }],
  ['the total is not the expected one', { expectedTotalMinor: 5 * PRICE_MINOR + 1 }],
  ['the tenant is another', { tenantId: 'demo' }],
])('A hold takes nothing when %s', async (_, changes) => {
  const shop = await openShop(database, { A: 10, B: 10 });
  const orderId = freshId();

  expect(await shop.hold(orderId, TWO_LINES, changes)).toBe(false);
  expect(await shop.figures()).toEqual({ A: [10, 0], B: [10, 0] });
  expect(await shop.reservations.listByOrder([orderId])).toEqual([]);
});

it('A hold that is repeated changes nothing', async () => {
  const shop = await openShop(database, { A: 2, B: 3 });
  const orderId = freshId();

  expect(await shop.hold(orderId, TWO_LINES)).toBe(true);
  expect(await shop.hold(orderId, TWO_LINES)).toBe(false);
  expect(await shop.figures()).toEqual({ A: [2, 2], B: [3, 3] });
  expect(await shop.statesOf(orderId)).toEqual({ A: 'HELD', B: 'HELD' });
});

it('A release gives back what is held, once however often it is repeated', async () => {
  const shop = await openShop(database, { A: 10, B: 10 });
  const orderId = freshId();
  await shop.hold(orderId, TWO_LINES);
  for (let time = 0; time < 3; time += 1) await shop.reservations.release(shop.tenantId, orderId, TWO_LINES);

  expect(await shop.figures()).toEqual({ A: [10, 0], B: [10, 0] });
  expect(await shop.statesOf(orderId)).toEqual({ A: 'RELEASED', B: 'RELEASED' });
  expect(await listBrokenFigures(database, shop.tenantId)).toEqual([]);
});

it('A release that comes first stops the hold that comes late', async () => {
  const shop = await openShop(database, { A: 10, B: 10 });
  const orderId = freshId();
  await shop.reservations.release(shop.tenantId, orderId, TWO_LINES);

  expect(await shop.hold(orderId, TWO_LINES)).toBe(false);
  expect(await shop.statesOf(orderId)).toEqual({ A: 'RELEASED', B: 'RELEASED' });
  expect(await shop.figures()).toEqual({ A: [10, 0], B: [10, 0] });
});

it('A release puts committed pieces back on the shelf', async () => {
  const shop = await openShop(database, { A: 10, B: 10 });
  const orderId = freshId();
  await shop.hold(orderId, TWO_LINES);
  await shop.reservations.commit(shop.tenantId, orderId);
  expect(await shop.figures()).toEqual({ A: [8, 0], B: [7, 0] });
  await shop.reservations.release(shop.tenantId, orderId, TWO_LINES);
  await shop.reservations.release(shop.tenantId, orderId, TWO_LINES);

  expect(await shop.figures()).toEqual({ A: [10, 0], B: [10, 0] });
  expect(await listBrokenFigures(database, shop.tenantId)).toEqual([]);
});

it('A release leaves expired lines as they are', async () => {
  const shop = await openShop(database, { A: 10, B: 10 });
  const orderId = freshId();
  await shop.hold(orderId, TWO_LINES, { ttlSeconds: -1 });
  await shop.reservations.expire(shop.tenantId, orderId);
  await shop.reservations.release(shop.tenantId, orderId, TWO_LINES);

  expect(await shop.statesOf(orderId)).toEqual({ A: 'EXPIRED', B: 'EXPIRED' });
  expect(await shop.figures()).toEqual({ A: [10, 0], B: [10, 0] });
});

it('A commit deducts what is held, once however often it is repeated', async () => {
  const shop = await openShop(database, { A: 10, B: 10 });
  const orderId = freshId();
  await shop.hold(orderId, TWO_LINES);

  expect(await shop.reservations.commit(shop.tenantId, orderId)).toBe(2);
  expect(await shop.reservations.commit(shop.tenantId, orderId)).toBe(0);
  expect(await shop.figures()).toEqual({ A: [8, 0], B: [7, 0] });
  expect(await shop.statesOf(orderId)).toEqual({ A: 'COMMITTED', B: 'COMMITTED' });
  expect(await listBrokenFigures(database, shop.tenantId)).toEqual([]);
});

it('A commit finds nothing to deduct after a release', async () => {
  const shop = await openShop(database, { A: 10, B: 10 });
  const orderId = freshId();
  await shop.hold(orderId, TWO_LINES);
  await shop.reservations.release(shop.tenantId, orderId, TWO_LINES);

  expect(await shop.reservations.commit(shop.tenantId, orderId)).toBe(0);
  expect(await shop.figures()).toEqual({ A: [10, 0], B: [10, 0] });
});

it('A hold whose time is up is listed, expires and gives its pieces back', async () => {
  const shop = await openShop(database, { A: 10 });
  const [overdue, fresh] = [freshId(), freshId()];
  await shop.hold(overdue, [{ sku: 'A', quantity: 4 }], { ttlSeconds: -1 });
  await shop.hold(fresh, [{ sku: 'A', quantity: 1 }]);
  const listed = await shop.reservations.listExpired(1_000);

  expect(listed).toContainEqual({ tenantId: shop.tenantId, orderId: overdue });
  expect(listed).not.toContainEqual({ tenantId: shop.tenantId, orderId: fresh });
  expect(await shop.reservations.expire(shop.tenantId, overdue)).toBe(1);
  expect(await shop.reservations.expire(shop.tenantId, overdue)).toBe(0);
  expect(await shop.reservations.expire(shop.tenantId, fresh)).toBe(0);
  expect(await shop.figures()).toEqual({ A: [10, 1] });
});

it('A hold whose time is up is taken again while there are pieces', async () => {
  const shop = await openShop(database, { A: 10, B: 10 });
  const orderId = freshId();
  await shop.hold(orderId, TWO_LINES, { ttlSeconds: -1 });
  await shop.reservations.expire(shop.tenantId, orderId);

  expect(await shop.reservations.retake(shop.tenantId, orderId, 60)).toEqual({ held: true, shortages: [] });
  expect(await shop.reservations.retake(shop.tenantId, orderId, 60)).toEqual({ held: false, shortages: [] });
  expect(await shop.figures()).toEqual({ A: [10, 2], B: [10, 3] });
  expect(await shop.reservations.commit(shop.tenantId, orderId)).toBe(2);
  expect(await listBrokenFigures(database, shop.tenantId)).toEqual([]);
});

it('A hold whose time is up is not taken again, not even in part, when one line is gone meanwhile', async () => {
  const shop = await openShop(database, { A: 10, B: 3 });
  const orderId = freshId();
  await shop.hold(orderId, TWO_LINES, { ttlSeconds: -1 });
  await shop.reservations.expire(shop.tenantId, orderId);
  await shop.hold(freshId(), [{ sku: 'B', quantity: 1 }]);

  expect(await shop.reservations.retake(shop.tenantId, orderId, 60)).toEqual({
    held: false,
    shortages: [{ sku: 'B', requested: 3, available: 2 }],
  });
  expect(await shop.statesOf(orderId)).toEqual({ A: 'EXPIRED', B: 'EXPIRED' });
  expect(await shop.figures()).toEqual({ A: [10, 0], B: [3, 1] });
});
