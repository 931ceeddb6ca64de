import type { BenchStage, Cost } from './bench-stage.ts';
import { readShares, readTimes, untilDrained } from './log-reader.ts';
import type { Program } from '../systems/programs.ts';

/** How fast a number of workers processes a backlog. */
export interface WorkersResult extends Cost {
  readonly workers: number;
  /** Events per second, from the first result to the last one. */
  readonly processedPerSecond: number;
  /** Partitions of each worker. */
  readonly shares: readonly number[];
  readonly events: number;
}

const BACKLOG_RATE = 8_000;

/**
 * Measures how fast different numbers of workers process a backlog. The workers with events listen before the worker
 * that runs the pumps' workflows, so that all of them get a share.
 */
export async function compareWorkers(bench: BenchStage, api: { readonly url: string }): Promise<WorkersResult[]> {
  const results: WorkersResult[] = [];
  for (const workers of bench.options.workers) {
    const seconds = bench.options.backlog / BACKLOG_RATE;
    const load = await bench.load(api.url, { rate: BACKLOG_RATE, seconds, batch: 100, warmUpSeconds: 0 });
    const names = Array.from({ length: workers }, (_, index) => `worker ${index + 1} of ${workers}`);
    const programs = await Promise.all(names.map((name) => bench.programs.startWorker(slug(name), 'events')));
    const conductor = await bench.programs.startWorker(`conductor-${workers}`, 'orders');
    const { result, shares } = await drain(bench, programs);
    const { resultSeconds, results: count } = await readTimes(bench.app, load.startedAt - 1_000, load.endedAt);
    results.push({ ...result, workers, processedPerSecond: count / resultSeconds, shares });
    bench.log(`  ${workers}: ${(count / resultSeconds).toFixed(0)} processed/s, partitions ${shares.join(' + ')}`);
    // The conductor first: what the others hand over waits until the next ones are there.
    await conductor.stop();
    await Promise.all(programs.map(({ stop }) => stop()));
  }
  return results;
}

async function drain(bench: BenchStage, workers: readonly Program[]) {
  const result = await bench.measure(workers, async () => {
    await untilDrained(bench.app);
    return { events: bench.options.backlog };
  });
  return { result, shares: await readShares(bench.app) };
}

function slug(name: string): string {
  return name.replaceAll(' ', '-');
}
