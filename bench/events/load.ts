import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { logTail } from '../../src/dev/processes/process-log.ts';
import { describeExit } from '../../src/dev/processes/processes.ts';
import type { produce } from '../../src/dev/produce/produce.ts';
import type { Cleanup } from '../cleanup.ts';
import { startNode } from '../environment.ts';
import type { Latency } from '../measure.ts';

type Plan = Parameters<typeof produce>[0];

/** The plan of the generator; the mix is the same for every load. */
export interface GeneratorSpec {
  readonly plan: Plan;
  readonly warmUpPlan: Plan | null;
  readonly resultFile: string;
}

/** What the generator measured. */
export interface LoadReport {
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** From the first send to the last answer. */
  readonly seconds: number;
  readonly sent: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly late: number;
  readonly skipped: number;
  /** From when a request was due to its 202, in milliseconds. */
  readonly accept: Latency;
  readonly cpuMs: number;
}

/** One load. */
export interface Load {
  readonly rate: number;
  readonly seconds: number;
  readonly batch: number;
  readonly duplicates?: number;
  readonly invalid?: number;
  /**
   * Seconds of load before the measured part, by the same process, because an interpreter that has just started is
   * slow.
   */
  readonly warmUpSeconds?: number;
}

/** The API that loads are sent to. */
export interface LoadTarget {
  readonly url: string;
  readonly token: string;
  readonly folder: string;
  readonly cleanup: Cleanup;
}

/** Keys of the load: enough for even partitions, and few enough that most keys have many events. */
const USERS = 5_000;

const MIX = [
  { type: 'purchase', weight: 50 },
  { type: 'page_view', weight: 40 },
  { type: 'user_signup', weight: 10 },
] as const;

/**
 * Runs a load in a process of its own.
 * @throws when the generator fails.
 */
export async function runLoad({ url, token, folder, cleanup }: LoadTarget, load: Load): Promise<LoadReport> {
  const planFor = (rate: number, seconds: number): Plan => ({
    what: 'events',
    rate,
    count: Math.round(rate * seconds),
    weights: MIX,
    batch: load.batch,
    duplicates: load.duplicates ?? 0,
    invalid: load.invalid ?? 0,
    users: USERS,
    inFlightMax: 1_000,
    url,
    token,
  });
  const name = `generator-${randomUUID().slice(0, 8)}`;
  const resultFile = join(folder, `${name}.json`);
  const warmUpSeconds = load.warmUpSeconds ?? 1;
  const spec: GeneratorSpec = {
    plan: planFor(load.rate, load.seconds),
    warmUpPlan: warmUpSeconds === 0 ? null : planFor(load.rate, warmUpSeconds),
    resultFile,
  };
  const args = ['bench/events/generator.ts'];
  const generator = await startNode({ name, args, env: { GENERATOR_SPEC: JSON.stringify(spec) }, folder, cleanup });
  const status = await generator.exited;
  if (status.code !== 0) {
    throw new Error(`the load generator failed (${describeExit(status)}):\n${logTail(generator.logFile)}`);
  }
  return JSON.parse(await readFile(resultFile, 'utf8')) as LoadReport;
}
