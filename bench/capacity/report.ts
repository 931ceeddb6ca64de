import type { Measured, MeasuredSystem } from './measured.ts';
import { predictOrdersPerSecond, type Limits, type Plan } from './model.ts';

/** Steps of an order that is sold: open, hold, pay, commit, confirm, notify. */
const STEPS = 6;

interface Told {
  readonly measured: Measured;
  readonly system: MeasuredSystem;
  readonly limits: Limits;
  readonly plans: readonly Plan[];
}

/** The plans as a table, what they are computed from, and where each limit comes from. */
export function capacityText({ measured, system, limits, plans }: Told): string {
  const rows: [string, (plan: Plan) => string][] = [
    ['events/s', ({ eventsPerSecond }) => count(eventsPerSecond)],
    ['processes of the service', ({ processes }) => count(processes)],
    ['cores: service', ({ cores }) => oneDecimal(cores.service)],
    ['cores: Temporal', ({ cores }) => oneDecimal(cores.temporal)],
    ['cores: PostgreSQL', ({ cores }) => oneDecimal(cores.postgres)],
    ['processes of Temporal', ({ temporalProcesses }) => count(temporalProcesses)],
    ['history shards', ({ historyShards }) => count(historyShards)],
    ['PostgreSQL servers', ({ postgresServers }) => count(postgresServers)],
    ['cells', ({ cells }) => count(cells)],
    ['writing transactions/s', ({ writesPerSecond }) => count(writesPerSecond)],
    ['disk per day, GiB', ({ diskGiBPerDay }) => measuredOr(diskGiBPerDay)],
    ["Temporal's database, GiB", ({ temporalGiB }) => measuredOr(temporalGiB)],
    ['times what was measured', ({ ordersPerSecond }) => oneDecimal(ordersPerSecond / system.ordersPerSecond)],
  ];
  const table = [
    ['orders/s', ...plans.map(({ ordersPerSecond }) => count(ordersPerSecond))],
    ...rows.map(([name, of]) => [name, ...plans.map(of)]),
  ];
  return [columns(table), '', ...costLines(measured, system), '', ...limitLines(system, limits)].join('\n');
}

function costLines(measured: Measured, system: MeasuredSystem): string[] {
  const all = Object.values(system.cpuMsPerOrder).reduce((sum, ms) => sum + ms, 0);
  const single = Object.values(measured.cpuMsPerEvent.single).reduce((sum, ms) => sum + ms, 0);
  const batch = Object.values(measured.cpuMsPerEvent.batch).reduce((sum, ms) => sum + ms, 0);
  const predicted = predictOrdersPerSecond(system, measured.cores);
  return [
    `From bench/results: ${system.system}, CPU ms of an order ${partsOf(system.cpuMsPerOrder)}, together ${oneDecimal(all)}`,
    `(${oneDecimal(all / STEPS)} a step). An event costs ${single.toFixed(2)} ms alone, ${batch.toFixed(2)} in a batch of 100.`,
    `The same sum predicts ${oneDecimal(predicted)} orders/s on the ${measured.cores} cores of the benchmark, which measured`,
    `${oneDecimal(system.ordersPerSecond)}. Beyond it the table is arithmetic: nothing larger was measured.`,
  ];
}

function limitLines(
  system: MeasuredSystem,
  { busyShare, coresPerServer, shardWriteMs, temporalDays }: Limits,
): string[] {
  return [
    `${percent(busyShare)} of each core is used: docs/cost.md, --busy.`,
    'A process uses one core: its JavaScript is one thread, docs/scaling.md. Temporal counts the same way.',
    `A history shard writes once at a time (Temporal's history.shardIOConcurrency is 1); a write takes ${shardWriteMs} ms`,
    `(an assumption, --shard-write-ms), and an order has ${oneDecimal(system.temporalTransactionsPerOrder)} transactions there (flood.json).`,
    'The number of shards is a power of two, 128 at least, which is what was measured, and can never be changed.',
    `A PostgreSQL server has ${coresPerServer} cores (an assumption, --server-cores); six servers make a cell: five schemas and`,
    'Temporal, docs/scaling.md. More is spread by tenant, docs/sharding.md.',
    `Temporal keeps histories for ${temporalDays} days: docs/scaling.md, --temporal-days. Orders stay; events are not in the bytes.`,
    'Not in the model: one SKU, one tenant and the payment provider, which are limits of their own (docs/scaling.md).',
  ];
}

function partsOf(costs: Readonly<Record<string, number>>): string {
  return Object.entries(costs)
    .map(([process, of]) => `${process} ${oneDecimal(of)}`)
    .join(', ');
}

function columns(table: readonly (readonly string[])[]): string {
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  '),
    )
    .join('\n');
}

const count = (value: number): string => Math.round(value).toLocaleString('en-US');
const oneDecimal = (value: number): string =>
  value.toLocaleString('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const percent = (share: number): string => `${Math.round(share * 100)} %`;
const measuredOr = (value: number | null): string => (value === null ? 'not measured' : oneDecimal(value));
