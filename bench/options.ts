import { join } from 'node:path';
import { ArgumentError, parseArguments, positiveInteger } from '../src/runtime/command-arguments.ts';
import { PROJECT_FOLDER } from '../src/dev/data-folder.ts';
import { splitPair } from './events/options.ts';
import { PROVIDER_LATENCY_MS } from './environment.ts';
import type { Job } from './round.ts';
import { createDbosSystem, createRestateSystem } from './systems/peers.ts';
import { createCombinedSystem, createSplitSystem, createWaitingSystem } from './systems/product.ts';
import type { System } from './systems/system.ts';
import { createTracedSystem } from './systems/traced.ts';
import { createFloorSystem, createTextbookSystem } from './systems/yardsticks.ts';

/** The options of the benchmark of orders. */
export interface OrderBenchOptions {
  readonly job: Job;
  readonly systems: readonly System[];
  readonly rounds: number;
  /** Whether the ratios are compared with the committed ones. */
  readonly isQuick: boolean;
  readonly out: string;
}

/** The text that `--help` and a mistake print. */
export const ORDER_BENCH_USAGE = `npm run bench -- [flood|paced|workers] [options], or npm run bench -- events [options]
  --systems LIST   of combined-lean, combined-standard, split, split-2, split-4, waiting-1, waiting-2, waiting-4,
                   traced-10, traced-100, textbook, floor, dbos, restate (default: combined-*, split, textbook, floor,
                   dbos, restate; workers: waiting-*)
  --rounds N       interleaved rounds, of which the median counts (default 3)
  --orders N       measured orders per system and round (default: 2000, paced 1000, workers 240)
  --warm-up N      orders before them (default 300, workers 60)
  --quick          a flood of fewer orders in one round, under 5 minutes; compares its ratios with the committed ones
  --env K=V        a variable for the product's processes, to try a setting; may be repeated
  --out FOLDER     where the report goes (default bench/results; --quick: .data/bench)`;

/** Connections of the closed loop. */
const FLOOD = { kind: 'flood', connections: 64 } as const;

/** Orders per second of the open loop; the yardstick could not keep up with the rate of the others. */
const PACED_PER_SECOND = { textbook: 15, others: 50 };

/**
 * Orders of a quick run: with 200 to warm up and 400 to measure, the textbook takes 40 s on two cores, and every other
 * system about 15 s.
 */
const QUICK = { orders: 400, warmUpOrders: 200, rounds: 1 };
const USUAL = { warmUpOrders: 300 };
const USUAL_ROUNDS = 3;

/** The folder of the committed results. */
export const RESULTS_FOLDER = join(import.meta.dirname, 'results');

/** The result of a quick run must not replace a committed one. */
const QUICK_FOLDER = join(PROJECT_FOLDER, '.data/bench');

/**
 * With two payments at a time this is 1.3 orders a second for each worker, and 5.3 for four: a third of what two cores can
 * do. With 200 ms four workers would need all of them, and with 600 ms a busy machine is seen in the ratio.
 */
const WAITING_LATENCY_MS = 1_500;

const USUAL_SYSTEMS = 'combined-lean,combined-standard,split,textbook,floor,dbos,restate';

interface UsualJob extends Pick<Job, 'orders' | 'warmUpOrders' | 'pace'> {
  readonly systems: string;
  /** `PROVIDER_LATENCY_MS` by default. */
  readonly providerLatencyMs?: number;
}

const JOBS = {
  flood: { ...USUAL, orders: 2_000, systems: USUAL_SYSTEMS, pace: () => FLOOD },
  paced: {
    ...USUAL,
    orders: 1_000,
    systems: USUAL_SYSTEMS,
    pace: ({ name }) => ({
      kind: 'paced',
      perSecond: name === 'textbook' ? PACED_PER_SECOND.textbook : PACED_PER_SECOND.others,
    }),
  },
  workers: {
    orders: 240,
    warmUpOrders: 60,
    systems: 'waiting-1,waiting-2,waiting-4',
    pace: () => FLOOD,
    providerLatencyMs: WAITING_LATENCY_MS,
  },
} as const satisfies Record<string, UsualJob>;

/**
 * Reads the command line; null when help is requested.
 * @throws {ArgumentError}
 */
export function readOrderBenchOptions(args: readonly string[]): OrderBenchOptions | null {
  const given = parseArguments(args, {
    positionalsMax: Number.POSITIVE_INFINITY,
    options: {
      systems: { type: 'string' },
      rounds: { type: 'string' },
      orders: { type: 'string' },
      'warm-up': { type: 'string' },
      quick: { type: 'boolean', default: false },
      env: { type: 'string', multiple: true, default: [] },
      out: { type: 'string' },
    },
  });
  if (given === null) return null;
  const { values, positionals } = given;
  const [jobName = 'flood', ...unknown] = positionals;
  if (!isJob(jobName) || unknown.length > 0) throw new ArgumentError(`there is no job ${positionals.join(' ')}`);
  if (values.quick && jobName !== 'flood') throw new ArgumentError('--quick is for the flood');
  return optionsOf(JOBS[jobName], { ...values, name: jobName });
}

interface Given {
  readonly name: string;
  readonly systems?: string | undefined;
  readonly rounds?: string | undefined;
  readonly orders?: string | undefined;
  readonly 'warm-up'?: string | undefined;
  readonly quick: boolean;
  readonly env: readonly string[];
  readonly out?: string | undefined;
}

function optionsOf(job: UsualJob, given: Given): OrderBenchOptions {
  const isQuick = given.quick;
  const usual = isQuick ? QUICK : { ...job, rounds: USUAL_ROUNDS };
  const { pace, providerLatencyMs = PROVIDER_LATENCY_MS } = job;
  return {
    job: {
      name: given.name,
      pace,
      providerLatencyMs,
      orders: positiveInteger('--orders', given.orders ?? usual.orders),
      warmUpOrders: positiveInteger('--warm-up', given['warm-up'] ?? usual.warmUpOrders),
    },
    systems: pickSystems(given.systems ?? job.systems, Object.fromEntries(given.env.map(splitPair))),
    rounds: positiveInteger('--rounds', given.rounds ?? usual.rounds),
    isQuick,
    out: given.out ?? (isQuick ? QUICK_FOLDER : RESULTS_FOLDER),
  };
}

function isJob(name: string): name is keyof typeof JOBS {
  return Object.hasOwn(JOBS, name);
}

function pickSystems(list: string, extra: Readonly<Record<string, string>>): System[] {
  const all = [
    createCombinedSystem('lean', extra),
    createCombinedSystem('standard', extra),
    ...[1, 2, 4].map((workers) => createSplitSystem(workers, extra)),
    ...[1, 2, 4].map((workers) => createWaitingSystem(workers, extra)),
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
