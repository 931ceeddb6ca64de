import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCatalogRepository } from '../../db/repositories/inventory/catalog-repository.ts';
import type { OrderView } from '../../src/api/orders/order-schemas.ts';
import { createAudit } from '../../src/audit/audit.ts';
import { proveEnd, plannedOrder, stockOf } from '../support/faults/evidence.ts';
import { createFaults, failBefore } from '../support/faults/faults.ts';
import { giveCommand, untilStatus } from '../support/faults/step-ways.ts';
import { orderBody, startTestSystem, type TestSystem } from '../support/system.ts';

const WAYS = [
  { pass: 'joined', capture: 'automatic', placement: 'payment=local' },
  { pass: 'joined', capture: 'manual', placement: 'payment=local' },
  { pass: 'stepwise', capture: 'manual', placement: 'payment=local' },
  { pass: 'joined', capture: 'automatic', placement: 'payment=queue' },
] as const;

describe.each(WAYS)('an order of 0 ($pass, $capture, $placement)', ({ pass, capture, placement }) => {
  const faults = createFaults();
  let system: TestSystem;
  beforeAll(async () => {
    const env = { ORDER_FIRST_PASS: pass, STEP_PLACEMENT: placement };
    system = await startTestSystem({ env, wrapActivities: faults.wrap });
    await createCatalogRepository(system.database.databases.inventory).seed('demo', [
      { sku: 'SKU-FREE', name: 'A sample', priceMinor: 0, currency: 'EUR', onHand: 100 },
    ]);
    // A call to the provider fails here, so that a test notices it.
    await system.setFaults({ down: true });
  });
  afterAll(() => system.stop());

  const free = {
    sku: 'SKU-FREE',
    body: { payment: { method: 'pm_ok', capture }, expectedTotalMinor: 0 },
  } as const;

  async function ended(orderId: string, status: OrderView['status']): Promise<OrderView> {
    await untilStatus(system, orderId, status);
    const evidence = await proveEnd(system, orderId, status);
    expect(evidence.ledger).toEqual([]);
    return (await system.request<OrderView>(`/v1/orders/${orderId}`)).body;
  }

  it('An order of 0 is confirmed without a payment, and says so', async () => {
    const { onHand } = await stockOf(system, 'SKU-FREE');
    const orderId = await system.postOrder(free);
    expect(await ended(orderId, 'CONFIRMED')).toMatchObject({
      totalMinor: 0,
      lines: [{ unitPriceMinor: 0, reservation: 'COMMITTED' }],
      payment: { state: 'NONE', authorizedMinor: 0, capturedMinor: 0, refundedMinor: 0 },
      attention: null,
    });
    expect(await stockOf(system, 'SKU-FREE')).toEqual({ onHand: onHand - 2, reserved: 0 });
    expect(await system.mails(orderId)).toHaveLength(1);
    const read = async (what: string) => (await system.request(`/v1/orders/${orderId}/${what}`)).body;
    expect(await read('explain')).toMatchObject({ status: 'CONFIRMED', whoMustAct: 'nobody' });
    const { effects } = (await read('receipt')) as { effects: { kind: string }[] };
    expect(effects.map(({ kind }) => kind)).toEqual(['stock', 'message']);
    const { items } = (await read('timeline')) as { items: { source: string }[] };
    expect(items.filter(({ source }) => source === 'payment')).toEqual([]);
  });

  it('An order of 0 is cancelled in its window, and nothing is asked of the provider', async () => {
    const { onHand } = await stockOf(system, 'SKU-FREE');
    const orderId = await system.postOrder(free);
    await ended(orderId, 'CONFIRMED');
    expect(await giveCommand(system, orderId, { route: 'cancel' })).toMatchObject({
      status: 200,
      body: { decision: 'will_cancel' },
    });
    expect(await ended(orderId, 'CANCELLED')).toMatchObject({ payment: { state: 'NONE' } });
    expect(await stockOf(system, 'SKU-FREE')).toEqual({ onHand, reserved: 0 });
  });

  it('An order of 0 is cancelled while its stock cannot be committed, without a call to the provider', async () => {
    const { key, orderId } = plannedOrder();
    faults.inject(orderId, 'commitStock', failBefore(new TypeError('made so'), 99));
    await system.postOrder(free, key);
    await expect.poll(() => faults.calls(orderId, 'commitStock').length).toBeGreaterThan(0);
    const answer = await giveCommand(system, orderId, { route: 'cancel' });
    expect(['will_cancel', 'pending']).toContain(answer.body.decision);
    expect(await ended(orderId, 'CANCELLED')).toMatchObject({ payment: { state: 'NONE' } });
  });

  it('An order of 0 has nothing to pay back and nothing to capture', async () => {
    const orderId = await system.postOrder(free);
    await ended(orderId, 'CONFIRMED');
    expect(await giveCommand(system, orderId, { route: 'refunds' })).toMatchObject({
      status: 422,
      body: { code: 'amount_exceeds_captured' },
    });
    const captured = await giveCommand(system, orderId, { route: 'capture', amountMinor: 1 });
    expect([409, 422]).toContain(captured.status);
    await ended(orderId, 'CONFIRMED');
  });

  it('An order of 0 is foreseen by a dry run', async () => {
    const body = JSON.stringify(orderBody(free));
    const answer = await system.request('/v1/orders?dryRun=true', { method: 'POST', body });
    expect(answer.body).toMatchObject({ wouldHold: true, totalMinor: 0, refusal: null });
  });

  it('An order of 0 leaves nothing for the audit to find', async () => {
    await system.setFaults({ down: false });
    const { client, simulatorUrl: paymentGatewayUrl, database } = system;
    const report = await createAudit({ databases: database.databases, client, paymentGatewayUrl }).run();
    expect(report.violations).toEqual([]);
    expect(report.orders).toBeGreaterThan(3);
  });
});
