import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { logTail } from '../processes/process-log.ts';
import { assertPortsUsable, LOOPBACK } from '../processes/ports.ts';
import { ensureCluster, settingFlags, SUPERUSER } from './postgres-cluster.ts';
import { CLUSTER, preparePostgresHome, type PostgresHome, removePostgresHome } from './postgres-home.ts';
import { commandLine, pidIsTaken, processesWorkingIn } from '../processes/process-identity.ts';
import {
  adoptProcess,
  describeExit,
  type ManagedProcess,
  startProcess,
  type StopStage,
} from '../processes/processes.ts';

/** Long enough for crash recovery after a kill under load; a healthy start takes 0.1 s. */
const START_TIMEOUT_MS = 60_000;

/** Time for orphaned backends of a killed server to notice its death and release the shared memory. */
const ORPHANS_TIMEOUT_MS = 10_000;

const POLL_MS = 25;

/**
 * SIGINT is PostgreSQL's fast shutdown: sessions end, a checkpoint is written. SIGQUIT ends without one, and the next
 * start recovers from the log; PostgreSQL itself kills what remains 5 s after it.
 */
export const POSTGRES_STOP_STAGES: readonly StopStage[] = [
  { signal: 'SIGINT', waitMs: 10_000 },
  { signal: 'SIGQUIT', waitMs: 6_000 },
];

/** Several times what one combined process, a worker or two and a test suite hold together. */
const MAX_CONNECTIONS = '200';

/** Where the data lives and how the server listens. */
export interface EmbeddedPostgresOptions {
  readonly dataDirectory: string;
  readonly port: number;
  /** Server settings, for example `{ fsync: 'off' }` in tests; by default PostgreSQL's own, fully durable ones. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Databases made when the data folder is new. */
  readonly databases?: readonly string[];
  /** Default: `postgres.log` in the data folder. */
  readonly logFile?: string;
  readonly log: (line: string) => void;
}

/** A running PostgreSQL. */
export interface EmbeddedPostgres {
  readonly port: number;
  readonly pid: number;
  /** Connection string of the superuser, with its password. */
  url(database: string): string;
  /** For watching; use `stop` to end it. */
  readonly process: ManagedProcess;
  /** Fast shutdown: ends sessions, keeps every committed transaction. */
  stop(): Promise<void>;
  /** Stops at once and removes the data folder from its real place; for tests. */
  destroy(): Promise<void>;
}

/**
 * Starts PostgreSQL on 127.0.0.1 with the given data folder, made when it is new, and resolves when it accepts
 * connections. The server is a process group of its own and outlives this process; one that still runs on this folder
 * and port is taken over.
 * @throws {PortsUnusableError} naming `POSTGRES_PORT`.
 * @throws {PostgresUnavailableError} when there is no PostgreSQL for this platform or user.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const home = await preparePostgresHome(options.dataDirectory, options.log);
  const { settings = {}, databases = [], logFile = join(home.folder, 'postgres.log') } = options;
  const password = await ensureCluster({ home, settings, databases, logFile, log: options.log });
  const server =
    (await takeOver(home, options.port, logFile)) ?? (await launch(home, { port: options.port, settings, logFile }));
  options.log(`PostgreSQL: listening on ${LOOPBACK}:${options.port}, data in ${home.folder}`);
  return {
    port: options.port,
    pid: server.pid,
    process: server,
    url: (database) => `postgres://${SUPERUSER}:${password}@${LOOPBACK}:${options.port}/${database}`,
    stop: async () => {
      await server.stop(POSTGRES_STOP_STAGES);
    },
    destroy: async () => {
      await server.stop(POSTGRES_STOP_STAGES.slice(1));
      removePostgresHome(options.dataDirectory);
    },
  };
}

/**
 * A server that outlived its supervisor is used again if it has the same port, and is first stopped if it has another.
 */
async function takeOver(home: PostgresHome, port: number, logFile: string): Promise<ManagedProcess | null> {
  const lock = readLock(home);
  if (lock === null) return null;
  const server = isPostgresOn(home, lock.pid) ? adoptProcess({ name: 'PostgreSQL', pid: lock.pid, logFile }) : null;
  if (server === null) {
    await breakLock(home, lock.pid);
    return null;
  }
  if (lock.port !== port) {
    await server.stop(POSTGRES_STOP_STAGES);
    return null;
  }
  await untilReady(home, server);
  return server;
}

/**
 * Removes the lock of a killed server if its pid belongs to another process, or to its own zombie that nobody reaps:
 * PostgreSQL would believe the lock. PostgreSQL's check for orphans that still write to the data depends on the lock,
 * so the check is made here. A lock with a free pid stays, because PostgreSQL removes it itself.
 */
async function breakLock(home: PostgresHome, pid: number): Promise<void> {
  if (!pidIsTaken(pid)) return;
  const deadline = Date.now() + ORPHANS_TIMEOUT_MS;
  while (processesWorkingIn(join(home.folder, CLUSTER)).length > 0) {
    if (Date.now() > deadline) throw new Error(`a killed PostgreSQL has left processes in ${home.folder}`);
    await sleep(POLL_MS);
  }
  rmSync(lockPath(home), { force: true });
}

interface ServerOptions {
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly logFile: string;
}

async function launch(home: PostgresHome, options: ServerOptions): Promise<ManagedProcess> {
  const { port, logFile } = options;
  await assertPortsUsable([{ port, variable: 'POSTGRES_PORT', purpose: 'PostgreSQL' }]);
  const deadline = Date.now() + ORPHANS_TIMEOUT_MS;
  for (;;) {
    const server = await spawnServer(home, options);
    try {
      await untilReady(home, server);
      return server;
    } catch (error) {
      const orphans = logTail(logFile, 5).includes('still in use');
      if (server.isRunning()) await server.stop(POSTGRES_STOP_STAGES);
      if (!orphans || Date.now() > deadline) throw error;
      await sleep(250);
    }
  }
}

function spawnServer(home: PostgresHome, { port, settings, logFile }: ServerOptions): Promise<ManagedProcess> {
  const all = {
    listen_addresses: LOOPBACK,
    unix_socket_directories: '',
    max_connections: MAX_CONNECTIONS,
    ...settings,
  };
  return startProcess({
    name: 'PostgreSQL',
    command: home.binaries.postgres,
    args: ['-D', join(home.folder, CLUSTER), '-p', String(port), ...settingFlags(all)],
    logFile,
    cwd: home.folder,
    account: home.account,
    // PostgreSQL needs no variable of ours, and would obey PG* variables of the person's shell.
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
  });
}

/** The server writes `ready` into its lock file when it accepts connections; `pg_ctl -w` waits for the same line. */
async function untilReady(home: PostgresHome, server: ManagedProcess): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const lock = readLock(home);
    if (lock?.pid === server.pid && lock.status === 'ready') return;
    if (!server.isRunning()) {
      throw new Error(
        `PostgreSQL ended while starting (${describeExit(await server.exited)}):\n${logTail(server.logFile)}`,
      );
    }
    if (Date.now() > deadline) throw new Error(`PostgreSQL is not ready after ${START_TIMEOUT_MS / 1000} s`);
    await sleep(POLL_MS);
  }
}

function isPostgresOn(home: PostgresHome, pid: number): boolean {
  const command = commandLine(pid) ?? '';
  return command.includes('postgres') && command.includes(join(home.folder, CLUSTER));
}

function lockPath(home: PostgresHome): string {
  return join(home.folder, CLUSTER, 'postmaster.pid');
}

/** Lines of postmaster.pid: pid, data folder, start time, port, socket folder, address, shared memory, status. */
function readLock(home: PostgresHome): { pid: number; port: number; status: string } | null {
  try {
    const lines = readFileSync(lockPath(home), 'utf8').split('\n');
    const pid = Number(lines[0]);
    return Number.isInteger(pid) && pid > 0
      ? { pid, port: Number(lines[3]), status: lines[7]?.trim() ?? 'starting' }
      : null;
  } catch {
    return null;
  }
}
