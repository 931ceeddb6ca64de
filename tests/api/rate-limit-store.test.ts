import { afterAll, beforeAll, expect, it } from 'vitest';
import { createRateLimitStore } from '../../db/repositories/orders/rate-limit-store.ts';
import { createTestDatabase, type TestDatabase } from '../support/database/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

const LIMITS = { points: 20, windowSeconds: 2 };

it('Points that are saved up can be spent at once, by all processes together', async () => {
  const open = () => createRateLimitStore(database.databases.orders, LIMITS);
  const [one, other] = [open(), open()];
  const takes = await Promise.all(
    Array.from({ length: 60 }, (_, index) => (index % 2 === 0 ? one : other).take('greedy', 1)),
  );
  const granted = takes.filter((take) => take.granted);
  // One comes back every 100 ms, and the takes themselves take a moment.
  expect(granted.length).toBeGreaterThanOrEqual(20);
  expect(granted.length).toBeLessThanOrEqual(40);
});

it('Points come back one by one, and a refusal says when', async () => {
  const store = createRateLimitStore(database.databases.orders, LIMITS);
  expect(await store.take('steady', 20)).toEqual({ granted: true, waitMs: 0 });
  const refused = await store.take('steady', 5);
  expect(refused.granted).toBe(false);
  expect(refused.waitMs).toBeGreaterThan(0);
  expect(refused.waitMs).toBeLessThanOrEqual(500);
  await expect.poll(() => store.take('steady', 1).then(({ granted }) => granted)).toBe(true);
});

it('A process counts alone while the database is away', async () => {
  const gone = await createTestDatabase();
  const store = createRateLimitStore(gone.databases.orders, LIMITS);
  await gone.close();
  const takes = [];
  for (let index = 0; index < 30; index += 1) takes.push(await store.take('alone', 1));
  expect(takes.filter(({ granted }) => granted).length).toBe(20);
  expect(takes.at(-1)?.waitMs).toBeGreaterThan(0);
});

it('Each tenant has points of its own, and so has each kind of thing', async () => {
  const [requests, events] = ['requests', 'events'].map((keyPrefix) =>
    createRateLimitStore(database.databases.orders, { ...LIMITS, keyPrefix }),
  );
  for (const store of [requests, events]) {
    for (const tenant of ['one', 'two']) expect(await store?.take(tenant, 20)).toMatchObject({ granted: true });
  }
  expect(await requests?.take('one', 20)).toMatchObject({ granted: false });
});
