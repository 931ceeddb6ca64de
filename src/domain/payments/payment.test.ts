import { expect, it } from 'vitest';
import {
  EMPTY_BALANCE,
  PAYMENT_OPERATION_STATES,
  PAYMENT_STATES,
  moneyOf,
  paymentKey,
  paymentStateOf,
  type PaymentBalance,
  type PaymentOperationState,
  type PaymentState,
  type SummedOperation,
} from './payment.ts';

function op(
  kind: SummedOperation['kind'],
  amountMinor: number,
  { generation = 1, state = 'SUCCEEDED' }: Partial<Pick<SummedOperation, 'generation' | 'state'>> = {},
): SummedOperation {
  return { kind, amountMinor, generation, state };
}

const partly = [op('authorize', 5_000), op('capture', 1_000)];

it.for([
  ['of an authorization nothing of which was captured', [op('authorize', 5_000)], true, 5_000],
  ['of one that is captured once only', [op('authorize', 5_000)], false, 5_000],
  ['after a part', partly, true, 4_000],
  ['after a part, where it is captured once only', partly, false, 0],
  ['after its rest was released', [...partly, op('void', 4_000)], true, 0],
  ['after a refund of the part', [...partly, op('refund', 400)], true, 4_000],
  [
    'beside a capture whose outcome is unknown',
    [...partly, op('capture', 500, { generation: 2, state: 'UNKNOWN' })],
    true,
    4_000,
  ],
  [
    'of the second charge, after the first one was proved dead',
    [op('authorize', 5_000, { state: 'FAILED' }), op('void', 0), op('authorize', 5_000, { generation: 2 })],
    true,
    5_000,
  ],
  ['of a sale', [op('sale', 5_000)], true, 0],
] as const)('The amount that may still be captured %s is right', ([, operations, several, leftMinor]) => {
  expect(moneyOf(operations, several).capturableMinor).toBe(leftMinor);
});

it('A capture has a number above every one that was sent, whatever came of it', () => {
  const sent = [
    ...partly,
    op('capture', 500, { generation: 2, state: 'FAILED' }),
    op('refund', 10, { generation: 3, state: 'UNKNOWN' }),
  ];
  expect(moneyOf(sent, true)).toMatchObject({ captures: 2, refunds: 3, capturedMinor: 1_000, refundedMinor: 0 });
});

it('A payment key is order, kind and generation', () => {
  expect(paymentKey('ord_1', 'sale', 1)).toBe('ord_1:sale:1');
  expect(paymentKey('ord_1', 'refund', 2)).toBe('ord_1:refund:2');
});

const authorized = { authorizedMinor: 4_500 };
const captured = { ...authorized, capturedMinor: 4_500 };

const cases: readonly (readonly [PaymentState, Partial<PaymentBalance>, PaymentOperationState | null])[] = [
  ['NONE', {}, null],
  ['UNKNOWN', {}, 'UNKNOWN'],
  ['DECLINED', {}, 'DECLINED'],
  ['DECLINED', {}, 'FAILED'],
  ['AUTHORIZED', authorized, 'SUCCEEDED'],
  ['CAPTURED', captured, 'SUCCEEDED'],
  ['CAPTURED', { ...authorized, capturedMinor: 2_000 }, 'SUCCEEDED'],
  ['PARTIALLY_REFUNDED', { ...captured, refundedMinor: 1 }, 'SUCCEEDED'],
  ['REFUNDED', { ...captured, refundedMinor: 4_500 }, 'SUCCEEDED'],
  ['REFUNDED', { ...authorized, capturedMinor: 2_000, refundedMinor: 2_000 }, 'SUCCEEDED'],
  ['VOIDED', { ...authorized, voided: true }, 'SUCCEEDED'],
  ['VOIDED', { voided: true }, 'FAILED'],
  ['VOIDED', { voided: true }, null],
  // Captured money outweighs a void that came too late.
  ['CAPTURED', { ...captured, voided: true }, 'SUCCEEDED'],
];

it.each(cases)('The state shown for a payment is %s for %o after %s', (state, balance, lastCharge) => {
  expect(paymentStateOf({ ...EMPTY_BALANCE, ...balance }, lastCharge)).toBe(state);
});

it('The state shown for a payment can be each one of the list', () => {
  expect(new Set(cases.map(([state]) => state))).toEqual(new Set(PAYMENT_STATES));
});

it('The state shown for a payment is one of the list for every balance that the database allows', () => {
  const upTo = (most: number): number[] => [0, 1, 2].filter((amount) => amount <= most);
  const balances = upTo(2).flatMap((authorizedMinor) =>
    upTo(authorizedMinor).flatMap((capturedMinor) =>
      upTo(capturedMinor).map((refundedMinor) => ({ authorizedMinor, capturedMinor, refundedMinor, voided: false })),
    ),
  );
  expect(balances).toHaveLength(10);
  for (const balance of balances) {
    for (const lastCharge of [null, ...PAYMENT_OPERATION_STATES]) {
      expect(PAYMENT_STATES).toContain(paymentStateOf(balance, lastCharge));
    }
  }
});

it('The state shown for a payment never says that nothing is taken while something is', () => {
  const kept = { authorizedMinor: 3, capturedMinor: 3, refundedMinor: 2, voided: true };
  for (const lastCharge of [null, ...PAYMENT_OPERATION_STATES]) {
    expect(['CAPTURED', 'PARTIALLY_REFUNDED']).toContain(paymentStateOf(kept, lastCharge));
  }
});
