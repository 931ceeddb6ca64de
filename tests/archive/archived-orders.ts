import { allAt, createDatabases, type Databases, type DatabaseUrls } from '../../db/client.ts';
import { createOrderArchive } from '../../db/repositories/order-archive.ts';
import { urlAs } from '../support/database/logins.ts';
import type { TestSystem } from '../support/system.ts';

/** The age at which the tests archive, in days. */
const AFTER_DAYS = 60;

/** Makes orders older, as if nothing had happened to them since. */
export async function grow({ database }: Pick<TestSystem, 'database'>, orderIds: readonly string[], days = 100) {
  await database.query(
    `UPDATE orders.orders SET created_at = created_at - make_interval(days => $2),
       updated_at = updated_at - make_interval(days => $2), confirmed_at = confirmed_at - make_interval(days => $2)
     WHERE order_id = ANY ($1::text[])`,
    [orderIds, days],
  );
}

/** One run of the job, as the role of the workers. */
export async function archiveAs(urls: DatabaseUrls, wrap: (databases: Databases) => Databases = same): Promise<number> {
  const databases = createDatabases(urls, { poolSize: 3, applicationName: 'archive-test', onIdleError: () => {} });
  try {
    return await createOrderArchive(wrap(databases)).archive(new Date(Date.now() - AFTER_DAYS * 86_400_000));
  } finally {
    await databases.close();
  }
}

/** One run of the job on a system with one database. */
export function archive({ database }: Pick<TestSystem, 'database'>): Promise<number> {
  return archiveAs(allAt(urlAs('order_saga_worker', database.url)));
}

function same<Value>(value: Value): Value {
  return value;
}

/** The hot tables that have an archive. */
const ARCHIVED_TABLES = [
  ...['reservations', 'stock_movements'].map((table) => `inventory.${table}`),
  ...['message_attempts', 'messages'].map((table) => `notifications.${table}`),
  ...['case_decisions', 'cases', 'order_commands', 'order_events', 'order_lines', 'orders'].map(
    (table) => `orders.${table}`,
  ),
  ...['attempts', 'balances', 'operation_changes', 'operations', 'turns'].map((table) => `payments.${table}`),
];

/** How many rows of some orders each table has, hot and archived; tables without any are left out. */
export async function rowsOf(
  query: <Row>(text: string, values?: readonly unknown[]) => Promise<Row[]>,
  orderIds: readonly string[],
): Promise<{ readonly hot: Record<string, number>; readonly archived: Record<string, number> }> {
  const counts = await query<{ name: string; hot: number; archived: number }>(
    ARCHIVED_TABLES.map(
      (table) => `SELECT '${table}' AS name, (count(*) FILTER (WHERE tableoid = '${table}'::regclass))::integer AS hot,
        (count(*) FILTER (WHERE tableoid <> '${table}'::regclass))::integer AS archived
        FROM ${table} WHERE order_id = ANY ($1::text[])`,
    ).join(' UNION ALL '),
    [orderIds],
  );
  const of = (place: 'hot' | 'archived'): Record<string, number> =>
    Object.fromEntries(counts.filter((row) => row[place] > 0).map((row) => [row.name, row[place]]));
  return { hot: of('hot'), archived: of('archived') };
}
