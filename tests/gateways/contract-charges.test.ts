import { afterAll, beforeAll, expect, it } from 'vitest';
import { PaymentMismatchError, PaymentOutcomeUnknownError } from '../../src/domain/errors.ts';
import { createContract, isRefusal, newOrder } from '../support/gateways/payment-contract.ts';
import { withEveryProvider, PROVIDERS } from '../support/gateways/payment-providers.ts';

const { newCase, startAll, stopAll } = createContract();
beforeAll(startAll);
afterAll(stopAll);

it.each(PROVIDERS)('$name captures a sale at once', async ({ name }) => {
  const { methods, order, charge, voidByKey } = newCase(name);
  const sale = order.sale(methods.ok);
  expect(await charge(sale)).toEqual({ kind: 'succeeded', providerRef: expect.stringMatching(/^p/) });
  expect(await voidByKey(order.after('void', sale.key))).toMatchObject({ kind: 'captured', capturedMinor: 2_500 });
});

it.each(PROVIDERS)('$name does not capture an authorization', async ({ name }) => {
  const { methods, order, charge, voidByKey } = newCase(name);
  const authorization = order.authorization(methods.ok);
  expect(await charge(authorization)).toMatchObject({ kind: 'succeeded' });
  expect(await voidByKey(order.after('void', authorization.key))).toMatchObject({ kind: 'voided' });
});

it.each(PROVIDERS)('$name charges a currency without minor units by the same integers', async ({ name }) => {
  const { methods, order, charge, lookup } = newCase(name);
  const sale = order.sale(methods.ok, { currency: 'JPY', amountMinor: 700 });
  expect(await charge(sale)).toMatchObject({ kind: 'succeeded' });
  expect(await lookup(sale)).toMatchObject({ kind: 'succeeded' });
});

it.each(PROVIDERS)('$name charges once for the same key, one after the other and side by side', async ({ name }) => {
  const { provider, methods, order, charge, lookup } = newCase(name);
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

it.each(PROVIDERS)(
  '$name charges nothing when the card is declined for good, and says so forever',
  async ({ name }) => {
    const { provider, methods, order, charge, lookup } = newCase(name);
    const [method, declineCode] = methods.declined;
    const declined = { kind: 'declined', declineCode, soft: false };
    const sale = order.sale(method);
    expect(await charge(sale)).toEqual(declined);
    expect(await charge(sale)).toEqual(declined);
    expect(await lookup(sale)).toEqual(declined);
    expect(await provider.charges(order.orderId)).toBe(0);
  },
);

it.each(PROVIDERS)(
  '$name charges nothing when the card is declined for now, and says that it may be asked again',
  async ({ name }) => {
    const { provider, methods, order, charge, lookup } = newCase(name);
    const [method, declineCode] = methods.softlyDeclined;
    const sale = order.sale(method);
    expect(await charge(sale)).toEqual({ kind: 'declined', declineCode, soft: true });
    expect(await charge(sale)).toMatchObject({ kind: 'declined', soft: true });
    expect(await lookup(sale)).toMatchObject({ kind: 'declined', soft: true });
    expect(await provider.charges(order.orderId)).toBe(0);
  },
);

it.each(PROVIDERS)('$name charges nothing for a method that it does not know', async ({ name }) => {
  const { order, charge } = newCase(name);
  const unknown = { kind: 'declined', declineCode: 'unsupported_method', soft: false };
  expect(await charge(order.sale('pm_of_somebody_else'))).toEqual(unknown);
});

it.each(
  withEveryProvider([
    { field: 'amount', change: { amountMinor: 2_400 } },
    { field: 'currency', change: { currency: 'USD' } },
  ]),
)('$name charges nothing for a key that was used with another $field', async ({ name, change }) => {
  const { provider, methods, order, charge } = newCase(name);
  const sale = order.sale(methods.ok);
  await charge(sale);
  await expect(charge({ ...sale, ...change })).rejects.toSatisfy(isRefusal);
  expect(await provider.charges(order.orderId)).toBe(1);
});

it.each(PROVIDERS)('$name finds nothing under a key that was never used', async ({ name }) => {
  const { methods, order, lookup } = newCase(name);
  expect(await lookup(order.sale(methods.ok))).toEqual({ kind: 'absent' });
});

it.each(PROVIDERS)(
  '$name finds a charge whose reply was lost, with the reference that a repeat gets too',
  async ({ name }) => {
    const { provider, methods, order, charge, lookup } = newCase(name);
    const sale = order.sale(methods.lostReply);
    await expect(charge(sale)).rejects.toBeInstanceOf(PaymentOutcomeUnknownError);
    const found = await lookup(sale);
    expect(found).toMatchObject({ kind: 'succeeded' });
    expect(await charge(sale)).toEqual(found);
    expect(await provider.charges(order.orderId)).toBe(1);
  },
);

it.each(
  withEveryProvider([
    { field: 'amountMinor', change: { amountMinor: 2_501 } },
    { field: 'currency', change: { currency: 'USD' } },
    { field: 'orderId', change: { orderId: 'ord_other' } },
    { field: 'kind', change: { kind: 'authorize' } },
  ] as const),
)('$name never adopts a charge with another $field', async ({ name, field, change }) => {
  const { methods, order, charge, lookup } = newCase(name);
  const sale = order.sale(methods.ok);
  await charge(sale);
  const looked = lookup({ ...sale, ...change });
  await expect(looked).rejects.toBeInstanceOf(PaymentMismatchError);
  await expect(looked).rejects.toMatchObject({ key: sale.key, field });
});

it.each(PROVIDERS)(
  '$name never adopts another amount than was asked for, neither at once nor later',
  async ({ name }) => {
    const { methods, order, charge, lookup } = newCase(name);
    const sale = order.sale(methods.wrongAmount);
    const mismatch = { code: 'payment_mismatch', field: 'amountMinor' };
    await expect(charge(sale)).rejects.toMatchObject(mismatch);
    await expect(charge(sale)).rejects.toMatchObject(mismatch);
    await expect(lookup(sale)).rejects.toMatchObject(mismatch);
  },
);
