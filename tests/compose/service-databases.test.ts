import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createDatabase } from '../../db/client.ts';
import { migrateAll } from '../../db/migrate.ts';
import { createCatalogRepository } from '../../db/repositories/inventory/catalog-repository.ts';
import { seedCatalog } from '../../db/seed.ts';
import { loadConfig, loadDatabaseConfig } from '../../src/config.ts';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { createEmptyDatabase } from '../support/database/database.ts';
import { startAnotherWorker } from '../support/processes/another-worker.ts';
import { environmentOf, readComposeFile, readEnvFile, serviceOf } from '../support/processes/compose-file.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

// The profile `services` of docker-compose.yml: three services on databases, roles and workers of their own.

const SERVICES = ['inventory', 'payments', 'notifications'] as const;
type Service = (typeof SERVICES)[number];

const secrets = parseEnv(execFileSync('sh', [join(PROJECT_FOLDER, 'ops/compose/make-env.sh')], { encoding: 'utf8' }));
const variables = readEnvFile('ops/compose/services.env', secrets);
const compose = readComposeFile();
const server = new URL(inject('postgresUrl').replace('%s', 'postgres'));

/** The address of a database in docker-compose.yml, on the PostgreSQL of this test. */
const here = (url = ''): string => url.replace('@postgres:5432', `@${server.host}`);

let folder: string;
let adminDatabase: string;
let system: TestSystem;
let workers: readonly { stop(): Promise<void> }[];

function makeDatabases(database: string): string {
  const env = {
    PATH: `${folder}:${process.env['PATH']}`,
    PGHOST: server.hostname,
    PGPORT: server.port,
    PGUSER: server.username,
    PGPASSWORD: server.password,
    PGDATABASE: database,
    ...secrets,
  };
  const script = join(PROJECT_FOLDER, 'ops/compose/service-databases.sh');
  return execFileSync('sh', [script], { env, encoding: 'utf8' });
}

/** What a container gets: the variables of docker-compose.yml. */
const containerEnvironment = (service: string): Record<string, string> =>
  environmentOf(serviceOf(compose, service), variables);

function urlOf(service: Service): string {
  return here(containerEnvironment(service)['DATABASE_URL']);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'order-saga-psql-'));
  const psql = join(folder, 'psql');
  const program = join(PROJECT_FOLDER, 'tests/support/database/psql.ts');
  writeFileSync(psql, `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`);
  chmodSync(psql, 0o755);
  adminDatabase = new URL(await createEmptyDatabase()).pathname.slice(1);
  makeDatabases(adminDatabase);

  const own = { INVENTORY_DATABASE_URL: urlOf('inventory'), PAYMENTS_DATABASE_URL: urlOf('payments') };
  const urls = { ...own, NOTIFICATIONS_DATABASE_URL: urlOf('notifications') };
  const { STEP_PLACEMENT = '', WORKER_QUEUES = '' } = containerEnvironment('worker');
  system = await startTestSystem({ env: { ...urls, STEP_PLACEMENT, WORKER_QUEUES } });
  await migrateAll(loadDatabaseConfig({ ...urls, DATABASE_URL: system.database.url }).urls);
  const inventory = open(urlOf('inventory'));
  await seedCatalog(createCatalogRepository(inventory));
  await inventory.close();
  workers = await Promise.all(
    SERVICES.map((service) => {
      const env = { ...system.env, DATABASE_URL: urlOf(service), WORKER_QUEUES: service };
      return startAnotherWorker({ env }, (activities) => activities);
    }),
  );
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  await system.stop();
  rmSync(folder, { recursive: true, force: true });
});

const open = (url: string) => createDatabase({ url, poolSize: 1, applicationName: 'test', onIdleError: () => {} });

async function count(url: string, table: string): Promise<number> {
  const database = open(url);
  try {
    const { rows } = await database.pool.query(`SELECT count(*)::integer AS found FROM ${table}`);
    return (rows[0] as { found: number }).found;
  } finally {
    await database.close();
  }
}

it('An order passes through services that each know their own database only', async () => {
  const id = await system.postOrder({});
  expect(await system.orderAtRest(id)).toMatchObject({ status: 'CONFIRMED', payment: { state: 'CAPTURED' } });
  await expect.poll(() => system.mails(id)).toHaveLength(1);
  expect(await count(urlOf('payments'), 'payments.operations')).toBeGreaterThan(0);
  expect(await count(urlOf('inventory'), 'inventory.reservations')).toBeGreaterThan(0);
  expect(await count(urlOf('notifications'), 'notifications.messages')).toBeGreaterThan(0);
  // In the database of the orders these tables stay empty.
  expect(await count(system.database.url, 'payments.operations')).toBe(0);
});

it('A declined order is undone by services that each know their own database only', async () => {
  const id = await system.postOrder({ method: 'pm_declined' });
  expect(await system.orderAtRest(id)).toMatchObject({ status: 'REJECTED', lines: [{ reservation: 'RELEASED' }] });
});

it('ops/compose/service-databases.sh may be repeated', () => {
  expect(makeDatabases(adminDatabase)).toContain('ready');
});

it('The role of a service opens no database of another one, and reads no order', async () => {
  for (const service of SERVICES) {
    const orders = new URL(urlOf(service));
    orders.pathname = new URL(system.database.url).pathname;
    await expect(count(orders.href, 'orders.orders')).rejects.toThrow('permission denied');
    const others = ['inventory', 'payments', 'notifications'].filter((name) => name !== service);
    for (const other of others) {
      const url = new URL(urlOf(service));
      url.pathname = `/${other}`;
      await expect(count(url.href, 'pg_class'), `${service} opens ${other}`).rejects.toThrow('permission denied');
    }
  }
});

it.each(SERVICES)('The container of %s starts with the settings that it gets, and serves its own queue', (service) => {
  const { command = [] } = serviceOf(compose, service);
  const env = { ...containerEnvironment(service), WORKER_QUEUES: command.at(-1) };
  const { worker, database } = loadConfig(env, { tokens: false });
  expect(worker.queues).toEqual([service]);
  expect(new Set(Object.values(database.urls)).size).toBe(1);
  expect(database.urls.payments).toContain(`postgres://${service}:`);
});
