import { expect, it } from 'vitest';
import { readProduceArguments } from './arguments.ts';

it('A rate, types with weights and seconds make a plan', () => {
  const plan = readProduceArguments(['--rate', '500', '--types', 'purchase:70,page_view:30', '--seconds', '30']);
  expect(plan).toMatchObject({ what: 'events', rate: 500, count: 15_000, batch: 1, url: null, token: null });
  expect(plan?.weights).toEqual([
    { type: 'purchase', weight: 70 },
    { type: 'page_view', weight: 30 },
  ]);
});

it('The plan without any arguments is 100 events a second for 10 s', () => {
  expect(readProduceArguments([])).toMatchObject({ rate: 100, count: 1_000, duplicates: 0, invalid: 0 });
});

it('A count replaces the seconds, and a type without a weight has one', () => {
  const plan = readProduceArguments(['--count', '7', '--types', 'custom', '--url', 'http://localhost:1/x']);
  expect(plan).toMatchObject({ count: 7, weights: [{ type: 'custom', weight: 1 }], url: 'http://localhost:1' });
});

it('The call for help is not a plan', () => {
  expect(readProduceArguments(['--help'])).toBeNull();
});

it.each([
  [['--rate', 'fast'], '--rate: "fast" is not a number from 0.1 to 100000'],
  [['--rate', '0'], '--rate: "0" is not'],
  [['--rate', '1e9'], '--rate: "1e9" is not'],
  [['--count', '1.5'], '--count: "1.5" is not a whole number'],
  [['--count', '5', '--seconds', '5'], '--seconds and --count exclude each other'],
  [['--types', 'sale:1'], '--types: "sale:1" is not type:weight'],
  [['--types', 'purchase:1:2'], '--types: "purchase:1:2" is not type:weight'],
  [['--types', 'purchase,purchase'], '--types: purchase is named twice'],
  [['--types', 'purchase:0'], '--types purchase: "0" is not a number'],
  [['--batch', '501'], '--batch: "501" is not a number from 1 to 500'],
  [['--duplicates', '100'], '--duplicates: "100" is not'],
  [['--orders', '--batch', '5'], '--batch is about events, not --orders'],
  [['--url', 'ftp://a'], '--url: "ftp://a" is not the address of an API'],
  [['--speed', '1'], "Unknown option '--speed'"],
  [['now'], "Unexpected argument 'now'"],
])('%j is refused in words', (args, message) => {
  expect(() => readProduceArguments(args)).toThrow(message);
});
