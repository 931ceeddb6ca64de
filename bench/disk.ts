import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from '../db/client.ts';
import type { Stage } from './environment.ts';

/** The unit of `blocks` in Node's `Stats`. */
const BLOCK_BYTES = 512;

/** What a system has on disk, in bytes: tables with their indexes, and with the rows that a vacuum has not removed yet. */
export interface DiskUse {
  /** The database of the service. */
  readonly app: number;
  /** Both databases of Temporal. */
  readonly temporal: number;
  /** The folder of an engine that does not use PostgreSQL. */
  readonly store: number;
  /** All bytes that PostgreSQL's log has ever had: what is written, and not what stays. */
  readonly wal: number;
  /** The database of the service by schema. */
  readonly bySchema: Readonly<Record<string, number>>;
}

/** Measures the databases of a stage. */
export async function readDiskUse(
  { admin, app }: { readonly admin: Database; readonly app: Database },
  { databases }: Stage,
  storeFolder: string | undefined,
): Promise<DiskUse> {
  const { rows } = await admin.pool.query<Omit<DiskUse, 'store' | 'bySchema'>>(SIZES, [
    databases.app,
    databases.main,
    databases.visibility,
  ]);
  const [sizes] = rows;
  if (sizes === undefined) throw new TypeError('the sizes could not be read');
  const schemas = await app.pool.query<{ name: string; bytes: number }>(SCHEMA_SIZES);
  return {
    ...sizes,
    store: storeFolder === undefined ? 0 : folderBytes(storeFolder),
    bySchema: Object.fromEntries(schemas.rows.map(({ name, bytes }) => [name, bytes])),
  };
}

/** What was added per order between two measurements. */
export function bytesPerOrder(before: DiskUse, after: DiskUse, orders: number): DiskUse {
  const each = (pick: (use: DiskUse) => number): number => Math.round((pick(after) - pick(before)) / orders);
  return {
    app: each(({ app }) => app),
    temporal: each(({ temporal }) => temporal),
    store: each(({ store }) => store),
    wal: each(({ wal }) => wal),
    bySchema: Object.fromEntries(
      Object.keys(after.bySchema).map((schema) => [schema, each(({ bySchema }) => bySchema[schema] ?? 0)]),
    ),
  };
}

const SIZES = `
SELECT pg_database_size($1) AS app, pg_database_size($2) + pg_database_size($3) AS temporal,
  pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint AS wal`;

const SCHEMA_SIZES = `
SELECT n.nspname AS name, sum(pg_total_relation_size(c.oid))::bigint AS bytes
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^(pg_|information_schema)'
GROUP BY n.nspname ORDER BY n.nspname`;

/** Blocks count, because stores reserve files that they have not filled. A file that is removed meanwhile has none. */
function folderBytes(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files
    .map(({ parentPath, name }) => statSync(join(parentPath, name), { throwIfNoEntry: false })?.blocks ?? 0)
    .reduce((sum, blocks) => sum + blocks * BLOCK_BYTES, 0);
}
