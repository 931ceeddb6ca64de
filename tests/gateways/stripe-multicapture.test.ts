import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PaymentContractError } from '../../src/domain/errors.ts';
import type { PaymentGateway } from '../../src/gateways/payment-gateway.ts';
import { createStripePaymentGateway } from '../../src/gateways/stripe/stripe-payment-gateway.ts';
import { FAKE_STRIPE_KEY, startFakeStripe, type FakeStripe } from '../support/stripe/fake-stripe.ts';

let fake: FakeStripe;
let gateway: PaymentGateway;
let single: PaymentGateway;
beforeAll(async () => {
  fake = await startFakeStripe();
  const reach = { secretKey: FAKE_STRIPE_KEY, apiUrl: fake.url, onBreakerChange: () => {} };
  gateway = createStripePaymentGateway({ ...reach, multicapture: true });
  single = createStripePaymentGateway(reach);
});
afterAll(() => fake.close());

async function authorized(method = 'pm_card_visa') {
  const orderId = `ord_${randomUUID()}`;
  const chargeKey = `${orderId}:authorize:1`;
  const order = { orderId, currency: 'EUR', chargeKey };
  const signal = AbortSignal.timeout(10_000);
  const request = {
    key: chargeKey,
    orderId,
    kind: 'authorize',
    amountMinor: 5_000,
    currency: 'EUR',
    method,
  } as const;
  await gateway.charge(request, signal);
  return {
    take: (amountMinor: number, generation: number) =>
      gateway.capture({ ...order, key: `${orderId}:capture:${generation}`, amountMinor }, signal),
    end: () => gateway.voidByKey({ ...order, key: `${orderId}:void:1` }, signal),
  };
}

it('Several captures of one authorization at Stripe are declared, and each takes what it was asked for', async () => {
  expect(gateway.capabilities).toMatchObject({ captures: 'several', restAfterCapture: 'stays_authorized' });
  expect(single.capabilities).toMatchObject({ captures: 'once', restAfterCapture: 'released_by_provider' });
  const { take, end } = await authorized();
  const first = await take(1_000, 1);
  expect(await take(1_500, 2)).toEqual(first);
  expect(await take(2_500, 3)).toEqual(first);
  expect(await end()).toMatchObject({ kind: 'captured', capturedMinor: 5_000 });
});

it('Several captures of one authorization at Stripe are each done once, also when Stripe has forgotten their keys', async () => {
  const { take, end } = await authorized();
  await take(1_000, 1);
  await take(1_500, 2);
  fake.forgetKeys();
  await take(1_000, 1);
  await take(1_500, 2);
  expect(await end()).toMatchObject({ kind: 'captured', capturedMinor: 2_500, refundedMinor: 0 });
});

it('Several captures of one authorization at Stripe leave a rest that a void ends, while what was taken stays taken', async () => {
  const { take, end } = await authorized();
  await take(1_000, 1);
  expect(await end()).toMatchObject({ kind: 'captured', capturedMinor: 1_000 });
  expect(await end()).toMatchObject({ kind: 'captured', capturedMinor: 1_000 });
  await expect(take(500, 2)).rejects.toThrow(/:capture:2/);
});

it('A card that cannot take several captures has its first one made as the only one', async () => {
  const { take, end } = await authorized('pm_fake_only_one_capture');
  await take(1_000, 1);
  await expect(take(500, 2)).rejects.toBeInstanceOf(PaymentContractError);
  expect(await end()).toMatchObject({ kind: 'captured', capturedMinor: 1_000 });
});
