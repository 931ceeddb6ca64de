import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCatalogRepository } from '../../db/repositories/inventory/catalog-repository.ts';
import type { OrderView } from '../../src/api/orders/order-schemas.ts';
import { FAKE_STRIPE_KEY, startFakeStripe, type FakeStripe } from '../support/stripe/fake-stripe.ts';
import { proveEnd, stockOf } from '../support/faults/evidence.ts';
import { expectProblem } from '../support/http/problems.ts';
import { giveCommand, untilStatus } from '../support/faults/order-actions.ts';
import { orderBody, startTestSystem, type OrderOverrides, type TestSystem } from '../support/system.ts';

const PRODUCTS = [
  { sku: 'SKU-PENNY', priceMinor: 49, currency: 'EUR' },
  { sku: 'SKU-PALACE', priceMinor: 100_000_000, currency: 'EUR' },
  { sku: 'SKU-DINAR', priceMinor: 1_255, currency: 'KWD' },
  { sku: 'SKU-RIAL', priceMinor: 500_000, currency: 'IRR' },
  { sku: 'SKU-KRONA', priceMinor: 500, currency: 'ISK' },
];

let fake: FakeStripe;
let system: TestSystem;
beforeAll(async () => {
  fake = await startFakeStripe();
  const env = { PAYMENT_PROVIDER: 'stripe', STRIPE_SECRET_KEY: FAKE_STRIPE_KEY, STRIPE_API_URL: fake.url };
  system = await startTestSystem({ env });
  await createCatalogRepository(system.database.databases.inventory).seed(
    'demo',
    PRODUCTS.map((product) => ({ ...product, name: product.sku, onHand: 10 })),
  );
});
afterAll(async () => {
  await system.stop();
  await fake.close();
});

function orderOf(sku: string, currency: string, more: Record<string, unknown> = {}): OrderOverrides {
  return { sku, quantity: 1, body: { currency, payment: { method: 'pm_card_visa' }, ...more } };
}

/** The effects that Stripe was asked for, without look-ups. */
function effects(): string[] {
  return fake.requests.map(({ route }) => route).filter((route) => route.startsWith('POST'));
}

async function rejected(order: OrderOverrides): Promise<OrderView> {
  const orderId = await system.postOrder(order);
  await proveEnd(system, orderId, 'REJECTED');
  return (await system.request<OrderView>(`/v1/orders/${orderId}`)).body;
}

const limits = { minimumMinor: 50, maximumMinor: 99_999_999, multipleOfMinor: 1 };
const REFUSED = [
  ['SKU-PENNY', 'EUR', { problem: 'below_minimum', amountMinor: 49, ...limits }],
  ['SKU-PALACE', 'EUR', { problem: 'above_maximum', amountMinor: 100_000_000, ...limits }],
  ['SKU-DINAR', 'KWD', { problem: 'not_a_multiple', amountMinor: 1_255, minimumMinor: 10, multipleOfMinor: 10 }],
  ['SKU-RIAL', 'IRR', { problem: 'currency_not_supported', amountMinor: 500_000, minimumMinor: null }],
] as const;

it.each(REFUSED)(
  'An amount that the provider can never charge rejects the order and says what could be charged: %s',
  async (sku, currency, details) => {
    const before = effects();
    for (const capture of ['automatic', 'manual']) {
      const order = await rejected(orderOf(sku, currency, { payment: { method: 'pm_card_visa', capture } }));
      expect(order).toMatchObject({
        reason: 'amount_not_chargeable',
        reasonDetails: details,
        attention: null,
        lines: [{ reservation: 'RELEASED' }],
        payment: { state: 'NONE', capturedMinor: 0 },
      });
    }
    expect(effects()).toEqual(before);
    expect(await stockOf(system, sku)).toEqual({ onHand: 10, reserved: 0 });
  },
);

it.each(REFUSED)(
  'A dry run foresees an amount that the provider can never charge: %s',
  async (sku, currency, details) => {
    const body = JSON.stringify(orderBody(orderOf(sku, currency)));
    const answer = await system.request('/v1/orders?dryRun=true', { method: 'POST', body });
    expect(answer).toMatchObject({
      status: 200,
      body: { wouldHold: false, refusal: { reason: 'amount_not_chargeable', reasonDetails: details } },
    });
  },
);

it.each(REFUSED)(
  'An amount that the provider can never charge is refused with the request when the client says the total: %s',
  async (sku, currency, { amountMinor }) => {
    const body = JSON.stringify(orderBody(orderOf(sku, currency, { expectedTotalMinor: amountMinor })));
    const headers = { 'idempotency-key': randomUUID() };
    for (const path of ['/v1/orders', '/v1/orders?dryRun=true']) {
      const answer = await system.request(path, { method: 'POST', headers, body });
      expectProblem(answer, 'amount_not_chargeable');
      expect(answer.body['errors']).toMatchObject([{ pointer: '#/expectedTotalMinor' }]);
    }
  },
);

it('An amount that only the provider refuses is a refusal and no case', async () => {
  const payment = { method: 'pm_fake_amount_too_small' };
  const order = await rejected(orderOf('SKU-0001', 'EUR', { payment }));
  expect(order).toMatchObject({
    reason: 'amount_not_chargeable',
    reasonDetails: { problem: 'refused_by_provider', amountMinor: 2_250 },
    payment: { state: 'DECLINED' },
  });
});

it('A payment that Stripe has authorized waits for its capture until a day before Stripe forgets it, after 4 days and 18 hours', async () => {
  const payment = { method: 'pm_card_visa', capture: 'manual' };
  const orderId = await system.postOrder(orderOf('SKU-0001', 'EUR', { payment }));
  await untilStatus(system, orderId, 'AWAITING_CAPTURE');
  const [row] = await system.database.query<{ hours: number; held: number }>(
    `SELECT round(extract(epoch FROM o.capture_by - o.created_at) / 3600)::integer AS hours,
         round(extract(epoch FROM r.expires_at - o.created_at) / 3600)::integer AS held
       FROM orders.orders o JOIN inventory.reservations r USING (order_id) WHERE o.order_id = $1`,
    [orderId],
  );
  expect(row).toEqual({ hours: 3 * 24 + 18, held: 5 * 24 + 18 });
  await giveCommand(system, orderId, { route: 'cancel' });
});

it('A payment by Stripe is made in the units that Stripe counts the currency in', async () => {
  const orderId = await system.postOrder(orderOf('SKU-KRONA', 'ISK', { expectedTotalMinor: 500 }));
  const { status, payment } = await system.orderAtRest(orderId);
  expect([status, payment.capturedMinor, fake.charges(orderId)[0]?.amount]).toEqual(['CONFIRMED', 500, 50_000]);
});
