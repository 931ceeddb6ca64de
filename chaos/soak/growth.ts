import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../db/client.ts';
import type { ChaosSystem } from '../system/system.ts';

/** Bytes of each database, and of PostgreSQL's log of changes since its beginning. */
export type Sizes = Readonly<Record<string, number>>;

/** Reads the sizes now. */
export async function readSizes(admin: Database): Promise<Sizes> {
  const { rows } = await admin.pool.query<{ name: string; bytes: string }>(`
SELECT datname AS name, pg_database_size(datname) AS bytes FROM pg_database WHERE datname LIKE 'chaos_%'
UNION ALL SELECT 'log of changes (WAL)', pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')`);
  return Object.fromEntries(rows.map(({ name, bytes }) => [name, Number(bytes)]));
}

/** Bytes per order by which each has grown. */
export function growthPerOrder(before: Sizes, after: Sizes, orders: number): Sizes {
  const grown = Object.entries(after).map(([name, bytes]) => [
    name,
    Math.round((bytes - (before[name] ?? 0)) / orders),
  ]);
  return Object.fromEntries(grown) as Sizes;
}

/** Resident memory of each process in MiB, once a minute; a process that is away at that moment is absent. */
export type MemoryMinutes = readonly Readonly<Record<string, number>>[];

const MINUTE_MS = 60_000;
const KIB_PER_MIB = 1_024;

/** Looks at the memory at the end of each minute, until the signal is aborted. */
export async function watchMemory({ pids }: Pick<ChaosSystem, 'pids'>, signal: AbortSignal): Promise<MemoryMinutes> {
  const minutes: Record<string, number>[] = [];
  while (!signal.aborted) {
    await sleep(MINUTE_MS, undefined, { signal }).catch(() => {});
    const minute: Record<string, number> = {};
    for (const [name, pid] of Object.entries(pids())) {
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
      const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
      if (kib !== undefined) minute[name] = Math.round(Number(kib) / KIB_PER_MIB);
    }
    minutes.push(minute);
  }
  return minutes;
}
