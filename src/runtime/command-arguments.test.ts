import { expect, it } from 'vitest';
import { parseArguments } from './command-arguments.ts';

const FORM = {
  options: { queues: { type: 'string' }, yes: { type: 'boolean' }, env: { type: 'string', multiple: true } },
  positionalsMax: 1,
} as const;

it.each([
  [['--queues', 'payments'], { queues: 'payments' }],
  [['--queues=payments'], { queues: 'payments' }],
  [['--env', 'A=b', '--env=C='], { env: ['A=b', 'C='] }],
  [['file', '--yes'], { yes: true }],
  [[], {}],
])('The arguments %j are read', (words, values) => {
  expect({ ...parseArguments(words, FORM)?.values }).toEqual(values);
});

it.each([[['--help']], [['-h']], [['file', '--yes', '--help']]])('The arguments %j ask for help', (words) => {
  expect(parseArguments(words, FORM)).toBeNull();
});

it.each([
  [['--queue=payments'], "Unknown option '--queue'"],
  [['--queues'], "Option '--queues <value>' argument missing"],
  [['--queues='], '--queues needs a value'],
  [['--queues', ''], '--queues needs a value'],
  [['--queues', 'orders', '--queues', 'payments'], '--queues is given twice'],
  [['--yes=no'], "Option '--yes' does not take an argument"],
  [['file', 'payments'], "Unexpected argument 'payments'"],
])('The arguments %j are refused', (words, message) => {
  expect(() => parseArguments(words, FORM)).toThrow(message);
});
