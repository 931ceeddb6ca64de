import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCatalogRepository, type CatalogRepository } from '../../db/repositories/inventory/catalog-repository.ts';
import type { TestDatabase } from '../support/database/database.ts';
import { createRacingDatabase, freshId, listBrokenFigures, openShop, times } from './fixtures.ts';

let database: TestDatabase;
let catalog: CatalogRepository;
beforeAll(async () => {
  database = await createRacingDatabase();
  catalog = createCatalogRepository(database.databases.inventory);
});
afterAll(() => database.close());

function adjust(tenantId: string, delta: number, changes: { sku?: string; idempotencyKey?: string } = {}) {
  const idempotencyKey = freshId('key');
  return catalog.adjustStock({ tenantId, sku: 'A', delta, reason: 'count', actor: 'ada', idempotencyKey, ...changes });
}

it('A product is created without stock, then changed in place', async () => {
  const tenantId = freshId('tenant');
  const product = { sku: 'A', name: 'Tea pot', priceMinor: 2_250, currency: 'EUR' };
  expect(await catalog.putProduct(tenantId, product)).toEqual({ created: true });
  expect(await catalog.putProduct(tenantId, { ...product, priceMinor: 2_500 })).toEqual({ created: false });

  expect(await catalog.listProducts(tenantId, null, 10)).toEqual([{ ...product, priceMinor: 2_500 }]);
  expect(await catalog.findOptionalStock(tenantId, 'A')).toEqual({ sku: 'A', onHand: 0, reserved: 0 });
});

it('A product is seen by its tenant only', async () => {
  const shop = await openShop(database, { A: 1 });
  expect(await catalog.listProducts(freshId('tenant'), null, 10)).toEqual([]);
  expect(await catalog.findOptionalStock(freshId('tenant'), 'A')).toBeNull();
  expect(await catalog.findOptionalStock(shop.tenantId, 'A')).toMatchObject({ onHand: 1 });
});

it('Products are listed by SKU, page after page', async () => {
  const shop = await openShop(database, { C: 1, A: 1, B: 1 });
  const pages = [
    await catalog.listProducts(shop.tenantId, null, 2),
    await catalog.listProducts(shop.tenantId, 'B', 2),
    await catalog.listProducts(shop.tenantId, 'C', 2),
  ];
  expect(pages.map((page) => page.map(({ sku }) => sku))).toEqual([['A', 'B'], ['C'], []]);
});

it('A product that was seeded is left alone by the next seed', async () => {
  const shop = await openShop(database, { A: 5 });
  await adjust(shop.tenantId, 3);
  const again = { sku: 'A', name: 'other', priceMinor: 1, currency: 'USD', onHand: 99 };

  expect(await catalog.seed(shop.tenantId, [again])).toBe(0);
  expect(await shop.figures()).toEqual({ A: [8, 0] });
  expect(await listBrokenFigures(database, shop.tenantId)).toEqual([]);
});

it('An adjustment changes the stock once per key, however often and concurrently it is repeated', async () => {
  const shop = await openShop(database, { A: 5 });
  const idempotencyKey = freshId('key');
  const results = await Promise.all(Array.from({ length: 20 }, () => adjust(shop.tenantId, 10, { idempotencyKey })));

  expect(results.filter((result) => result.kind === 'adjusted' && !result.replayed)).toHaveLength(1);
  expect(results.every((result) => result.kind === 'adjusted' && result.level.onHand === 15)).toBe(true);
  expect(await shop.figures()).toEqual({ A: [15, 0] });
});

it('An adjustment is refused under a key of another adjustment', async () => {
  const shop = await openShop(database, { A: 5, B: 5 });
  const idempotencyKey = freshId('key');
  await adjust(shop.tenantId, 10, { idempotencyKey });

  expect(await adjust(shop.tenantId, 11, { idempotencyKey })).toEqual({ kind: 'key_reused' });
  expect(await adjust(shop.tenantId, 10, { idempotencyKey, sku: 'B' })).toEqual({ kind: 'key_reused' });
  expect(await shop.figures()).toEqual({ A: [15, 0], B: [5, 0] });
});

it('An adjustment is refused under a key that another SKU uses in the same moment', async () => {
  const shop = await openShop(database, { A: 5, B: 5 });
  for (let round = 0; round < 20; round += 1) {
    const idempotencyKey = freshId('key');
    const results = await Promise.all(['A', 'B'].map((sku) => adjust(shop.tenantId, 1, { sku, idempotencyKey })));
    expect(results.map(({ kind }) => kind).toSorted()).toEqual(['adjusted', 'key_reused']);
  }
});

it('An adjustment of an unknown SKU is refused', async () => {
  expect(await adjust(freshId('tenant'), 1)).toEqual({ kind: 'unknown_sku' });
});

it('An adjustment never takes what is reserved', async () => {
  const shop = await openShop(database, { A: 5 });
  await shop.hold(freshId(), [{ sku: 'A', quantity: 3 }]);

  expect(await adjust(shop.tenantId, -3)).toEqual({
    kind: 'below_reserved',
    level: { sku: 'A', onHand: 5, reserved: 3 },
  });
  expect(await adjust(shop.tenantId, -2)).toMatchObject({ kind: 'adjusted', level: { onHand: 3, reserved: 3 } });
});

it('An adjustment never takes what is being reserved in the same moment', async () => {
  const shop = await openShop(database, { A: 50 });
  const [holds, takings] = await Promise.all([
    times(40, () => shop.hold(freshId(), [{ sku: 'A', quantity: 1 }]), 4),
    times(40, () => adjust(shop.tenantId, -1), 4),
  ]);
  const held = holds.filter(Boolean).length;
  const taken = takings.filter(({ kind }) => kind === 'adjusted').length;

  expect(await shop.figures()).toEqual({ A: [50 - taken, held] });
  expect(held + taken).toBe(50);
  expect(await listBrokenFigures(database, shop.tenantId)).toEqual([]);
});
