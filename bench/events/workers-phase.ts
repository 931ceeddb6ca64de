import type { BenchStage, Cost } from './bench-stage.ts';
import { readShares, readTimes, untilDrained } from './log-reader.ts';
import type { Program } from '../systems/programs.ts';

/** How fast a number of workers processes a backlog. */
export interface WorkersResult extends Cost {
  readonly workers: number;
  /** Events per second, from the first result to the last one. */
  readonly processedPerSecond: number;
  /** From when the pumps could start to the last result. */
  readonly drainSeconds: number;
  /** Partitions of each worker. */
  readonly shares: readonly number[];
  readonly events: number;
}

const BACKLOG_RATE = 8_000;

/** Measures how fast different numbers of workers process a backlog. */
export async function compareWorkers(bench: BenchStage, api: { readonly url: string }): Promise<WorkersResult[]> {
  const results: WorkersResult[] = [];
  for (const workers of bench.options.workers) {
    const seconds = bench.options.backlog / BACKLOG_RATE;
    const load = await bench.load(api.url, { rate: BACKLOG_RATE, seconds, batch: 100, warmUpSeconds: 0 });
    results.push(await drainBacklog(bench, { workers, events: bench.options.backlog, load }));
  }
  return results;
}

/** Events that were accepted between two moments, in milliseconds since the epoch, and wait. */
interface Backlog {
  readonly workers: number;
  readonly events: number;
  readonly load: { readonly startedAt: number; readonly endedAt: number };
}

/**
 * Measures how fast new workers process a backlog. The workers with events listen before the worker that runs the
 * pumps' workflows, so that all of them get a share.
 */
export async function drainBacklog(bench: BenchStage, { workers, events, load }: Backlog): Promise<WorkersResult> {
  const names = Array.from({ length: workers }, (_, index) => `worker ${index + 1} of ${workers}`);
  const programs = await Promise.all(names.map((name) => bench.programs.startWorker(slug(name), 'events')));
  const conductor = await bench.programs.startWorker(`conductor-${workers}`, 'orders');
  const { result, shares } = await drain(bench, programs, events);
  const { resultSeconds, results: count } = await readTimes(bench.app, load.startedAt - 1_000, load.endedAt);
  bench.log(`  ${workers}: ${(count / resultSeconds).toFixed(0)} processed/s, partitions ${shares.join(' + ')}`);
  // The conductor first: what the others hand over waits until the next ones are there.
  await conductor.stop();
  await Promise.all(programs.map(({ stop }) => stop()));
  return { ...result, workers, processedPerSecond: count / resultSeconds, shares };
}

async function drain(bench: BenchStage, workers: readonly Program[], events: number) {
  const began = performance.now();
  const result = await bench.measure(workers, async () => {
    await untilDrained(bench.app);
    return { events, drainSeconds: (performance.now() - began) / 1_000 };
  });
  return { result, shares: await readShares(bench.app) };
}

function slug(name: string): string {
  return name.replaceAll(' ', '-');
}
