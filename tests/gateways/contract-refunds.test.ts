import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  AmountExceedsLeftError,
  PaymentContractError,
  PaymentOutcomeUnknownError,
  RefundRefusedError,
} from '../../src/domain/errors.ts';
import { createContract, newOrder, patience } from '../support/gateways/payment-contract.ts';
import { PROVIDERS } from '../support/gateways/payment-providers.ts';

const { newCase, startAll, stopAll } = createContract();
beforeAll(startAll);
afterAll(stopAll);

it.each(PROVIDERS)('$name refunds the whole of a sale, once under its key', async ({ name }) => {
  const { provider, methods, order, charge, refund } = newCase(name);
  const { key } = order.sale(methods.ok);
  await charge(order.sale(methods.ok));
  const first = await refund(key, 2_500);
  expect(await refund(key, 2_500)).toEqual(first);
  expect(await provider.refundedMinor(order.orderId)).toBe(2_500);
});

it.each(PROVIDERS)(
  '$name refunds parts of a sale, each under its own key, up to the whole and no more',
  async ({ name }) => {
    const { provider, methods, order, charge, refund } = newCase(name);
    const { key } = order.sale(methods.ok);
    await charge(order.sale(methods.ok));
    await refund(key, 1_000, 1);
    await refund(key, 1_500, 2);
    await expect(refund(key, 1, 3)).rejects.toBeInstanceOf(PaymentContractError);
    expect(await provider.refundedMinor(order.orderId)).toBe(2_500);
  },
);

it.each(PROVIDERS)('$name refunds no more than was captured', async ({ name }) => {
  const { methods, order, charge, refund, capture } = newCase(name);
  const { key } = order.authorization(methods.ok);
  await charge(order.authorization(methods.ok));
  await capture(key, 1_000);
  await expect(refund(key, 1_001)).rejects.toBeInstanceOf(PaymentContractError);
  await refund(key, 1_000, 2);
});

it.each(PROVIDERS)(
  '$name refunds nothing to a card that cannot take it, and says that it is for good',
  async ({ name }) => {
    const { provider, methods, order, charge, refund } = newCase(name);
    const { key } = order.sale(methods.refundFails);
    await charge(order.sale(methods.refundFails));
    await expect(refund(key, 2_500)).rejects.toBeInstanceOf(RefundRefusedError);
    await expect(refund(key, 2_500)).rejects.toBeInstanceOf(RefundRefusedError);
    expect(await provider.refundedMinor(order.orderId)).toBe(0);
  },
);

it.each(PROVIDERS)('$name refunds nothing of a charge that was never made', async ({ name }) => {
  const { methods, order, refund } = newCase(name);
  await expect(refund(order.sale(methods.ok).key, 2_500)).rejects.toBeInstanceOf(PaymentContractError);
});

it.each(PROVIDERS)(
  '$name lists what was moved of a charge, ours by its key and what was refunded outside by none',
  async ({ name }) => {
    const { provider, methods, order, charge, refund, movements } = newCase(name);
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
  },
);

it.each(PROVIDERS)(
  '$name lists what was moved of an authorization that was captured by us, or outside',
  async ({ name }) => {
    const { provider, methods, order, charge, capture, movements } = newCase(name);
    const authorization = order.authorization(methods.ok);
    await charge(authorization);
    const ours = await capture(authorization.key, 1_000);
    const key = order.after('capture', authorization.key).key;
    expect(await movements(authorization)).toEqual([
      { kind: 'capture', state: 'SUCCEEDED', key, amountMinor: 1_000, ...ours },
    ]);
    const elsewhere = newCase(name);
    const other = elsewhere.order.authorization(methods.ok);
    await charge(other);
    await provider.moveOutside('capture', other);
    expect(await elsewhere.movements(other)).toMatchObject([{ kind: 'capture', key: null, amountMinor: 2_500 }]);
  },
);

it.each(PROVIDERS)(
  '$name lists what was moved in a currency in which a minor unit is a whole one',
  async ({ name }) => {
    const { provider, methods, order, charge, movements } = newCase(name);
    const sale = order.sale(methods.ok, { currency: 'ISK', amountMinor: 700 });
    await charge(sale);
    await provider.moveOutside('refund', sale);
    expect(await movements(sale)).toMatchObject([{ key: null, amountMinor: 700 }]);
  },
);

it.each(PROVIDERS)(
  '$name says that a refund asks for more than is left when a part was refunded outside, and takes the rest under the same key',
  async ({ name }) => {
    const { provider, methods, order, charge, refund } = newCase(name);
    const sale = order.sale(methods.ok);
    await charge(sale);
    await provider.moveOutside('refund', sale, 400);
    await expect(refund(sale.key, 2_500)).rejects.toBeInstanceOf(AmountExceedsLeftError);
    const first = await refund(sale.key, 2_100);
    expect(await refund(sale.key, 2_100)).toEqual(first);
    await expect(refund(sale.key, 1, 2)).rejects.toBeInstanceOf(AmountExceedsLeftError);
  },
);

it.each(PROVIDERS)(
  '$name says that a capture asks for more than is left when all was captured outside',
  async ({ name }) => {
    const { provider, methods, order, charge, capture } = newCase(name);
    const authorization = order.authorization(methods.ok);
    await charge(authorization);
    await provider.moveOutside('capture', authorization);
    await expect(capture(authorization.key, 1_000)).rejects.toBeInstanceOf(AmountExceedsLeftError);
  },
);

it.each(PROVIDERS)(
  '$name leaves the outcome unknown when no answer came in time, and the charge is known when it has landed',
  async ({ name }) => {
    const { gateway, provider, methods, order, charge } = newCase(name);
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
  },
);

it.each(PROVIDERS)(
  '$name leaves the outcome unknown when it answers 5xx for a method, and charges nothing',
  async ({ name }) => {
    const { methods, order, charge, lookup } = newCase(name);
    const sale = order.sale(methods.unavailable);
    await expect(charge(sale)).rejects.toMatchObject({ why: 'the provider answered 503' });
    expect(await lookup(sale)).toEqual({ kind: 'absent' });
  },
);

it.each(PROVIDERS)(
  '$name leaves the outcome of every call unknown while it is down, and its ping fails',
  async ({ name }) => {
    const { gateway, provider, methods, order, charge, lookup, voidByKey, refund } = newCase(name);
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
  },
);

it.each(PROVIDERS)('$name leaves the outcome unknown when nobody listens', async ({ name, start }) => {
  const { methods, order } = newCase(name);
  const stopped = await start();
  await stopped.stop();
  const sale = order.sale(methods.ok);
  await expect(stopped.gateway.charge(sale, patience())).rejects.toMatchObject({ why: 'the connection failed' });
});
