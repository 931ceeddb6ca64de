import { join } from 'node:path';
import { ArgumentError, parseArguments } from '../../src/runtime/command-arguments.ts';
import { splitPair } from '../events/options.ts';

/** The parts of the overload test. */
export const OVERLOAD_PARTS = ['orders', 'events', 'tenants'] as const;
export type OverloadPart = (typeof OVERLOAD_PARTS)[number];

/** The options of the tests of overload and users. */
export interface LoadTestOptions {
  /** How long each load lasts. */
  readonly seconds: number;
  /** Multiples of the capacity. */
  readonly factors: readonly number[];
  readonly parts: ReadonlySet<OverloadPart>;
  /** Numbers of users. */
  readonly users: readonly number[];
  readonly rounds: number;
  readonly env: Readonly<Record<string, string>>;
  readonly out: string;
}

/** The text that `--help` and a mistake print. */
export const LOAD_TEST_USAGE = `npm run bench -- overload|hot-sku|users [options]
  --seconds N      how long each load lasts (default: overload 120, hot-sku 20, users 60)
  --factors LIST   overload: multiples of the capacity (default 2,10)
  --parts LIST     overload: of ${OVERLOAD_PARTS.join(', ')} (default: all)
  --users LIST     users: how many (default 5000,10000)
  --rounds N       hot-sku: interleaved rounds, of which the median counts (default 3)
  --env K=V        a variable for the service's process, to try a setting; may be repeated
  --out FOLDER     where the report goes (default bench/results)`;

/**
 * Reads the words after the name of a test; null when help is requested.
 * @throws {ArgumentError}
 */
export function readLoadTestOptions(args: readonly string[], usualSeconds: number): LoadTestOptions | null {
  const given = parseArguments(args, {
    options: {
      seconds: { type: 'string', default: String(usualSeconds) },
      factors: { type: 'string', default: '2,10' },
      parts: { type: 'string', default: OVERLOAD_PARTS.join(',') },
      users: { type: 'string', default: '5000,10000' },
      rounds: { type: 'string', default: '3' },
      env: { type: 'string', multiple: true, default: [] },
      out: { type: 'string', default: join(import.meta.dirname, '../results') },
    },
  });
  if (given === null) return null;
  const { values } = given;
  return {
    seconds: wholeNumber('--seconds', values.seconds, [5, 3_600]),
    factors: values.factors.split(',').map((text) => wholeNumber('--factors', text, [1, 20])),
    parts: new Set(values.parts.split(',').map(partOf)),
    users: values.users.split(',').map((text) => wholeNumber('--users', text, [1, 15_000])),
    rounds: wholeNumber('--rounds', values.rounds, [1, 20]),
    env: Object.fromEntries(values.env.map(splitPair)),
    out: values.out,
  };
}

function partOf(name: string): OverloadPart {
  const found = OVERLOAD_PARTS.find((part) => part === name.trim());
  if (found === undefined) throw new ArgumentError(`there is no part ${name}`);
  return found;
}

function wholeNumber(option: string, text: string, [least, most]: readonly [number, number]): number {
  const number = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new ArgumentError(`${option}: "${text}" is not a whole number from ${least} to ${most}`);
}
