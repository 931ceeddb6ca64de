import { expect, it } from 'vitest';
import { cancelableUntilOf, capturableMinorOf, type CaptureFacts } from './order-deadlines.ts';

const AUTHORIZED: CaptureFacts = {
  captureMode: 'manual',
  status: 'AWAITING_CAPTURE',
  authorizedMinor: 5_000,
  takenMinor: 0,
  voided: false,
};
const SOLD_IN_PART = { ...AUTHORIZED, status: 'CONFIRMED', takenMinor: 1_000 } as const;

const ONCE = { captures: 'once' } as const;

it.each([
  ['all that is authorized, before the first capture', AUTHORIZED, 5_000],
  ['the rest, after a part was captured', SOLD_IN_PART, 4_000],
  ['what captures under way have left', { ...SOLD_IN_PART, takenMinor: 3_500 }, 1_500],
  ['the rest, after a part was paid back', { ...SOLD_IN_PART, status: 'PARTIALLY_REFUNDED' }, 4_000],
  ['nothing, once all is captured', { ...SOLD_IN_PART, takenMinor: 5_000 }, 0],
  ['nothing of what was voided', { ...SOLD_IN_PART, voided: true }, 0],
  ['nothing of an order that is cancelled', { ...SOLD_IN_PART, status: 'CANCELLING' }, 0],
  ['nothing of an order that has expired', { ...AUTHORIZED, status: 'EXPIRED' }, 0],
  ['no question before anything is authorized', { ...AUTHORIZED, status: 'PENDING', authorizedMinor: 0 }, null],
  ['no question where the money is taken with the order', { ...SOLD_IN_PART, captureMode: 'automatic' }, null],
] as const)('The amount left to capture is %s', (_, facts, left) => {
  expect(capturableMinorOf(facts, { captures: 'several' })).toBe(left);
});

it('The amount left to capture is nothing after the first capture where the provider captures once', () => {
  expect(capturableMinorOf(AUTHORIZED, ONCE)).toBe(5_000);
  expect(capturableMinorOf({ ...AUTHORIZED, takenMinor: 1_000 }, ONCE)).toBe(0);
  expect(capturableMinorOf(SOLD_IN_PART, ONCE)).toBe(0);
});

const confirmedAt = new Date('2026-11-21T10:00:00.000Z');

it('The time until which an order may be cancelled is the end of the window after its confirmation', () => {
  expect(cancelableUntilOf({ status: 'CONFIRMED', confirmedAt }, 1_800)).toEqual(new Date('2026-11-21T10:30:00.000Z'));
});

it.each(['AWAITING_CAPTURE', 'CANCELLING', 'CANCELLED', 'REFUNDING', 'REFUNDED'] as const)(
  'An order in %s has no time until which it may be cancelled',
  (status) => {
    expect(
      cancelableUntilOf({ status, confirmedAt: status === 'AWAITING_CAPTURE' ? null : confirmedAt }, 1_800),
    ).toBeNull();
  },
);
