import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import { DatabaseUnavailableError } from '../src/domain/errors.ts';
import { inSpan } from '../src/runtime/tracing/spans.ts';
import { STATEMENT_OUTDATED, toDatabaseError } from './errors.ts';
import { beginFenced, fencedTarget } from './tenant-fence.ts';

/** Longest wait for a connection, from the pool or a new one. After it the step fails, and Temporal retries it. */
const CONNECT_TIMEOUT_MS = 2_000;

/** The server ends a statement after this time; every statement here takes milliseconds. */
const STATEMENT_TIMEOUT_MS = 3_000;

/** The client gives up a little later than the server: a frozen server does not enforce its own timeout. */
const QUERY_TIMEOUT_MS = 4_000;

/**
 * Longest wait for a row lock. Orders of a popular SKU queue for milliseconds; a longer wait means a stuck transaction.
 */
const LOCK_TIMEOUT_MS = 2_000;

const INT8_OID = 20;

/** A statement that the server parses once per connection and then finds by its name. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** Runs statements inside one transaction. */
export interface Transaction {
  run<Row extends pg.QueryResultRow>(statement: Statement, values: readonly unknown[]): Promise<Row[]>;
}

/** One PostgreSQL server as the repositories see it. Every error is translated before it leaves (see errors.ts). */
export interface Database extends Transaction {
  /** Runs a query made with the query builder. */
  query<Result>(build: (orm: NodePgDatabase) => Promise<Result>): Promise<Result>;
  /** A READ COMMITTED transaction, which is rolled back when `work` throws. */
  transaction<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result>;
  /** Resolves when the server answers. */
  ping(): Promise<void>;
  /** The time by the server's clock. */
  now(): Promise<Date>;
  close(): Promise<void>;
  /** For libraries that bring their own SQL (migrations, the rate limiter). */
  readonly pool: pg.Pool;
}

/** Where a database is and how many connections this process may hold to it. */
export interface DatabaseOptions {
  readonly url: string;
  readonly poolSize: number;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  /** Called with the error of a connection that died while it was idle. */
  readonly onIdleError: (error: Error) => void;
  /** Whether each statement names the tenant that it is run for, for the policies of the tables; off by default. */
  readonly isFenced?: boolean;
}

/** Connections are opened when they are first needed, so a process starts while its database is down. */
export function createDatabase(options: DatabaseOptions): Database {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSize,
    application_name: options.applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: 10_000,
    keepAlive: true,
    // The tenant and the statement travel together.
    pipeline: options.isFenced === true,
    types: { getTypeParser: typeParser },
  });
  // Without a listener the death of an idle connection would end the process.
  pool.on('error', options.onIdleError);
  pool.on('connect', (client) => client.on('error', options.onIdleError));
  const isFenced = options.isFenced === true;
  const target = isFenced ? fencedTarget(pool) : pool;
  // The query builder calls nothing of a pool but `query`.
  const orm = drizzle(target as pg.Pool);
  return {
    pool,
    run: (statement, values) => runOn(target, statement, values),
    query: (build) => build(orm).catch(rethrowTranslated),
    transaction: (work) => inTransaction(pool, isFenced, work).catch(rethrowTranslated),
    ping: async () => {
      await pool.query('select 1').catch(rethrowTranslated);
    },
    now: async () => {
      const [row] = await runOn<{ now: Date }>(pool, READ_CLOCK, []);
      return row?.now ?? new Date(Number.NaN);
    },
    close: () => pool.end(),
  };
}

const READ_CLOCK: Statement = { name: 'read_clock', text: 'SELECT clock_timestamp() AS now' };

/**
 * The databases of all services. Services with the same URL share one pool, except that events have a pool of their
 * own, so that they cannot take connections from orders.
 */
export interface Databases {
  readonly orders: Database;
  readonly inventory: Database;
  readonly payments: Database;
  readonly notifications: Database;
  readonly events: Database;
  ping(): Promise<void>;
  /** The connections of each pool; a pool has the name of the first service that uses it. */
  pools(): readonly PoolFigures[];
  close(): Promise<void>;
}

/** The connections of a pool right now. */
export interface PoolFigures {
  readonly pool: Service;
  readonly used: number;
  readonly idle: number;
  /** Statements that wait for a connection. */
  readonly waiting: number;
  /** The most connections that the pool opens. */
  readonly max: number;
}

/** Services with a schema of their own. */
export const SERVICES = ['orders', 'inventory', 'payments', 'notifications', 'events'] as const;
export type Service = (typeof SERVICES)[number];

/** One URL per service. */
export type DatabaseUrls = Readonly<Record<Service, string>>;

/** All services on one server. */
export function allAt(url: string): DatabaseUrls {
  return { orders: url, inventory: url, payments: url, notifications: url, events: url };
}

/**
 * Largest number of connections to the event log: all appends share one, and the pumps take turns of a few milliseconds
 * on the others.
 */
const EVENT_CONNECTIONS = 8;

/** Opens one pool per distinct URL, and one more for the events. */
export function createDatabases(urls: DatabaseUrls, options: Omit<DatabaseOptions, 'url'>): Databases {
  const byUrl = new Map<string, Database>();
  const open = (url: string): Database => {
    const database = byUrl.get(url) ?? createDatabase({ ...options, url });
    byUrl.set(url, database);
    return database;
  };
  const services = {
    orders: open(urls.orders),
    inventory: open(urls.inventory),
    payments: open(urls.payments),
    notifications: open(urls.notifications),
    events: createDatabase({ ...options, url: urls.events, poolSize: Math.min(options.poolSize, EVENT_CONNECTIONS) }),
  };
  const everyOne = async (act: (database: Database) => Promise<void>): Promise<void> => {
    await Promise.all([...new Set(Object.values(services))].map(act));
  };
  return {
    ...services,
    ping: () => everyOne((database) => database.ping()),
    pools: () => {
      const named = new Map<Database, Service>();
      for (const service of SERVICES) if (!named.has(services[service])) named.set(services[service], service);
      return [...named].map(([{ pool }, name]) => poolFigures(name, pool));
    },
    close: () => everyOne((database) => database.close()),
  };
}

function poolFigures(name: Service, { totalCount, idleCount, waitingCount, options }: pg.Pool): PoolFigures {
  return { pool: name, used: totalCount - idleCount, idle: idleCount, waiting: waitingCount, max: options.max };
}

async function inTransaction<Result>(
  pool: pg.Pool,
  isFenced: boolean,
  work: (tx: Transaction) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await (isFenced ? beginFenced(client) : client.query('begin'));
    const result = await work({ run: (statement, values) => runOn(client, statement, values) });
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch((rollbackError: Error) => (broken = rollbackError));
    if (error instanceof DatabaseUnavailableError && error.sqlState === STATEMENT_OUTDATED) broken = error;
    throw error;
  } finally {
    // A connection whose rollback failed, or whose prepared statements are outdated, is not handed to the next caller.
    client.release(broken);
  }
}

/** A statement's span has its name, and never its values. */
const POSTGRESQL = { 'db.system.name': 'postgresql' };

async function runOn<Row extends pg.QueryResultRow>(
  target: Pick<pg.Pool, 'query'> | pg.PoolClient,
  statement: Statement,
  values: readonly unknown[],
): Promise<Row[]> {
  try {
    const { name, text } = statement;
    const result = await inSpan({ name, kind: 'CLIENT', attributes: POSTGRESQL }, () =>
      target.query<Row>({ name, text, values: [...values] }),
    );
    return result.rows;
  } catch (error) {
    throw toDatabaseError(error);
  }
}

function rethrowTranslated(error: unknown): never {
  throw toDatabaseError(error);
}

/** Reads int8 as a number: money and counters stay below 2^53 (see MAX_AMOUNT_MINOR). */
function typeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  if (oid === INT8_OID) return Number;
  return pg.types.getTypeParser(oid, format) as (value: string) => unknown;
}
