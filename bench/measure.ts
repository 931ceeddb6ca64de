import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { build, type Histogram } from 'hdr-histogram-js';
import type { Database } from '../db/client.ts';
import type { CountedProcess } from './environment.ts';

/** Linux counts CPU time in these units: USER_HZ is 100 on every architecture that Node runs on. */
const MS_PER_TICK = 10;

/** Fields of /proc/PID/stat after the command's closing parenthesis. */
const FIELDS = { parent: 1, user: 11, system: 12, reapedUser: 13, reapedSystem: 14 } as const;

/** One look costs the database half a millisecond; the result's precision does not depend on the interval. */
const POLL_MS = 100;

/** An order that has not moved for this long has stopped. */
const STALL_LIMIT_MS = 60_000;

/** Percentiles in milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** CPU time in milliseconds by process name. Empty where there is no /proc. */
export function cpuMs(processes: readonly CountedProcess[]): Record<string, number> {
  if (process.platform !== 'linux') return {};
  const family = familyFinder();
  return Object.fromEntries(
    processes.map((counted) => {
      const ticks = family(counted)
        .map((each) => statOf(each))
        .reduce(
          // A child that has ended is among the reaped children of its parent.
          (sum, stat, index) => sum + stat.own + (index === 0 && counted.withChildren === true ? stat.reaped : 0),
          0,
        );
      return [counted.name, ticks * MS_PER_TICK];
    }),
  );
}

/** Proportional set size in MiB by process name: memory that processes share is counted once. */
export function pssMiB(processes: readonly CountedProcess[]): Record<string, number> {
  if (process.platform !== 'linux') return {};
  const family = familyFinder();
  const sizeOf = (pid: number): number => {
    const line = /^Pss:\s+(\d+) kB/m.exec(readOrEmpty(`/proc/${pid}/smaps_rollup`));
    return Number(line?.[1] ?? 0) / 1_024;
  };
  return Object.fromEntries(
    processes.map((counted) => [counted.name, family(counted).reduce((sum, each) => sum + sizeOf(each), 0)]),
  );
}

/** The amounts that were used between two readings. */
export function difference(before: Record<string, number>, after: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)]));
}

function familyFinder(): (counted: CountedProcess) => number[] {
  const children = childrenByParent();
  return ({ pid, withChildren }) => [pid, ...(withChildren === true ? (children.get(pid) ?? []) : [])];
}

function childrenByParent(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const { parent } = statOf(Number(name));
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  return children;
}

function statOf(pid: number): { parent: number; own: number; reaped: number } {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const at = (index: number): number => Number(fields[index] ?? 0);
  return {
    parent: at(FIELDS.parent),
    own: at(FIELDS.user) + at(FIELDS.system),
    reaped: at(FIELDS.reapedUser) + at(FIELDS.reapedSystem),
  };
}

/** A process may end between the listing and the read. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Transactions of the whole server that wrote something, which are the transactions with an id. */
export async function writesOf(admin: Database): Promise<number> {
  const { rows } = await admin.pool.query<{ next: string }>(
    'SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS next',
  );
  return Number(rows[0]?.next ?? 0);
}

/**
 * Committed transactions of the given databases, including those that only read. A session reports its transactions
 * after a second at the earliest, and always when it ends.
 */
export async function transactionsOf(admin: Database, databases: readonly string[]): Promise<number> {
  const { rows } = await admin.pool.query<{ commits: string }>(
    'SELECT sum(xact_commit) AS commits FROM pg_stat_database WHERE datname = ANY ($1::text[])',
    [databases],
  );
  return Number(rows[0]?.commits ?? 0);
}

/**
 * Resolves when `count` orders are CONFIRMED and told to their customers.
 * @throws when no order has moved for a minute.
 */
export async function untilDone(app: Database, count: number): Promise<void> {
  let last = -1;
  let movedAt = performance.now();
  for (;;) {
    const { rows } = await app.pool.query<{ confirmed: number; told: number }>(DONE);
    const { confirmed = 0, told = 0 } = rows[0] ?? {};
    if (confirmed >= count && told >= count) return;
    if (confirmed + told !== last) movedAt = performance.now();
    last = confirmed + told;
    if (performance.now() - movedAt > STALL_LIMIT_MS) {
      throw new Error(`no order has moved for a minute: of ${count}, ${confirmed} are CONFIRMED and ${told} told`);
    }
    await sleep(POLL_MS);
  }
}

const DONE = `
SELECT (SELECT count(*)::integer FROM orders.orders WHERE status = 'CONFIRMED') AS confirmed,
  (SELECT count(*)::integer FROM notifications.messages WHERE state = 'SENT') AS told`;

/** When each order was confirmed, in milliseconds since the epoch, by order id. */
export async function confirmationTimes(app: Database): Promise<Map<string, number>> {
  const { rows } = await app.pool.query<{ order_id: string; updated_at: Date }>(
    "SELECT order_id, updated_at FROM orders.orders WHERE status = 'CONFIRMED'",
  );
  return new Map(rows.map((row) => [row.order_id, row.updated_at.getTime()]));
}

/** Percentiles of a histogram of microseconds. */
export function percentiles(histogram: Histogram): Latency {
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1_000;
  return { p50: at(50), p95: at(95), p99: at(99) };
}

/** Percentiles of durations in milliseconds. */
export function latencyOf(durationsMs: readonly number[]): Latency {
  const histogram = build({ highestTrackableValue: 3_600_000_000, numberOfSignificantValueDigits: 3 });
  for (const duration of durationsMs) histogram.recordValue(Math.max(0, Math.round(duration * 1_000)));
  return percentiles(histogram);
}
