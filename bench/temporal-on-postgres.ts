import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import type { EmbeddedPostgres } from '../src/dev/postgres/embedded-postgres.ts';
import { LOOPBACK, portIsFree } from '../src/dev/processes/ports.ts';
import { logTail } from '../src/dev/processes/process-log.ts';
import { describeExit, runToEnd, startProcess, type ManagedProcess } from '../src/dev/processes/processes.ts';
import { TEMPORAL_STOP_STAGES } from '../src/dev/temporal/temporal-dev-server.ts';
import { SEARCH_ATTRIBUTES } from '../src/workflows/search-attributes.ts';

const HISTORY_SHARDS = 128;

/**
 * The driver that prepares each statement once per connection. With `postgres12` every execution is parsed and planned
 * again, and takes two round trips: twice the transactions, and a fifth more CPU time for an order.
 */
const SQL_PLUGIN = 'postgres12_pgx';

/** The namespace reaches every part of the server through a cache that is refreshed every 2 s. */
const START_TIMEOUT_MS = 60_000;

const POLL_MS = 100;

const CONFIG_FILE = 'temporal.json';

/** History is kept as long as in production (7 days): a shorter time would not make the run cheaper. */
const RETENTION_SECONDS = 7 * 24 * 3_600;

/** Fewer garbage collections for some 100 MB of memory: 0.7 ms of CPU less per order. */
const GOGC = '400';

/**
 * Temporal's PostgreSQL schema stores ports in a `smallint`; ports that the operating system chooses are mostly above
 * its limit.
 */
const LOW_PORTS = { from: 20_000, to: 32_767 } as const;

/** A production-like server and its schema tool, as built by `buildTemporalServer`. */
export interface TemporalPrograms {
  readonly server: string;
  readonly sql: string;
}

/** The two databases of a Temporal server. */
export interface TemporalDatabases {
  readonly main: string;
  readonly visibility: string;
}

/** Creates both databases with the newest schema. */
export async function createTemporalDatabases(options: {
  readonly programs: TemporalPrograms;
  readonly postgres: Pick<EmbeddedPostgres, 'port' | 'url'>;
  readonly databases: TemporalDatabases;
  readonly logFile: string;
}): Promise<void> {
  const { main, visibility } = options.databases;
  for (const [database, schema] of [
    [main, 'postgresql/v12/temporal'],
    [visibility, 'postgresql/v12/visibility'],
  ] as const) {
    const tool = (...args: string[]) => runSqlTool(options, database, args);
    await tool('create');
    await tool('setup-schema', '-v', '0.0');
    await tool('update-schema', '--schema-name', schema);
  }
}

async function runSqlTool(
  { programs, postgres, logFile }: Parameters<typeof createTemporalDatabases>[0],
  database: string,
  args: readonly string[],
): Promise<void> {
  const { username, password } = new URL(postgres.url('postgres'));
  const status = await runToEnd({
    name: 'temporal-sql-tool',
    command: programs.sql,
    args: ['--plugin', SQL_PLUGIN, '--ep', LOOPBACK, '-p', String(postgres.port), '--db', database, ...args],
    // The password is passed by environment, so that it is not in the list of processes.
    env: { PATH: '/usr/bin:/bin', SQL_USER: username, SQL_PASSWORD: password },
    logFile,
  });
  if (status.code === 0) return;
  throw new Error(`temporal-sql-tool ${args.join(' ')} failed (${describeExit(status)}):\n${logTail(logFile)}`);
}

/** What a server is started with. */
export interface TemporalServerOptions {
  readonly programs: TemporalPrograms;
  /** How the server reaches PostgreSQL. */
  readonly postgres: Pick<EmbeddedPostgres, 'port' | 'url'>;
  readonly databases: TemporalDatabases;
  readonly namespace: string;
  readonly dynamicConfigFile: string;
  /** For the configuration and the log. */
  readonly folder: string;
  /** Immutable for the life of a cluster; each shard writes one transaction at a time. 128 by default. */
  readonly historyShards?: number;
  /** To the database of workflows; 20, the server's default, by default. */
  readonly connections?: number;
  /** Called as soon as the process exists, before it answers. */
  readonly onStarted: (process: ManagedProcess) => Promise<void>;
}

/** Starts all four services in one process, and resolves with the address when the namespace can be used. */
export async function startTemporalServer(options: TemporalServerOptions): Promise<string> {
  const configFile = join(options.folder, CONFIG_FILE);
  const port = await findLowPort();
  // The configuration is YAML, and JSON is valid YAML.
  await writeFile(configFile, JSON.stringify(await serverConfig(options, port), null, 2), { mode: 0o600 });
  const server = await relaunchTemporalServer(options);
  await options.onStarted(server);
  const address = `${LOOPBACK}:${port}`;
  await prepareNamespace(server, address, options);
  return address;
}

/** Starts a server with the configuration and the ports of an earlier start in the same folder; it does not answer yet. */
export function relaunchTemporalServer({
  programs,
  folder,
}: Pick<TemporalServerOptions, 'programs' | 'folder'>): Promise<ManagedProcess> {
  return startProcess({
    name: 'Temporal',
    command: programs.server,
    args: ['--config-file', join(folder, CONFIG_FILE), '--allow-no-auth', 'start'],
    env: { PATH: '/usr/bin:/bin', GOGC },
    logFile: join(folder, 'temporal.log'),
  });
}

/** Stops a server. Running histories are in the database, so nothing is lost. */
export async function stopTemporalServer(server: ManagedProcess): Promise<void> {
  await server.stop(TEMPORAL_STOP_STAGES);
}

async function serverConfig(options: TemporalServerOptions, frontendPort: number) {
  const { postgres, databases, dynamicConfigFile, historyShards = HISTORY_SHARDS, connections = 20 } = options;
  const { username, password } = new URL(postgres.url('postgres'));
  const store = (databaseName: string, maxConns: number) => ({
    sql: {
      pluginName: SQL_PLUGIN,
      databaseName,
      connectAddr: `${LOOPBACK}:${postgres.port}`,
      connectProtocol: 'tcp',
      user: username,
      password,
      maxConns,
      maxIdleConns: maxConns,
      maxConnLifetime: '1h',
    },
  });
  const service = async (grpcPort?: number) => ({
    rpc: {
      grpcPort: grpcPort ?? (await findLowPort()),
      membershipPort: await findLowPort(),
      bindOnLocalHost: true,
    },
  });
  return {
    log: { stdout: true, level: 'warn' },
    persistence: {
      defaultStore: 'main',
      visibilityStore: 'visibility',
      numHistoryShards: historyShards,
      datastores: { main: store(databases.main, connections), visibility: store(databases.visibility, 10) },
    },
    global: { membership: { maxJoinDuration: '30s', broadcastAddress: LOOPBACK } },
    services: {
      frontend: await service(frontendPort),
      matching: await service(),
      history: await service(),
      worker: await service(),
    },
    clusterMetadata: {
      enableGlobalNamespace: false,
      failoverVersionIncrement: 10,
      masterClusterName: 'active',
      currentClusterName: 'active',
      clusterInformation: {
        active: {
          enabled: true,
          initialFailoverVersion: 1,
          rpcName: 'frontend',
          rpcAddress: `${LOOPBACK}:${frontendPort}`,
        },
      },
    },
    dcRedirectionPolicy: { policy: 'noop' },
    dynamicConfigClient: { filepath: dynamicConfigFile, pollInterval: '60s' },
  };
}

async function findLowPort(): Promise<number> {
  for (;;) {
    const port = randomInt(LOW_PORTS.from, LOW_PORTS.to);
    if (await portIsFree(port)) return port;
  }
}

/** Repeats each call until it is accepted, because parts of the server start one after another. */
async function prepareNamespace(server: ManagedProcess, address: string, options: TemporalServerOptions) {
  const { namespace } = options;
  // There are no interceptors, because the client's own retries would hide for 20 s that the server has ended.
  const connection = Connection.lazy({ address, interceptors: [] });
  const { workflowService, operatorService } = connection;
  const deadline = Date.now() + START_TIMEOUT_MS;
  try {
    await untilAccepted(server, deadline, () =>
      workflowService.registerNamespace({
        namespace,
        workflowExecutionRetentionPeriod: { seconds: RETENTION_SECONDS as never },
      }),
    );
    // One after the other, so that each gets the column that the script for the indexes expects.
    for (const { name, number } of SEARCH_ATTRIBUTES) {
      const searchAttributes = { [name]: number };
      await untilAccepted(server, deadline, () => operatorService.addSearchAttributes({ namespace, searchAttributes }));
    }
    await untilAccepted(server, deadline, () =>
      workflowService.describeTaskQueue({ namespace, taskQueue: { name: 'orders' }, taskQueueType: 1 }),
    );
  } finally {
    await connection.close();
  }
}

async function untilAccepted(server: ManagedProcess, deadline: number, call: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await call();
      return;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      // An earlier attempt whose answer was lost has registered it.
      if (reason.includes('already exists') || reason.includes('already registered')) return;
      if (!server.isRunning()) {
        const status = describeExit(await server.exited);
        throw new Error(`Temporal ended while starting (${status}):\n${logTail(server.logFile)}`, { cause: error });
      }
      if (Date.now() > deadline) throw new Error(`Temporal does not answer in time: ${reason}`, { cause: error });
      await sleep(POLL_MS);
    }
  }
}
