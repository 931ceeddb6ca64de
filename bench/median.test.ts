import { expect, it } from 'vitest';
import { medianOf } from './median.ts';

it('The median is the middle value, or the mean of the two middle ones', () => {
  expect(medianOf([3, 1, 2])).toBe(2);
  expect(medianOf([4, 1, 3, 2])).toBe(2.5);
  expect(medianOf([7])).toBe(7);
  expect(medianOf([])).toBeNull();
});
