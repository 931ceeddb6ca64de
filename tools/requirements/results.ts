import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';

const FOLDER = 'bench/results';

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
  readonly rounds: readonly { readonly system: string; readonly pssMiB: Readonly<Record<string, number>> }[];
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
    readonly sustained: { readonly rate: number; readonly endToEnd: Latency; readonly queueWaitP95Ms: number };
    readonly burst: {
      readonly verdict: Readonly<Record<'accepted' | 'processed' | 'failed' | 'outOfOrder' | 'gaps', number>>;
    };
  };
}

interface OutageRun {
  readonly outages: readonly {
    readonly minutes: number;
    readonly orders: number;
    readonly confirmed: number;
    readonly lastSeconds: number;
  }[];
}

/** What the committed results say; a run that is not committed yet is null. */
export interface Results {
  readonly flood: OrderRun;
  readonly events: EventRun;
  readonly outages: OutageRun;
  readonly paced: OrderRun | null;
  readonly workers: Pick<OrderRun, 'systems'> | null;
}

/** Whether the results of a run are committed. */
export function hasResult(file: string): boolean {
  return existsSync(join(PROJECT_FOLDER, FOLDER, file));
}

/** Reads `bench/results/`, which `npm run bench` and `npm run outages` write. */
export function readResults(): Results {
  const read = (file: string): unknown =>
    JSON.parse(readFileSync(join(PROJECT_FOLDER, FOLDER, file), 'utf8')) as unknown;
  return {
    flood: read('flood.json') as OrderRun,
    events: read('events.json') as EventRun,
    outages: read('outages.json') as OutageRun,
    paced: hasResult('paced.json') ? (read('paced.json') as OrderRun) : null,
    workers: hasResult('workers.json') ? (read('workers.json') as OrderRun) : null,
  };
}

/** A system of a run. */
export function systemOf(run: OrderRun, name: string): OrderSystem {
  const found = run.systems.find(({ system }) => system === name);
  if (found === undefined) throw new Error(`the results have no system ${name}`);
  return found;
}
