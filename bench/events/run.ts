import { availableParallelism } from 'node:os';
import type { Cleanup } from '../cleanup.ts';
import { startEnvironment } from '../environment.ts';
import { setEventStage, type BenchStage } from './bench-stage.ts';
import { shareOfGenerator } from './generator-share.ts';
import { isSound } from './log-reader.ts';
import type { EventBenchOptions, EventPhase } from './options.ts';
import { burst, findRate, sustain } from './phases.ts';
import { createEventReport, eventReportTable, type EventResults } from './report.ts';
import { compareWorkers } from './workers-phase.ts';
import { writeEventReport } from './write-report.ts';

/** Single events per second that are tried. */
const SINGLE = {
  batch: 1,
  p95LimitMs: 10,
  rates: [250, 500, 1_000, 1_500, 2_000, 2_500, 3_000, 3_500, 4_000, 5_000],
} as const;

/** Events per second in batches of 100; a producer of batches waits a quarter of a second at most. */
const BATCHED = {
  batch: 100,
  p95LimitMs: 250,
  rates: [1_000, 2_500, 5_000, 7_500, 10_000, 12_500, 15_000, 20_000, 25_000],
} as const;

const WARM_UP = { rate: 2_000, seconds: 15, batch: 1, warmUpSeconds: 0 } as const;
const SUSTAINED_RATE = 1_000;
const BURST = { rate: 10_000, seconds: 10 } as const;
const MILLION = { rate: 5_000, seconds: 200 } as const;

/** Runs the benchmark of events; resolves with whether everything that was accepted has its result. */
export async function runEventBench(
  options: EventBenchOptions,
  cleanup: Cleanup,
  log: (line: string) => void,
): Promise<boolean> {
  const environment = await startEnvironment(cleanup, log);
  const bench = await setEventStage(environment, { options, log }, cleanup);
  const results: EventResults = {};
  if ([...options.phases].some((phase) => phase !== 'workers')) await runOnCombined(bench, results);
  if (options.phases.has('workers')) {
    log('workers');
    const api = await bench.programs.startApi();
    results.workers = await compareWorkers(bench, api);
    await api.stop();
  }
  const report = await createEventReport(results, options, environment);
  await writeEventReport(report, options.out);
  process.stdout.write(`\n${eventReportTable(report)}\n`);
  return [results.burst, results.million].every((found) => found === undefined || isSound(found.verdict));
}

async function runOnCombined(bench: BenchStage, results: EventResults): Promise<void> {
  const server = await bench.programs.startCombined();
  // What no phase measures: connections and caches get warm, and code that has just started is compiled bit by bit.
  await bench.load(server.url, WARM_UP);
  const run = async (phase: EventPhase, work: () => Promise<void>): Promise<void> => {
    if (!bench.options.phases.has(phase)) return;
    bench.log(phase);
    await bench.settle();
    await work();
  };
  await run('single', async () => {
    results.single = await findRate(bench, server, SINGLE);
    const { held } = results.single;
    results.generator = held === null ? null : shareOfGenerator(held, availableParallelism());
  });
  await run('batch', async () => {
    results.batch = await findRate(bench, server, BATCHED);
  });
  await run('sustained', async () => {
    results.sustained = await sustain(bench, server, SUSTAINED_RATE);
  });
  await run('burst', async () => {
    results.burst = await burst(bench, server, BURST);
  });
  await run('million', async () => {
    results.million = await burst(bench, server, MILLION);
  });
  await server.stop();
}
