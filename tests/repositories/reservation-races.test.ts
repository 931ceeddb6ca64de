import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCatalogRepository } from '../../db/repositories/inventory/catalog-repository.ts';
import { LOCK_STOCK, RELEASE_RESERVATIONS } from '../../db/repositories/inventory/reservation-statements.ts';
import type { TestDatabase } from '../support/database/database.ts';
import { createRacingDatabase, freshId, listBrokenFigures, openShop, times, type Shop } from './fixtures.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createRacingDatabase();
});
afterAll(() => database.close());

/** Sessions of this database that wait for another session's lock. */
async function countWaiting(): Promise<number> {
  const waiting = await database.query(
    `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return waiting.length;
}

it('Concurrent holds of 200 buyers for the last 5 pieces have 5 winners, and nothing is oversold', async () => {
  const shop = await openShop(database, { LAST: 5 });
  const wins = await times(200, () => shop.hold(freshId(), [{ sku: 'LAST', quantity: 1 }]));

  expect(wins.filter(Boolean)).toHaveLength(5);
  expect(await shop.figures()).toEqual({ LAST: [5, 5] });
  expect(await listBrokenFigures(database, shop.tenantId)).toEqual([]);
});

it('Concurrent holds take what is given back while they wait for the lock', async () => {
  const shop = await openShop(database, { LAST: 5 });
  const lines = [{ sku: 'LAST', quantity: 5 }];
  const [first, second] = [freshId(), freshId()];
  await shop.hold(first, lines);
  let held = Promise.resolve(false);
  await database.databases.inventory.transaction(async (tx) => {
    await tx.run(LOCK_STOCK, [shop.tenantId, ['LAST']]);
    held = shop.hold(second, lines);
    await expect.poll(countWaiting).toBe(1);
    await tx.run(RELEASE_RESERVATIONS, [first, shop.tenantId, JSON.stringify(lines)]);
  });

  expect(await held).toBe(true);
  expect(await shop.figures()).toEqual({ LAST: [5, 5] });
  expect(await listBrokenFigures(database, shop.tenantId)).toEqual([]);
});

it('Concurrent holds of one order hold its lines once', async () => {
  const shop = await openShop(database, { A: 100 });
  const orderId = freshId();
  const wins = await times(20, () => shop.hold(orderId, [{ sku: 'A', quantity: 3 }]));

  expect(wins.filter(Boolean)).toHaveLength(1);
  expect(await shop.figures()).toEqual({ A: [100, 3] });
});

it('Concurrent holds of orders that share SKUs in opposite order never deadlock', async () => {
  const shop = await openShop(database, { A: 1_000, B: 1_000, C: 1_000 });
  const skus = ['A', 'B', 'C'];
  const orders = Array.from({ length: 100 }, (_, index) => ({
    orderId: freshId(),
    lines: (index % 2 === 0 ? skus : skus.toReversed()).map((sku) => ({ sku, quantity: 1 + (index % 3) })),
  }));
  await times(100, async (index) => {
    const { orderId, lines } = orders[index] ?? { orderId: '', lines: [] };
    expect(await shop.hold(orderId, lines)).toBe(true);
    if (index % 3 === 0) await shop.reservations.release(shop.tenantId, orderId, lines);
    else await shop.reservations.commit(shop.tenantId, orderId);
  });
  expect(Object.values(await shop.figures()).map(([, reserved]) => reserved)).toEqual([0, 0, 0]);
  expect(await listBrokenFigures(database, shop.tenantId)).toEqual([]);
});

it('A release that races its hold never leaks a piece, 200 times', async () => {
  const shop = await openShop(database, { A: 1_000, B: 1_000 });
  const lines = [
    { sku: 'A', quantity: 2 },
    { sku: 'B', quantity: 1 },
  ];
  const orderIds = Array.from({ length: 200 }, () => freshId());
  const actsOf = (orderId: string) => [
    () => shop.hold(orderId, lines),
    () => shop.reservations.release(shop.tenantId, orderId, lines),
  ];
  await times(
    200,
    (index) => {
      const acts = actsOf(orderIds[index] ?? '');
      return Promise.all((index % 2 === 0 ? acts : acts.toReversed()).map((act) => act()));
    },
    2,
  );

  expect(await shop.figures()).toEqual({ A: [1_000, 0], B: [1_000, 0] });
  const stored = await shop.reservations.listByOrder(orderIds);
  expect(stored).toHaveLength(400);
  expect(new Set(stored.map(({ state }) => state))).toEqual(new Set(['RELEASED']));
  expect(await listBrokenFigures(database, shop.tenantId)).toEqual([]);
});

it('A release that races the commit ends RELEASED with all pieces on the shelf', async () => {
  const shop = await openShop(database, { A: 100 });
  const lines = [{ sku: 'A', quantity: 1 }];
  await times(
    50,
    async () => {
      const orderId = freshId();
      await shop.hold(orderId, lines);
      await Promise.all([
        shop.reservations.commit(shop.tenantId, orderId),
        shop.reservations.release(shop.tenantId, orderId, lines),
      ]);
      expect(await shop.statesOf(orderId)).toEqual({ A: 'RELEASED' });
    },
    2,
  );

  expect(await shop.figures()).toEqual({ A: [100, 0] });
  expect(await listBrokenFigures(database, shop.tenantId)).toEqual([]);
});

it('An overdue hold is either committed or expired, never both', async () => {
  const shop = await openShop(database, { A: 100 });
  const results = await times(
    50,
    async () => {
      const orderId = freshId();
      await shop.hold(orderId, [{ sku: 'A', quantity: 1 }], { ttlSeconds: -1 });
      const [committed, expired] = await Promise.all([
        shop.reservations.commit(shop.tenantId, orderId),
        shop.reservations.expire(shop.tenantId, orderId),
      ]);
      expect(committed + expired).toBe(1);
      expect(await shop.statesOf(orderId)).toEqual({ A: committed === 1 ? 'COMMITTED' : 'EXPIRED' });
      return committed;
    },
    2,
  );

  const deducted = results.reduce((sum, committed) => sum + committed, 0);
  expect(await shop.figures()).toEqual({ A: [100 - deducted, 0] });
  expect(await listBrokenFigures(database, shop.tenantId)).toEqual([]);
});

it('An overdue hold that is taken again is not swept any more', async () => {
  const shop = await openShop(database, { A: 100 });
  await times(
    50,
    async () => {
      const orderId = freshId();
      await shop.hold(orderId, [{ sku: 'A', quantity: 1 }], { ttlSeconds: -1 });
      await shop.reservations.expire(shop.tenantId, orderId);
      await Promise.all([
        shop.reservations.retake(shop.tenantId, orderId, 60),
        shop.reservations.expire(shop.tenantId, orderId),
      ]);
      expect(await shop.statesOf(orderId)).toEqual({ A: 'HELD' });
    },
    2,
  );

  expect(await shop.figures()).toEqual({ A: [100, 50] });
});

it('An overdue hold that is taken again twice at once is not short of its own pieces', async () => {
  const shop = await openShop(database, { LAST: 5 });
  for (let round = 0; round < 10; round += 1) {
    const orderId = freshId();
    const lines = [{ sku: 'LAST', quantity: 5 }];
    await shop.hold(orderId, lines, { ttlSeconds: -1 });
    await shop.reservations.expire(shop.tenantId, orderId);
    const retakes = await times(4, () => shop.reservations.retake(shop.tenantId, orderId, 60));
    expect(retakes.flatMap(({ shortages }) => shortages)).toEqual([]);
    expect(retakes.filter(({ held }) => held)).toHaveLength(1);
    await shop.reservations.release(shop.tenantId, orderId, lines);
  }
  expect(await shop.figures()).toEqual({ LAST: [5, 0] });
});

it('Stock figures equal their movements and their holds after a random mix of everything at once', async () => {
  const seed = Number(process.env['TEST_SEED'] ?? randomInt(1, 2 ** 31));
  console.log(`random mix of stock operations: TEST_SEED=${seed}`);
  const shop = await openShop(database, { A: 30, B: 60, C: 90, D: 120 });
  const random = createRandom(seed);
  const mix = createMix(shop, random);
  await times(20, async () => {
    for (let turn = 0; turn < 40; turn += 1) await mix();
  });

  expect(await listBrokenFigures(database, shop.tenantId)).toEqual([]);
  for (const [onHand, reserved] of Object.values(await shop.figures())) {
    expect(reserved).toBeGreaterThanOrEqual(0);
    expect(reserved).toBeLessThanOrEqual(onHand);
  }
});

/** Whole numbers from 0 up to a limit; the same seed gives the same numbers (mulberry32). */
function createRandom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

/** Each call runs one random operation on one of a few orders. */
function createMix({ tenantId, reservations, hold }: Shop, random: (limit: number) => number): () => Promise<unknown> {
  const catalog = createCatalogRepository(database.databases.inventory);
  const orders = Array.from({ length: 60 }, () => ({
    orderId: freshId(),
    lines: ['A', 'B', 'C', 'D']
      .filter(() => random(2) === 0)
      .concat('A')
      .filter((sku, at, all) => all.indexOf(sku) === at)
      .map((sku) => ({ sku, quantity: 1 + random(4) })),
  }));
  return () => {
    const { orderId, lines } = orders[random(orders.length)] ?? { orderId: '', lines: [] };
    const adjustment = { tenantId, sku: 'A', delta: random(9) - 4, reason: 'count', actor: 'test' };
    const operations = [
      () => hold(orderId, lines, { ttlSeconds: random(2) === 0 ? -1 : 60 }),
      () => reservations.commit(tenantId, orderId),
      () => reservations.release(tenantId, orderId, lines),
      () => reservations.expire(tenantId, orderId),
      () => reservations.retake(tenantId, orderId, random(2) === 0 ? -1 : 60),
      () => catalog.adjustStock({ ...adjustment, idempotencyKey: freshId('key') }),
    ];
    return operations[random(operations.length)]?.() ?? Promise.resolve();
  };
}
