import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createInterrupts } from '../src/dev/interrupts.ts';
import { createCleanup, type Cleanup } from './cleanup.ts';
import { startEnvironment } from './environment.ts';
import { EVENT_BENCH_USAGE, readEventBenchOptions, splitPair } from './events/options.ts';
import { runEventBench } from './events/run.ts';
import { createReport, reportTable, roundLine, writeReport } from './report.ts';
import { runRound, type Job, type RoundResult } from './round.ts';
import { createCombinedSystem } from './systems/combined.ts';
import type { System } from './systems/system.ts';
import { createTextbookSystem } from './systems/textbook.ts';

const USAGE = `usage: npm run bench -- [flood|paced] [options], or npm run bench -- events [options]
  --systems LIST   of combined-lean, combined-standard, textbook (default: all)
  --rounds N       interleaved rounds, of which the median counts (default 3)
  --orders N       measured orders per system and round (default: flood 2000, paced 1000)
  --warm-up N      orders before them (default 300)
  --env K=V        a variable for the combined process, to try a setting; may be repeated
  --out FOLDER     where the report goes (default bench/results)`;

/** Connections of the closed loop. */
const FLOOD_CONNECTIONS = 64;

/** Orders per second of the open loop; the yardstick could not keep up with the rate of the others. */
const PACED_PER_SECOND = { textbook: 15, others: 50 };

const JOBS = {
  flood: { orders: 2_000, pace: () => ({ kind: 'flood', connections: FLOOD_CONNECTIONS }) },
  paced: {
    orders: 1_000,
    pace: ({ name }) => ({
      kind: 'paced',
      perSecond: name === 'textbook' ? PACED_PER_SECOND.textbook : PACED_PER_SECOND.others,
    }),
  },
} as const satisfies Record<string, Pick<Job, 'orders' | 'pace'>>;

const log = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

function readOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      systems: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      orders: { type: 'string' },
      'warm-up': { type: 'string', default: '300' },
      env: { type: 'string', multiple: true, default: [] },
      out: { type: 'string', default: join(import.meta.dirname, 'results') },
    },
  });
  const [jobName = 'flood', ...unknown] = positionals;
  if (!(jobName in JOBS) || unknown.length > 0) throw new RangeError(`there is no job ${positionals.join(' ')}`);
  const job = JOBS[jobName as keyof typeof JOBS];
  return {
    job: {
      name: jobName,
      pace: job.pace,
      orders: positive('--orders', values.orders ?? String(job.orders)),
      warmUpOrders: positive('--warm-up', values['warm-up']),
    } satisfies Job,
    systems: pickSystems(values.systems, Object.fromEntries(values.env.map(splitPair))),
    rounds: positive('--rounds', values.rounds),
    out: values.out,
  };
}

function positive(option: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new RangeError(`${option} must be a positive whole number`);
  return number;
}

function pickSystems(list: string | undefined, extra: Readonly<Record<string, string>>): System[] {
  const all = [createCombinedSystem('lean', extra), createCombinedSystem('standard', extra), createTextbookSystem()];
  if (list === undefined) return all;
  return list.split(',').map((name) => {
    const system = all.find((candidate) => candidate.name === name.trim());
    if (system === undefined) throw new RangeError(`there is no system ${name}`);
    return system;
  });
}

async function runAll(options: ReturnType<typeof readOptions>, cleanup: Cleanup): Promise<boolean> {
  const { job, systems, rounds } = options;
  const environment = await startEnvironment(cleanup, log);
  const results: RoundResult[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    // Each round begins with another system, so that none always meets the machine in the same mood.
    const shift = (round - 1) % systems.length;
    for (const system of [...systems.slice(shift), ...systems.slice(0, shift)]) {
      const result = await runRound(environment, system, job, round, cleanup);
      results.push(result);
      log(roundLine(result));
    }
  }
  const report = await createReport(job, systems, results, environment);
  await writeReport(report, options.out);
  process.stdout.write(`\n${reportTable(report)}\n`);
  return results.every(({ verdict }) => verdict.ok);
}

/** What the command line asks for, not yet begun. */
function readJob(): (cleanup: Cleanup) => Promise<boolean> {
  const [, , first, ...rest] = process.argv;
  if (first === 'events') {
    const options = readEventBenchOptions(rest);
    return (cleanup) => runEventBench(options, cleanup, log);
  }
  const options = readOptions();
  return (cleanup) => runAll(options, cleanup);
}

let job: ReturnType<typeof readJob>;
try {
  job = readJob();
} catch (error) {
  const usage = process.argv[2] === 'events' ? EVENT_BENCH_USAGE : USAGE;
  log(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
  process.exit(2);
}
// Whoever reads the output may be gone before the cleanup is: a write must not end it.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
const interrupts = createInterrupts(process, { watchParent: process.env['npm_lifecycle_event'] !== undefined });
const cleanup = createCleanup();
const work = job(cleanup);
try {
  const passed = await Promise.race([work, interrupts.stopped]);
  if (passed === null) log('interrupted: stopping everything');
  process.exitCode = passed === true ? 0 : 1;
} finally {
  await cleanup.run();
  // What was still starting when the cleanup began has ended itself by now.
  await work.catch(() => {});
}
