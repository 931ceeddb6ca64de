import { join } from 'node:path';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import pg from 'pg';
import { SERVICES, type DatabaseUrls } from './client.ts';
import { toDatabaseError } from './errors.ts';
import { applyRoles, createRoles, haveRoles } from './roles/apply-roles.ts';
import type { Schema } from './roles/grants.ts';

/** One lock for all services: if several processes start at once, one of them migrates and the others wait. */
const ADVISORY_LOCK = 727_465_001;

/**
 * Longest wait for a lock during a migration. A migration that waited longer would make the traffic queue behind it.
 */
const LOCK_TIMEOUT = '5s';

/** What a migration does beside bringing schemas to their newest version. */
export interface MigrateOptions {
  /** Whether roles that are missing are made. Roles that exist get their rights in any case. */
  readonly roles?: boolean;
}

/** Brings the schema of every service to its newest version; safe to run from many processes at once. */
export async function migrateAll(urls: DatabaseUrls, options: MigrateOptions = {}): Promise<void> {
  for (const service of SERVICES) await migrateService(service, urls[service], options);
  // The acts of operators are about orders, so they are stored beside the orders.
  await migrateService('audit', urls.orders, options);
}

async function migrateService(service: Schema, url: string, { roles = false }: MigrateOptions): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: 'order-saga-migrate' });
  // A lost connection is reported by the query that needed it.
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select pg_advisory_lock($1)', [ADVISORY_LOCK]);
    await client.query(`set lock_timeout = '${LOCK_TIMEOUT}'`);
    await migrate(drizzle(client), {
      migrationsFolder: join(import.meta.dirname, 'migrations', service),
      migrationsSchema: 'drizzle',
      migrationsTable: `${service}_migrations`,
    });
    if (roles) await createRoles(client);
    if (await haveRoles(client)) await applyRoles(client, service);
  } catch (error) {
    throw toDatabaseError(error);
  } finally {
    // Ends the session and with it the advisory lock.
    await client.end().catch(() => {});
  }
}
