import { expect, it } from 'vitest';
import { endingsTable, formatTable } from './table.ts';

it('The columns of a table are as wide as their widest cell, and no line ends with blanks', () => {
  expect(
    formatTable(
      ['a', 'long title'],
      [
        ['wide cell', 'x'],
        ['y', ''],
      ],
    ),
  ).toBe(['a          long title', '---------  ----------', 'wide cell  x', 'y'].join('\n'));
});

it('A row of the table has the figures before and after', () => {
  const snapshot = (onHand: number, capturedMinor: number) => ({
    stock: { onHand, reserved: 1, available: onHand - 1 },
    money: { capturedMinor, refundedMinor: 5, charges: 1, entries: 2 },
  });
  const before = snapshot(10, 0);
  const ending = { orderId: 'ord_1', happened: 'confirmed', before, after: snapshot(8, 4_500), asTold: true };
  expect(endingsTable([ending]).split('\n').at(-1)).toMatch(
    /^ord_1 +confirmed +10\/1 -> 8\/1 +0\.00\/0\.05 -> 45\.00\/0\.05$/,
  );
});

it('A scenario that broke off has a row in the table, too', () => {
  const ending = { orderId: null, happened: 'broke off', before: null, after: null, asTold: false };
  expect(endingsTable([ending]).split('\n').at(-1)).toMatch(/^\? +broke off +\? +\?$/);
});
