import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { PROJECT_FOLDER } from '../src/dev/data-folder.ts';
import type { DiskUse } from './disk.ts';
import type { Environment } from './environment.ts';
import type { Latency } from './measure.ts';
import { medianOf } from './median.ts';
import type { Job, RoundResult } from './round.ts';
import { RESTATE_VERSION } from './peers/restate/restate-server.ts';
import type { Scope, System } from './systems/system.ts';

/** Processes beside the system: their CPU time and memory are shown, but not added to the system's. */
const BESIDE = new Set(['simulator', 'mail sink', 'load']);

/** The system that the others are compared with. */
const YARDSTICK = 'textbook';

/** Medians over a system's rounds. */
interface SystemSummary {
  readonly system: string;
  readonly description: string;
  readonly scope: Scope;
  /** Null when no round passed its audit. */
  readonly ordersPerSecond: number | null;
  readonly timesTextbook: number | null;
  readonly cpuMsPerOrder: number;
  readonly cpuMsPerOrderByProcess: Readonly<Record<string, number>>;
  readonly writesPerOrder: number;
  readonly transactionsPerOrder: { readonly app: number; readonly temporal: number };
  readonly accept: Latency;
  readonly endToEnd: Latency;
  /** What an order adds on disk, in bytes. */
  readonly bytesPerOrder: DiskUse;
  readonly pssMiB: number;
  /** The largest number of orders that no worker had begun, and how long the oldest had waited. */
  readonly backlog: { readonly mostTasks: number; readonly oldestSeconds: number };
  readonly loadAverage: number;
  readonly audit: 'clean' | 'failed';
}

/** What is written to `bench/results`. */
export type Report = Awaited<ReturnType<typeof createReport>>;

/** Summarizes the rounds. */
export async function createReport(
  { job, systems }: { readonly job: Job; readonly systems: readonly System[] },
  results: readonly RoundResult[],
  environment: Environment,
) {
  const yardstick = medianOver(
    results.filter(({ system }) => system === YARDSTICK),
    (result) => result.ordersPerSecond,
  );
  return {
    job: job.name,
    orders: job.orders,
    warmUpOrders: job.warmUpOrders,
    ...(await describeRun(environment)),
    systems: systems.map((system) => summarize(system, results, yardstick)),
    rounds: results,
  };
}

/** The time, versions and machine of a run. */
export async function describeRun(environment: Environment) {
  return {
    at: new Date().toISOString(),
    commit: commit(),
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      system: `${platform()} ${release()} ${arch()}`,
    },
    versions: await versions(environment),
  };
}

function summarize({ name, description, scope }: System, results: readonly RoundResult[], yardstick: number | null) {
  const own = results.filter(({ system }) => system === name);
  const median = (pick: (result: RoundResult) => number): number => medianOver(own, pick) ?? Number.NaN;
  const latency = (pick: (result: RoundResult) => Latency): Latency => ({
    p50: median((result) => pick(result).p50),
    p95: median((result) => pick(result).p95),
    p99: median((result) => pick(result).p99),
  });
  const ordersPerSecond = medianOver(own, (result) => result.ordersPerSecond);
  const processes = Object.keys(own[0]?.cpuMsPerOrder ?? {});
  const summary: SystemSummary = {
    system: name,
    description,
    scope,
    ordersPerSecond,
    timesTextbook: ordersPerSecond === null || yardstick === null ? null : ordersPerSecond / yardstick,
    cpuMsPerOrder: median((result) => ownSum(result.cpuMsPerOrder)),
    cpuMsPerOrderByProcess: Object.fromEntries(
      processes.map((process) => [process, median((result) => result.cpuMsPerOrder[process] ?? 0)]),
    ),
    writesPerOrder: median((result) => result.writesPerOrder),
    transactionsPerOrder: {
      app: median((result) => result.transactionsPerOrder.app),
      temporal: median((result) => result.transactionsPerOrder.temporal),
    },
    accept: latency((result) => result.accept),
    endToEnd: latency((result) => result.endToEnd),
    bytesPerOrder: medianDiskUse(own),
    pssMiB: median((result) => ownSum(result.pssMiB)),
    backlog: {
      mostTasks: median(({ backlog }) => Math.max(0, ...backlog.map(({ tasks }) => tasks))),
      oldestSeconds: median(({ backlog }) => Math.max(0, ...backlog.map(({ ageSeconds }) => ageSeconds))),
    },
    loadAverage: median((result) => result.loadAverage),
    audit: own.every(({ verdict }) => verdict.ok) ? 'clean' : 'failed',
  };
  return summary;
}

function medianDiskUse(results: readonly RoundResult[]): DiskUse {
  const median = (pick: (use: DiskUse) => number): number =>
    medianOver(results, ({ bytesPerOrder }) => pick(bytesPerOrder)) ?? Number.NaN;
  const schemas = Object.keys(results[0]?.bytesPerOrder.bySchema ?? {});
  return {
    app: median(({ app }) => app),
    temporal: median(({ temporal }) => temporal),
    store: median(({ store }) => store),
    wal: median(({ wal }) => wal),
    bySchema: Object.fromEntries(schemas.map((name) => [name, median(({ bySchema }) => bySchema[name] ?? 0)])),
  };
}

function ownSum(byProcess: Readonly<Record<string, number>>): number {
  return Object.entries(byProcess).reduce((sum, [process, value]) => (BESIDE.has(process) ? sum : sum + value), 0);
}

/** Rounds without a figure do not count; null when none has one. */
function medianOver(results: readonly RoundResult[], pick: (result: RoundResult) => number | null): number | null {
  return medianOf(results.map(pick).filter((value) => value !== null));
}

async function versions({ admin }: Environment): Promise<Record<string, string>> {
  const { rows } = await admin.pool.query<{ server_version: string }>('SHOW server_version');
  const { dependencies, devDependencies } = JSON.parse(
    await readFile(join(PROJECT_FOLDER, 'package.json'), 'utf8'),
  ) as Record<'dependencies' | 'devDependencies', Record<string, string>>;
  return {
    node: process.version,
    postgres: rows[0]?.server_version ?? 'unknown',
    temporalServer: '1.32.1',
    temporalSdk: dependencies['@temporalio/worker'] ?? 'unknown',
    dbos: devDependencies['@dbos-inc/dbos-sdk'] ?? 'unknown',
    restateServer: RESTATE_VERSION,
    restateSdk: devDependencies['@restatedev/restate-sdk'] ?? 'unknown',
  };
}

/** `-dirty` when the working copy differs from the commit. */
function commit(): string {
  try {
    const git = (...args: string[]) =>
      execFileSync('git', args, { cwd: PROJECT_FOLDER, encoding: 'utf8', stdio: 'pipe' }).trim();
    return git('describe', '--always', '--dirty', '--exclude', '*');
  } catch {
    return 'unknown';
  }
}

/** One line for a round that has just ended. */
export function roundLine({ round, system, ordersPerSecond, seconds, cpuMsPerOrder, refusals, verdict }: RoundResult) {
  const rate = ordersPerSecond === null ? 'no figure' : `${ordersPerSecond.toFixed(1)} orders/s`;
  const audit = verdict.ok ? 'audit clean' : `audit failed: ${verdict.findings.join('; ')}`;
  const refused = refusals === 0 ? '' : `, ${refusals} refusals`;
  return `round ${round}, ${system}: ${rate} in ${seconds.toFixed(1)} s, CPU ${ownSum(cpuMsPerOrder).toFixed(1)} ms/order${refused}, ${audit}`;
}

/** The report as a table for the terminal. */
export function reportTable(report: Report): string {
  const latency = ({ p50, p95, p99 }: Latency): string => [p50, p95, p99].map((value) => value.toFixed(0)).join(' / ');
  const rows = report.systems.map((summary) => [
    nameOf(summary),
    summary.ordersPerSecond?.toFixed(1) ?? '-',
    summary.timesTextbook?.toFixed(2) ?? '-',
    summary.cpuMsPerOrder.toFixed(1),
    ownProcesses(summary.cpuMsPerOrderByProcess),
    summary.writesPerOrder.toFixed(1),
    `${summary.transactionsPerOrder.app.toFixed(1)} + ${summary.transactionsPerOrder.temporal.toFixed(1)}`,
    latency(summary.accept),
    latency(summary.endToEnd),
    kilobytes(summary.bytesPerOrder),
    summary.pssMiB.toFixed(0),
    `${summary.backlog.mostTasks.toFixed(0)} / ${summary.backlog.oldestSeconds.toFixed(1)} s`,
    summary.loadAverage.toFixed(1),
    summary.audit,
  ]);
  const heads = [
    [
      'system',
      'orders/s',
      'x textbook',
      'CPU ms/order',
      'of which',
      'writes/order',
      'transactions/order (app + temporal)',
    ],
    [
      'accept ms p50/p95/p99',
      'end to end ms p50/p95/p99',
      'disk kB/order',
      'PSS MiB',
      'most waiting / oldest',
      'audit',
    ],
  ].flat();
  return `${alignColumns([heads, ...rows])}\n\n${SMALLER}`;
}

const SMALLER = '* smaller: the same steps without cases, commands, event stream and compensations';

/** The name of a system for people, with the mark of one that does less than the product. */
export function nameOf({ system, scope }: Pick<SystemSummary, 'system' | 'scope'>): string {
  return scope === 'smaller' ? `${system} *` : system;
}

function kilobytes({ app, temporal, store }: DiskUse): string {
  return ((app + temporal + store) / 1_000).toFixed(1);
}

function ownProcesses(byProcess: Readonly<Record<string, number>>): string {
  return Object.entries(byProcess)
    .filter(([process]) => !BESIDE.has(process))
    .map(([process, value]) => `${process} ${value.toFixed(1)}`)
    .join(', ');
}

/** Aligns the columns of a table whose first row is its head. */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => stripVTControlCharacters(row[column] ?? '').length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
