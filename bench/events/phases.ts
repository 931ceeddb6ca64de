import { pssMiB, type Latency } from '../measure.ts';
import { sampleEvery, type Sample } from '../sampling.ts';
import type { BenchStage, Cost } from './bench-stage.ts';
import type { LoadReport } from './load.ts';
import { judgeLog, readTimes, untilDrained, type LogVerdict } from './log-reader.ts';
import { searchRate, type RateGoal, type RateResult, type RateStep } from './rate-search.ts';
import { parseQueueWait, percentileBetween } from './queue-wait.ts';
import type { Program } from '../systems/programs.ts';

type Server = Program & { readonly url: string };

/** Finds the highest rate of a goal on a running server. */
export function findRate(bench: BenchStage, server: Server, goal: RateGoal): Promise<RateResult> {
  const { stepSeconds, holdSeconds } = bench.options;
  const send = async (rate: number, seconds: number): Promise<RateStep> => {
    const step = toStep(rate, await bench.load(server.url, { rate, seconds, batch: goal.batch }));
    bench.log(`  ${describeStep(step)}`);
    await untilDrained(bench.app);
    return step;
  };
  return searchRate(goal, {
    step: (rate) => send(rate, stepSeconds),
    hold: (rate) => bench.measure([server], () => send(rate, holdSeconds)),
  });
}

function toStep(rate: number, load: LoadReport): RateStep {
  const refused = Object.values(load.refused).reduce((sum, count) => sum + count, 0);
  const { accept, accepted, late, cpuMs: generatorMs } = load;
  const generatorCpuMsPerThousand = (generatorMs / Math.max(1, load.sent)) * 1_000;
  const acceptedPerSecond = accepted / load.seconds;
  return { rate, acceptedPerSecond, accept, refused, late, events: accepted + rate, generatorCpuMsPerThousand };
}

function describeStep({ rate, acceptedPerSecond, accept, refused }: RateStep): string {
  const percentiles = [accept.p50, accept.p95, accept.p99].map((ms) => ms.toFixed(1)).join(' / ');
  return `${rate}/s: ${acceptedPerSecond.toFixed(0)} accepted/s, p50/p95/p99 ${percentiles} ms, ${refused} refused`;
}

/** A steady rate, and the times that its events took. */
export interface SustainedResult extends Cost {
  readonly rate: number;
  readonly accept: Latency;
  readonly endToEnd: Latency;
  /** From acceptance until a worker began to handle the event; null when the worker did not report it. */
  readonly queueWaitP95Ms: number | null;
  readonly events: number;
}

/** Sends single events at a steady rate. */
export async function sustain(bench: BenchStage, server: Server, rate: number): Promise<SustainedResult> {
  const seconds = bench.options.holdSeconds;
  const waitedBefore = await readQueueWait(server);
  const result = await bench.measure([server], async () => {
    const load = await bench.load(server.url, { rate, seconds, batch: 1 });
    await untilDrained(bench.app);
    return { load, events: rate * (seconds + 1) };
  });
  const { load, ...cost } = result;
  const { endToEnd } = await readTimes(bench.app, load.startedAt, load.endedAt);
  const queueWaitP95Ms = percentileBetween(waitedBefore, await readQueueWait(server), 95);
  return { ...cost, rate, accept: load.accept, endToEnd, queueWaitP95Ms };
}

async function readQueueWait({ metricsUrl }: Program) {
  const answer = await fetch(metricsUrl);
  return parseQueueWait(await answer.text());
}

/** Memory of the product's processes at a moment. */
export type MemorySample = Sample<{ readonly pssMiB: Readonly<Record<string, number>> }>;

/** Many events in a short time, and their results. */
export interface BurstResult extends Cost {
  readonly rate: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly refused: number;
  readonly accept: Latency;
  /** From the first acceptance to the last result. */
  readonly seconds: number;
  /** From the last answer to the last result. */
  readonly drainSeconds: number;
  readonly processedPerSecond: number;
  readonly verdict: LogVerdict;
  readonly memory: readonly MemorySample[];
  readonly events: number;
}

const MEMORY_INTERVAL_MS = 2_000;

/** Percent of a burst that repeat earlier events, and percent with wrong content; both must be recognized. */
const BURST_FAULTS = { duplicates: 1, invalid: 1 } as const;

/** Sends batches of 100 and waits until every event is processed. */
export async function burst(
  bench: BenchStage,
  server: Server,
  { rate, seconds }: { readonly rate: number; readonly seconds: number },
): Promise<BurstResult> {
  const memory = sampleEvery(MEMORY_INTERVAL_MS, () => ({ pssMiB: pssMiB([server]) }));
  const result = await bench.measure([server], async () => {
    const load = await bench.load(server.url, { rate, seconds, batch: 100, ...BURST_FAULTS });
    await untilDrained(bench.app);
    return { load, drainedAt: Date.now(), events: load.accepted + rate };
  });
  const samples = memory.stop();
  const { load, drainedAt, ...cost } = result;
  const times = await readTimes(bench.app, load.startedAt, load.endedAt);
  return {
    ...cost,
    rate,
    accepted: load.accepted,
    duplicates: load.duplicates,
    refused: Object.values(load.refused).reduce((sum, count) => sum + count, 0),
    accept: load.accept,
    seconds: times.seconds,
    drainSeconds: Math.max(0, drainedAt - load.endedAt) / 1_000,
    processedPerSecond: times.results / times.seconds,
    verdict: await judgeLog(bench.app),
    memory: samples,
  };
}
