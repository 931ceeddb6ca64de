import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCatalogRepository } from '../../db/repositories/inventory/catalog-repository.ts';
import type { OrderView } from '../../src/api/orders/order-schemas.ts';
import { SOFT_DECLINE_POLICY } from '../../src/workflows/steps/step-policies.ts';
import { plannedOrder, proveEnd, stockOf, type Evidence } from '../support/faults/evidence.ts';
import { afterEffect, createFaults } from '../support/faults/faults.ts';
import { USUAL_COURSE } from '../support/faults/usual-course.ts';
import { startTestSystem, type OrderOverrides, type TestSystem } from '../support/system.ts';

/** A rejected order: the client's view of it, and its stored state. */
interface Rejected {
  readonly orderId: string;
  readonly order: OrderView;
  readonly evidence: Evidence;
}

const SCARCE_ON_HAND = 5;
const PRICE_OF_SKU_0001 = 2_250;

const faults = createFaults();
let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ wrapActivities: faults.wrap });
});
afterAll(() => system.stop());

async function reject(order: OrderOverrides, key = plannedOrder().key): Promise<Rejected> {
  const orderId = await system.postOrder(order, key);
  const evidence = await proveEnd(system, orderId, 'REJECTED');
  return { orderId, evidence, order: await system.orderAtRest(orderId) };
}

/** No money call was made: none by a step, none known to the provider, none in the books. */
function expectNoMoneyCall({ orderId, evidence, order }: Rejected): void {
  expect(faults.calls(orderId, 'takePayment')).toEqual([]);
  expect(faults.calls(orderId, 'undoPayment')).toEqual([]);
  expect(evidence.ledger).toEqual([]);
  expect(evidence.operations).toEqual([]);
  expect(order.payment).toMatchObject({ state: 'NONE', authorizedMinor: 0, capturedMinor: 0, refundedMinor: 0 });
}

it('An order that is refused because it is out of stock says which line and how many are left, and asks nothing of the gateway', async () => {
  const rejected = await reject({ sku: 'SKU-SCARCE', quantity: SCARCE_ON_HAND + 1 });
  expect(rejected.order).toMatchObject({
    status: 'REJECTED',
    reason: 'out_of_stock',
    reasonDetails: { lines: [{ sku: 'SKU-SCARCE', requested: 6, available: 5 }] },
    attention: null,
  });
  expectNoMoneyCall(rejected);
  expect(await stockOf(system, 'SKU-SCARCE')).toEqual({ onHand: SCARCE_ON_HAND, reserved: 0 });
});

it('An order that is refused for one short line holds none of its other lines', async () => {
  const lines = [
    { sku: 'SKU-0011', quantity: 3 },
    { sku: 'SKU-SCARCE', quantity: 9 },
    { sku: 'SKU-0012', quantity: 1 },
  ];
  const rejected = await reject({ body: { lines } });
  expect(rejected.order.reasonDetails).toEqual({ lines: [{ sku: 'SKU-SCARCE', requested: 9, available: 5 }] });
  expect(rejected.evidence.movements).toEqual([]);
  expect(await stockOf(system, 'SKU-0011')).toEqual({ onHand: 10_000, reserved: 0 });
  expect(await stockOf(system, 'SKU-0012')).toEqual({ onHand: 10_000, reserved: 0 });
  expectNoMoneyCall(rejected);
});

it('An order that is refused names every line that is short', async () => {
  await createCatalogRepository(system.database.databases.inventory).seed('demo', [
    { sku: 'SKU-FEW', name: 'Few', priceMinor: 100, currency: 'EUR', onHand: 2 },
  ]);
  const lines = [
    { sku: 'SKU-FEW', quantity: 3 },
    { sku: 'SKU-SCARCE', quantity: 7 },
  ];
  const { order } = await reject({ body: { lines } });
  expect(order.reasonDetails).toEqual({
    lines: [
      { sku: 'SKU-FEW', requested: 3, available: 2 },
      { sku: 'SKU-SCARCE', requested: 7, available: 5 },
    ],
  });
});

it('An order that is refused for an unknown SKU names it and holds no other line', async () => {
  const lines = [
    { sku: 'SKU-0013', quantity: 1 },
    { sku: 'SKU-NOWHERE', quantity: 1 },
  ];
  const rejected = await reject({ body: { lines } });
  expect(rejected.order).toMatchObject({ reason: 'unknown_sku', reasonDetails: { skus: ['SKU-NOWHERE'] } });
  expect(rejected.evidence.movements).toEqual([]);
  expectNoMoneyCall(rejected);
});

it('An order that is refused because the total is not the expected one says both totals', async () => {
  const rejected = await reject({ quantity: 2, body: { expectedTotalMinor: 4_499 } });
  expect(rejected.order).toMatchObject({
    reason: 'price_changed',
    reasonDetails: { expectedTotalMinor: 4_499, totalMinor: 2 * PRICE_OF_SKU_0001 },
  });
  expectNoMoneyCall(rejected);
});

it('An order that is refused because its currency is not the one of the catalog names the SKUs', async () => {
  const rejected = await reject({ body: { currency: 'USD' } });
  expect(rejected.order).toMatchObject({ reason: 'currency_mismatch', reasonDetails: { skus: ['SKU-0001'] } });
  expectNoMoneyCall(rejected);
});

it.each([
  { method: 'pm_declined', declineCode: 'card_declined', asked: 1 },
  { method: 'pm_nonsense', declineCode: 'unsupported_method', asked: 1 },
  { method: 'pm_insufficient_funds', declineCode: 'insufficient_funds', asked: 1 + SOFT_DECLINE_POLICY.retries },
])(
  'An order that is refused by $method gives its stock back and leaves nothing taken',
  USUAL_COURSE,
  async ({ method, declineCode, asked }) => {
    const { orderId, order, evidence } = await reject({ method, sku: 'SKU-0014' });
    expect(order).toMatchObject({
      reason: 'payment_declined',
      reasonDetails: { declineCode },
      lines: [{ reservation: 'RELEASED' }],
      payment: { state: 'DECLINED', capturedMinor: 0, refundedMinor: 0 },
      holdExpiresAt: null,
    });
    expect(evidence.ledger).toMatchObject([{ kind: 'sale', state: 'DECLINED' }]);
    expect(faults.calls(orderId, 'takePayment')).toHaveLength(asked);
    expect(await stockOf(system, 'SKU-0014')).toEqual({ onHand: 10_000, reserved: 0 });
    expect(await system.mails(orderId)).toEqual([]);
  },
);

it('An order that is refused keeps the reason of its decision in the timeline, before anything is undone', async () => {
  const { evidence } = await reject({ method: 'pm_declined' });
  expect(evidence.events.map(({ type, from, to }) => [type, from, to])).toEqual([
    ['order.opened', null, 'PENDING'],
    ['order.refused', null, null],
    ['order.rejected', 'PENDING', 'REJECTED'],
  ]);
});

it('An order that is refused shows a held line while the payment is under way, and a released one at the end', async () => {
  const { key, orderId } = plannedOrder();
  let meanwhile: OrderView | undefined;
  faults.inject(
    orderId,
    'takePayment',
    afterEffect(async () => {
      meanwhile = (await system.request<OrderView>(`/v1/orders/${orderId}`)).body;
    }),
  );
  const { order } = await reject({ method: 'pm_declined', sku: 'SKU-0015', quantity: 4 }, key);
  expect(meanwhile).toMatchObject({ status: 'PENDING', lines: [{ reservation: 'HELD' }] });
  expect(meanwhile?.holdExpiresAt).not.toBeNull();
  expect(order.lines).toMatchObject([{ reservation: 'RELEASED' }]);
});
