import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCatalogRepository } from '../../db/repositories/inventory/catalog-repository.ts';
import { MAX_STOCK_PIECES } from '../../src/domain/inventory/reservation.ts';
import { expectProblem } from '../support/http/problems.ts';
import { auditOf } from '../support/audits.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

/** The largest number that an integer column of PostgreSQL holds. */
const INTEGER_MAX = 2_147_483_647;

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
});
afterAll(() => system.stop());

async function newSku(onHand: number): Promise<string> {
  const sku = `SCREW-${randomUUID()}`;
  const catalog = createCatalogRepository(system.database.databases.inventory);
  await catalog.seed('demo', [{ sku, name: 'Screw', priceMinor: 1, currency: 'EUR', onHand }]);
  return sku;
}

function adjust(sku: string, delta: number) {
  return system.request(`/v1/stock/${sku}/adjustments`, {
    method: 'POST',
    headers: { 'idempotency-key': randomUUID() },
    body: JSON.stringify({ delta, reason: 'restock' }),
  });
}

async function sell(sku: string, quantity: number): Promise<string> {
  const orderId = await system.postOrder({ sku, quantity });
  expect(await system.orderAtRest(orderId)).toMatchObject({ status: 'CONFIRMED' });
  return orderId;
}

it('A SKU with more pieces than an integer column holds is restocked and taken from like any other', async () => {
  const sku = await newSku(INTEGER_MAX);
  const onHand = INTEGER_MAX + 1_000_000;
  expect(await adjust(sku, 1_000_000)).toMatchObject({ status: 200, body: { onHand, available: onHand } });
  await sell(sku, 1_000);
  expect((await system.request(`/v1/stock/${sku}`)).body).toMatchObject({ onHand: onHand - 1_000, reserved: 0 });
  expect(await adjust(sku, -1_000_000)).toMatchObject({ status: 200, body: { onHand: INTEGER_MAX - 1_000 } });
});

it('A SKU with more pieces than an integer column holds takes back what was sold, so that the cancelled order comes to its end', async () => {
  const sku = await newSku(INTEGER_MAX);
  const orderId = await sell(sku, 2);
  expect(await adjust(sku, 2)).toMatchObject({ status: 200, body: { onHand: INTEGER_MAX } });
  const cancelled = await system.request(`/v1/orders/${orderId}/cancel`, {
    method: 'POST',
    headers: { 'idempotency-key': randomUUID() },
    body: '{}',
  });
  expect(cancelled.status).toBeLessThan(300);
  await expect.poll(() => system.orderAtRest(orderId, 5)).toMatchObject({ status: 'CANCELLED', attention: null });
  expect((await system.request(`/v1/stock/${sku}`)).body).toMatchObject({ onHand: INTEGER_MAX + 2, reserved: 0 });
});

it('A SKU is filled up to a maximum, above which there is room for what was sold and comes back', async () => {
  const sku = await newSku(MAX_STOCK_PIECES);
  const orderId = await sell(sku, 1_000);
  expect(await adjust(sku, 1_000)).toMatchObject({ status: 200, body: { onHand: MAX_STOCK_PIECES } });
  const problem = expectProblem(await adjust(sku, 1), 'stock_above_maximum');
  expect(problem.detail).toContain(String(MAX_STOCK_PIECES));

  await system.request(`/v1/orders/${orderId}/cancel`, {
    method: 'POST',
    headers: { 'idempotency-key': randomUUID() },
    body: '{}',
  });
  await expect.poll(() => system.orderAtRest(orderId, 5)).toMatchObject({ status: 'CANCELLED', attention: null });
  expect(await adjust(sku, -1)).toMatchObject({ status: 200, body: { onHand: MAX_STOCK_PIECES + 999 } });
});

it('A SKU with more pieces than an integer column holds is counted exactly by the audit', async () => {
  const { violations, checked } = await auditOf(system, { patienceMs: 1_500 });
  expect(checked['I2']).toBeGreaterThan(1_000);
  expect(violations.filter(({ invariant }) => invariant === 'I2')).toEqual([]);
});
