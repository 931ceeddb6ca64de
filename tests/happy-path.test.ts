import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestSystem, type TestSystem } from './support/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
});
afterAll(() => system.stop());

it('An order that succeeds ends CONFIRMED with its stock committed, its total captured once and one mail', async () => {
  const orderId = await system.postOrder();
  const order = await system.orderAtRest(orderId);

  expect(order).toMatchObject({
    status: 'CONFIRMED',
    totalMinor: 4_500,
    lines: [{ sku: 'SKU-0001', quantity: 2, unitPriceMinor: 2_250, reservation: 'COMMITTED' }],
    payment: { state: 'CAPTURED', capturedMinor: 4_500, refundedMinor: 0 },
  });
  expect(await system.ledger(orderId)).toMatchObject([{ kind: 'sale', amountMinor: 4_500, state: 'SUCCEEDED' }]);
  await expect.poll(() => system.mails(orderId)).toHaveLength(1);
});

it('An order that succeeds leaves a timeline without gaps', async () => {
  const orderId = await system.postOrder();
  await system.orderAtRest(orderId);
  const { body } = await system.request<{ items: { seq: number; type: string }[] }>(`/v1/orders/${orderId}/timeline`);
  expect(body.items.map(({ seq }) => seq)).toEqual(body.items.map((_, index) => index + 1));
  const ofOrder = body.items.map(({ type }) => type).filter((type) => type.startsWith('order.'));
  expect(ofOrder).toEqual(['order.opened', 'order.confirmed']);
});
