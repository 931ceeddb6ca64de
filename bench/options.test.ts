import { expect, it } from 'vitest';
import { readOrderBenchOptions } from './options.ts';

function namesOf(...args: string[]): string[] | undefined {
  return readOrderBenchOptions(args)?.systems.map(({ name }) => name);
}

it('Each job of the benchmark of orders has its systems', () => {
  const usual = ['combined-lean', 'combined-standard', 'split', 'textbook', 'floor', 'dbos', 'restate'];
  expect(namesOf()).toEqual(usual);
  expect(namesOf('paced')).toEqual(namesOf('flood'));
  expect(namesOf('workers')).toEqual(['waiting-1', 'waiting-2', 'waiting-4']);
  expect(namesOf('flood', '--systems', 'split-2,split-4')).toEqual(['split-2', 'split-4']);
  expect(namesOf('flood', '--systems', 'traced-10,traced-100')).toEqual(['traced-10', 'traced-100']);
  expect(namesOf('flood', '--systems', 'floor, textbook')).toEqual(['floor', 'textbook']);
});

it('The provider of the comparison of workers is slow, so that workers wait and cores do not', () => {
  expect(readOrderBenchOptions(['workers'])?.job).toMatchObject({
    orders: 240,
    warmUpOrders: 60,
    providerLatencyMs: 1_500,
  });
  expect(readOrderBenchOptions([])?.job.providerLatencyMs).toBe(5);
});

it('The yardstick is the only system that is paced slower', () => {
  const options = readOrderBenchOptions(['paced', '--orders', '10', '--warm-up', '5', '--rounds', '1']);
  expect(options?.job).toMatchObject({ name: 'paced', orders: 10, warmUpOrders: 5 });
  const paces = options?.systems.map((system) => options.job.pace(system));
  expect(paces).toEqual([50, 50, 50, 15, 50, 50, 50].map((perSecond) => ({ kind: 'paced', perSecond })));
});

it('A quick run has fewer orders and one round, and leaves the committed results alone', () => {
  const [usual, quick] = [readOrderBenchOptions([]), readOrderBenchOptions(['--quick'])];
  expect(usual).toMatchObject({ isQuick: false, rounds: 3, job: { orders: 2_000, warmUpOrders: 300 } });
  expect(quick).toMatchObject({ isQuick: true, rounds: 1, job: { orders: 400, warmUpOrders: 200 } });
  expect(quick?.out).not.toBe(usual?.out);
  expect(readOrderBenchOptions(['--quick', '--orders', '50'])?.job.orders).toBe(50);
});

it.each([
  [['sprint'], 'there is no job sprint'],
  [['toString'], 'there is no job toString'],
  [['flood', 'paced'], 'there is no job flood paced'],
  [['--systems', 'split-3'], 'there is no system split-3'],
  [['--rounds', '0'], '--rounds must be a positive whole number'],
  [['paced', '--quick'], '--quick is for the flood'],
  [['--env', 'A'], '--env A is not NAME=VALUE'],
])('The options %j are refused', (args, message) => {
  expect(() => readOrderBenchOptions(args)).toThrow(message);
});
