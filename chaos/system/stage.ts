import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createTemporalDatabases,
  relaunchTemporalServer,
  startTemporalServer,
} from '../../bench/temporal-on-postgres.ts';
import { createCleanup, type Cleanup } from '../../bench/cleanup.ts';
import { allAt, createDatabase, createDatabases, type Database } from '../../db/client.ts';
import { migrateAll } from '../../db/migrate.ts';
import { createCatalogRepository } from '../../db/repositories/inventory/catalog-repository.ts';
import { seedCatalog } from '../../db/seed.ts';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { removePostgresHome } from '../../src/dev/postgres/postgres-home.ts';
import {
  POSTGRES_STOP_STAGES,
  startEmbeddedPostgres,
  type EmbeddedPostgres,
} from '../../src/dev/postgres/embedded-postgres.ts';
import { findFreePort, LOOPBACK } from '../../src/dev/processes/ports.ts';
import { startProcess, type ManagedProcess } from '../../src/dev/processes/processes.ts';
import { buildTemporalServer } from '../../src/dev/temporal/temporal-cli.ts';
import { TEMPORAL_STOP_STAGES } from '../../src/dev/temporal/temporal-dev-server.ts';
import { probeHttp, probePort } from './probes.ts';
import { openReceiver, type Receiver } from './receiver.ts';
import { mountSmallDisk, type SmallDisk } from './small-disk.ts';
import { supervise, type Launch, type ProcessRole, type SupervisedProcess } from './supervised-process.ts';

/** Durability is PostgreSQL's default; the limit of connections leaves room for everything but a hoarder. */
const POSTGRES_SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '256MB',
  max_wal_size: '2GB',
  max_connections: '300',
} as const;

const APP_DATABASE = 'chaos_app';
const TEMPORAL_DATABASES = { main: 'chaos_temporal', visibility: 'chaos_visibility' } as const;

/**
 * A shard writes one transaction at a time, and here each of its statements goes through a link: with 8 shards the
 * starts of tasks came too late for Temporal's own limits and were repeated without end. More than these cost a core for
 * seconds at each start of the server, which takes all of them over again.
 */
const HISTORY_SHARDS = 64;

/**
 * To load a workflow takes ten statements one after the other, each through a link: with the server's default of 20
 * connections they waited for one until the load came too late.
 */
const TEMPORAL_CONNECTIONS = 80;

/** The namespace of the run. */
export const NAMESPACE = 'default';

/** A helper that ends at once on SIGTERM. */
const HELPER_STOP = [{ signal: 'SIGTERM', waitMs: 5_000 }] as const;

/** What a part is started with. */
export interface StageOptions {
  readonly folder: string;
  readonly log: (line: string) => void;
}

/** PostgreSQL under supervision, with the database of the product, migrated and seeded. */
export interface PostgresPart {
  readonly process: SupervisedProcess;
  readonly port: number;
  url(database: string): string;
  /** A connection of an administrator that goes through no link. */
  readonly admin: Database;
  /** The product's database. */
  readonly databaseUrl: string;
  /** The disk of the product's tables; null where it is the disk of everything. */
  readonly disk: SmallDisk | null;
}

export async function startPostgres({ folder, log }: StageOptions, cleanup: Cleanup): Promise<PostgresPart> {
  const dataDirectory = join(folder, 'postgres');
  const port = await findFreePort();
  const logFile = join(folder, 'postgres.log');
  await cleanup.add(() => removePostgresHome(dataDirectory));
  // A disk is unmounted after the server has stopped, and before its folder is removed.
  const unmounts = createCleanup();
  await cleanup.add(() => unmounts.run());
  const start = (): Promise<EmbeddedPostgres> =>
    startEmbeddedPostgres({ dataDirectory, port, settings: POSTGRES_SETTINGS, logFile, log: () => {} });
  const first = await start();
  let handed: ManagedProcess | null = first.process;
  const process = supervise(
    {
      name: 'postgres',
      role: 'postgres',
      stages: POSTGRES_STOP_STAGES,
      spawn: async () => {
        // The first start has made the cluster, and is taken over.
        const given = handed;
        handed = null;
        return given ?? (await start()).process;
      },
      probe: () => probePort(port),
    },
    log,
  );
  await process.start();
  await cleanup.add(() => process.stop());
  const admin = openAdmin(first.url('postgres'));
  await cleanup.add(() => admin.close());
  const home = await realpath(dataDirectory);
  const disk = await mountSmallDisk(join(home, 'small-disk'), home, unmounts);
  if (disk !== null) await admin.pool.query(`CREATE TABLESPACE small_disk LOCATION '${disk.folder}'`);
  await admin.pool.query(`CREATE DATABASE ${APP_DATABASE} ${disk === null ? '' : 'TABLESPACE small_disk'}`);
  const databaseUrl = first.url(APP_DATABASE);
  await prepareApp(databaseUrl);
  return { process, port, url: first.url, admin, databaseUrl, disk };
}

/** A database for statements of the harness. */
function openAdmin(url: string): Database {
  return createDatabase({ url, poolSize: 2, applicationName: 'chaos-admin', onIdleError: () => {} });
}

async function prepareApp(url: string): Promise<void> {
  const urls = allAt(url);
  await migrateAll(urls);
  const databases = createDatabases(urls, { poolSize: 2, applicationName: 'chaos-seed', onIdleError: () => {} });
  await seedCatalog(createCatalogRepository(databases.inventory));
  await databases.close();
}

/** Temporal on PostgreSQL under supervision. */
export interface TemporalPart {
  readonly process: SupervisedProcess;
  /** `host:port`, not through a link. */
  readonly address: string;
  readonly port: number;
}

/** Starts Temporal, which reaches PostgreSQL by the port of a link. */
export async function startTemporal(
  { folder, log }: StageOptions,
  { postgres, linkPort }: { readonly postgres: PostgresPart; readonly linkPort: number },
  cleanup: Cleanup,
): Promise<TemporalPart> {
  const programs = await buildTemporalServer({ log });
  const direct = { port: postgres.port, url: postgres.url };
  const databases = TEMPORAL_DATABASES;
  await createTemporalDatabases({ programs, postgres: direct, databases, logFile: join(folder, 'temporal-sql.log') });
  let handed: ManagedProcess | null = null;
  let process: SupervisedProcess | null = null;
  let address = '';
  address = await startTemporalServer({
    programs,
    postgres: { url: postgres.url, port: linkPort },
    databases,
    folder,
    namespace: NAMESPACE,
    historyShards: HISTORY_SHARDS,
    connections: TEMPORAL_CONNECTIONS,
    dynamicConfigFile: join(PROJECT_FOLDER, 'ops/temporal/dynamic-config.yaml'),
    onStarted: async (server) => {
      handed = server;
      process = supervise(
        {
          name: 'temporal',
          role: 'temporal',
          stages: TEMPORAL_STOP_STAGES,
          spawn: async () => {
            const given = handed;
            handed = null;
            return given ?? relaunchTemporalServer({ programs, folder });
          },
          probe: () => probePort(portOf(address)),
        },
        log,
      );
      await process.start();
      const started = process;
      await cleanup.add(() => started.stop());
    },
  });
  if (process === null) throw new Error('Temporal was started without telling of its process');
  return { process, address, port: portOf(address) };
}

function portOf(address: string): number {
  return Number(address.split(':')[1]);
}

/** The payment provider's stand-in under supervision. */
export interface SimulatorPart {
  readonly process: SupervisedProcess;
  readonly port: number;
}

/** Starts the simulator, which reports its effects to `webhookUrl`. */
export async function startSimulator(
  { folder, log }: StageOptions,
  webhook: { readonly url: string; readonly secret: string },
  cleanup: Cleanup,
): Promise<SimulatorPart> {
  const port = await findFreePort();
  const env = {
    SIMULATOR_PORT: String(port),
    SIMULATOR_LEDGER_FILE: join(folder, 'ledger.jsonl'),
    PAYMENT_WEBHOOK_URL: webhook.url,
    PAYMENT_WEBHOOK_SECRET: webhook.secret,
  };
  const probe = () => probeHttp(`http://${LOOPBACK}:${port}/faults`);
  const helper = { name: 'simulator', script: 'src/simulator/server.ts', env, probe } as const;
  return { process: await superviseHelper(helper, { folder, log }, cleanup), port };
}

/** The mail server's stand-in under supervision. */
export interface MailSinkPart {
  readonly process: SupervisedProcess;
  readonly smtpPort: number;
  readonly inboxPort: number;
}

/** More mails than any run sends. */
export const MAILS_MAX = 1_000_000;

/** Starts the mail sink, whose file keeps what it has taken when it is killed. */
export async function startMailSink({ folder, log }: StageOptions, cleanup: Cleanup): Promise<MailSinkPart> {
  const [smtpPort, inboxPort] = [await findFreePort(), await findFreePort()];
  const env = {
    MAIL_SINK_SMTP_PORT: String(smtpPort),
    MAIL_SINK_INBOX_PORT: String(inboxPort),
    MAIL_SINK_FILE: join(folder, 'mails.jsonl'),
    MAIL_SINK_KEPT: String(MAILS_MAX),
  };
  const probe = () => probePort(inboxPort);
  const helper = { name: 'mail-sink', script: 'src/dev/mail-sink-server.ts', env, probe } as const;
  return { process: await superviseHelper(helper, { folder, log }, cleanup), smtpPort, inboxPort };
}

/** A merchant's server under supervision. */
export interface ReceiverPart extends Receiver {
  readonly process: SupervisedProcess;
  readonly port: number;
}

/** Starts the receiver of webhooks and alerts, whose file keeps what it has taken when it is killed. */
export async function startReceiver({ folder, log }: StageOptions, cleanup: Cleanup): Promise<ReceiverPart> {
  const port = await findFreePort();
  const file = join(folder, 'webhooks.jsonl');
  const env = { RECEIVER_PORT: String(port), RECEIVER_FILE: file };
  const probe = () => probePort(port);
  const helper = { name: 'receiver', script: 'chaos/system/receiver-server.ts', env, probe } as const;
  return { ...openReceiver({ port, file }), process: await superviseHelper(helper, { folder, log }, cleanup), port };
}

/** A stand-in beside the product; its name is its role. */
interface Helper extends Pick<Launch, 'probe'> {
  readonly name: Extract<ProcessRole, 'simulator' | 'mail-sink' | 'receiver'>;
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Starts a stand-in under supervision; it ends with the cleanup. */
async function superviseHelper(
  { name, script, env, probe }: Helper,
  { folder, log }: StageOptions,
  cleanup: Cleanup,
): Promise<SupervisedProcess> {
  const spawn = (): Promise<ManagedProcess> =>
    startProcess({
      name,
      command: process.execPath,
      args: [script],
      cwd: PROJECT_FOLDER,
      env: { PATH: '/usr/bin:/bin', ...env },
      logFile: join(folder, `${name}.log`),
    });
  const supervised = supervise({ name, role: name, stages: HELPER_STOP, spawn, probe }, log);
  await cleanup.add(() => supervised.stop());
  await supervised.start();
  return supervised;
}
