import { expect, it } from 'vitest';
import { createTables, amountText, textOf } from './table.ts';

const plain = createTables({ colors: false });
const colored = createTables({ colors: true });

it('The table printer lines up columns, and shows what is absent as a dash', () => {
  expect(
    plain.table(
      ['order', 'n'],
      [
        ['ord_1', 12],
        ['', null],
      ],
    ),
  ).toBe(['order  n', '-----  --', 'ord_1  12', '-      -'].join('\n'));
});

it('The table printer says so when there is nothing', () => {
  expect(plain.table(['order'], [])).toBe('There are none.');
});

it('The table printer puts the values of fields below each other', () => {
  expect(
    plain.fields([
      ['id', 'ord_1'],
      ['status', 'PENDING'],
      ['reason', null],
    ]),
  ).toBe(['id      ord_1', 'status  PENDING', 'reason  -'].join('\n'));
});

it('The table printer makes titles bold with colors and nothing else', () => {
  const bold = '\u001B[1m';
  expect(colored.table(['a'], [['b']])).toMatch(/^\S*a\S*\n-\nb$/);
  expect(colored.table(['a'], [['b']]).startsWith(bold)).toBe(true);
  expect(colored.fields([['a', 'b']]).startsWith(bold)).toBe(true);
  expect(plain.table(['a'], [['b']]) + plain.fields([['a', 'b']])).not.toContain('\u001B');
});

it.each([
  ['a line break', 'cart\n991', 'cart·991'],
  ['an escape sequence', '\u001B[31mcart', '·[31mcart'],
  ['a direction mark', 'cart\u202E991', 'cart·991'],
  ['a line separator', 'cart\u2028991', 'cart·991'],
  ['letters of any script', 'Zoë 東京', 'Zoë 東京'],
])('The table printer leaves nothing in a cell that acts on a terminal: %s', (_, value, shown) => {
  expect(textOf(value)).toBe(shown);
  expect(plain.table(['a'], [[value]]).split('\n')).toHaveLength(3);
});

it.each([
  [4_500, 'EUR', '45.00 EUR'],
  [1, 'EUR', '0.01 EUR'],
  [4_500, 'JPY', '4500 JPY'],
  [4_500, 'KWD', '4.500 KWD'],
  [100_000_000_000_000, 'EUR', '1000000000000.00 EUR'],
])('An amount of %i %s has the digits of its currency', (amountMinor, currency, text) => {
  expect(amountText(amountMinor, currency)).toBe(text);
});

it('An amount that is not known yet is shown as a dash', () => {
  expect(amountText(null, 'EUR')).toBeNull();
});
