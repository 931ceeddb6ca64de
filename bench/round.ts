import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../db/client.ts';
import { watchBacklog, type BacklogSample } from './backlog.ts';
import { createCleanup, type Cleanup } from './cleanup.ts';
import { bytesPerOrder, readDiskUse, type DiskUse } from './disk.ts';
import { administer, openDatabase, setStage, type Environment, type Stage } from './environment.ts';
import { makeOrders, postOrders, type LoadResult, type Pace } from './load.ts';
import {
  confirmationTimes,
  cpuMs,
  difference,
  latencyOf,
  percentiles,
  pssMiB,
  transactionsOf,
  untilDone,
  writesOf,
  type Latency,
} from './measure.ts';
import type { RunningSystem, System } from './systems/system.ts';
import { judge, type Verdict } from './verdict.ts';

/** The orders that a system has to carry out, and how they are posted. */
export interface Job {
  readonly name: string;
  readonly warmUpOrders: number;
  readonly orders: number;
  readonly pace: (system: System) => Pace;
  /** How long the payment provider takes for a call. */
  readonly providerLatencyMs: number;
}

/** The result of one system in one round. */
export interface RoundResult {
  readonly system: string;
  readonly round: number;
  /** Orders over the time from the first post to the last confirmation; null when the audit failed. */
  readonly ordersPerSecond: number | null;
  readonly seconds: number;
  readonly accept: Latency;
  /** From the post to the confirmation. */
  readonly endToEnd: Latency;
  /** CPU time by process; simulator, mail sink and load are not part of the system. */
  readonly cpuMsPerOrder: Readonly<Record<string, number>>;
  /** Commits that wrote something, of all databases; each waits for the disk. */
  readonly writesPerOrder: number;
  /** All commits, including those that only read, and those of the warm-up and the background. */
  readonly transactionsPerOrder: { readonly app: number; readonly temporal: number };
  readonly bytesPerOrder: DiskUse;
  readonly pssMiB: Readonly<Record<string, number>>;
  /** The system's own processes before the first order. */
  readonly restPssMiB: Readonly<Record<string, number>>;
  readonly refusals: number;
  /** The load average of the last minute at the end; far above the number of cores, other programs interfered. */
  readonly loadAverage: number;
  /** Orders that no worker had begun, over the seconds of the load. */
  readonly backlog: readonly BacklogSample[];
  readonly verdict: Verdict;
}

/** Every system and round gets the same orders; the warm-up has others. */
const SEEDS = { warmUp: 1, load: 2 } as const;

/** A pause after the start and after the warm-up, in which timers and mails come to rest. */
const SETTLE_MS = 1_000;

/** Runs one system once, on a stage of its own. */
export async function runRound(
  environment: Environment,
  { job, system, round }: { readonly job: Job; readonly system: System; readonly round: number },
  outer: Cleanup,
): Promise<RoundResult> {
  const cleanup = createCleanup();
  await outer.add(() => cleanup.run());
  try {
    const { providerLatencyMs } = job;
    const name = `${job.name}-${round}-${system.name}`;
    const plan = { name, withTemporal: system.usesTemporal, providerLatencyMs };
    const stage = await setStage(environment, plan, cleanup);
    const running = await system.start(stage, cleanup);
    const app = openDatabase(stage.databaseUrl);
    await cleanup.add(() => app.close());
    const run = { environment, stage, running, app, job, system, cleanup };
    await sleep(SETTLE_MS);
    const restPssMiB = pssMiB(running.processes);
    const before = await transactions(run);
    await warmUp(run);
    const measured = await measure(run);
    const verdict = await judge(app, stage.simulatorUrl, job.warmUpOrders + job.orders);
    // Sessions that have ended have reported all their commits; warm-up orders commit like all others.
    await running.stop();
    await stage.stopTemporal();
    const { app: ofApp = 0, temporal: ofTemporal = 0 } = difference(before, await transactions(run));
    const all = job.warmUpOrders + job.orders;
    return {
      system: system.name,
      round,
      ...measured,
      restPssMiB,
      ordersPerSecond: verdict.ok ? measured.ordersPerSecond : null,
      transactionsPerOrder: { app: ofApp / all, temporal: ofTemporal / all },
      verdict,
    };
  } finally {
    await cleanup.run();
  }
}

interface Run {
  readonly environment: Environment;
  readonly stage: Stage;
  readonly running: RunningSystem;
  readonly app: Database;
  readonly job: Job;
  readonly system: System;
  readonly cleanup: Cleanup;
}

async function transactions({ environment: { admin }, stage }: Run): Promise<Record<string, number>> {
  const { app, main, visibility } = stage.databases;
  return { app: await transactionsOf(admin, [app]), temporal: await transactionsOf(admin, [main, visibility]) };
}

async function warmUp({ environment, stage, running, app, job, system }: Run): Promise<void> {
  const orders = makeOrders('warm-up', job.warmUpOrders, SEEDS.warmUp);
  await postOrders({ url: running.url, token: stage.token }, orders, job.pace(system));
  await untilDone(app, job.warmUpOrders);
  // No round may pay for a checkpoint of an earlier round's writes.
  await administer(environment.admin, 'CHECKPOINT');
  await sleep(SETTLE_MS);
}

async function measure({ environment, stage, running, app, job, system, cleanup }: Run) {
  const orders = makeOrders('order', job.orders, SEEDS.load);
  const processes = [
    ...running.processes,
    ...stage.processes.temporal,
    { name: 'postgres', pid: environment.postgres.pid, withChildren: true },
    ...stage.processes.around,
    { name: 'load', pid: process.pid },
  ];
  const backlog = await watchBacklog(stage, running.taskQueue, cleanup);
  const disk = () => readDiskUse({ admin: environment.admin, app }, stage, running.storeFolder);
  const diskBefore = await disk();
  const cpuBefore = cpuMs(processes);
  const writesBefore = await writesOf(environment.admin);
  const load = await postOrders({ url: running.url, token: stage.token }, orders, job.pace(system));
  await untilDone(app, job.warmUpOrders + job.orders);
  const cpu = difference(cpuBefore, cpuMs(processes));
  const writes = (await writesOf(environment.admin)) - writesBefore;
  const diskAfter = await disk();
  const times = durations(load, await confirmationTimes(app));
  const seconds = (times.lastConfirmedAt - load.firstPostAt) / 1_000;
  return {
    ordersPerSecond: job.orders / seconds,
    seconds,
    accept: percentiles(load.accept),
    endToEnd: latencyOf(times.endToEndMs),
    cpuMsPerOrder: Object.fromEntries(Object.entries(cpu).map(([name, ms]) => [name, ms / job.orders])),
    writesPerOrder: writes / job.orders,
    bytesPerOrder: bytesPerOrder(diskBefore, diskAfter, job.orders),
    pssMiB: pssMiB(processes),
    refusals: load.refusals,
    loadAverage: loadavg()[0] ?? 0,
    backlog: backlog.stop(),
  };
}

function durations(load: LoadResult, confirmedAt: ReadonlyMap<string, number>) {
  const ends = [...load.postedAt].map(([orderId, postedAt]) => {
    const end = confirmedAt.get(orderId);
    if (end === undefined) throw new Error(`${orderId} was accepted but is not CONFIRMED`);
    return { end, duration: end - postedAt };
  });
  return { lastConfirmedAt: Math.max(...ends.map(({ end }) => end)), endToEndMs: ends.map(({ duration }) => duration) };
}
