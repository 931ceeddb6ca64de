import type { Environment } from '../environment.ts';
import type { Latency } from '../measure.ts';
import { alignColumns, describeRun } from '../report.ts';
import type { GeneratorShare } from './generator-share.ts';
import { isSound } from './log-reader.ts';
import type { EventBenchOptions } from './options.ts';
import type { BurstResult, SustainedResult } from './phases.ts';
import type { RateResult } from './rate-search.ts';
import type { WorkersResult } from './workers-phase.ts';

/** What the phases that ran have found. */
export interface EventResults {
  single?: RateResult;
  /** The part of the load generator in the held rate of single events; null when no rate was held. */
  generator?: GeneratorShare | null;
  batch?: RateResult;
  sustained?: SustainedResult;
  burst?: BurstResult;
  million?: BurstResult;
  workers?: readonly WorkersResult[];
}

/** What is written to `bench/results`. */
export interface EventReport extends Awaited<ReturnType<typeof describeRun>> {
  readonly job: 'events';
  readonly holdSeconds: number;
  readonly results: EventResults;
}

/** Adds to the results where they were measured. */
export async function createEventReport(
  results: EventResults,
  { holdSeconds }: EventBenchOptions,
  environment: Environment,
): Promise<EventReport> {
  return { job: 'events', ...(await describeRun(environment)), holdSeconds, results };
}

/** The report as a table for the terminal. */
export function eventReportTable({ results, machine }: Pick<EventReport, 'results' | 'machine'>): string {
  const rows = eventReportRows(results);
  return `${alignColumns(rows)}\n\n${machine.cores} cores for everything, ${machine.cpu}; load: average of the last minute`;
}

/** The rows of that table, the head first. */
export function eventReportRows(results: EventResults): string[][] {
  return [
    ['what', 'found', 'goal', 'latency', 'CPU ms per 1,000 events', 'load'],
    ...rateRows('single events', results.single, '2,000/s, accept p95 < 10 ms'),
    ...generatorRows(results),
    ...rateRows('batches of 100', results.batch, '10,000 events/s accepted'),
    ...sustainedRows(results),
    ...burstRows('burst', results.burst, 'drained, nothing lost, in order'),
    ...burstRows('1,000,000 events', results.million, 'the same, memory flat'),
    ...workerRows(results),
  ];
}

function rateRows(name: string, found: RateResult | undefined, goal: string): string[][] {
  if (found === undefined) return [];
  const { held, holds, steps } = found;
  const shown = held ?? holds.at(-1) ?? steps.at(-1);
  const tries = holds.filter(({ rate: tried }) => tried === held?.rate).length;
  const latency = shown === undefined ? '' : `at ${number(shown.rate)}/s: accept ${percentiles(shown.accept)}`;
  const rate =
    held === null ? 'no rate held' : `${number(held.rate)}/s; held: ${number(held.acceptedPerSecond)}/s (try ${tries})`;
  return [
    [
      name,
      rate,
      goal,
      latency,
      held === null ? '' : cpuText(held.cpuMsPerThousand),
      held?.loadAverage.toFixed(1) ?? '',
    ],
  ];
}

function generatorRows({ generator = null }: EventResults): string[][] {
  if (generator === null) return [];
  const { share, busy, rateWithout, generatorCpuMs } = generator;
  const found = `${percent(share)} of the CPU time; without it: about ${number(rateWithout)}/s`;
  const cost = `generator ${generatorCpuMs.toFixed(0)}`;
  return [['  load generator', found, 'the same', `the cores are ${percent(busy)} busy with both`, cost, '']];
}

function percent(part: number): string {
  return `${(part * 100).toFixed(0)} %`;
}

function sustainedRows({ sustained }: EventResults): string[][] {
  if (sustained === undefined) return [];
  const { rate, accept, endToEnd, queueWaitP95Ms, cpuMsPerThousand, loadAverage } = sustained;
  const wait = queueWaitP95Ms === null ? '?' : queueWaitP95Ms.toFixed(0);
  const found = `end to end p95 ${endToEnd.p95.toFixed(0)} ms, queue wait p95 ${wait} ms`;
  const latency = `end to end ${percentiles(endToEnd)}, accept ${percentiles(accept)}`;
  const goal = 'p95 < 100 ms, < 50 ms';
  return [[`sustained ${number(rate)}/s`, found, goal, latency, cpuText(cpuMsPerThousand), loadAverage.toFixed(1)]];
}

function burstRows(name: string, found: BurstResult | undefined, goal: string): string[][] {
  if (found === undefined) return [];
  const { accepted, drainSeconds, processedPerSecond, verdict, accept, cpuMsPerThousand, loadAverage } = found;
  const sound = isSound(verdict) ? 'sound' : `NOT SOUND ${JSON.stringify(verdict)}`;
  const result = `${number(accepted)} accepted, drained ${drainSeconds.toFixed(1)} s after the last, ${sound}`;
  const latency = `accept ${percentiles(accept)}, ${number(processedPerSecond)} processed/s${memoryText(found)}`;
  return [[name, result, goal, latency, cpuText(cpuMsPerThousand), loadAverage.toFixed(1)]];
}

function workerRows({ workers = [] }: EventResults): string[][] {
  return workers.map(({ workers: count, processedPerSecond, shares, cpuMsPerThousand, loadAverage }) => [
    `${count} ${count === 1 ? 'worker' : 'workers'}`,
    `${number(processedPerSecond)} processed/s`,
    'compared',
    `partitions ${shares.join(' + ')}`,
    cpuText(cpuMsPerThousand),
    loadAverage.toFixed(1),
  ]);
}

/** Memory at a quarter of the time, when everything has its size, and at the end. */
function memoryText({ memory }: BurstResult): string {
  const sizes = memory.map(({ pssMiB }) => Object.values(pssMiB).reduce((sum, size) => sum + size, 0));
  const early = sizes[Math.floor(sizes.length / 4)];
  const last = sizes.at(-1);
  if (early === undefined || last === undefined) return '';
  return `, ${early.toFixed(0)} -> ${last.toFixed(0)} MiB (most ${Math.max(...sizes).toFixed(0)})`;
}

/** Workers of one comparison count together. */
function cpuText(byProcess: Readonly<Record<string, number>>): string {
  const sums = new Map<string, number>();
  for (const [name, ms] of Object.entries(byProcess)) {
    const group = name.startsWith('worker-') ? 'workers' : name;
    sums.set(group, (sums.get(group) ?? 0) + ms);
  }
  return [...sums].map(([name, ms]) => `${name} ${ms.toFixed(0)}`).join(', ');
}

function percentiles({ p50, p95, p99 }: Latency): string {
  return `${[p50, p95, p99].map((value) => value.toFixed(value < 100 ? 1 : 0)).join(' / ')} ms`;
}

function number(value: number): string {
  return Math.round(value).toLocaleString('en');
}
