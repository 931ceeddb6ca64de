import type { Target } from '../../bench/load-tests/targets.ts';
import type { ChaosReport } from '../../chaos/report/report.ts';
import { readResult } from '../committed-result.ts';

interface Latency {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** A system in `flood.json` and in `paced.json`. */
interface OrderSystem {
  readonly system: string;
  readonly ordersPerSecond: number;
  readonly timesTextbook: number;
  readonly cpuMsPerOrder: number;
  readonly cpuMsPerOrderByProcess: Readonly<Record<string, number>>;
  readonly accept: Latency;
  readonly endToEnd: Latency;
  readonly audit: string;
}

interface OrderRun {
  readonly systems: readonly OrderSystem[];
  readonly rounds: readonly {
    readonly system: string;
    readonly pssMiB: Readonly<Record<string, number>>;
    /** Before the first order; results before 2026-11-30 have none. */
    readonly restPssMiB?: Readonly<Record<string, number>>;
  }[];
}

interface EventRate {
  readonly rate: number;
  readonly acceptedPerSecond: number;
  readonly accept: Latency;
}

/** `events.json`. */
interface EventRun {
  readonly results: {
    readonly single: { readonly steps: readonly EventRate[]; readonly held: EventRate };
    readonly batch: { readonly held: EventRate };
    readonly sustained: {
      readonly rate: number;
      readonly accept: Latency;
      readonly endToEnd: Latency;
      readonly queueWaitP95Ms: number;
    };
    readonly burst: {
      readonly verdict: Readonly<Record<'accepted' | 'processed' | 'failed' | 'outOfOrder' | 'gaps', number>>;
    };
  };
}

/** A backlog of events whose handler waits for somebody else's server, in `workers.json`. */
export interface WaitingConsumers {
  readonly partitions: number;
  readonly workers: number;
  readonly processedPerSecond: number;
  /** Whether every event was processed once and in the order of its key. */
  readonly isSound: boolean;
}

interface OutageRun {
  readonly outages: readonly {
    readonly minutes: number;
    readonly orders: number;
    readonly confirmed: number;
    readonly lastSeconds: number;
  }[];
}

/** `overload.json`: the loads, and the tenant beside a noisy one. */
export interface OverloadRun {
  readonly parts: readonly { readonly what: string; readonly targets: readonly Target[] }[];
  readonly tenants: { readonly targets: readonly Target[] } | null;
}

/** `users.json`. */
export interface UsersRun {
  readonly results: readonly {
    readonly users: number;
    readonly polls: number;
    readonly idle: number;
    readonly orders: number;
    readonly accept: Latency;
    readonly errors: Readonly<Record<string, number>>;
  }[];
  readonly targets: readonly Target[];
}

/** `hot-sku.json`. */
export interface HotSkuRun {
  /** Orders a second of one SKU, as a share of the orders a second of many. */
  readonly share: number;
  readonly stock: { readonly oversold: number };
  readonly targets: readonly Target[];
}

/** `soak.json`. */
export interface SoakRun {
  readonly minutes: number;
  readonly perSecond: number;
  readonly availability: number;
  readonly targets: readonly Target[];
}

/** What the committed results say; a run that is not committed yet is null. */
export interface Results {
  readonly flood: OrderRun;
  readonly events: EventRun;
  readonly outages: OutageRun;
  readonly paced: OrderRun | null;
  readonly workers: (Pick<OrderRun, 'systems'> & { readonly consumers: readonly WaitingConsumers[] }) | null;
  readonly overload: OverloadRun | null;
  readonly users: UsersRun | null;
  readonly hotSku: HotSkuRun | null;
  readonly chaos: Pick<ChaosReport, 'orders' | 'faults' | 'kinds' | 'violations' | 'recovery'> | null;
  readonly soak: SoakRun | null;
}

/** What a run has shown of a requirement. */
export interface Figure {
  /** The figure in words. */
  readonly text: string;
  readonly isMet: boolean;
}

/** Reads `bench/results/`, which `npm run bench` and `npm run outages` write. */
export function readResults(): Results {
  return {
    flood: readNeeded('flood.json') as OrderRun,
    events: readNeeded('events.json') as EventRun,
    outages: readNeeded('outages.json') as OutageRun,
    paced: readResult('paced.json') as Results['paced'],
    workers: readResult('workers.json') as Results['workers'],
    overload: readResult('overload.json') as Results['overload'],
    users: readResult('users.json') as Results['users'],
    hotSku: readResult('hot-sku.json') as Results['hotSku'],
    chaos: readResult('chaos.json') as Results['chaos'],
    soak: readResult('soak.json') as Results['soak'],
  };
}

/** @throws {Error} when the results are not committed. */
function readNeeded(file: string): unknown {
  const result = readResult(file);
  if (result === null) throw new Error(`bench/results/${file} is not committed`);
  return result;
}

/** A system of a run. */
export function systemOf(run: OrderRun, name: string): OrderSystem {
  const found = run.systems.find(({ system }) => system === name);
  if (found === undefined) throw new Error(`the results have no system ${name}`);
  return found;
}
