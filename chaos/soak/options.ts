import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { ArgumentError, parseArguments } from '../../src/runtime/command-arguments.ts';

/** What a soak does. */
export interface SoakOptions {
  readonly minutes: number;
  readonly perSecond: number;
  readonly faultsPerMinute: number;
  readonly seed: number;
  readonly out: string;
}

/** The text that `--help` and a mistake print. */
export const SOAK_USAGE = `npm run soak -- [options]
  Orders at a steady rate for a long time, with faults on, and tells how memory, latency, availability and disk change.
  --minutes N              how long orders come (default 30)
  --per-second N           orders (default 20; 58 is five times a million a day)
  --faults-per-minute N    of all kinds but those that take everything away (default 2; 0 for none)
  --seed N                 default: a random one, which is printed
  --out FOLDER             where report and logs go (default .data/soak)`;

/**
 * Reads the command line; null when help is requested.
 * @throws {ArgumentError}
 */
export function readSoakOptions(words: readonly string[]): SoakOptions | null {
  const given = parseArguments(words, {
    options: {
      minutes: { type: 'string', default: '30' },
      'per-second': { type: 'string', default: '20' },
      'faults-per-minute': { type: 'string', default: '2' },
      seed: { type: 'string', default: String(randomInt(1, 1_000_000)) },
      out: { type: 'string', default: join(PROJECT_FOLDER, '.data/soak') },
    },
  });
  if (given === null) return null;
  const { values } = given;
  return {
    minutes: whole('--minutes', values.minutes, 1),
    perSecond: whole('--per-second', values['per-second'], 1),
    faultsPerMinute: whole('--faults-per-minute', values['faults-per-minute'], 0),
    seed: whole('--seed', values.seed, 1),
    out: values.out,
  };
}

function whole(option: string, text: string, least: number): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < least) {
    throw new ArgumentError(`${option} must be a whole number from ${least} on`);
  }
  return number;
}
