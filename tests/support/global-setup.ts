import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { allAt, createDatabase, createDatabases } from '../../db/client.ts';
import { migrateAll } from '../../db/migrate.ts';
import { DATABASE_ROLES } from '../../db/roles/grants.ts';
import { createCatalogRepository } from '../../db/repositories/inventory/catalog-repository.ts';
import { seedCatalog } from '../../db/seed.ts';
import { loginOf } from './database/logins.ts';
import { bundleWorkflows } from '../../src/temporal/bundle-workflows.ts';
import { startEmbeddedPostgres } from '../../src/dev/postgres/embedded-postgres.ts';
import { findFreePort } from '../../src/dev/processes/ports.ts';
import { findOrBuildTemporalCli } from '../../src/dev/temporal/temporal-cli.ts';
import { startTemporalDevServer } from '../../src/dev/temporal/temporal-dev-server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Connection string with `%s` in place of the database's name. */
    readonly postgresUrl: string;
    readonly temporalAddress: string;
    readonly temporalCli: string;
    readonly workflowBundle: string;
  }
}

/** The database that every test database is a copy of; it is migrated and seeded once. */
export const TEMPLATE_DATABASE = 'order_saga_template';

/** Namespaces are made beforehand, because every part of the server knows a new one only after seconds. */
export const NAMESPACES = Array.from({ length: 140 }, (_, index) => `test-${index + 1}`);

/** All namespaces are there within seconds, unless the machine is busy with other things. */
const SLOW_MACHINE_MS = 180_000;

/**
 * Starts one PostgreSQL and one Temporal server for all files, on free ports, and removes all traces afterwards, also
 * when one of them does not start.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'order-saga-test-'));
  // If the tests run as root, PostgreSQL runs as another user, who must be able to pass through the folder.
  await chmod(folder, 0o711);
  const log = (): void => {};
  const cliPath = await findOrBuildTemporalCli({ log: (line: string) => process.stderr.write(`${line}\n`) });
  const bundle = join(folder, 'workflow-bundle.js');
  const [postgresPort, temporalPort] = [await findFreePort(), await findFreePort()];
  // Neither server waits for the disk: after a power failure a test machine has nothing worth keeping.
  const startingPostgres = startEmbeddedPostgres({
    dataDirectory: join(folder, 'postgres'),
    port: postgresPort,
    settings: { fsync: 'off', full_page_writes: 'off', max_connections: '400' },
    log,
  });
  const startingTemporal = startTemporalDevServer({
    cliPath,
    port: temporalPort,
    uiPort: null,
    databaseFile: join(folder, 'temporal.db'),
    namespaces: NAMESPACES,
    startTimeoutMs: SLOW_MACHINE_MS,
    synchronous: 'OFF',
    log,
  });
  const stop = async (): Promise<void> => {
    const ends = [startingPostgres.then((postgres) => postgres.destroy()), startingTemporal.then(({ stop }) => stop())];
    await Promise.allSettled(ends);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const [postgres, temporal] = await Promise.all([
      startingPostgres,
      startingTemporal,
      bundleWorkflows({ path: bundle, sealsFailures: false, isVersioned: false }),
    ]);
    await prepareTemplate(postgres.url('postgres'), postgres.url(TEMPLATE_DATABASE));
    project.provide('postgresUrl', postgres.url('%s'));
    project.provide('temporalAddress', temporal.address);
    project.provide('temporalCli', cliPath);
    project.provide('workflowBundle', bundle);
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}

async function prepareTemplate(adminUrl: string, templateUrl: string): Promise<void> {
  const admin = createDatabase({ url: adminUrl, poolSize: 2, applicationName: 'test-setup', onIdleError: () => {} });
  await admin.pool.query(`CREATE DATABASE ${TEMPLATE_DATABASE}`);
  await admin.pool.query('CREATE SEQUENCE namespaces_taken');
  const urls = allAt(templateUrl);
  await migrateAll(urls, { roles: true });
  for (const role of DATABASE_ROLES) {
    await admin.pool.query(`CREATE ROLE ${loginOf(role)} LOGIN PASSWORD '${loginOf(role)}' IN ROLE ${role}`);
  }
  await admin.close();
  const databases = createDatabases(urls, { poolSize: 2, applicationName: 'test-seed', onIdleError: () => {} });
  await seedCatalog(createCatalogRepository(databases.inventory));
  await databases.close();
}
