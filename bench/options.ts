import { join } from 'node:path';
import { ArgumentError, parseArguments } from '../src/runtime/command-arguments.ts';
import { splitPair } from './events/options.ts';
import type { Job } from './round.ts';
import { createDbosSystem, createRestateSystem } from './systems/peers.ts';
import { createCombinedSystem, createSplitSystem } from './systems/product.ts';
import type { System } from './systems/system.ts';
import { createTracedSystem } from './systems/traced.ts';
import { createFloorSystem, createTextbookSystem } from './systems/yardsticks.ts';

/** The options of the benchmark of orders. */
export interface OrderBenchOptions {
  readonly job: Job;
  readonly systems: readonly System[];
  readonly rounds: number;
  readonly out: string;
}

/** The text that `--help` and a mistake print. */
export const ORDER_BENCH_USAGE = `npm run bench -- [flood|paced|workers] [options], or npm run bench -- events [options]
  --systems LIST   of combined-lean, combined-standard, split, split-2, split-4, traced-10, traced-100,
                   textbook, floor, dbos, restate (default: all but split-2, split-4 and traced-*; workers: split, split-2, split-4)
  --rounds N       interleaved rounds, of which the median counts (default 3)
  --orders N       measured orders per system and round (default: 2000, paced 1000)
  --warm-up N      orders before them (default 300)
  --env K=V        a variable for the product's processes, to try a setting; may be repeated
  --out FOLDER     where the report goes (default bench/results)`;

/** Connections of the closed loop. */
const FLOOD = { kind: 'flood', connections: 64 } as const;

/** Orders per second of the open loop; the yardstick could not keep up with the rate of the others. */
const PACED_PER_SECOND = { textbook: 15, others: 50 };

const USUAL_SYSTEMS = 'combined-lean,combined-standard,split,textbook,floor,dbos,restate';

const JOBS = {
  flood: { orders: 2_000, systems: USUAL_SYSTEMS, pace: () => FLOOD },
  paced: {
    orders: 1_000,
    systems: USUAL_SYSTEMS,
    pace: ({ name }) => ({
      kind: 'paced',
      perSecond: name === 'textbook' ? PACED_PER_SECOND.textbook : PACED_PER_SECOND.others,
    }),
  },
  workers: { orders: 2_000, systems: 'split,split-2,split-4', pace: () => FLOOD },
} as const satisfies Record<string, Pick<Job, 'orders' | 'pace'> & { readonly systems: string }>;

/**
 * Reads the command line; null when help is requested.
 * @throws {ArgumentError}
 */
export function readOrderBenchOptions(args: readonly string[]): OrderBenchOptions | null {
  const given = parseArguments(args, {
    positionalsMax: Number.POSITIVE_INFINITY,
    options: {
      systems: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      orders: { type: 'string' },
      'warm-up': { type: 'string', default: '300' },
      env: { type: 'string', multiple: true, default: [] },
      out: { type: 'string', default: join(import.meta.dirname, 'results') },
    },
  });
  if (given === null) return null;
  const { values, positionals } = given;
  const [jobName = 'flood', ...unknown] = positionals;
  if (!isJob(jobName) || unknown.length > 0) throw new ArgumentError(`there is no job ${positionals.join(' ')}`);
  const job = JOBS[jobName];
  return {
    job: {
      name: jobName,
      pace: job.pace,
      orders: positive('--orders', values.orders ?? String(job.orders)),
      warmUpOrders: positive('--warm-up', values['warm-up']),
    },
    systems: pickSystems(values.systems ?? job.systems, Object.fromEntries(values.env.map(splitPair))),
    rounds: positive('--rounds', values.rounds),
    out: values.out,
  };
}

function isJob(name: string): name is keyof typeof JOBS {
  return Object.hasOwn(JOBS, name);
}

function positive(option: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new ArgumentError(`${option} must be a positive whole number`);
  return number;
}

function pickSystems(list: string, extra: Readonly<Record<string, string>>): System[] {
  const all = [
    createCombinedSystem('lean', extra),
    createCombinedSystem('standard', extra),
    ...[1, 2, 4].map((workers) => createSplitSystem(workers, extra)),
    ...[10, 100].map((percent) => createTracedSystem(percent, extra)),
    createTextbookSystem(),
    createFloorSystem(),
    createDbosSystem(),
    createRestateSystem((line) => process.stderr.write(`${line}\n`)),
  ];
  return list.split(',').map((name) => {
    const system = all.find((candidate) => candidate.name === name.trim());
    if (system === undefined) throw new ArgumentError(`there is no system ${name}`);
    return system;
  });
}
