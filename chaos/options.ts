import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { PROJECT_FOLDER } from '../src/dev/data-folder.ts';
import { ArgumentError, parseArguments, positiveInteger } from '../src/runtime/command-arguments.ts';
import { FAULT_KINDS } from './faults/catalog.ts';
import { isPlant, PLANTS, type PlantName } from './plants/plants.ts';
import { TOPOLOGIES, type Topology } from './system/topology.ts';

/** What a run does. */
export interface ChaosOptions {
  readonly profile: Profile;
  readonly seed: number;
  readonly orders: number;
  readonly perSecond: number;
  readonly faults: number;
  readonly topology: Topology;
  /** The only kinds of faults that are played; null for all. */
  readonly kinds: readonly string[] | null;
  /** No fault lasts longer, in milliseconds. */
  readonly longestMs: number;
  /** A plan that an earlier run has saved; null for a new one. */
  readonly planFile: string | null;
  /** A bug that the run must find; null for the code as it is. */
  readonly plant: PlantName | null;
  /** Where plan, history, logs and report go. */
  readonly out: string;
}

/**
 * Two cores carry 8 of these orders a second: most of them have commands, webhooks or notices, each with a workflow of
 * its own, and every byte goes through a link. 20 faults more are planned than must strike, because some find nothing
 * to strike.
 */
const PROFILES = {
  ci: { orders: 200, perSecond: 8, faults: 12, topology: 'combined', longestMs: 3_000 },
  full: { orders: 10_000, perSecond: 8, faults: 220, topology: 'combined', longestMs: 10_000 },
} as const;

export type Profile = keyof typeof PROFILES;

/** The text that `--help` and a mistake print. */
export const CHAOS_USAGE = `npm run chaos -- [options]
  Starts the whole system as processes with a proxy on every link, lets seeded clients order while a seeded plan of
  faults is played, and checks afterwards that every promise was kept.
  --profile NAME   full (10,000 orders, 220 faults, 40 minutes; default) or ci (2 minutes)
  --seed N         repeats the plan and the workload of another run (default: a random one, which is printed)
  --orders N, --faults N, --per-second N, --topology combined|split
                   other numbers than those of the profile; split is 2 APIs and 3 workers
  --kinds A,B      only these kinds of faults, for example kill,kill-everything
  --plan FILE      plays the plan that another run has saved, or a part of it
  --plant NAME     runs a copy of the code with a bug in it that the checker must find: M1 to M11
  --out FOLDER     where plan, history, logs and report go (default .data/chaos)
Exit code: 0 every promise was kept, 1 a promise was broken or too little was reached, 2 a mistake in the options.`;

/**
 * Reads the command line; null when help is requested.
 * @throws {ArgumentError}
 */
export function readChaosOptions(words: readonly string[]): ChaosOptions | null {
  const given = parseArguments(words, {
    options: {
      profile: { type: 'string', default: 'full' },
      seed: { type: 'string' },
      orders: { type: 'string' },
      faults: { type: 'string' },
      'per-second': { type: 'string' },
      topology: { type: 'string' },
      kinds: { type: 'string' },
      plan: { type: 'string' },
      plant: { type: 'string' },
      out: { type: 'string', default: join(PROJECT_FOLDER, '.data/chaos') },
    },
  });
  if (given === null) return null;
  const { values } = given;
  const { profile } = values;
  if (!isProfile(profile)) throw new ArgumentError(`--profile must be full or ci`);
  const usual = PROFILES[profile];
  const topology = TOPOLOGIES.find((name) => name === (values.topology ?? usual.topology));
  if (topology === undefined) throw new ArgumentError(`--topology must be combined or split`);
  const seed = values.seed === undefined ? randomInt(1, 1_000_000) : positiveInteger('--seed', values.seed);
  return {
    profile,
    seed,
    orders: positiveInteger('--orders', values.orders ?? usual.orders),
    perSecond: positiveInteger('--per-second', values['per-second'] ?? usual.perSecond),
    faults: positiveInteger('--faults', values.faults ?? usual.faults),
    topology,
    kinds: values.kinds === undefined ? null : knownKinds(values.kinds.split(',')),
    longestMs: usual.longestMs,
    planFile: values.plan ?? null,
    plant: values.plant === undefined ? null : plantNamed(values.plant),
    out: values.out,
  };
}

function knownKinds(names: readonly string[]): readonly string[] {
  const unknown = names.find((name) => FAULT_KINDS.every((kind) => kind.name !== name));
  if (unknown === undefined) return names;
  throw new ArgumentError(
    `--kinds: there is no kind '${unknown}'; known: ${FAULT_KINDS.map(({ name }) => name).join(', ')}`,
  );
}

function plantNamed(name: string): PlantName {
  if (isPlant(name)) return name;
  throw new ArgumentError(`--plant must be one of ${Object.keys(PLANTS).join(', ')}`);
}

function isProfile(name: string): name is Profile {
  return Object.hasOwn(PROFILES, name);
}
