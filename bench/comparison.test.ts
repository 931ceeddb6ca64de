import { expect, it } from 'vitest';
import { compareRatios, comparisonTable, isWithinTolerance } from './comparison.ts';

const committed = {
  systems: [
    { system: 'combined-lean', timesTextbook: 4 },
    { system: 'textbook', timesTextbook: 1 },
    { system: 'floor', timesTextbook: 5 },
  ],
};

function run(lean: number | null, floor: number) {
  return {
    systems: [
      { system: 'combined-lean', timesTextbook: lean },
      { system: 'textbook', timesTextbook: 1 },
      { system: 'floor', timesTextbook: floor },
      { system: 'dbos', timesTextbook: 9 },
    ],
  };
}

it('Ratios that differ by at most a quarter from the committed ones are the same ratios', () => {
  const comparisons = compareRatios(run(5, 3.75), committed);
  expect(comparisons.map(({ deviation }) => deviation)).toEqual([0.25, -0.25, null]);
  expect(isWithinTolerance(comparisons)).toBe(true);
});

it.each([
  ['above by more than a quarter', run(5.1, 5)],
  ['below by more than a quarter', run(4, 3.7)],
  ['without a figure, because its audit failed', run(null, 5)],
])('A ratio is not the committed one when it is %s', (_, measured) => {
  expect(isWithinTolerance(compareRatios(measured, committed))).toBe(false);
});

it('A run without a system of the committed one proves nothing', () => {
  const onlyNew = { systems: [{ system: 'dbos', timesTextbook: 9 }] };
  expect(isWithinTolerance(compareRatios(onlyNew, committed))).toBe(false);
});

it('The comparison names each system with both ratios and the difference', () => {
  expect(
    comparisonTable(compareRatios(run(5.2, 5), committed))
      .split('\n')
      .slice(1),
  ).toEqual([
    'combined-lean  5.20  4.00       +30 %, more than 25 %',
    'floor          5.00  5.00       +0 %',
    'dbos           9.00  -          not measured in the committed run',
  ]);
});
