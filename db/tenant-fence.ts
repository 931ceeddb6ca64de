import type pg from 'pg';
import { DatabaseUnavailableError } from '../src/domain/errors.ts';
import { reachedTenant } from '../src/runtime/tenants/tenant-reach.ts';

/** The parameter that the policies of the tables compare with `tenant_id` (see db/roles/apply-roles.ts). */
export const TENANT_PARAMETER = 'app.tenant';

const SET_TENANT = { name: 'set_tenant', text: `SELECT set_config('${TENANT_PARAMETER}', $1, false)` };
const SET_TENANT_LOCAL = { name: 'set_tenant_local', text: `SELECT set_config('${TENANT_PARAMETER}', $1, true)` };

/**
 * Runs each query as the tenant that it is run for. The parameter outlives the query on a pooled connection, so every use
 * of a connection sets it; it travels in the same write as the query. If it cannot be set, the result of the query is not
 * given to anybody, and the connection is not used again.
 */
export function fencedTarget(pool: pg.Pool): Pick<pg.Pool, 'query'> {
  const query = async (...request: Parameters<pg.Pool['query']>): Promise<unknown> => {
    const values = [reachedTenant()];
    const client = await pool.connect();
    const [set, result] = await Promise.allSettled([
      client.query({ ...SET_TENANT, values }),
      client.query(...request) as unknown as Promise<unknown>,
    ]);
    const failure = [set, result].find((settled) => settled.status === 'rejected');
    // As the pool itself does it: a connection with an error is closed.
    client.release(failure?.reason as Error | undefined);
    if (failure !== undefined) throw failure.reason;
    return result.status === 'fulfilled' ? result.value : undefined;
  };
  return { query: query as pg.Pool['query'] };
}

/** Begins a transaction of the tenant that it is run for. */
export async function beginFenced(client: pg.PoolClient): Promise<void> {
  await Promise.all([client.query('begin'), client.query({ ...SET_TENANT_LOCAL, values: [reachedTenant()] })]);
}

/** Members of the other two roles see all tenants; a superuser, and the owner of the tables, are not held at all. */
const READ_SECURITY = {
  name: 'is_held_by_policies',
  text: `
SELECT coalesce(row_security_active(to_regclass('orders.orders')), false) AND NOT EXISTS (
  SELECT FROM pg_roles r WHERE r.rolname IN ('order_saga_worker', 'order_saga_tools') AND pg_has_role(r.oid, 'usage')
) AS held`,
};

/** The part of a database that is needed here. */
interface StatementRunner {
  run<Row extends pg.QueryResultRow>(
    statement: { readonly name: string; readonly text: string },
    values: readonly unknown[],
  ): Promise<Row[]>;
}

/** Whether the role of a connection sees only rows that the policies of the tables show. */
export async function isHeldByPolicies(orders: StatementRunner): Promise<boolean> {
  const [row] = await orders.run<{ held: boolean }>(READ_SECURITY, []);
  return row?.held === true;
}

/** A program that serves all tenants has logged in by a role that sees one tenant at a time. */
export class OneTenantRoleError extends Error {
  constructor() {
    super(
      'the role of DATABASE_URL sees one tenant at a time: log in as a member of order_saga_worker or order_saga_tools',
    );
    this.name = 'OneTenantRoleError';
  }
}

/**
 * Makes sure that a program sees the rows of all tenants. Without them an audit would find nothing wrong, and a repair
 * nothing to do. A database that does not answer is left to the first statement that needs it.
 * @throws {OneTenantRoleError}
 */
export async function requireAllTenants(orders: StatementRunner): Promise<void> {
  const isHeld = await isHeldByPolicies(orders).catch((error: unknown) => {
    if (error instanceof DatabaseUnavailableError) return false;
    throw error;
  });
  if (isHeld) throw new OneTenantRoleError();
}
