import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  createPaymentRepository,
  type PaymentOperation,
  type PaymentRepository,
} from '../../db/repositories/payments/payment-repository.ts';
import { DatabaseContractError } from '../../src/domain/errors.ts';
import { externalKey, isExternal, paymentKey, type PaymentKind } from '../../src/domain/payments/payment.ts';
import { createTestDatabase, type TestDatabase } from '../support/database/database.ts';
import { freshId } from './fixtures.ts';

let database: TestDatabase;
let payments: PaymentRepository;
beforeAll(async () => {
  database = await createTestDatabase();
  payments = createPaymentRepository(database.databases.payments);
});
afterAll(() => database.close());

function operation(orderId: string, kind: PaymentKind, changes: Partial<PaymentOperation> = {}): PaymentOperation {
  const generation = changes.generation ?? 1;
  return {
    key: paymentKey(orderId, kind, generation),
    orderId,
    tenantId: 'demo',
    kind,
    generation,
    amountMinor: 4_500,
    currency: 'EUR',
    state: 'SUCCEEDED',
    declineCode: null,
    providerRef: null,
    ...changes,
  };
}

async function balanceOf(orderId: string) {
  return (await payments.summaries([orderId])).get(orderId)?.balance;
}

it('An operation is stored once under its key, however often and concurrently it is recorded', async () => {
  const sale = operation(freshId(), 'sale', { providerRef: 'ch_1' });
  const stored = await Promise.all(Array.from({ length: 20 }, () => payments.record(sale)));

  expect(stored).toEqual(Array.from({ length: 20 }, () => sale));
  expect(await payments.findOptional(sale.key)).toEqual(sale);
  expect(await balanceOf(sale.orderId)).toMatchObject({ authorizedMinor: 4_500, capturedMinor: 4_500 });
});

it.each(['SUCCEEDED', 'DECLINED', 'FAILED'] as const)('An operation that was UNKNOWN becomes %s', async (state) => {
  const sale = operation(freshId(), 'sale', { state: 'UNKNOWN' });
  await payments.record(sale);
  expect(await payments.record({ ...sale, state })).toMatchObject({ state });
});

it('An operation that is known is not made UNKNOWN again by a late attempt', async () => {
  const sale = operation(freshId(), 'sale', { state: 'DECLINED', declineCode: 'do_not_honor' });
  await payments.record(sale);
  expect(await payments.record({ ...sale, state: 'UNKNOWN', declineCode: null })).toEqual(sale);
});

it('An operation that was declined softly may succeed', async () => {
  const sale = operation(freshId(), 'sale', { state: 'DECLINED', declineCode: 'insufficient_funds' });
  await payments.record(sale);
  await payments.record({ ...sale, state: 'SUCCEEDED', declineCode: null, providerRef: 'ch_2' });

  expect(await payments.findOptional(sale.key)).toMatchObject({ state: 'SUCCEEDED', declineCode: null });
  expect(await balanceOf(sale.orderId)).toMatchObject({ capturedMinor: 4_500 });
});

it.each(['UNKNOWN', 'DECLINED', 'FAILED'] as const)('An operation that succeeded never becomes %s', async (state) => {
  const sale = operation(freshId(), 'sale', { providerRef: 'ch_3' });
  await payments.record(sale);

  expect(await payments.record({ ...sale, state, providerRef: null })).toEqual(sale);
  await expect(
    database.query('UPDATE payments.operations SET state = $2 WHERE key = $1', [sale.key, state]),
  ).rejects.toThrow('has succeeded and cannot change');
  expect(await balanceOf(sale.orderId)).toMatchObject({ capturedMinor: 4_500 });
});

it('An operation that succeeded never changes its amount', async () => {
  const sale = operation(freshId(), 'sale');
  await payments.record(sale);
  await expect(
    database.query('UPDATE payments.operations SET amount_minor = 1 WHERE key = $1', [sale.key]),
  ).rejects.toThrow('has succeeded and cannot change');
});

it('A balance counts what succeeded, and nothing else', async () => {
  const orderId = freshId();
  await payments.record(operation(orderId, 'authorize'));
  expect(await balanceOf(orderId)).toEqual(
    expect.objectContaining({ authorizedMinor: 4_500, capturedMinor: 0, refundedMinor: 0, voided: false }),
  );
  await payments.record(operation(orderId, 'capture', { amountMinor: 4_000 }));
  await payments.record(operation(orderId, 'refund', { amountMinor: 500, state: 'UNKNOWN' }));
  await payments.record(operation(orderId, 'refund', { amountMinor: 700, state: 'DECLINED', generation: 2 }));
  expect(await balanceOf(orderId)).toMatchObject({ capturedMinor: 4_000, refundedMinor: 0 });
  await payments.record(operation(orderId, 'refund', { amountMinor: 500 }));
  expect(await balanceOf(orderId)).toMatchObject({ capturedMinor: 4_000, refundedMinor: 500 });
});

it('A balance says that a charge was voided, also when the void comes first', async () => {
  const [after, before] = [freshId(), freshId()];
  await payments.record(operation(after, 'authorize'));
  await payments.record(operation(after, 'void'));
  await payments.record(operation(before, 'void', { amountMinor: 0 }));
  await payments.record(operation(before, 'sale', { state: 'FAILED' }));

  expect(await balanceOf(after)).toMatchObject({ voided: true, capturedMinor: 0 });
  expect(await balanceOf(before)).toMatchObject({ voided: true, authorizedMinor: 0 });
});

it('A balance takes what was refunded at the provider itself once, under its reference and beside our own refunds', async () => {
  const orderId = freshId();
  const key = externalKey(orderId, 'refund', 're_1');
  const external = operation(orderId, 'refund', { key, generation: 0, amountMinor: 1_800, providerRef: 're_1' });
  await payments.record(operation(orderId, 'sale'));
  await Promise.all([payments.record(external), payments.record(external)]);
  await payments.record(operation(orderId, 'refund', { amountMinor: 2_700 }));
  expect(await balanceOf(orderId)).toMatchObject({ capturedMinor: 4_500, refundedMinor: 4_500 });
  const stored = (await payments.listByOrder(orderId)).map((each) => [each.generation, isExternal(each)]);
  expect(stored).toContainEqual([0, true]);
  expect(stored).toContainEqual([1, false]);
});

it.each([
  ['without a reference', { providerRef: null }],
  ['under another reference', { providerRef: 're_2' }],
  ['under a number of ours', { generation: 1 }],
  ['that is no success', { state: 'UNKNOWN' }],
] as const)('A balance refuses an external refund %s', async (_, change) => {
  const orderId = freshId();
  await payments.record(operation(orderId, 'sale'));
  const key = externalKey(orderId, 'refund', 're_1');
  const external = operation(orderId, 'refund', { key, generation: 0, providerRef: 're_1', ...change });
  await expect(payments.record(external)).rejects.toMatchObject({ sqlState: '23514' });
});

it('A balance refuses a refund of more than was captured', async () => {
  const orderId = freshId();
  await payments.record(operation(orderId, 'sale'));
  const tooMuch = payments.record(operation(orderId, 'refund', { amountMinor: 4_501 }));

  await expect(tooMuch).rejects.toThrow(DatabaseContractError);
  await expect(tooMuch).rejects.toMatchObject({ constraint: 'balances_order_check' });
  expect(await payments.findOptional(paymentKey(orderId, 'refund', 1))).toBeNull();
});

it('A balance refuses refunds that together are more than was captured, also at once', async () => {
  const orderId = freshId();
  await payments.record(operation(orderId, 'sale'));
  const refunds = await Promise.allSettled(
    Array.from({ length: 10 }, (_, index) =>
      payments.record(operation(orderId, 'refund', { amountMinor: 1_000, generation: index + 1 })),
    ),
  );

  expect(refunds.filter(({ status }) => status === 'fulfilled')).toHaveLength(4);
  expect(await balanceOf(orderId)).toMatchObject({ capturedMinor: 4_500, refundedMinor: 4_000 });
});

it.each(['capture', 'refund'] as const)('A balance refuses a %s without a charge', async (kind) => {
  const orderId = freshId();
  await expect(payments.record(operation(orderId, kind))).rejects.toMatchObject({ sqlState: '23514' });
  expect(await payments.findOptional(paymentKey(orderId, kind, 1))).toBeNull();
});

it('A balance refuses a capture of more than was authorized', async () => {
  const orderId = freshId();
  await payments.record(operation(orderId, 'authorize'));
  await expect(payments.record(operation(orderId, 'capture', { amountMinor: 4_501 }))).rejects.toMatchObject({
    constraint: 'balances_order_check',
  });
});

it('A summary tells the newest charge and its state, per order', async () => {
  const [paid, unknown, absent] = [freshId(), freshId(), freshId()];
  await payments.record(operation(paid, 'sale', { state: 'FAILED' }));
  await payments.record(operation(paid, 'sale', { generation: 2 }));
  await payments.record(operation(unknown, 'sale', { state: 'UNKNOWN' }));
  const summaries = await payments.summaries([paid, unknown, absent]);

  expect(summaries.get(paid)).toMatchObject({ lastCharge: 'SUCCEEDED', balance: { capturedMinor: 4_500 } });
  expect(summaries.get(unknown)).toMatchObject({ lastCharge: 'UNKNOWN', balance: { capturedMinor: 0 } });
  expect(summaries.has(absent)).toBe(false);
});
