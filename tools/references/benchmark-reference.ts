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
  readonly warmUpOrders: number;
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
    /** Processes that ran or wanted to, in the minute before its end. */
    readonly loadAverage: number;
    readonly pssMiB: Readonly<Record<string, number>>;
    /** Before the first order; results before 2026-11-30 have none. */
    readonly restPssMiB?: Readonly<Record<string, number>>;
  }[];
}

/** `workers.json`. */
export interface WorkersResult extends About {
  readonly systems: readonly Pick<System, 'system' | 'ordersPerSecond'>[];
  readonly rounds: readonly { readonly system: string; readonly loadAverage: number }[];
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

## npm run bench -- flood

${flood === null ? NOTHING : floodText(flood)}

## npm run bench -- paced

${paced === null ? NOTHING : pacedText(paced)}

## npm run bench -- workers

${workers === null ? NOTHING : workersText(workers)}
`;
}

/** The command that made a result, when it was, and the machine; then how many rounds there were, and how busy it was. */
function aboutText(job: string, run: OrdersResult | WorkersResult): string {
  const { at, commit, orders, warmUpOrders, machine, versions, systems, rounds } = run;
  const names = systems.map(({ system }) => system).join(',');
  const count = Math.round(rounds.length / Math.max(1, systems.length));
  const size = `--orders ${orders} --warm-up ${warmUpOrders} --rounds ${count}`;
  const parts = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const load = rounds.map(({ loadAverage }) => loadAverage);
  return `\`npm run bench -- ${job} --systems ${names} ${size}\`,
${at.slice(0, 10)}, commit ${commit}, ${machine.cores} cores (${machine.cpu}); ${parts.join(', ')}.
${count === 1 ? 'One round' : `Medians of ${count} rounds`}; load average ${Math.min(...load).toFixed(0)} to ${Math.max(...load).toFixed(0)}.`;
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
  return `${aboutText('flood', run)}

${renderTable([...head, 'accept ms, p50/p95/p99', 'end to end ms', 'MiB at rest', 'MiB under load'], rows)}

Memory is the PSS of each process, before the first order and at the end of the load.`;
}

function pacedText(run: OrdersResult): string {
  const rows = run.systems.map((system) => [
    nameOf(system),
    system.ordersPerSecond.toFixed(1),
    latencyOf(system.accept),
    latencyOf(system.endToEnd),
  ]);
  return `${aboutText('paced', run)}

${renderTable(['system', 'orders/s', 'accept ms, p50/p95/p99', 'end to end ms'], rows)}`;
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
  return `${aboutText('workers', run)}

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

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
