import { describe, expect, it } from 'vitest';
import {
  EMPTY_BALANCE,
  PAYMENT_OPERATION_STATES,
  PAYMENT_STATES,
  paymentKey,
  paymentStateOf,
  type PaymentBalance,
  type PaymentOperationState,
  type PaymentState,
} from './payment.ts';

describe('a payment key', () => {
  it('is order, kind and generation', () => {
    expect(paymentKey('ord_1', 'sale', 1)).toBe('ord_1:sale:1');
    expect(paymentKey('ord_1', 'refund', 2)).toBe('ord_1:refund:2');
  });
});

describe('the state shown for a payment', () => {
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
    // What was taken outweighs a void that came too late.
    ['CAPTURED', { ...captured, voided: true }, 'SUCCEEDED'],
  ];

  it.each(cases)('is %s for %o after %s', (state, balance, lastCharge) => {
    expect(paymentStateOf({ ...EMPTY_BALANCE, ...balance }, lastCharge)).toBe(state);
  });

  it('can be each one of the list', () => {
    expect(new Set(cases.map(([state]) => state))).toEqual(new Set(PAYMENT_STATES));
  });

  it('is one of the list for every balance that the database allows', () => {
    const amounts = [0, 1, 2];
    for (const authorizedMinor of amounts) {
      for (const capturedMinor of amounts.filter((amount) => amount <= authorizedMinor)) {
        for (const refundedMinor of amounts.filter((amount) => amount <= capturedMinor)) {
          for (const lastCharge of [null, ...PAYMENT_OPERATION_STATES]) {
            const balance = { authorizedMinor, capturedMinor, refundedMinor, voided: false };
            expect(PAYMENT_STATES).toContain(paymentStateOf(balance, lastCharge));
          }
        }
      }
    }
  });

  it('never says that nothing is taken while something is', () => {
    const kept = { authorizedMinor: 3, capturedMinor: 3, refundedMinor: 2, voided: true };
    for (const lastCharge of [null, ...PAYMENT_OPERATION_STATES]) {
      expect(['CAPTURED', 'PARTIALLY_REFUNDED']).toContain(paymentStateOf(kept, lastCharge));
    }
  });
});
