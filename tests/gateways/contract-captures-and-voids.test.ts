import { afterAll, beforeAll, expect, it } from 'vitest';
import { AuthorizationGoneError, PaymentContractError, PaymentOutcomeUnknownError } from '../../src/domain/errors.ts';
import { createContract, isRefusal, patience } from '../support/gateways/payment-contract.ts';
import { withEveryProvider, PROVIDERS } from '../support/gateways/payment-providers.ts';

const { newCase, startAll, stopAll } = createContract();
beforeAll(startAll);
afterAll(stopAll);

it.each(
  withEveryProvider([
    { part: 'the whole', amountMinor: 2_500 },
    { part: 'a part', amountMinor: 1_000 },
  ]),
)('$name captures $part of an authorization, once under its key', async ({ name, amountMinor }) => {
  const { methods, order, charge, lookup, voidByKey, capture } = newCase(name);
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

it.each(PROVIDERS)('$name captures no more than was authorized', async ({ name }) => {
  const { methods, order, charge, voidByKey, capture } = newCase(name);
  const { key } = order.authorization(methods.ok);
  await charge(order.authorization(methods.ok));
  await expect(capture(key, 2_501)).rejects.toBeInstanceOf(PaymentContractError);
  expect(await voidByKey(order.after('void', key))).toMatchObject({ kind: 'voided', amountMinor: 2_500 });
});

it.each(PROVIDERS)('$name captures nothing of an authorization that was voided or never made', async ({ name }) => {
  const { gateway, methods, order, charge, voidByKey, capture } = newCase(name);
  const { key } = order.authorization(methods.ok);
  await expect(capture(key, 2_500)).rejects.toBeInstanceOf(PaymentContractError);
  await charge(order.authorization(methods.ok));
  await voidByKey(order.after('void', key));
  await expect(
    gateway.capture({ ...order.after('capture', key, 2), amountMinor: 2_500 }, patience()),
  ).rejects.toBeInstanceOf(AuthorizationGoneError);
});

it.each(PROVIDERS)('$name voids a key that was never used, so that a late original is refused', async ({ name }) => {
  const { provider, methods, order, charge, voidByKey } = newCase(name);
  const sale = order.sale(methods.ok);
  const request = order.after('void', sale.key);
  const nothing = { kind: 'voided', amountMinor: 0 };
  expect(await voidByKey(request)).toEqual(nothing);
  expect(await voidByKey(request)).toEqual(nothing);
  expect(await charge(sale)).toEqual({ kind: 'voided' });
  expect(await voidByKey(order.after('void', sale.key, 2))).toMatchObject({ kind: 'voided' });
  expect(await provider.charges(order.orderId)).toBe(0);
});

it.each(PROVIDERS)(
  '$name voids an authorization, which can then be neither captured nor made again',
  async ({ name }) => {
    const { methods, order, charge, voidByKey, capture } = newCase(name);
    const authorization = order.authorization(methods.ok);
    await charge(authorization);
    const request = order.after('void', authorization.key);
    const ended = { kind: 'voided', amountMinor: 2_500 };
    expect(await voidByKey(request)).toEqual(ended);
    expect(await voidByKey(request)).toEqual(ended);
    expect(await charge(authorization)).toEqual({ kind: 'voided' });
    // The simulator answers what was, with a flag; what counts is that nobody takes it for money that is held.
    await expect(capture(authorization.key, 2_500)).rejects.toBeInstanceOf(AuthorizationGoneError);
  },
);

it.each(PROVIDERS)('$name voids nothing of a declined charge, without anything to write down', async ({ name }) => {
  const { provider, methods, order, charge, voidByKey } = newCase(name);
  const [method, declineCode] = methods.declined;
  const sale = order.sale(method);
  await charge(sale);
  const declined = { kind: 'declined', amountMinor: 2_500, declineCode };
  expect(await voidByKey(order.after('void', sale.key))).toEqual(declined);
  expect(await voidByKey(order.after('void', sale.key))).toEqual(declined);
  expect(await provider.charges(order.orderId)).toBe(0);
});

it.each(PROVIDERS)('$name voids nothing of a sale, and tells what is captured and refunded', async ({ name }) => {
  const { methods, order, charge, voidByKey, refund } = newCase(name);
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

it.each(PROVIDERS)(
  '$name voids nothing of a charge whose reply was lost: it is found and can be refunded',
  async ({ name }) => {
    const { provider, methods, order, charge, voidByKey, refund } = newCase(name);
    const sale = order.sale(methods.lostReply);
    await expect(charge(sale)).rejects.toBeInstanceOf(PaymentOutcomeUnknownError);
    expect(await voidByKey(order.after('void', sale.key))).toMatchObject({ kind: 'captured', capturedMinor: 2_500 });
    await refund(sale.key, 2_500);
    expect(await provider.refundedMinor(order.orderId)).toBe(2_500);
  },
);

it.each(PROVIDERS)(
  '$name voids nothing while the charge is under way: that is unknown until it has landed',
  async ({ name }) => {
    const { gateway, provider, methods, order, voidByKey } = newCase(name);
    const sale = order.sale(methods.slow);
    const request = order.after('void', sale.key);
    await expect(gateway.charge(sale, patience(100))).rejects.toBeInstanceOf(PaymentOutcomeUnknownError);
    await expect(voidByKey(request)).rejects.toBeInstanceOf(PaymentOutcomeUnknownError);
    await expect.poll(() => provider.charges(order.orderId)).toBe(1);
    expect(await voidByKey(request)).toMatchObject({ kind: 'captured', capturedMinor: 2_500 });
  },
);

it.each(PROVIDERS)('$name voids nothing of another order', async ({ name }) => {
  const { methods, order, charge, voidByKey } = newCase(name);
  const sale = order.sale(methods.ok);
  await charge(sale);
  const request = { ...order.after('void', sale.key), orderId: 'ord_other' };
  await expect(voidByKey(request)).rejects.toSatisfy(isRefusal);
});
