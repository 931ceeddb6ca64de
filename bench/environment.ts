import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { allAt, createDatabase, createDatabases, type Database } from '../db/client.ts';
import { migrateAll } from '../db/migrate.ts';
import { createCatalogRepository } from '../db/repositories/inventory/catalog-repository.ts';
import { seedCatalog } from '../db/seed.ts';
import { SCOPES } from '../src/domain/access/scopes.ts';
import { bundleWorkflows } from '../src/temporal/bundle-workflows.ts';
import { PROJECT_FOLDER } from '../src/dev/data-folder.ts';
import { signDevToken, TOKEN_AUDIENCE, TOKEN_ISSUER } from '../src/dev/dev-token.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../src/dev/postgres/embedded-postgres.ts';
import { findFreePort, LOOPBACK } from '../src/dev/processes/ports.ts';
import { removePostgresHome } from '../src/dev/postgres/postgres-home.ts';
import { logTail } from '../src/dev/processes/process-log.ts';
import { describeExit, startProcess, type ManagedProcess, type StopStage } from '../src/dev/processes/processes.ts';
import { untilListening } from '../src/dev/processes/readiness.ts';
import { buildTemporalServer } from '../src/dev/temporal/temporal-cli.ts';
import type { Cleanup } from './cleanup.ts';
import { IMAGE_ENVIRONMENT } from './image-environment.ts';
import {
  createTemporalDatabases,
  startTemporalServer,
  stopTemporalServer,
  type TemporalDatabases,
  type TemporalPrograms,
} from './temporal-on-postgres.ts';

/** Durability is PostgreSQL's default (fsync, synchronous_commit, full_page_writes on); only sizes are set. */
const POSTGRES_SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '512MB',
  max_wal_size: '4GB',
  max_connections: '300',
} as const;

/** Every round's databases are copies of these, so that no round finds what an earlier one left. */
const TEMPLATES = { app: 'bench_app', main: 'bench_temporal', visibility: 'bench_visibility' } as const;

/** Copying or dropping a database forces a checkpoint of all dirty pages. */
const ADMIN_TIMEOUT_MS = 120_000;

const NAMESPACE = 'default';
/**
 * A system stops in order before its round ends. A system that is left at the cleanup was interrupted and need not
 * drain.
 */
const STOP: readonly StopStage[] = [{ signal: 'SIGTERM', waitMs: 2_000 }];

/** The parts that last for the whole run. */
export interface Environment {
  readonly folder: string;
  readonly postgres: EmbeddedPostgres;
  readonly admin: Database;
  readonly programs: TemporalPrograms;
  readonly bundle: string;
}

/** One process of a round, with the group that its CPU time is counted for. */
export interface CountedProcess {
  readonly name: string;
  readonly pid: number;
  /** Whether its children are counted: PostgreSQL works in one process per connection. */
  readonly withChildren?: boolean;
}

/** The surroundings that a system under test starts with; all of them are fresh. */
export interface Stage {
  readonly folder: string;
  readonly bundle: string;
  readonly databaseUrl: string;
  /** Empty on a stage without Temporal. */
  readonly temporalAddress: string;
  readonly namespace: string;
  readonly simulatorUrl: string;
  readonly smtpUrl: string;
  readonly jwtSecret: string;
  /** Bearer token of the tenant `demo` with all scopes. */
  readonly token: string;
  readonly databases: TemporalDatabases & { readonly app: string };
  readonly processes: { readonly temporal: readonly CountedProcess[]; readonly around: readonly CountedProcess[] };
  /** Ends Temporal, if there is one, so that its connections report their transactions. */
  stopTemporal(): Promise<void>;
}

/** Starts PostgreSQL, and prepares the databases that every round copies. */
export async function startEnvironment(cleanup: Cleanup, log: (line: string) => void): Promise<Environment> {
  const folder = await mkdtemp(join(tmpdir(), 'order-saga-bench-'));
  await cleanup.add(() => rm(folder, { recursive: true, force: true }));
  const programs = await buildTemporalServer({ log });
  const dataDirectory = join(folder, 'postgres');
  await cleanup.add(() => removePostgresHome(dataDirectory));
  const port = await findFreePort();
  const postgres = await startEmbeddedPostgres({ dataDirectory, port, settings: POSTGRES_SETTINGS, log });
  await cleanup.add(() => postgres.stop());
  const admin = openDatabase(postgres.url('postgres'));
  await cleanup.add(() => admin.close());

  log('building dist/');
  await promisify(execFile)('npm', ['run', '--silent', 'build'], { cwd: PROJECT_FOLDER });
  const bundle = join(folder, 'workflow-bundle.js');
  await bundleWorkflows({ path: bundle, sealsFailures: false, isVersioned: false });
  await administer(admin, `CREATE DATABASE ${TEMPLATES.app}`);
  await prepareApp(postgres.url(TEMPLATES.app));
  const logFile = join(folder, 'temporal-sql-tool.log');
  await createTemporalDatabases({ programs, postgres, databases: TEMPLATES, logFile });
  await dropUnusedIndexes(postgres.url(TEMPLATES.visibility));
  return { folder, postgres, admin, programs, bundle };
}

/** Drops the indexes that operations.md advises to drop on a server of one's own; every system runs without them. */
async function dropUnusedIndexes(url: string): Promise<void> {
  const visibility = openDatabase(url);
  const script = join(PROJECT_FOLDER, 'ops/temporal/visibility-indexes-drop.sql');
  await administer(visibility, await readFile(script, 'utf8'));
  await visibility.close();
}

async function prepareApp(url: string): Promise<void> {
  const urls = allAt(url);
  await migrateAll(urls);
  const databases = createDatabases(urls, { poolSize: 2, applicationName: 'bench-seed', onIdleError: () => {} });
  await seedCatalog(createCatalogRepository(databases.inventory));
  await databases.close();
}

/** Connections of the benchmark itself. */
export function openDatabase(url: string): Database {
  return createDatabase({ url, poolSize: 2, applicationName: 'bench', onIdleError: () => {} });
}

/** A statement of an administrator, which may take longer than the product's statements. */
export async function administer(admin: Database, text: string): Promise<void> {
  const client = await admin.pool.connect();
  try {
    await client.query('SET statement_timeout = 0');
    const statement = { text, query_timeout: ADMIN_TIMEOUT_MS };
    await client.query(statement);
  } finally {
    client.release();
  }
}

/** How long the payment provider takes for a call, unless a job says otherwise. */
export const PROVIDER_LATENCY_MS = 5;

/** What a stage is set for. */
export interface StagePlan {
  readonly name: string;
  /** A system that brings another engine is not charged for an idle Temporal. */
  readonly withTemporal?: boolean;
  readonly providerLatencyMs?: number;
}

/** Starts the surroundings of a system: its databases, Temporal, the payment simulator and the mail sink. */
export async function setStage(environment: Environment, plan: StagePlan, cleanup: Cleanup): Promise<Stage> {
  const { name, withTemporal = true, providerLatencyMs = PROVIDER_LATENCY_MS } = plan;
  const { postgres, bundle } = environment;
  const folder = join(environment.folder, name);
  await mkdir(folder, { recursive: true });
  const databases = await copyTemplates(environment, name, cleanup);
  const { address, servers, stopTemporal } = withTemporal
    ? await startTemporal(environment, { folder, databases }, cleanup)
    : { address: '', servers: [], stopTemporal: () => Promise.resolve() };
  const simulator = await startSimulator(folder, providerLatencyMs, cleanup);
  const sink = await startMailSink(folder, cleanup);
  const jwtSecret = randomBytes(32).toString('base64url');
  return {
    folder,
    bundle,
    databases,
    databaseUrl: postgres.url(databases.app),
    temporalAddress: address,
    namespace: NAMESPACE,
    simulatorUrl: simulator.url,
    smtpUrl: sink.url,
    jwtSecret,
    token: await signToken(jwtSecret),
    processes: {
      temporal: servers.map(({ pid }) => ({ name: 'temporal', pid })),
      around: [
        { name: 'simulator', pid: simulator.pid },
        { name: 'mail sink', pid: sink.pid },
      ],
    },
    stopTemporal,
  };
}

async function copyTemplates(
  { admin, postgres }: Environment,
  round: string,
  cleanup: Cleanup,
): Promise<Stage['databases']> {
  const suffix = round.replaceAll(/\W/g, '_');
  const copies = { app: `app_${suffix}`, main: `temporal_${suffix}`, visibility: `visibility_${suffix}` };
  for (const key of ['app', 'main', 'visibility'] as const) {
    await administer(admin, `CREATE DATABASE ${copies[key]} TEMPLATE ${TEMPLATES[key]}`);
    await cleanup.add(() => administer(admin, `DROP DATABASE ${copies[key]} WITH (FORCE)`));
  }
  for (const copy of [copies.main, copies.visibility]) await renameSchemaVersion(postgres.url(copy));
  return copies;
}

/** Temporal looks up its schema version by the name of the database. */
async function renameSchemaVersion(url: string): Promise<void> {
  const database = openDatabase(url);
  await database.pool.query('UPDATE schema_version SET db_name = current_database()');
  await database.close();
}

async function startTemporal(
  { programs, postgres }: Environment,
  { folder, databases }: { readonly folder: string; readonly databases: TemporalDatabases },
  cleanup: Cleanup,
) {
  const started: ManagedProcess[] = [];
  const stopTemporal = async (): Promise<void> => {
    for (const server of started) await stopTemporalServer(server);
  };
  const address = await startTemporalServer({
    programs,
    postgres,
    databases,
    folder,
    namespace: NAMESPACE,
    dynamicConfigFile: join(PROJECT_FOLDER, 'ops/temporal/dynamic-config.yaml'),
    onStarted: async (server) => {
      started.push(server);
      await cleanup.add(stopTemporal);
    },
  });
  return { address, servers: started, stopTemporal };
}

async function startSimulator(folder: string, latencyMs: number, cleanup: Cleanup) {
  const port = await findFreePort();
  const { pid } = await startNode({
    name: 'simulator',
    args: ['src/simulator/server.ts'],
    env: { SIMULATOR_PORT: String(port), SIMULATOR_LEDGER_FILE: join(folder, 'ledger.jsonl') },
    folder,
    cleanup,
  });
  await untilListening(port, AbortSignal.timeout(30_000));
  const url = `http://${LOOPBACK}:${port}`;
  await fetch(`${url}/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ latencyMs }),
  });
  return { url, pid };
}

async function startMailSink(folder: string, cleanup: Cleanup) {
  const [smtp, inbox] = [await findFreePort(), await findFreePort()];
  const { pid } = await startNode({
    name: 'mail-sink',
    args: ['src/dev/mail-sink-server.ts'],
    env: { MAIL_SINK_SMTP_PORT: String(smtp), MAIL_SINK_INBOX_PORT: String(inbox) },
    folder,
    cleanup,
  });
  await untilListening(inbox, AbortSignal.timeout(30_000));
  return { url: `smtp://${LOOPBACK}:${smtp}`, pid };
}

function signToken(secret: string): Promise<string> {
  return signDevToken({
    secret,
    issuer: TOKEN_ISSUER,
    audience: TOKEN_AUDIENCE,
    tenant: 'demo',
    scopes: SCOPES,
    ttlSeconds: 24 * 3_600,
  });
}

/** Starts a Node process of the project with only the given environment, and that of the image; SIGTERM stops it. */
export async function startNode(spec: {
  readonly name: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly cleanup: Cleanup;
}): Promise<ManagedProcess> {
  const started = await startProcess({
    name: spec.name,
    command: process.execPath,
    args: spec.args,
    cwd: PROJECT_FOLDER,
    env: { PATH: '/usr/bin:/bin', ...IMAGE_ENVIRONMENT, ...spec.env },
    logFile: join(spec.folder, `${spec.name}.log`),
  });
  await spec.cleanup.add(async () => {
    await started.stop(STOP);
  });
  return started;
}

/**
 * A limit for a process to become ready. It also ends when the process does, and then tells what the process said.
 */
export function readyLimit({ name, exited, logFile }: ManagedProcess, limitMs: number): AbortSignal {
  const gone = new AbortController();
  void exited.then((status) => {
    gone.abort(new Error(`${name} ended before it was ready (${describeExit(status)}):\n${logTail(logFile)}`));
  });
  return AbortSignal.any([gone.signal, AbortSignal.timeout(limitMs)]);
}
