import { beforeEach, expect, it } from 'vitest';
import {
  PaymentContractError,
  PaymentGatewayOpenError,
  PaymentOutcomeUnknownError,
  RefundRefusedError,
} from '../../src/domain/errors.ts';
import type { PaymentGateway } from '../../src/gateways/payment-gateway.ts';
import { createStripePaymentGateway } from '../../src/gateways/stripe/stripe-payment-gateway.ts';
import { FAKE_STRIPE_KEY, startFakeStripe, type FakeStripe } from '../support/stripe/fake-stripe.ts';
import { newOrder, patience, type Order } from '../support/gateways/payment-contract.ts';
import { stripeGateway } from '../support/gateways/payment-providers.ts';

let fake: FakeStripe;
let gateway: PaymentGateway;
let order: Order;

beforeEach(async () => {
  fake = await startFakeStripe();
  gateway = stripeGateway(fake);
  order = newOrder();
  return () => fake.close();
});

const routesSince = (count: number) =>
  fake.requests.slice(count).map(({ route }) => route.replace(/pi_[0-9a-f]+/, ':id'));

it('The Stripe adapter sends the pinned version, its own key and our metadata, and card data never', async () => {
  const sale = order.sale('cus_fake/pm_fake_saved');
  expect(await gateway.charge(sale, patience())).toMatchObject({ kind: 'succeeded' });
  expect(new Set(fake.requests.map(({ version }) => version))).toEqual(new Set(['2026-10-28.endive']));
  expect(fake.requests.at(-1)).toMatchObject({
    route: 'POST /v1/payment_intents',
    key: sale.key,
    form: {
      amount: '2500',
      currency: 'eur',
      capture_method: 'automatic',
      confirm: 'true',
      off_session: 'true',
      payment_method: 'pm_fake_saved',
      customer: 'cus_fake',
      'metadata[orderId]': order.orderId,
      'metadata[key]': sale.key,
      transfer_group: sale.key,
    },
  });
});

it('The Stripe adapter never repeats a call by itself: one reset, one 503 or one conflict is one request', async () => {
  const lost = order.sale('pm_fake_lost_reply');
  await expect(gateway.charge(lost, patience())).rejects.toBeInstanceOf(PaymentOutcomeUnknownError);
  expect(routesSince(0)).toEqual(['GET /v1/charges', 'POST /v1/payment_intents']);

  for (const status of [409, 429, 500, 503]) {
    const heard = fake.requests.length;
    fake.answerAll(status);
    await expect(gateway.lookup(lost, patience())).rejects.toMatchObject({ code: 'payment_outcome_unknown' });
    expect(routesSince(heard)).toHaveLength(1);
  }
});

it('The Stripe adapter keeps a decline, also when Stripe has forgotten its key, because an undo takes it for proof', async () => {
  const sale = order.sale('pm_fake_try_again_later');
  const declined = await gateway.charge(sale, patience());
  fake.forgetKeys();
  expect(await gateway.charge(sale, patience())).toEqual(declined);
  expect(fake.requests.filter(({ route }) => route.startsWith('POST'))).toHaveLength(1);
});

it('The Stripe adapter ends a declined intent when it is voided', async () => {
  const sale = order.sale('pm_card_chargeDeclined');
  await gateway.charge(sale, patience());
  await gateway.voidByKey(order.after('void', sale.key), patience());
  expect(await gateway.charge(sale, patience())).toEqual({ kind: 'voided' });
});

it('The Stripe adapter loses to a void that comes between its look and its creation', async () => {
  const sale = order.sale('pm_card_visa');
  fake.beforeNext('POST /payment_intents', () => gateway.voidByKey(order.after('void', sale.key), patience()));
  expect(await gateway.charge(sale, patience())).toEqual({ kind: 'voided' });
  expect(fake.charges(order.orderId)).toEqual([]);
});

it.each([
  ['pm_card_chargeDeclinedProcessingError', { declineCode: 'processing_error', soft: true }],
  ['pm_fake_issuer_not_available', { declineCode: 'issuer_not_available', soft: true }],
  ['pm_fake_try_again_later', { declineCode: 'try_again_later', soft: true }],
  ['pm_fake_never_again', { declineCode: 'insufficient_funds', soft: false }],
])('The Stripe adapter reads the decline of %s', async (method, declined) => {
  expect(await gateway.charge(order.sale(method), patience())).toEqual({ kind: 'declined', ...declined });
});

it('The Stripe adapter charges once also when Stripe has forgotten the key', async () => {
  const sale = order.sale('pm_card_visa');
  const first = await gateway.charge(sale, patience());
  fake.forgetKeys();
  expect(await gateway.charge(sale, patience())).toEqual(first);
  expect(fake.charges(order.orderId)).toHaveLength(1);
});

it('The Stripe adapter captures and refunds once also when Stripe has forgotten the keys', async () => {
  const authorization = order.authorization('pm_card_visa');
  await gateway.charge(authorization, patience());
  const capture = { ...order.after('capture', authorization.key), amountMinor: 2_000 };
  const refund = { ...order.after('refund', authorization.key), amountMinor: 500 };
  const captured = await gateway.capture(capture, patience());
  const refunded = await gateway.refund(refund, patience());
  fake.forgetKeys();
  expect(await gateway.capture(capture, patience())).toEqual(captured);
  expect(await gateway.refund(refund, patience())).toEqual(refunded);
  expect(fake.refunds(order.orderId)).toHaveLength(1);
  await expect(gateway.capture({ ...capture, amountMinor: 1_999 }, patience())).rejects.toMatchObject({
    field: 'amountMinor',
  });
  await expect(gateway.refund({ ...refund, amountMinor: 501 }, patience())).rejects.toMatchObject({
    field: 'amountMinor',
  });
});

it('The Stripe adapter refuses a late original at once, and a lookup knows the void when search does', async () => {
  const sale = order.sale('pm_card_visa');
  await gateway.voidByKey(order.after('void', sale.key), patience());
  expect(await gateway.lookup(sale, patience())).toEqual({ kind: 'absent' });
  expect(await gateway.charge(sale, patience())).toEqual({ kind: 'voided' });
  fake.updateSearch();
  expect(await gateway.lookup(sale, patience())).toEqual({ kind: 'voided' });
});

it('The Stripe adapter finds an original that landed between the look and the claim of a void', async () => {
  const sale = order.sale('pm_card_visa');
  fake.beforeNext('POST /payment_intents', () => gateway.charge(sale, patience()));
  expect(await gateway.voidByKey(order.after('void', sale.key), patience())).toMatchObject({
    kind: 'captured',
    capturedMinor: 2_500,
  });
  expect(fake.charges(order.orderId)).toHaveLength(1);
});

it('The Stripe adapter claims under the key of the charge itself, with an intent that cannot be confirmed any more', async () => {
  const sale = order.sale('pm_card_visa');
  await gateway.voidByKey(order.after('void', sale.key), patience());
  const [claim, cancel] = fake.requests.filter(({ route }) => route.startsWith('POST'));
  expect(claim).toMatchObject({ route: 'POST /v1/payment_intents', key: sale.key });
  expect(claim?.form).not.toHaveProperty('confirm');
  expect(cancel).toMatchObject({ route: expect.stringMatching(/cancel$/), key: order.after('void', sale.key).key });
});

it('The Stripe adapter finds an authorization that was captured between the look and the cancel of a void', async () => {
  const authorization = order.authorization('pm_card_visa');
  await gateway.charge(authorization, patience());
  fake.beforeNext('POST /cancel', () => fake.captureElsewhere(order.orderId));
  expect(await gateway.voidByKey(order.after('void', authorization.key), patience())).toMatchObject({
    kind: 'captured',
    capturedMinor: 2_500,
  });
});

it('The Stripe adapter calls a pending refund unknown, and tells its end under the same key', async () => {
  const sale = order.sale('pm_card_pendingRefund');
  await gateway.charge(sale, patience());
  const refund = { ...order.after('refund', sale.key), amountMinor: 2_500 };
  await expect(gateway.refund(refund, patience())).rejects.toBeInstanceOf(PaymentOutcomeUnknownError);
  fake.settleRefunds('succeeded');
  expect(await gateway.refund(refund, patience())).toEqual({ providerRef: expect.stringMatching(/^re_/) });
  expect(fake.refunds(order.orderId)).toHaveLength(1);
});

it('The Stripe adapter calls a refund of a disputed charge refused', async () => {
  const sale = order.sale('pm_card_createDispute');
  await gateway.charge(sale, patience());
  const refund = { ...order.after('refund', sale.key), amountMinor: 2_500 };
  await expect(gateway.refund(refund, patience())).rejects.toBeInstanceOf(RefundRefusedError);
});

it('The Stripe adapter calls a wrong secret key a broken contract, without repeating the key', async () => {
  const stranger = stripeGateway(fake, 'sk_test_of_somebody_else');
  const failed = stranger.charge(order.sale('pm_card_visa'), patience());
  await expect(failed).rejects.toBeInstanceOf(PaymentContractError);
  await expect(failed).rejects.not.toThrow('somebody_else');
  await expect(stranger.ping(patience())).rejects.toBeInstanceOf(PaymentContractError);
});

it('The Stripe adapter stops calling a route that fails, and no other', async () => {
  const changes: [string, boolean][] = [];
  const guarded = createStripePaymentGateway({
    secretKey: FAKE_STRIPE_KEY,
    apiUrl: fake.url,

    onBreakerChange: (route, isOpen) => changes.push([route, isOpen]),
  });
  fake.answerAll(503);
  const failures: unknown[] = [];
  for (let call = 0; call < 60; call += 1) {
    failures.push(await guarded.lookup(order.sale('pm_card_visa'), patience()).catch((error: unknown) => error));
  }
  fake.answerAll(null);
  expect(failures.at(-1)).toBeInstanceOf(PaymentGatewayOpenError);
  expect(changes).toEqual([['lookup', true]]);
  expect(await guarded.charge(order.sale('pm_card_visa'), patience())).toMatchObject({ kind: 'succeeded' });
});
