import { medianOf } from '../../bench/median.ts';
import { readResult } from '../committed-result.ts';
import { renderTable } from '../markdown-table.ts';

interface Latency {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** What every result says of its run. */
interface About {
  readonly at: string;
  readonly commit: string;
  readonly orders: number;
  readonly machine: { readonly cpu: string; readonly cores: number };
  readonly versions: Readonly<Record<string, string>>;
}

/** A system of a run; the medians of its rounds. */
interface System {
  readonly system: string;
  /** `smaller` systems do less than this service; those of older results do not say so. */
  readonly scope?: 'whole' | 'smaller';
  readonly ordersPerSecond: number;
  readonly timesTextbook: number;
  readonly cpuMsPerOrder: number;
  readonly cpuMsPerOrderByProcess: Readonly<Record<string, number>>;
  readonly writesPerOrder: number;
  readonly accept: Latency;
  readonly endToEnd: Latency;
}

/** `flood.json` and `paced.json`. */
export interface OrdersResult extends About {
  readonly systems: readonly System[];
  readonly rounds: readonly {
    readonly system: string;
    readonly pssMiB: Readonly<Record<string, number>>;
    /** Before the first order; results before 2026-11-30 have none. */
    readonly restPssMiB?: Readonly<Record<string, number>>;
  }[];
}

/** `workers.json`. */
export interface WorkersResult extends About {
  readonly systems: readonly Pick<System, 'system' | 'ordersPerSecond'>[];
  readonly consumers: readonly {
    readonly partitions: number;
    readonly workers: number;
    readonly processedPerSecond: number;
    readonly isSound: boolean;
  }[];
}

/** The results that are committed; null for a run that is not. */
export interface BenchmarkResults {
  readonly flood: OrdersResult | null;
  readonly paced: OrdersResult | null;
  readonly workers: WorkersResult | null;
}

/** The text of `docs/benchmark-results.md`. */
export function renderBenchmarkReference(): string {
  return renderBenchmark({
    flood: readResult('flood.json') as OrdersResult | null,
    paced: readResult('paced.json') as OrdersResult | null,
    workers: readResult('workers.json') as WorkersResult | null,
  });
}

const NOTHING = 'No result is committed yet.';

/** The page for these results. */
export function renderBenchmark({ flood, paced, workers }: BenchmarkResults): string {
  return `# Results of the benchmark

<!-- Made by \`npm run docs\` from bench/results/flood.json, paced.json and workers.json. -->

What the systems are and what the words mean: [benchmark.md](benchmark.md). What was asked for: [requirements.md](requirements.md).
\\* does less than this service.

## npm run bench

${flood === null ? NOTHING : floodText(flood)}

## npm run bench -- paced

${paced === null ? NOTHING : pacedText(paced)}

## npm run bench -- workers

${workers === null ? NOTHING : workersText(workers)}
`;
}

function aboutText({ at, commit, orders, machine, versions }: About): string {
  const parts = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${at.slice(0, 10)}, commit ${commit}, ${orders} orders, ${machine.cores} cores (${machine.cpu}); ${parts.join(', ')}.`;
}

/** These processes are not part of a system. */
const BESIDE = new Set(['simulator', 'mail sink', 'load']);

function floodText(run: OrdersResult): string {
  const rows = run.systems.map((system) => [
    nameOf(system),
    system.ordersPerSecond.toFixed(1),
    system.timesTextbook.toFixed(2),
    system.cpuMsPerOrder.toFixed(1),
    Object.entries(system.cpuMsPerOrderByProcess)
      .filter(([name]) => !BESIDE.has(name))
      .map(([name, cpuMs]) => `${name} ${cpuMs.toFixed(1)}`)
      .join(', '),
    system.writesPerOrder.toFixed(1),
    latencyOf(system.accept),
    latencyOf(system.endToEnd),
    memoryOf(run, system.system, 'restPssMiB'),
    memoryOf(run, system.system, 'pssMiB'),
  ]);
  const head = ['system', 'orders/s', 'x textbook', 'CPU ms/order', 'of which', 'writes/order'];
  return `${aboutText(run)}

${renderTable([...head, 'accept ms, p50/p95/p99', 'end to end ms', 'MiB at rest', 'MiB under load'], rows)}

Medians of ${countRounds(run)} rounds. Memory is the PSS of each process, before the first order and at the end of the load.`;
}

function pacedText(run: OrdersResult): string {
  const rows = run.systems.map((system) => [
    nameOf(system),
    system.ordersPerSecond.toFixed(1),
    latencyOf(system.accept),
    latencyOf(system.endToEnd),
  ]);
  return `${aboutText(run)}

${renderTable(['system', 'orders/s', 'accept ms, p50/p95/p99', 'end to end ms'], rows)}

Medians of ${countRounds(run)} rounds.`;
}

function workersText(run: WorkersResult): string {
  const [one] = run.systems;
  const [first] = run.consumers;
  const times = (value: number, by: number | undefined): string => (value / (by ?? Number.NaN)).toFixed(2);
  const orders = run.systems.map(({ system, ordersPerSecond }) => [
    `orders, ${counted(Number(system.replace('waiting-', '')), 'worker')}`,
    ordersPerSecond.toFixed(1),
    times(ordersPerSecond, one?.ordersPerSecond),
  ]);
  const events = run.consumers.map(({ partitions, workers, processedPerSecond, isSound }) => [
    `events, ${partitions} partitions, ${counted(workers, 'worker')}${isSound ? '' : ' (lost events)'}`,
    processedPerSecond.toFixed(0),
    times(processedPerSecond, first?.processedPerSecond),
  ]);
  return `${aboutText(run)}

${renderTable(['what', 'per second', 'x the first'], [...orders, ...events])}`;
}

function nameOf({ system, scope = 'whole' }: System): string {
  return `\`${system}\`${scope === 'smaller' ? ' \\*' : ''}`;
}

function latencyOf({ p50, p95, p99 }: Latency): string {
  return [p50, p95, p99].map((ms) => ms.toFixed(ms < 100 ? 1 : 0)).join(' / ');
}

/** The median of each process over the rounds. */
function memoryOf({ rounds }: OrdersResult, name: string, when: 'pssMiB' | 'restPssMiB'): string {
  const own = rounds.filter(({ system }) => system === name).map((round) => round[when] ?? {});
  const processes = [...new Set(own.flatMap((sizes) => Object.keys(sizes)))].filter((each) => !BESIDE.has(each));
  return processes
    .map((process) => {
      const size = medianOf(own.flatMap((of) => of[process] ?? [])) ?? 0;
      return `${process} ${size.toFixed(0)}`;
    })
    .join(', ');
}

function countRounds({ rounds, systems }: OrdersResult): number {
  return Math.round(rounds.length / Math.max(1, systems.length));
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
