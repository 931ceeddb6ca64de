import { expect, it } from 'vitest';
import { MAX_AMOUNT_MINOR, MAX_UNIT_PRICE_MINOR, totalOf } from './money.ts';

it('The total of no lines is nothing', () => {
  expect(totalOf([])).toBe(0);
});

it('The total adds up quantity times price', () => {
  const lines = [
    { sku: 'A', quantity: 2, unitPriceMinor: 2_250 },
    { sku: 'B', quantity: 3, unitPriceMinor: 1 },
    { sku: 'C', quantity: 1, unitPriceMinor: 0 },
  ];
  expect(totalOf(lines)).toBe(4_503);
});

it('The total of the largest order there can be is exact', () => {
  const lines = Array.from({ length: 100 }, (_, index) => ({
    sku: `SKU-${index}`,
    quantity: 1_000,
    unitPriceMinor: MAX_UNIT_PRICE_MINOR,
  }));
  expect(totalOf(lines)).toBe(MAX_AMOUNT_MINOR);
  expect(Number.isSafeInteger(MAX_AMOUNT_MINOR)).toBe(true);
  expect(totalOf([...lines.slice(1), { sku: 'odd', quantity: 1, unitPriceMinor: 1 }])).toBe(99_000_000_000_001);
});
