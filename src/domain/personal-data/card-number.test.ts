import { randomBytes, randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { holdsCardNumber } from './card-number.ts';

/** Test numbers of card schemes, by their number of digits. */
const CARDS = [
  '4222222222222',
  '30569309025904',
  '378282246310005',
  '4111111111111111',
  '5555555555554444',
  '1234567812345670',
  '6011000990139424009',
];

it.each(CARDS)('A card number is found alone and inside of a text: %s', (card) => {
  const texts = [card, `card ${card}, 12/28`, `pm_${card}`, `visa${card}x`, `${card}@example.com`, `cart-${card}`];
  for (const text of texts) expect(holdsCardNumber(text), text).toBe(true);
});

it.each(['4111 1111 1111 1111', '4111-1111-1111-1111', '3782 822463 10005', '4222 222 222 222', '3056 930902 5904'])(
  'A card number is found as it is printed: %s',
  (card) => {
    for (const text of [card, `it is ${card} 12/28`, `2041 ${card} 123`]) {
      expect(holdsCardNumber(text), text).toBe(true);
    }
  },
);

it.each([
  ['a wrong check digit', '4111111111111112'],
  ['too few digits', '411111111116'],
  ['too many digits', '41111111111111111111'],
  ['zeros', '0000000000000000'],
  ['a telephone number', '+4930123456786'],
  ['a decimal fraction', '0.4111111111111111'],
  ['a date', '2026-11-21T10:00:00.000Z'],
  ['nothing', ''],
])('A text with %s is no card number', (_, text) => {
  expect(holdsCardNumber(text)).toBe(false);
});

it('A card number is in no time since 1970, no UUID and no hexadecimal id', () => {
  for (let index = 0; index < 2_000; index += 1) {
    const time = String(1_764_000_000_000 + index);
    const ids = [
      time,
      `${time}000`,
      `${time}000000`,
      randomUUID(),
      randomBytes(16).toString('hex'),
      'a378282246310005',
    ];
    for (const id of ids) expect(holdsCardNumber(`id-${id}`), id).toBe(false);
  }
});
