import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OrderStatus } from '../../src/domain/order-status.ts';
import { giveCommand, untilStatus } from '../support/faults/order-actions.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';
import { startReceiver, subscribe, type WebhookReceiver } from '../support/http/webhook-receiver.ts';

let system: TestSystem;
let receiver: WebhookReceiver;
let all: WebhookReceiver;
beforeAll(async () => {
  system = await startTestSystem({ events: true });
  receiver = await startReceiver();
  all = await startReceiver();
  await subscribe(system, receiver.url, { events: ['order.captured', 'order.refunding', 'order.partially_refunded'] });
  await subscribe(system, all.url, { events: ['order.*'] });
});
afterAll(async () => {
  receiver.close();
  all.close();
  await system.stop();
});

function received(orderId: string, by = receiver): { type: string; data: Record<string, unknown> }[] {
  return by.received
    .filter((message) => message.orderId === orderId)
    .map(({ body }) => JSON.parse(body) as { type: string; data: Record<string, unknown> });
}

async function give(
  orderId: string,
  route: 'capture' | 'refunds',
  { amountMinor, end }: { amountMinor: number; end: OrderStatus },
) {
  await giveCommand(system, orderId, { route, amountMinor });
  await untilStatus(system, orderId, end);
}

it('A webhook about a refund tells its amount, and what was refunded by then', async () => {
  const orderId = await system.postOrder();
  await untilStatus(system, orderId, 'CONFIRMED');
  for (const amountMinor of [1_000, 700]) {
    await giveCommand(system, orderId, { route: 'refunds', amountMinor, reason: 'broken' });
    await expect
      .poll(() => received(orderId).at(-1))
      .toMatchObject({
        type: 'order.partially_refunded',
        data: { amountMinor },
      });
  }
  expect(received(orderId)).toMatchObject([
    { type: 'order.refunding', data: { amountMinor: 1_000, reason: null, totalMinor: 4_500 } },
    { type: 'order.partially_refunded', data: { amountMinor: 1_000, capturedMinor: 4_500, refundedMinor: 1_000 } },
    { type: 'order.refunding', data: { amountMinor: 700 } },
    { type: 'order.partially_refunded', data: { amountMinor: 700, capturedMinor: 4_500, refundedMinor: 1_700 } },
  ]);
  expect(JSON.stringify(received(orderId))).not.toMatch(/broken|cmd_/);
});

it('A webhook about a further capture tells its amount, and the status in which it came', async () => {
  const orderId = await system.postOrder({ body: { payment: { method: 'pm_ok', capture: 'manual' } } });
  await untilStatus(system, orderId, 'AWAITING_CAPTURE');
  await give(orderId, 'capture', { amountMinor: 1_000, end: 'CONFIRMED' });
  await give(orderId, 'capture', { amountMinor: 2_000, end: 'CONFIRMED' });
  const status = { status: 'CONFIRMED', previousStatus: 'CONFIRMED' };
  const sums = { capturedMinor: 3_000, refundedMinor: 0 };
  await expect
    .poll(() => received(orderId))
    .toMatchObject([{ type: 'order.captured', data: { ...status, amountMinor: 2_000, ...sums } }]);
  const categories = (): Promise<{ category: string }[]> =>
    system.database.query(
      `SELECT category FROM events.processed_events WHERE consumer = 'analytics' AND event_id LIKE $1`,
      [`order-saga:${orderId}.%`],
    );
  await expect.poll(categories).toContainEqual({ category: 'captured' });
});

/** Expects the last event about an order that the merchant gets. */
async function expectLast(orderId: string, type: string, data: Record<string, unknown>): Promise<void> {
  await expect.poll(() => received(orderId, all).at(-1)).toMatchObject({ type, data });
}

it('The events of a sale, and of a cancel after it, tell the sums after each', async () => {
  const orderId = await system.postOrder();
  await expectLast(orderId, 'order.confirmed', { amountMinor: 4_500, capturedMinor: 4_500, refundedMinor: 0 });
  await giveCommand(system, orderId, { route: 'cancel' });
  await expectLast(orderId, 'order.cancelled', { totalMinor: 4_500, capturedMinor: 4_500, refundedMinor: 4_500 });
});

it('The events of a cancel after a part was paid back tell the sums after each', async () => {
  const orderId = await system.postOrder();
  await untilStatus(system, orderId, 'CONFIRMED');
  await give(orderId, 'refunds', { amountMinor: 1_000, end: 'PARTIALLY_REFUNDED' });
  await giveCommand(system, orderId, { route: 'cancel' });
  await expectLast(orderId, 'order.cancelled', { capturedMinor: 4_500, refundedMinor: 4_500 });
});

it('The events of a first capture of a part tell the sums after each', async () => {
  const orderId = await system.postOrder({ body: { payment: { method: 'pm_ok', capture: 'manual' } } });
  await expectLast(orderId, 'order.awaiting_capture', { totalMinor: 4_500 });
  await give(orderId, 'capture', { amountMinor: 1_000, end: 'CONFIRMED' });
  await expectLast(orderId, 'order.confirmed', { amountMinor: 1_000, capturedMinor: 1_000, refundedMinor: 0 });
});

it('The events of a cancel of an authorized order tell the sums after each', async () => {
  const orderId = await system.postOrder({ body: { payment: { method: 'pm_ok', capture: 'manual' } } });
  await untilStatus(system, orderId, 'AWAITING_CAPTURE');
  await giveCommand(system, orderId, { route: 'cancel' });
  await expectLast(orderId, 'order.cancelled', { totalMinor: 4_500, capturedMinor: 0, refundedMinor: 0 });
});

it.each([
  ['a decline', { method: 'pm_declined' }],
  ['goods that are out of stock', { sku: 'SKU-SCARCE', quantity: 6 }],
])('The events of %s tell the sums after each', async (_, order) => {
  const orderId = await system.postOrder(order);
  await expectLast(orderId, 'order.rejected', { capturedMinor: 0, refundedMinor: 0 });
});
