import { randomBytes } from 'node:crypto';
import pLimit from 'p-limit';
import { inject } from 'vitest';
import { allAt, createDatabase, createDatabases, type Database, type Databases } from '../../../db/client.ts';
import { NAMESPACES, TEMPLATE_DATABASE } from '../global-setup.ts';

/** A database for one test: a copy of the migrated, seeded template. */
export interface TestDatabase {
  readonly url: string;
  readonly databases: Databases;
  /** Lets a test look by SQL at what the code has stored. */
  query<Row>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

/** Copies the template (tens of milliseconds). */
export async function createTestDatabase(poolSize = 20): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await withAdmin((admin) => admin.pool.query(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE_DATABASE}`));
  const url = inject('postgresUrl').replace('%s', name);
  const databases = createDatabases(allAt(url), { poolSize, applicationName: 'test', onIdleError: () => {} });
  const looks = createLooks(url);
  return {
    url,
    databases,
    query: async <Row>(text: string, values: readonly unknown[] = []) => {
      const { rows } = await looks.query(text, values);
      return rows as Row[];
    },
    close: async () => {
      await Promise.all([databases.close(), looks.close()]);
    },
  };
}

/**
 * Statements by which a test looks at the database, on connections of their own. They wait for each other for as long as
 * it takes, where the product gives up a wait for a connection after seconds.
 */
function createLooks(url: string) {
  const database = createDatabase({
    url,
    poolSize: LOOKS_AT_ONCE,
    applicationName: 'test-look',
    onIdleError: () => {},
  });
  const limit = pLimit(LOOKS_AT_ONCE);
  return {
    query: (text: string, values: readonly unknown[]) => limit(() => database.pool.query(text, [...values])),
    close: () => database.close(),
  };
}

const LOOKS_AT_ONCE = 4;

/** A new, empty database; returns its URL. */
export async function createEmptyDatabase(): Promise<string> {
  const name = `empty_${randomBytes(6).toString('hex')}`;
  await withAdmin((admin) => admin.pool.query(`CREATE DATABASE ${name}`));
  return inject('postgresUrl').replace('%s', name);
}

/** A Temporal namespace that no other test uses. */
export async function takeNamespace(): Promise<string> {
  const { rows } = await withAdmin((admin) => admin.pool.query(`SELECT nextval('namespaces_taken')::integer AS taken`));
  const namespace = NAMESPACES[(rows[0] as { taken: number }).taken - 1];
  if (namespace === undefined) throw new RangeError('more namespaces are taken than global-setup.ts makes');
  return namespace;
}

async function withAdmin<Result>(work: (admin: Database) => Promise<Result>): Promise<Result> {
  const admin = createDatabase({
    url: inject('postgresUrl').replace('%s', 'postgres'),
    poolSize: 1,
    applicationName: 'test-admin',
    onIdleError: () => {},
  });
  try {
    return await work(admin);
  } finally {
    await admin.close();
  }
}
