import type pg from 'pg';
import { ALL_TENANTS } from '../../src/runtime/tenants/tenant-reach.ts';
import { TENANT_PARAMETER } from '../tenant-fence.ts';
import { DATABASE_ROLES, OWNER_FUNCTIONS, SHARED_TABLES, TABLE_GRANTS, type Schema } from './grants.ts';

/** Makes the roles that are missing; needs CREATEROLE. */
export async function createRoles(client: pg.Client): Promise<void> {
  for (const role of DATABASE_ROLES) {
    if (!(await roleExists(client, role))) await client.query(`CREATE ROLE ${role} NOLOGIN`);
  }
}

/** Whether somebody has made the roles on this server. */
export async function haveRoles(client: pg.Client): Promise<boolean> {
  return roleExists(client, DATABASE_ROLES[0]);
}

async function roleExists(client: pg.Client, role: string): Promise<boolean> {
  const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role]);
  return rowCount === 1;
}

/**
 * Gives the roles exactly the rights of `grants.ts` in a schema, and the tables their policies. Running processes notice
 * nothing: rights are replaced in one transaction, and a table is locked only when its policies are missing.
 */
export async function applyRoles(client: pg.Client, schema: Schema): Promise<void> {
  await client.query('BEGIN');
  try {
    await replaceGrants(client, schema);
    for (const table of Object.keys(TABLE_GRANTS[schema])) {
      if (!SHARED_TABLES.includes(`${schema}.${table}`)) await ensurePolicies(client, { schema, table });
    }
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

async function replaceGrants(client: pg.Client, schema: Schema): Promise<void> {
  const [api, worker, tools] = DATABASE_ROLES;
  for (const role of DATABASE_ROLES) {
    await client.query(`GRANT USAGE ON SCHEMA ${schema} TO ${role}`);
    for (const what of ['TABLES', 'SEQUENCES']) {
      await client.query(`REVOKE ALL ON ALL ${what} IN SCHEMA ${schema} FROM ${role}`);
    }
  }
  for (const role of [api, worker]) await client.query(`GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${schema} TO ${role}`);
  await client.query(`GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${tools}`);
  for (const [table, grant] of Object.entries(TABLE_GRANTS[schema])) {
    const given: [string, string | undefined][] = [
      [api, grant.api],
      [worker, grant.worker],
      [tools, grant.tools],
    ];
    for (const [role, rights] of given) {
      if (rights !== undefined) await client.query(`GRANT ${rights} ON ${schema}.${table} TO ${role}`);
    }
  }
  for (const [name, roles] of Object.entries(OWNER_FUNCTIONS)) {
    if (!name.startsWith(`${schema}.`)) continue;
    await client.query(`ALTER FUNCTION ${name} SECURITY DEFINER SET search_path = pg_catalog, pg_temp`);
    await client.query(`REVOKE ALL ON FUNCTION ${name} FROM PUBLIC`);
    await client.query(`GRANT EXECUTE ON FUNCTION ${name} TO ${[roles].flat().join(', ')}`);
  }
}

interface Table {
  readonly schema: Schema;
  readonly table: string;
}

/**
 * The API reaches the rows of the tenant that its connection names, or all rows where it says so. Workers and tools serve
 * all tenants. The owner, who migrates, is not held by policies.
 */
async function ensurePolicies(client: pg.Client, { schema, table }: Table): Promise<void> {
  const [api, worker, tools] = DATABASE_ROLES;
  const name = `${schema}.${table}`;
  const known = await client.query<{ policy: string; made: string | null }>(
    `SELECT polname AS policy, obj_description(oid, 'pg_policy') AS made FROM pg_policy WHERE polrelid = $1::regclass`,
    [name],
  );
  const made = new Map(known.rows.map((row) => [row.policy, row.made]));
  const wanted = [
    { policy: 'of_tenant', roles: [api], condition: isOfTenant({ schema, table }) },
    { policy: 'of_all_tenants', roles: [worker, tools], condition: 'true' },
  ];
  for (const { policy, roles, condition } of wanted) {
    const text = `TO ${roles.join(', ')} USING (${condition}) WITH CHECK (${condition})`;
    // The server stores a condition in words of its own, so the comment says from what it was made.
    if (made.get(policy) === text) continue;
    if (made.has(policy)) await client.query(`DROP POLICY ${policy} ON ${name}`);
    await client.query(`CREATE POLICY ${policy} ON ${name} ${text}`);
    await client.query(`COMMENT ON POLICY ${policy} ON ${name} IS '${text.replaceAll("'", "''")}'`);
  }
  const { rows } = await client.query<{ on: boolean }>(
    'SELECT relrowsecurity AS on FROM pg_class WHERE oid = $1::regclass',
    [name],
  );
  if (rows[0]?.on !== true) await client.query(`ALTER TABLE ${name} ENABLE ROW LEVEL SECURITY`);
}

/**
 * The planner takes a CASE to be true for half of the rows. For an equality it would expect one tenant in all of them, on
 * top of the tenant of the statement itself, and so few rows that it would sort a tenant's whole history for one page.
 */
function isOfTenant({ schema, table }: Table): string {
  // A line has no tenant of its own; the order that it belongs to is kept apart by its own policy.
  if (schema === 'orders' && table === 'order_lines') {
    return 'EXISTS (SELECT FROM orders.orders o WHERE o.order_id = order_lines.order_id)';
  }
  const tenant = `current_setting('${TENANT_PARAMETER}', true)`;
  return `CASE WHEN tenant_id = ${tenant} THEN true ELSE ${tenant} = '${ALL_TENANTS}' END`;
}
