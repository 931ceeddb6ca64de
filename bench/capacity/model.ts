import type { Measured, MeasuredSystem } from './measured.ts';

/** Processes that are no part of the service: the load, and what stands in for other companies. */
const STAND_INS = new Set(['load', 'simulator', 'mail sink']);

/** Processes of the service itself; the others are servers. */
const SERVERS = new Set(['temporal', 'postgres']);

/** What a system is planned for. */
export interface Demand {
  readonly ordersPerSecond: number;
  readonly eventsPerSecond: number;
  /** How the events come: one by one, or 100 in a request. */
  readonly eventsBy: 'single' | 'batch';
}

/** The limits that the plan keeps; each has its source in `LIMITS`. */
export interface Limits {
  /** The share of a core that is used, from 0 to 1. */
  readonly busyShare: number;
  /** Cores of the largest PostgreSQL server. */
  readonly coresPerServer: number;
  /** Time that one write of Temporal holds its history shard, in milliseconds. */
  readonly shardWriteMs: number;
  /** Days for which Temporal keeps histories that have ended. */
  readonly temporalDays: number;
}

/** What a demand needs. */
export interface Plan extends Demand {
  readonly processes: number;
  readonly cores: { readonly service: number; readonly temporal: number; readonly postgres: number };
  readonly temporalProcesses: number;
  readonly historyShards: number;
  readonly postgresServers: number;
  /** Groups of tenants with databases of their own. */
  readonly cells: number;
  readonly writesPerSecond: number;
  /** Null when the bytes of an order were not measured; bytes of events are not in it. */
  readonly diskGiBPerDay: number | null;
  /** What Temporal's database holds at any time. */
  readonly temporalGiB: number | null;
}

/** The limits by default: half of each core stays free, as in docs/cost.md. */
export const USUAL_LIMITS: Limits = { busyShare: 0.5, coresPerServer: 16, shardWriteMs: 2, temporalDays: 7 };

/** The benchmark's own number: fewer were never measured, and the number can never be changed. */
const SHARDS_MIN = 128;

/** The five schemas and Temporal's database can each have a server; beyond these, tenants are spread over cells. */
const SERVERS_PER_CELL = 6;

const SECONDS_PER_DAY = 86_400;
const GIB = 2 ** 30;

/**
 * The rate at which the cores of a machine are busy: all cores, through what an order costs in all processes that share
 * them.
 */
export function predictOrdersPerSecond(system: MeasuredSystem, cores: number): number {
  return (cores * 1_000) / sumOf(Object.values(system.cpuMsPerOrder));
}

/** What a demand needs, if an order and an event cost what they did in the benchmark. */
export function planFor(
  demand: Demand,
  {
    system,
    measured,
    limits,
  }: { readonly system: MeasuredSystem; readonly measured: Measured; readonly limits: Limits },
): Plan {
  const { ordersPerSecond, eventsPerSecond, eventsBy } = demand;
  const cpuMsPerEvent = measured.cpuMsPerEvent[eventsBy];
  const coresOf = (counts: (process: string) => boolean): number =>
    (msOf(system.cpuMsPerOrder, counts) * ordersPerSecond + msOf(cpuMsPerEvent, counts) * eventsPerSecond) /
    1_000 /
    limits.busyShare;
  const cores = {
    service: coresOf((process) => !SERVERS.has(process) && !STAND_INS.has(process)),
    temporal: coresOf((process) => process === 'temporal'),
    postgres: coresOf((process) => process === 'postgres'),
  };
  const shardsBusy = (system.temporalTransactionsPerOrder * ordersPerSecond * limits.shardWriteMs) / 1_000;
  const postgresServers = atLeastOne(cores.postgres / limits.coresPerServer);
  return {
    ...demand,
    cores,
    processes: atLeastOne(cores.service),
    temporalProcesses: atLeastOne(cores.temporal),
    historyShards: Math.max(SHARDS_MIN, 2 ** Math.ceil(Math.log2(shardsBusy / limits.busyShare))),
    postgresServers,
    cells: atLeastOne(postgresServers / SERVERS_PER_CELL),
    writesPerSecond: system.writesPerOrder * ordersPerSecond,
    ...diskOf(system, ordersPerSecond, limits.temporalDays),
  };
}

function diskOf({ bytesPerOrder }: MeasuredSystem, ordersPerSecond: number, temporalDays: number) {
  if (bytesPerOrder === null) return { diskGiBPerDay: null, temporalGiB: null };
  const perDay = (bytes: number): number => (bytes * ordersPerSecond * SECONDS_PER_DAY) / GIB;
  return { diskGiBPerDay: perDay(bytesPerOrder.app), temporalGiB: perDay(bytesPerOrder.temporal) * temporalDays };
}

function msOf(costs: Readonly<Record<string, number>>, counts: (process: string) => boolean): number {
  return sumOf(Object.entries(costs).flatMap(([process, of]) => (counts(process) ? [of] : [])));
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function atLeastOne(count: number): number {
  return Math.max(1, Math.ceil(count));
}
