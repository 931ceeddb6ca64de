import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  AmountExceedsLeftError,
  AuthorizationGoneError,
  PaymentContractError,
  PaymentGatewayOpenError,
  PaymentMismatchError,
  PaymentOutcomeUnknownError,
  RefundRefusedError,
} from '../../src/domain/errors.ts';
import { paymentKey } from '../../src/domain/payments/payment.ts';
import type { ChargeRequest, PaymentGateway, VoidRequest } from '../../src/gateways/payment-gateway.ts';
import { createSimulatorPaymentGateway } from '../../src/gateways/simulator-payment-gateway.ts';
import { createStripePaymentGateway } from '../../src/gateways/stripe/stripe-payment-gateway.ts';
import { startTestSimulator } from '../../src/simulator/test-client.ts';
import { FAKE_STRIPE_KEY, startFakeStripe, type FakeStripe } from '../support/faults/fake-stripe.ts';

/** The parts of a provider that the cases need beside the port: its test methods, and a view of its books. */
interface Provider {
  readonly gateway: PaymentGateway;
  /** Successful sales and authorizations of an order. */
  charges(orderId: string): Promise<number>;
  /** Sum of an order's refunds. */
  refundedMinor(orderId: string): Promise<number>;
  setDown(isDown: boolean): Promise<void>;
  /** Moves money of a charge at the provider itself; without an amount everything that is left. */
  moveOutside(kind: 'capture' | 'refund', charge: ChargeRequest, amountMinor?: number): Promise<void>;
  stop(): Promise<void>;
}

interface Methods {
  readonly ok: string;
  readonly declined: readonly [method: string, code: string];
  readonly softlyDeclined: readonly [method: string, code: string];
  readonly wrongAmount: string;
  readonly lostReply: string;
  readonly slow: string;
  readonly unavailable: string;
  readonly refundFails: string;
}

const PROVIDERS: readonly { name: string; start: () => Promise<Provider>; methods: Methods }[] = [
  {
    name: 'simulator',
    start: startSimulatorProvider,
    methods: {
      ok: 'pm_ok',
      declined: ['pm_declined', 'card_declined'],
      softlyDeclined: ['pm_insufficient_funds', 'insufficient_funds'],
      wrongAmount: 'pm_wrong_amount',
      lostReply: 'pm_lost_reply',
      slow: 'pm_slow',
      unavailable: 'pm_down',
      refundFails: 'pm_refund_fails',
    },
  },
  {
    name: 'stripe',
    start: async () => stripeProvider(await startFakeStripe()),
    methods: {
      ok: 'pm_card_visa',
      declined: ['pm_card_chargeDeclined', 'generic_decline'],
      softlyDeclined: ['pm_card_chargeDeclinedInsufficientFunds', 'insufficient_funds'],
      wrongAmount: 'pm_fake_wrong_amount',
      lostReply: 'pm_fake_lost_reply',
      slow: 'pm_fake_slow',
      unavailable: 'pm_fake_unavailable',
      refundFails: 'pm_card_refundFail',
    },
  },
];

async function startSimulatorProvider(): Promise<Provider> {
  const { client, simulator, dispose } = await startTestSimulator();
  const entries = async (orderId: string, kinds: readonly string[]): Promise<{ amountMinor: number }[]> => {
    const all = (await client.ledger(orderId)) as { kind: string; state: string; amountMinor: number }[];
    return all.filter(({ kind, state }) => kinds.includes(kind) && state === 'SUCCEEDED');
  };
  return {
    gateway: createSimulatorPaymentGateway({ baseUrl: simulator.url, onBreakerChange: () => {} }),
    charges: async (orderId) => (await entries(orderId, ['sale', 'authorize'])).length,
    refundedMinor: async (orderId) => sum(await entries(orderId, ['refund'])),
    setDown: async (down) => {
      await client.faults({ down });
    },
    moveOutside: async (kind, { key }, amountMinor) => {
      const path = `/v1/payments/${encodeURIComponent(key)}/external-${kind}s`;
      expect(await client.send('POST', path, { body: JSON.stringify({ amountMinor }) })).toMatchObject({ status: 201 });
    },
    stop: dispose,
  };
}

function stripeProvider(fake: FakeStripe): Provider {
  return {
    gateway: stripeGateway(fake),
    charges: async (orderId) => fake.charges(orderId).length,
    refundedMinor: async (orderId) =>
      sum(fake.refunds(orderId).map(({ amount, status }) => ({ amountMinor: status === 'succeeded' ? amount : 0 }))),
    setDown: async (isDown) => fake.answerAll(isDown ? 503 : null),
    moveOutside: async (kind, { orderId }, amountMinor) =>
      kind === 'capture' ? fake.captureElsewhere(orderId) : fake.refundElsewhere(orderId, amountMinor),
    stop: () => fake.close(),
  };
}

function stripeGateway(fake: FakeStripe, secretKey = FAKE_STRIPE_KEY): PaymentGateway {
  return createStripePaymentGateway({ secretKey, apiUrl: fake.url, onBreakerChange: () => {} });
}

function sum(entries: readonly { readonly amountMinor: number }[]): number {
  return entries.reduce((total, { amountMinor }) => total + amountMinor, 0);
}

/** No case waits until it elapses, unless the case says so. */
function patience(limitMs = 5_000): AbortSignal {
  return AbortSignal.timeout(limitMs);
}

/** One order with its keys. */
function newOrder() {
  const orderId = `ord_${randomUUID()}`;
  const sale = (method: string, change: Partial<ChargeRequest> = {}): ChargeRequest => ({
    key: paymentKey(orderId, 'sale', 1),
    orderId,
    kind: 'sale',
    amountMinor: 2_500,
    currency: 'EUR',
    method,
    ...change,
  });
  const authorization = (method: string, change: Partial<ChargeRequest> = {}): ChargeRequest =>
    sale(method, { key: paymentKey(orderId, 'authorize', 1), kind: 'authorize', ...change });
  const after = (kind: 'capture' | 'void' | 'refund', chargeKey: string, generation = 1): VoidRequest => ({
    key: paymentKey(orderId, kind, generation),
    chargeKey,
    orderId,
    currency: 'EUR',
  });
  return { orderId, sale, authorization, after };
}

type Order = ReturnType<typeof newOrder>;

describe.each(PROVIDERS)('a payment gateway ($name)', ({ start, methods }) => {
  let provider: Provider;
  let gateway: PaymentGateway;
  let order: Order;

  beforeAll(async () => {
    provider = await start();
    ({ gateway } = provider);
  });
  beforeEach(() => {
    order = newOrder();
  });
  afterAll(() => provider.stop());

  const charge = (request: ChargeRequest) => gateway.charge(request, patience());
  const lookup = (request: ChargeRequest) => gateway.lookup(request, patience());
  const voidByKey = (request: VoidRequest) => gateway.voidByKey(request, patience());
  const refund = (chargeKey: string, amountMinor: number, generation = 1) =>
    gateway.refund({ ...order.after('refund', chargeKey, generation), amountMinor }, patience());
  const capture = (chargeKey: string, amountMinor: number) =>
    gateway.capture({ ...order.after('capture', chargeKey), amountMinor }, patience());

  it('$name captures a sale at once', async () => {
    const sale = order.sale(methods.ok);
    expect(await charge(sale)).toEqual({ kind: 'succeeded', providerRef: expect.stringMatching(/^p/) });
    expect(await voidByKey(order.after('void', sale.key))).toMatchObject({ kind: 'captured', capturedMinor: 2_500 });
  });

  it('$name does not capture an authorization', async () => {
    const authorization = order.authorization(methods.ok);
    expect(await charge(authorization)).toMatchObject({ kind: 'succeeded' });
    expect(await voidByKey(order.after('void', authorization.key))).toMatchObject({ kind: 'voided' });
  });

  it('$name charges a currency without minor units by the same integers', async () => {
    const sale = order.sale(methods.ok, { currency: 'JPY', amountMinor: 700 });
    expect(await charge(sale)).toMatchObject({ kind: 'succeeded' });
    expect(await lookup(sale)).toMatchObject({ kind: 'succeeded' });
  });

  it('$name charges once for the same key, one after the other and side by side', async () => {
    const sale = order.sale(methods.ok);
    const first = await charge(sale);
    expect(await charge(sale)).toEqual(first);

    const other = newOrder();
    const same = other.sale(methods.ok);
    const outcomes = await Promise.allSettled([charge(same), charge(same), charge(same)]);
    const unexpected = outcomes.filter(
      (outcome) => outcome.status === 'rejected' && !(outcome.reason instanceof PaymentOutcomeUnknownError),
    );
    expect(unexpected).toEqual([]);
    expect(await lookup(same)).toMatchObject({ kind: 'succeeded' });
    expect([await provider.charges(order.orderId), await provider.charges(other.orderId)]).toEqual([1, 1]);
  });

  it('$name charges nothing when the card is declined for good, and says so forever', async () => {
    const [method, declineCode] = methods.declined;
    const declined = { kind: 'declined', declineCode, soft: false };
    const sale = order.sale(method);
    expect(await charge(sale)).toEqual(declined);
    expect(await charge(sale)).toEqual(declined);
    expect(await lookup(sale)).toEqual(declined);
    expect(await provider.charges(order.orderId)).toBe(0);
  });

  it('$name charges nothing when the card is declined for now, and says that it may be asked again', async () => {
    const [method, declineCode] = methods.softlyDeclined;
    const sale = order.sale(method);
    expect(await charge(sale)).toEqual({ kind: 'declined', declineCode, soft: true });
    expect(await charge(sale)).toMatchObject({ kind: 'declined', soft: true });
    expect(await lookup(sale)).toMatchObject({ kind: 'declined', soft: true });
    expect(await provider.charges(order.orderId)).toBe(0);
  });

  it('$name charges nothing for a method that it does not know', async () => {
    const unknown = { kind: 'declined', declineCode: 'unsupported_method', soft: false };
    expect(await charge(order.sale('pm_of_somebody_else'))).toEqual(unknown);
  });

  it.each([
    ['amount', { amountMinor: 2_400 }],
    ['currency', { currency: 'USD' }],
  ])('$name charges nothing for a key that was used with another $field', async (_, change) => {
    const sale = order.sale(methods.ok);
    await charge(sale);
    await expect(charge({ ...sale, ...change })).rejects.toSatisfy(isRefusal);
    expect(await provider.charges(order.orderId)).toBe(1);
  });

  it('$name finds nothing under a key that was never used', async () => {
    expect(await lookup(order.sale(methods.ok))).toEqual({ kind: 'absent' });
  });

  it('$name finds a charge whose reply was lost, with the reference that a repeat gets too', async () => {
    const sale = order.sale(methods.lostReply);
    await expect(charge(sale)).rejects.toBeInstanceOf(PaymentOutcomeUnknownError);
    const found = await lookup(sale);
    expect(found).toMatchObject({ kind: 'succeeded' });
    expect(await charge(sale)).toEqual(found);
    expect(await provider.charges(order.orderId)).toBe(1);
  });

  it.each([
    ['amount', { amountMinor: 2_501 }, 'amountMinor'],
    ['currency', { currency: 'USD' }, 'currency'],
    ['order', { orderId: 'ord_other' }, 'orderId'],
    ['kind', { kind: 'authorize' }, 'kind'],
  ] as const)('$name never adopts a charge with another $field', async (_, change, field) => {
    const sale = order.sale(methods.ok);
    await charge(sale);
    const looked = lookup({ ...sale, ...change });
    await expect(looked).rejects.toBeInstanceOf(PaymentMismatchError);
    await expect(looked).rejects.toMatchObject({ key: sale.key, field });
  });

  it('$name never adopts another amount than was asked for, neither at once nor later', async () => {
    const sale = order.sale(methods.wrongAmount);
    const mismatch = { code: 'payment_mismatch', field: 'amountMinor' };
    await expect(charge(sale)).rejects.toMatchObject(mismatch);
    await expect(charge(sale)).rejects.toMatchObject(mismatch);
    await expect(lookup(sale)).rejects.toMatchObject(mismatch);
  });

  it.each([
    ['the whole', 2_500],
    ['a part', 1_000],
  ])('$name captures $part of an authorization, once under its key', async (_, amountMinor) => {
    const { key } = order.authorization(methods.ok);
    await charge(order.authorization(methods.ok));
    const first = await capture(key, amountMinor);
    expect(await capture(key, amountMinor)).toEqual(first);
    expect(await voidByKey(order.after('void', key))).toMatchObject({
      kind: 'captured',
      capturedMinor: amountMinor,
      refundedMinor: 0,
    });
    expect(await lookup(order.authorization(methods.ok))).toMatchObject({ kind: 'succeeded' });
  });

  it('$name captures no more than was authorized', async () => {
    const { key } = order.authorization(methods.ok);
    await charge(order.authorization(methods.ok));
    await expect(capture(key, 2_501)).rejects.toBeInstanceOf(PaymentContractError);
    expect(await voidByKey(order.after('void', key))).toMatchObject({ kind: 'voided', amountMinor: 2_500 });
  });

  it('$name captures nothing of an authorization that was voided or never made', async () => {
    const { key } = order.authorization(methods.ok);
    await expect(capture(key, 2_500)).rejects.toBeInstanceOf(PaymentContractError);
    await charge(order.authorization(methods.ok));
    await voidByKey(order.after('void', key));
    await expect(
      gateway.capture({ ...order.after('capture', key, 2), amountMinor: 2_500 }, patience()),
    ).rejects.toBeInstanceOf(AuthorizationGoneError);
  });

  it('$name voids a key that was never used, so that a late original is refused', async () => {
    const sale = order.sale(methods.ok);
    const request = order.after('void', sale.key);
    const nothing = { kind: 'voided', amountMinor: 0 };
    expect(await voidByKey(request)).toEqual(nothing);
    expect(await voidByKey(request)).toEqual(nothing);
    expect(await charge(sale)).toEqual({ kind: 'voided' });
    expect(await voidByKey(order.after('void', sale.key, 2))).toMatchObject({ kind: 'voided' });
    expect(await provider.charges(order.orderId)).toBe(0);
  });

  it('$name voids an authorization, which can then be neither captured nor made again', async () => {
    const authorization = order.authorization(methods.ok);
    await charge(authorization);
    const request = order.after('void', authorization.key);
    const ended = { kind: 'voided', amountMinor: 2_500 };
    expect(await voidByKey(request)).toEqual(ended);
    expect(await voidByKey(request)).toEqual(ended);
    expect(await charge(authorization)).toEqual({ kind: 'voided' });
    // The simulator answers what was, with a flag; what counts is that nobody takes it for money that is held.
    await expect(capture(authorization.key, 2_500)).rejects.toBeInstanceOf(AuthorizationGoneError);
  });

  it('$name voids nothing of a declined charge, without anything to write down', async () => {
    const [method, declineCode] = methods.declined;
    const sale = order.sale(method);
    await charge(sale);
    const declined = { kind: 'declined', amountMinor: 2_500, declineCode };
    expect(await voidByKey(order.after('void', sale.key))).toEqual(declined);
    expect(await voidByKey(order.after('void', sale.key))).toEqual(declined);
    expect(await provider.charges(order.orderId)).toBe(0);
  });

  it('$name voids nothing of a sale, and tells what is captured and refunded', async () => {
    const sale = order.sale(methods.ok);
    const charged = await charge(sale);
    await refund(sale.key, 700);
    expect(await voidByKey(order.after('void', sale.key))).toMatchObject({
      kind: 'captured',
      capturedMinor: 2_500,
      refundedMinor: 700,
    });
    expect(await charge(sale)).toEqual(charged);
  });

  it('$name voids nothing of a charge whose reply was lost: it is found and can be refunded', async () => {
    const sale = order.sale(methods.lostReply);
    await expect(charge(sale)).rejects.toBeInstanceOf(PaymentOutcomeUnknownError);
    expect(await voidByKey(order.after('void', sale.key))).toMatchObject({ kind: 'captured', capturedMinor: 2_500 });
    await refund(sale.key, 2_500);
    expect(await provider.refundedMinor(order.orderId)).toBe(2_500);
  });

  it('$name voids nothing while the charge is under way: that is unknown until it has landed', async () => {
    const sale = order.sale(methods.slow);
    const request = order.after('void', sale.key);
    await expect(gateway.charge(sale, patience(100))).rejects.toBeInstanceOf(PaymentOutcomeUnknownError);
    await expect(voidByKey(request)).rejects.toBeInstanceOf(PaymentOutcomeUnknownError);
    await expect.poll(() => provider.charges(order.orderId)).toBe(1);
    expect(await voidByKey(request)).toMatchObject({ kind: 'captured', capturedMinor: 2_500 });
  });

  it('$name voids nothing of another order', async () => {
    const sale = order.sale(methods.ok);
    await charge(sale);
    const request = { ...order.after('void', sale.key), orderId: 'ord_other' };
    await expect(voidByKey(request)).rejects.toSatisfy(isRefusal);
  });

  it('$name refunds the whole of a sale, once under its key', async () => {
    const { key } = order.sale(methods.ok);
    await charge(order.sale(methods.ok));
    const first = await refund(key, 2_500);
    expect(await refund(key, 2_500)).toEqual(first);
    expect(await provider.refundedMinor(order.orderId)).toBe(2_500);
  });

  it('$name refunds parts of a sale, each under its own key, up to the whole and no more', async () => {
    const { key } = order.sale(methods.ok);
    await charge(order.sale(methods.ok));
    await refund(key, 1_000, 1);
    await refund(key, 1_500, 2);
    await expect(refund(key, 1, 3)).rejects.toBeInstanceOf(PaymentContractError);
    expect(await provider.refundedMinor(order.orderId)).toBe(2_500);
  });

  it('$name refunds no more than was captured', async () => {
    const { key } = order.authorization(methods.ok);
    await charge(order.authorization(methods.ok));
    await capture(key, 1_000);
    await expect(refund(key, 1_001)).rejects.toBeInstanceOf(PaymentContractError);
    await refund(key, 1_000, 2);
  });

  it('$name refunds nothing to a card that cannot take it, and says that it is for good', async () => {
    const { key } = order.sale(methods.refundFails);
    await charge(order.sale(methods.refundFails));
    await expect(refund(key, 2_500)).rejects.toBeInstanceOf(RefundRefusedError);
    await expect(refund(key, 2_500)).rejects.toBeInstanceOf(RefundRefusedError);
    expect(await provider.refundedMinor(order.orderId)).toBe(0);
  });

  it('$name refunds nothing of a charge that was never made', async () => {
    await expect(refund(order.sale(methods.ok).key, 2_500)).rejects.toBeInstanceOf(PaymentContractError);
  });

  const movements = (request: ChargeRequest) =>
    gateway.movements({ chargeKey: request.key, orderId: order.orderId, currency: request.currency }, patience());

  it('$name lists what was moved of a charge, ours by its key and what was refunded outside by none', async () => {
    const sale = order.sale(methods.ok);
    expect(await movements(sale)).toEqual([]);
    await charge(sale);
    expect(await movements(sale)).toEqual([]);
    const ours = await refund(sale.key, 700);
    await provider.moveOutside('refund', sale, 400);
    const moved = { kind: 'refund', state: 'SUCCEEDED', providerRef: expect.any(String) };
    const found = await movements(sale);
    expect(found).toEqual([
      { ...moved, key: order.after('refund', sale.key).key, amountMinor: 700, ...ours },
      { ...moved, key: null, amountMinor: 400 },
    ]);
    expect(new Set(found.map(({ providerRef }) => providerRef)).size).toBe(2);
  });

  it('$name lists what was moved of an authorization that was captured by us, or outside', async () => {
    const authorization = order.authorization(methods.ok);
    await charge(authorization);
    const ours = await capture(authorization.key, 1_000);
    const key = order.after('capture', authorization.key).key;
    expect(await movements(authorization)).toEqual([
      { kind: 'capture', state: 'SUCCEEDED', key, amountMinor: 1_000, ...ours },
    ]);
    order = newOrder();
    const other = order.authorization(methods.ok);
    await charge(other);
    await provider.moveOutside('capture', other);
    expect(await movements(other)).toMatchObject([{ kind: 'capture', key: null, amountMinor: 2_500 }]);
  });

  it('$name lists what was moved in a currency in which a minor unit is a whole one', async () => {
    const sale = order.sale(methods.ok, { currency: 'ISK', amountMinor: 700 });
    await charge(sale);
    await provider.moveOutside('refund', sale);
    expect(await movements(sale)).toMatchObject([{ key: null, amountMinor: 700 }]);
  });

  it('$name says that a refund asks for more than is left when a part was refunded outside, and takes the rest under the same key', async () => {
    const sale = order.sale(methods.ok);
    await charge(sale);
    await provider.moveOutside('refund', sale, 400);
    await expect(refund(sale.key, 2_500)).rejects.toBeInstanceOf(AmountExceedsLeftError);
    const first = await refund(sale.key, 2_100);
    expect(await refund(sale.key, 2_100)).toEqual(first);
    await expect(refund(sale.key, 1, 2)).rejects.toBeInstanceOf(AmountExceedsLeftError);
  });

  it('$name says that a capture asks for more than is left when all was captured outside', async () => {
    const authorization = order.authorization(methods.ok);
    await charge(authorization);
    await provider.moveOutside('capture', authorization);
    await expect(capture(authorization.key, 1_000)).rejects.toBeInstanceOf(AmountExceedsLeftError);
  });

  it('$name leaves the outcome unknown when no answer came in time, and the charge is known when it has landed', async () => {
    const sale = order.sale(methods.slow);
    await expect(gateway.charge(sale, patience(100))).rejects.toMatchObject({
      code: 'payment_outcome_unknown',
      key: sale.key,
      why: 'no answer in time',
    });
    await expect(charge(sale)).rejects.toBeInstanceOf(PaymentOutcomeUnknownError);
    await expect.poll(() => provider.charges(order.orderId)).toBe(1);
    expect(await charge(sale)).toMatchObject({ kind: 'succeeded' });
    expect(await provider.charges(order.orderId)).toBe(1);
  });

  it('$name leaves the outcome unknown when it answers 5xx for a method, and charges nothing', async () => {
    const sale = order.sale(methods.unavailable);
    await expect(charge(sale)).rejects.toMatchObject({ why: 'the provider answered 503' });
    expect(await lookup(sale)).toEqual({ kind: 'absent' });
  });

  it('$name leaves the outcome of every call unknown while it is down, and its ping fails', async () => {
    const sale = order.sale(methods.ok);
    await charge(sale);
    await gateway.ping(patience());
    await provider.setDown(true);
    const calls = [
      charge(newOrder().sale(methods.ok)),
      lookup(sale),
      voidByKey(order.after('void', sale.key)),
      refund(sale.key, 100),
      gateway.ping(patience()),
    ];
    const outcomes = await Promise.allSettled(calls);
    await provider.setDown(false);
    const reasons = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason : outcome.value));
    expect(reasons.filter((reason) => !(reason instanceof PaymentOutcomeUnknownError))).toEqual([]);
    await gateway.ping(patience());
    expect(await refund(sale.key, 100)).toBeDefined();
  });

  it('$name leaves the outcome unknown when nobody listens', async () => {
    const stopped = await start();
    await stopped.stop();
    const sale = order.sale(methods.ok);
    await expect(stopped.gateway.charge(sale, patience())).rejects.toMatchObject({ why: 'the connection failed' });
  });
});

/** The port allows a provider to refuse the request itself, or to answer with a mismatch. */
function isRefusal(error: unknown): boolean {
  return error instanceof PaymentMismatchError || error instanceof PaymentContractError;
}

const moved = (order: Order, chargeKey: string) => ({ ...order.after('refund', chargeKey), amountMinor: 100 });

it.each([200, 201])(
  'An answer that cannot be read leaves the outcome unknown when the simulator says %i',
  async (status) => {
    const { gateway, stop } = await answering(status);
    const order = newOrder();
    const sale = order.sale('pm_ok');
    const question = { chargeKey: sale.key, orderId: order.orderId, currency: 'EUR' };
    const calls = [
      gateway.charge(sale, patience()),
      gateway.capture(moved(order, sale.key), patience()),
      gateway.refund(moved(order, sale.key), patience()),
      ...(status === 200
        ? [
            gateway.lookup(sale, patience()),
            gateway.voidByKey(order.after('void', sale.key), patience()),
            gateway.movements(question, patience()),
          ]
        : []),
    ];
    for (const call of calls) await expect(call).rejects.toBeInstanceOf(PaymentOutcomeUnknownError);
    await stop();
  },
);

it('An answer that cannot be read is a broken contract when the simulator has refused', async () => {
  const { gateway, stop } = await answering(402);
  await expect(gateway.charge(newOrder().sale('pm_ok'), patience())).rejects.toBeInstanceOf(PaymentContractError);
  await stop();
});

it.each([
  ['POST /payment_intents', 'charge'],
  ['POST /capture', 'capture'],
  ['POST /refunds', 'refund'],
  ['GET /charges', 'lookup'],
] as const)('An answer of Stripe to %s that cannot be read leaves the outcome unknown', async (route, call) => {
  const fake = await startFakeStripe();
  const gateway = stripeGateway(fake);
  const order = newOrder();
  const authorization = order.authorization('pm_card_visa');
  const request = { ...order.after('capture', authorization.key), amountMinor: 2_500 };
  if (call !== 'charge') await gateway.charge(authorization, patience());
  if (call === 'refund') await gateway.capture(request, patience());
  fake.garbleNext(route);
  const calls = {
    charge: () => gateway.charge(authorization, patience()),
    lookup: () => gateway.lookup(authorization, patience()),
    capture: () => gateway.capture(request, patience()),
    refund: () => gateway.refund(moved(order, authorization.key), patience()),
  };
  await expect(calls[call]()).rejects.toBeInstanceOf(PaymentOutcomeUnknownError);
  // What was done is found by the next attempt.
  expect(await calls[call]()).toBeDefined();
  expect(fake.charges(order.orderId)).toHaveLength(1);
  await fake.close();
});

/** The simulator's adapter beside a server that says this and a body of another version. */
async function answering(status: number) {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(status, { 'content-type': 'application/json' }).end('{"version":2}');
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const baseUrl = `http://127.0.0.1:${port}`;
  return {
    gateway: createSimulatorPaymentGateway({ baseUrl, onBreakerChange: () => {} }),
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

describe('the Stripe adapter', () => {
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
});
