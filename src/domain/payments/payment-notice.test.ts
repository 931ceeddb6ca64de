import { expect, it } from 'vitest';
import { ORDER_STATUSES, type OrderStatus } from '../order-status.ts';
import { judgeNotice, PAYMENT_NOTICE_KINDS, type NoticeContext, type PaymentNoticeKind } from './payment-notice.ts';
import { PAYMENT_OPERATION_STATES } from './payment.ts';

const ORDER_ID = `ord_${'a'.repeat(26)}`;

function judge(
  kind: PaymentNoticeKind,
  context: Partial<NoticeContext> = {},
  key: string | null = `${ORDER_ID}:sale:1`,
): string {
  const usual = { orderStatus: 'CONFIRMED', operation: null, isOutdated: false } as const;
  return judgeNotice({ kind, key, orderId: ORDER_ID }, { ...usual, ...context }).kind;
}

const MOVING: readonly OrderStatus[] = ['PENDING', 'AWAITING_CAPTURE', 'CANCELLING', 'REFUNDING'];
const UNSOLD: readonly OrderStatus[] = ['REJECTED', 'CANCELLED', 'EXPIRED'];
const SOLD: readonly OrderStatus[] = ['CONFIRMED', 'PARTIALLY_REFUNDED', 'REFUNDED'];

it('A notice has a verdict for every kind, status and state', () => {
  for (const kind of PAYMENT_NOTICE_KINDS) {
    for (const orderStatus of [...ORDER_STATUSES, null]) {
      for (const operation of [...PAYMENT_OPERATION_STATES, null]) {
        expect(judge(kind, { orderStatus, operation })).toMatch(/^[a-z_]+$/);
      }
    }
  }
  expect([...MOVING, ...UNSOLD, ...SOLD].toSorted()).toEqual([...ORDER_STATUSES].toSorted());
});

it('A notice of a charge or refund that the books have is settled, wherever the order is', () => {
  for (const orderStatus of [...ORDER_STATUSES, null]) {
    expect(judge('charge_succeeded', { orderStatus, operation: 'SUCCEEDED' })).toBe('settled');
    expect(judge('charge_failed', { orderStatus, operation: 'SUCCEEDED' })).toBe('settled');
    expect(judge('refunded', { orderStatus, operation: 'SUCCEEDED' })).toBe('settled');
  }
});

it('A notice of a charge that the books do not have as taken is looked up, given back or shown to a person', () => {
  for (const operation of ['UNKNOWN', 'DECLINED', 'FAILED', null] as const) {
    for (const isOutdated of [true, false]) {
      const given = { operation, isOutdated };
      for (const orderStatus of MOVING) expect(judge('charge_succeeded', { ...given, orderStatus })).toBe('look_up');
      for (const orderStatus of UNSOLD) expect(judge('charge_succeeded', { ...given, orderStatus })).toBe('give_back');
      // An operation that is stored as UNKNOWN has been requested; a second charge of a sold order has not.
      const second = operation === 'UNKNOWN' ? 'look_up' : 'unexpected';
      for (const orderStatus of SOLD) expect(judge('charge_succeeded', { ...given, orderStatus })).toBe(second);
      expect(judge('charge_succeeded', { ...given, orderStatus: null })).toBe('unmatched');
    }
  }
});

it.each(['from-the-dashboard', `${ORDER_ID}:capture:1`, `ord_${'b'.repeat(26)}:sale:1`, null])(
  'A notice of late money under %s is never given back by itself',
  (key) => {
    expect(judge('charge_succeeded', { orderStatus: 'CANCELLED' }, key)).toBe('unexpected');
  },
);

it('A notice of a failure settles nothing that was booked as paid back, unless something newer came', () => {
  expect(judge('refund_failed', { operation: 'SUCCEEDED' })).toBe('unexpected');
  expect(judge('refund_failed', { operation: 'SUCCEEDED', isOutdated: true })).toBe('settled');
  expect(judge('charge_failed', { operation: 'UNKNOWN', orderStatus: 'PENDING' })).toBe('look_up');
  expect(judge('charge_failed', { operation: null, orderStatus: 'CANCELLED' })).toBe('settled');
});

it('A notice of money of a sold order that the books do not have is adopted, when no command is moving it', () => {
  for (const key of [null, 'from-the-dashboard', `${ORDER_ID}:refund:1`]) {
    expect(judge('refunded', {}, key)).toBe('adopt');
    expect(judge('refunded', { operation: 'FAILED' }, key)).toBe('adopt');
    expect(judge('refunded', { operation: 'UNKNOWN' }, key)).toBe('look_up');
    expect(judge('refunded', { isOwned: true }, key)).toBe('look_up');
    expect(judge('refunded', { orderStatus: 'REFUNDING' }, key)).toBe('look_up');
  }
  for (const key of [null, 'from-the-dashboard', `${ORDER_ID}:capture:2`]) {
    for (const orderStatus of SOLD) expect(judge('charge_succeeded', { orderStatus }, key)).toBe('adopt');
    expect(judge('charge_succeeded', { operation: 'UNKNOWN' }, key)).toBe('look_up');
    expect(judge('charge_succeeded', { isOwned: true }, key)).toBe('look_up');
  }
  expect(judge('charge_succeeded', {}, `ord_${'b'.repeat(26)}:capture:1`)).toBe('unexpected');
});

it('A notice of a failure wakes the command that owns the order', () => {
  expect(judge('charge_failed', { operation: 'UNKNOWN', isOwned: true })).toBe('look_up');
  expect(judge('refund_failed', { operation: 'UNKNOWN', isOwned: true })).toBe('look_up');
});

it('A notice of a dispute is shown to a person', () => {
  expect(judge('disputed', {}, null)).toBe('unexpected');
  expect(judge('disputed', { orderStatus: null }, null)).toBe('unmatched');
});
