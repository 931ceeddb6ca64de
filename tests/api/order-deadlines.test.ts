import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OrderView } from '../../src/api/orders/order-schemas.ts';
import { startAnotherApi } from '../support/processes/another-api.ts';
import { giveCommand, untilStatus } from '../support/faults/order-actions.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

/** An authorization is kept for 7 days; the order acts a day before. */
const CAPTURE_WITHIN_MS = 6 * 24 * 3_600_000;
const CANCEL_WINDOW_MS = 30 * 60_000;

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ events: true });
});
afterAll(() => system.stop());

const read = async (orderId: string): Promise<OrderView> =>
  (await system.request<OrderView>(`/v1/orders/${orderId}`)).body;

const explain = async (orderId: string) => (await system.request(`/v1/orders/${orderId}/explain`)).body;

async function postManual(): Promise<string> {
  const orderId = await system.postOrder({ body: { payment: { method: 'pm_ok', capture: 'manual' } } });
  await untilStatus(system, orderId, 'AWAITING_CAPTURE');
  return orderId;
}

async function captureOf(orderId: string, amountMinor: number): Promise<void> {
  await giveCommand(system, orderId, { route: 'capture', amountMinor });
  await untilStatus(system, orderId, 'CONFIRMED');
}

it('An order that is captured by hand says by when, and how much, before its first capture', async () => {
  const orderId = await postManual();
  const order = await read(orderId);
  expect(order).toMatchObject({
    payment: { capture: 'manual', capturableMinor: 4_500 },
    confirmedAt: null,
    cancelableUntil: null,
  });
  const { captureBy } = order;
  expect(Math.abs(Date.parse(captureBy ?? '') - Date.parse(order.createdAt) - CAPTURE_WITHIN_MS)).toBeLessThan(60_000);
  expect(await explain(orderId)).toMatchObject({
    captureBy,
    capturableMinor: 4_500,
    advice: expect.stringContaining(`until ${captureBy}`),
  });
  const { body } = await system.request<{ items: OrderView[] }>('/v1/orders?status=AWAITING_CAPTURE&limit=100');
  expect(body.items.find(({ id }) => id === orderId)).toEqual(order);
});

it('An order that is captured by hand says what is left after a part, and until when it may be cancelled', async () => {
  const orderId = await postManual();
  await captureOf(orderId, 1_000);
  const order = await read(orderId);
  expect(order.payment).toMatchObject({ capturedMinor: 1_000, capturableMinor: 3_500 });
  const { confirmedAt, cancelableUntil } = order;
  expect(Date.parse(cancelableUntil ?? '') - Date.parse(confirmedAt ?? '')).toBe(CANCEL_WINDOW_MS);
  expect(await explain(orderId)).toMatchObject({ capturableMinor: 3_500, cancelableUntil });
});

it('A capture that is under way counts as captured, though the money is not there yet', async () => {
  const orderId = await postManual();
  await captureOf(orderId, 1_000);
  await system.setFaults({ down: true });
  await giveCommand(system, orderId, { route: 'capture', amountMinor: 2_000 });
  expect((await read(orderId)).payment).toMatchObject({ capturedMinor: 1_000, capturableMinor: 1_500 });
  await system.setFaults({ down: false });
});

it('An order has nothing left after its first capture where the provider captures once', async () => {
  const orderId = await postManual();
  await captureOf(orderId, 1_000);
  const stripe = await startAnotherApi(system, { PAYMENT_PROVIDER: 'stripe', STRIPE_SECRET_KEY: 'sk_test_none' });
  try {
    const { body } = await stripe.request(`/v1/orders/${orderId}`);
    expect(body).toMatchObject({ payment: { capturedMinor: 1_000, capturableMinor: 0 } });
  } finally {
    await stripe.stop();
  }
});

it('An order that is paid at once has no capture deadline, and is cancelable for its window', async () => {
  const orderId = await system.postOrder();
  await untilStatus(system, orderId, 'CONFIRMED');
  const order = await read(orderId);
  expect(order).toMatchObject({ captureBy: null, payment: { capture: 'automatic', capturableMinor: null } });
  expect(Date.parse(order.cancelableUntil ?? '')).toBe(Date.parse(order.confirmedAt ?? '') + CANCEL_WINDOW_MS);
  await giveCommand(system, orderId, { route: 'refunds' });
  await untilStatus(system, orderId, 'REFUNDED');
  expect(await read(orderId)).toMatchObject({ confirmedAt: order.confirmedAt, cancelableUntil: null });
});

it('Webhooks tell what was left to do at each transition', async () => {
  const orderId = await postManual();
  await captureOf(orderId, 1_000);
  await giveCommand(system, orderId, { route: 'cancel' });
  await untilStatus(system, orderId, 'CANCELLED');
  const told = (): Promise<{ properties: Record<string, unknown> }[]> =>
    system.database.query('SELECT properties FROM events.raw_events WHERE key = $1 ORDER BY sequence', [orderId]);
  const { captureBy, confirmedAt } = await read(orderId);
  const manual = { captureMode: 'manual', captureBy };
  await expect
    .poll(async () => (await told()).map(({ properties }) => properties))
    .toMatchObject([
      { status: 'PENDING', captureMode: 'manual', captureBy: null, capturableMinor: null, confirmedAt: null },
      { ...manual, status: 'AWAITING_CAPTURE', capturableMinor: 4_500, confirmedAt: null, cancelableUntil: null },
      { ...manual, status: 'CONFIRMED', capturableMinor: 3_500, confirmedAt, cancelableUntil: expect.any(String) },
      { ...manual, status: 'CANCELLING', capturableMinor: 0, confirmedAt, cancelableUntil: null },
      { ...manual, status: 'CANCELLED', capturableMinor: 0, confirmedAt, cancelableUntil: null },
    ]);
});
