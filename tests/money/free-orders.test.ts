import { afterAll, expect, it } from 'vitest';
import { createCatalogRepository } from '../../db/repositories/inventory/catalog-repository.ts';
import type { OrderView } from '../../src/api/orders/order-schemas.ts';
import { proveEnd, plannedOrder, stockOf } from '../support/faults/evidence.ts';
import { createFaults, failBefore } from '../support/faults/faults.ts';
import { giveCommand, untilStatus } from '../support/faults/order-actions.ts';
import { auditOf } from '../support/audits.ts';
import { orderBody, startTestSystem, type TestSystem } from '../support/system.ts';

const WAYS = [
  { pass: 'joined', capture: 'automatic', placement: 'payment=local' },
  { pass: 'joined', capture: 'manual', placement: 'payment=local' },
  { pass: 'stepwise', capture: 'manual', placement: 'payment=local' },
  { pass: 'joined', capture: 'automatic', placement: 'payment=queue' },
] as const;

type Way = (typeof WAYS)[number];

const shops = new Map<Way, ReturnType<typeof startShop>>();
afterAll(async () => {
  for (const shop of shops.values()) await (await shop).system.stop();
});

/** The system that sells something for nothing in this way; it is started by the first test that asks for it. */
function shopOf(way: Way): ReturnType<typeof startShop> {
  const shop = shops.get(way) ?? startShop(way);
  shops.set(way, shop);
  return shop;
}

async function startShop({ pass, capture, placement }: Way) {
  const faults = createFaults();
  const env = { ORDER_FAST_PATH: pass, STEP_PLACEMENT: placement };
  const system = await startTestSystem({ env, wrapActivities: faults.wrap });
  await createCatalogRepository(system.database.databases.inventory).seed('demo', [
    { sku: 'SKU-FREE', name: 'A sample', priceMinor: 0, currency: 'EUR', onHand: 100 },
  ]);
  // A call to the provider fails here, so that a test notices it.
  await system.setFaults({ down: true });
  const free = { sku: 'SKU-FREE', body: { payment: { method: 'pm_ok', capture }, expectedTotalMinor: 0 } } as const;
  return { system, faults, free, ended: endedAt(system) };
}

function endedAt(system: TestSystem) {
  return async (orderId: string, status: OrderView['status']): Promise<OrderView> => {
    await untilStatus(system, orderId, status);
    const evidence = await proveEnd(system, orderId, status);
    expect(evidence.ledger).toEqual([]);
    return (await system.request<OrderView>(`/v1/orders/${orderId}`)).body;
  };
}

it.each(WAYS)(
  'An order of 0 is confirmed without a payment, and says so ($pass, $capture, $placement)',
  async (way) => {
    const { system, free, ended } = await shopOf(way);
    const { onHand } = await stockOf(system, 'SKU-FREE');
    const orderId = await system.postOrder(free);
    expect(await ended(orderId, 'CONFIRMED')).toMatchObject({
      totalMinor: 0,
      lines: [{ unitPriceMinor: 0, reservation: 'COMMITTED' }],
      payment: { state: 'NONE', authorizedMinor: 0, capturedMinor: 0, refundedMinor: 0 },
      attention: null,
    });
    expect(await stockOf(system, 'SKU-FREE')).toEqual({ onHand: onHand - 2, reserved: 0 });
    await expect.poll(() => system.mails(orderId)).toHaveLength(1);
    const read = async (what: string) => (await system.request(`/v1/orders/${orderId}/${what}`)).body;
    expect(await read('explain')).toMatchObject({ status: 'CONFIRMED', whoMustAct: 'nobody' });
    const { effects } = (await read('receipt')) as { effects: { kind: string }[] };
    expect(effects.map(({ kind }) => kind)).toEqual(['stock', 'message']);
    const { items } = (await read('timeline')) as { items: { source: string }[] };
    expect(items.filter(({ source }) => source === 'payment')).toEqual([]);
  },
);

it.each(WAYS)(
  'An order of 0 is cancelled in its window, and nothing is asked of the provider ($pass, $capture, $placement)',
  async (way) => {
    const { system, free, ended } = await shopOf(way);
    const { onHand } = await stockOf(system, 'SKU-FREE');
    const orderId = await system.postOrder(free);
    await ended(orderId, 'CONFIRMED');
    expect(await giveCommand(system, orderId, { route: 'cancel' })).toMatchObject({
      status: 200,
      body: { decision: 'will_cancel' },
    });
    expect(await ended(orderId, 'CANCELLED')).toMatchObject({ payment: { state: 'NONE' } });
    expect(await stockOf(system, 'SKU-FREE')).toEqual({ onHand, reserved: 0 });
  },
);

it.each(WAYS)(
  'An order of 0 is cancelled while its stock cannot be committed, without a call to the provider ($pass, $capture, $placement)',
  async (way) => {
    const { system, faults, free, ended } = await shopOf(way);
    const { key, orderId } = plannedOrder();
    faults.inject(orderId, 'commitStock', failBefore(new TypeError('made so'), 99));
    await system.postOrder(free, key);
    await expect.poll(() => faults.calls(orderId, 'commitStock').length).toBeGreaterThan(0);
    const answer = await giveCommand(system, orderId, { route: 'cancel' });
    expect(['will_cancel', 'pending']).toContain(answer.body.decision);
    expect(await ended(orderId, 'CANCELLED')).toMatchObject({ payment: { state: 'NONE' } });
  },
);

it.each(WAYS)(
  'An order of 0 has nothing to pay back and nothing to capture ($pass, $capture, $placement)',
  async (way) => {
    const { system, free, ended } = await shopOf(way);
    const orderId = await system.postOrder(free);
    await ended(orderId, 'CONFIRMED');
    expect(await giveCommand(system, orderId, { route: 'refunds' })).toMatchObject({
      status: 422,
      body: { code: 'amount_exceeds_captured' },
    });
    const captured = await giveCommand(system, orderId, { route: 'capture', amountMinor: 1 });
    expect([409, 422]).toContain(captured.status);
    await ended(orderId, 'CONFIRMED');
  },
);

it.each(WAYS)('An order of 0 is foreseen by a dry run ($pass, $capture, $placement)', async (way) => {
  const { system, free } = await shopOf(way);
  const body = JSON.stringify(orderBody(free));
  const answer = await system.request('/v1/orders?dryRun=true', { method: 'POST', body });
  expect(answer.body).toMatchObject({ wouldHold: true, totalMinor: 0, refusal: null });
});

it.each(WAYS)('An order of 0 leaves nothing for the audit to find ($pass, $capture, $placement)', async (way) => {
  const { system } = await shopOf(way);
  await system.setFaults({ down: false });
  const report = await auditOf(system);
  expect(report.violations).toEqual([]);
  expect(report.orders).toBeGreaterThan(3);
});
