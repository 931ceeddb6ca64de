import { join } from 'node:path';
import { ArgumentError, parseArguments } from '../../src/runtime/command-arguments.ts';

/** Parts of the benchmark of events, in the order in which they run. */
export const EVENT_PHASES = ['single', 'batch', 'sustained', 'burst', 'million', 'workers'] as const;
export type EventPhase = (typeof EVENT_PHASES)[number];

/** What is measured, and for how long. */
export interface EventBenchOptions {
  readonly phases: ReadonlySet<EventPhase>;
  /** Seconds of each step of a search upward. */
  readonly stepSeconds: number;
  /** Seconds of the long tries, and of the sustained rate. */
  readonly holdSeconds: number;
  readonly workers: readonly number[];
  /** Events that wait when workers are compared. */
  readonly backlog: number;
  /** Variables for the product's processes, to try a setting. */
  readonly extraEnv: Readonly<Record<string, string>>;
  /** The folder for CPU profiles of the product's processes; null for none. */
  readonly profileFolder: string | null;
  readonly out: string;
}

/** The text that `--help` and a mistake print. */
export const EVENT_BENCH_USAGE = `npm run bench -- events [options]
  --phases LIST    of ${EVENT_PHASES.join(', ')} (default: all but million)
  --million        also 1,000,000 events, with the memory over time (4 minutes more)
  --long           holds a rate for 60 s instead of 10 s
  --workers LIST   numbers of workers to compare (default: 1,2,4)
  --env K=V        a variable for the product's processes, to try a setting; may be repeated
  --profile FOLDER CPU profiles of the product's processes
  --out FOLDER     where the report goes (default bench/results)`;

const STEP_SECONDS = 4;
const HOLD_SECONDS = { short: 10, long: 60 } as const;
const BACKLOG = 40_000;
const WORKERS_MAX = 16;

/**
 * Reads the command line after the word `events`; null when help is requested.
 * @throws {ArgumentError}
 */
export function readEventBenchOptions(args: readonly string[]): EventBenchOptions | null {
  const given = parseArguments(args, {
    options: {
      phases: { type: 'string' },
      million: { type: 'boolean', default: false },
      long: { type: 'boolean', default: false },
      workers: { type: 'string', default: '1,2,4' },
      env: { type: 'string', multiple: true, default: [] },
      profile: { type: 'string' },
      out: { type: 'string', default: join(import.meta.dirname, '../results') },
    },
  });
  if (given === null) return null;
  const { values } = given;
  const phases = new Set(values.phases === undefined ? usualPhases() : values.phases.split(',').map(phaseOf));
  if (values.million) phases.add('million');
  return {
    phases,
    stepSeconds: STEP_SECONDS,
    holdSeconds: values.long ? HOLD_SECONDS.long : HOLD_SECONDS.short,
    workers: values.workers.split(',').map(workersOf),
    backlog: BACKLOG,
    extraEnv: Object.fromEntries(values.env.map(splitPair)),
    profileFolder: values.profile ?? null,
    out: values.out,
  };
}

function usualPhases(): EventPhase[] {
  return EVENT_PHASES.filter((phase) => phase !== 'million');
}

function phaseOf(name: string): EventPhase {
  const found = EVENT_PHASES.find((phase) => phase === name.trim());
  if (found === undefined) throw new ArgumentError(`there is no phase ${name}`);
  return found;
}

function workersOf(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= WORKERS_MAX) return number;
  throw new ArgumentError(`--workers: "${text}" is not a number from 1 to ${WORKERS_MAX}`);
}

/**
 * Splits the `NAME=VALUE` of the option `--env`.
 * @throws {ArgumentError}
 */
export function splitPair(pair: string): [name: string, value: string] {
  const at = pair.indexOf('=');
  if (at < 1) throw new ArgumentError(`--env ${pair} is not NAME=VALUE`);
  return [pair.slice(0, at), pair.slice(at + 1)];
}
