import { join } from 'node:path';
import { ArgumentError } from '../src/runtime/command-arguments.ts';
import { createInterrupts } from '../src/dev/processes/interrupts.ts';
import { createCleanup, type Cleanup } from './cleanup.ts';
import { compareRatios, comparisonTable, isWithinTolerance, readCommitted } from './comparison.ts';
import { startEnvironment } from './environment.ts';
import { EVENT_BENCH_USAGE, readEventBenchOptions } from './events/options.ts';
import { compareWaitingConsumers, consumersTable } from './events/waiting-consumers.ts';
import { runEventBench } from './events/run.ts';
import { LOAD_TEST_USAGE, readLoadTestOptions } from './load-tests/options.ts';
import { LOAD_TESTS } from './load-tests/tests.ts';
import { ORDER_BENCH_USAGE, readOrderBenchOptions, RESULTS_FOLDER, type OrderBenchOptions } from './options.ts';
import { createReport, reportTable, roundLine, type Report } from './report.ts';
import { runRound, type RoundResult } from './round.ts';
import { writeReport } from './write-report.ts';

const log = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

async function runAll(options: OrderBenchOptions, cleanup: Cleanup): Promise<boolean> {
  const { job, systems, rounds } = options;
  const environment = await startEnvironment(cleanup, log);
  const results: RoundResult[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    // Each round begins with another system, because the machine's speed changes during a round.
    const shift = (round - 1) % systems.length;
    for (const system of [...systems.slice(shift), ...systems.slice(0, shift)]) {
      const result = await runRound(environment, { job, system, round }, cleanup);
      results.push(result);
      log(roundLine(result));
    }
  }
  // More workers must also be more events, where the handler waits.
  const consumers = job.name === 'workers' ? await compareWaitingConsumers(environment, cleanup, log) : [];
  const report = {
    ...(await createReport({ job, systems }, results, environment)),
    ...(consumers.length > 0 ? { consumers } : {}),
  };
  await writeReport(report, options.out);
  process.stdout.write(`\n${reportTable(report)}\n`);
  if (consumers.length > 0) process.stdout.write(`\n${consumersTable(consumers)}\n`);
  const isSound = results.every(({ verdict }) => verdict.ok) && consumers.every((measured) => measured.isSound);
  return options.isQuick ? (await hasCommittedRatios(report)) && isSound : isSound;
}

/** Prints the comparison with the committed results. */
async function hasCommittedRatios(report: Report): Promise<boolean> {
  const comparisons = compareRatios(report, await readCommitted(join(RESULTS_FOLDER, `${report.job}.json`)));
  process.stdout.write(`\n${comparisonTable(comparisons)}\n`);
  return isWithinTolerance(comparisons);
}

/** The job that the command line asks for, not begun yet; null when help is requested. */
function readJob(): ((cleanup: Cleanup) => Promise<boolean>) | null {
  const [, , first, ...rest] = process.argv;
  if (first === 'events') {
    const options = readEventBenchOptions(rest);
    return options && ((cleanup) => runEventBench(options, cleanup, log));
  }
  const loadTest = LOAD_TESTS.get(first ?? '');
  if (loadTest !== undefined) {
    const options = readLoadTestOptions(rest, loadTest.seconds);
    return options && ((cleanup) => loadTest.run(options, cleanup, log));
  }
  const options = readOrderBenchOptions(process.argv.slice(2));
  return options && ((cleanup) => runAll(options, cleanup));
}

/** The usage of the job that the command line names. */
function usageOf(job = ''): string {
  if (LOAD_TESTS.has(job)) return LOAD_TEST_USAGE;
  return job === 'events' ? EVENT_BENCH_USAGE : ORDER_BENCH_USAGE;
}

const usage = usageOf(process.argv[2]);
let job: ReturnType<typeof readJob>;
try {
  job = readJob();
} catch (error) {
  if (!(error instanceof ArgumentError)) throw error;
  log(`${error.message}\n\n${usage}`);
  process.exit(2);
}
if (job === null) {
  process.stdout.write(`${usage}\n`);
  process.exit(0);
}
// The reader of the output may be gone before the cleanup is done; a failed write must not end the cleanup.
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
  // Parts that were still starting when the cleanup began have ended by now.
  await work.catch(() => {});
}
