import { expect, it } from 'vitest';
import { readOrderBenchOptions } from './options.ts';

function namesOf(...args: string[]): string[] | undefined {
  return readOrderBenchOptions(args)?.systems.map(({ name }) => name);
}

it('Each job of the benchmark of orders has its systems', () => {
  const usual = ['combined-lean', 'combined-standard', 'split', 'textbook', 'floor', 'dbos', 'restate'];
  expect(namesOf()).toEqual(usual);
  expect(namesOf('paced')).toEqual(namesOf('flood'));
  expect(namesOf('workers')).toEqual(['split', 'split-2', 'split-4']);
  expect(namesOf('flood', '--systems', 'traced-10,traced-100')).toEqual(['traced-10', 'traced-100']);
  expect(namesOf('flood', '--systems', 'floor, textbook')).toEqual(['floor', 'textbook']);
});

it('The yardstick is the only system that is paced slower', () => {
  const options = readOrderBenchOptions(['paced', '--orders', '10', '--warm-up', '5', '--rounds', '1']);
  expect(options?.job).toMatchObject({ name: 'paced', orders: 10, warmUpOrders: 5 });
  const paces = options?.systems.map((system) => options.job.pace(system));
  expect(paces).toEqual([50, 50, 50, 15, 50, 50, 50].map((perSecond) => ({ kind: 'paced', perSecond })));
});

it.each([
  [['sprint'], 'there is no job sprint'],
  [['toString'], 'there is no job toString'],
  [['flood', 'paced'], 'there is no job flood paced'],
  [['--systems', 'split-3'], 'there is no system split-3'],
  [['--rounds', '0'], '--rounds must be a positive whole number'],
  [['--env', 'A'], '--env A is not NAME=VALUE'],
])('The options %j are refused', (args, message) => {
  expect(() => readOrderBenchOptions(args)).toThrow(message);
});
