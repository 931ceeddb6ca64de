import { existsSync } from 'node:fs';
import { basename, dirname, isAbsolute } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import { openTemporalConnection } from '../../temporal/connection.ts';
import { SEARCH_ATTRIBUTES } from '../../workflows/search-attributes.ts';
import { logTail } from '../processes/process-log.ts';
import { assertPortsUsable, LOOPBACK } from '../processes/ports.ts';
import { describeExit, type ManagedProcess, startProcess, type StopStage } from '../processes/processes.ts';

/** A warm start takes 1 s; a cold disk has to read a program of 250 MB first. */
const START_TIMEOUT_MS = 30_000;

const POLL_MS = 100;

/** Limit of one probe; the server answers in milliseconds once it listens. */
const PROBE_TIMEOUT_MS = 2_000;

/** The server needs well under a second to close its database; after that nothing is lost if it is killed. */
export const TEMPORAL_STOP_STAGES: readonly StopStage[] = [{ signal: 'SIGTERM', waitMs: 10_000 }];

/**
 * The journal and sync modes make writes four times faster than the defaults. Eager execution saves a round trip per
 * activity; servers before 1.32 have it off.
 */
const TUNING = [
  ['--sqlite-pragma', 'journal_mode=WAL'],
  ['--dynamic-config-value', 'system.enableActivityEagerExecution=true'],
];

/** How to run the local Temporal server. */
export interface TemporalDevServerOptions {
  readonly cliPath: string;
  readonly port: number;
  /** `null` for no Web UI. */
  readonly uiPort: number | null;
  /** The SQLite file, which is made when missing. Nothing else has to be kept between runs. */
  readonly databaseFile: string;
  /** Namespaces beside `default`, which always exists. */
  readonly namespaces?: readonly string[];
  /**
   * When SQLite waits for the disk. Both survive the death of the process. After a power cut NORMAL, the default, may have
   * lost the last moments, and OFF may have lost everything.
   */
  readonly synchronous?: 'NORMAL' | 'OFF';
  /** Default: beside the database file. */
  readonly logFile?: string;
  readonly log: (line: string) => void;
  /**
   * Called as soon as the process exists, before it answers, so that the process is never lost; the listener then has
   * to end it.
   */
  readonly onStarted?: (process: ManagedProcess) => void;
  /** Default: 30 s. */
  readonly startTimeoutMs?: number;
}

/** A running Temporal server. */
export interface TemporalDevServer {
  /** `host:port` of the gRPC service. */
  readonly address: string;
  readonly uiUrl: string | null;
  readonly pid: number;
  /** For watching; use `stop` to end it. */
  readonly process: ManagedProcess;
  stop(): Promise<void>;
}

/**
 * Starts a Temporal dev server on 127.0.0.1 in a process group of its own and resolves when its namespaces answer.
 * @throws {PortsUnusableError} naming `TEMPORAL_PORT` or `TEMPORAL_UI_PORT`.
 */
export async function startTemporalDevServer(options: TemporalDevServerOptions): Promise<TemporalDevServer> {
  const { port, uiPort, databaseFile, namespaces = [], logFile = `${databaseFile}.log` } = options;
  const { startTimeoutMs: timeoutMs = START_TIMEOUT_MS } = options;
  await assertPortsUsable([
    { port, variable: 'TEMPORAL_PORT', purpose: 'Temporal' },
    ...(uiPort === null ? [] : [{ port: uiPort, variable: 'TEMPORAL_UI_PORT', purpose: 'Temporal Web UI' }]),
  ]);
  const address = `${LOOPBACK}:${port}`;
  const { file, ...place } = placeOf(databaseFile);
  const args = flags({ ...options, databaseFile: file });
  const program = { name: 'Temporal', command: options.cliPath, args, logFile, mustWriteLog: true, ...place };
  const server = await startProcess(program);
  options.onStarted?.(server);
  try {
    await untilReady(server, address, { namespaces: ['default', ...namespaces], timeoutMs });
  } catch (error) {
    // The listener would report our stop as the server's own end; the first reason has to be shown.
    if (options.onStarted === undefined) await server.stop(TEMPORAL_STOP_STAGES);
    throw error;
  }
  options.log(`Temporal: listening on ${address}${databaseFile === '' ? '' : `, data in ${databaseFile}`}`);
  return {
    address,
    uiUrl: uiPort === null ? null : `http://${LOOPBACK}:${uiPort}`,
    pid: server.pid,
    process: server,
    stop: async () => {
      await server.stop(TEMPORAL_STOP_STAGES);
    },
  };
}

/**
 * SQLite reads a path as a URI, in which ?, # and % in a folder's name have another meaning. So the server works in the
 * folder and gets only the file's name.
 */
function placeOf(databaseFile: string): { readonly file: string; readonly cwd?: string } {
  const cwd = dirname(databaseFile);
  return isAbsolute(databaseFile) && existsSync(cwd) ? { file: basename(databaseFile), cwd } : { file: databaseFile };
}

function flags({ port, uiPort, databaseFile, ...options }: TemporalDevServerOptions): string[] {
  return [
    ['server', 'start-dev'],
    ['--ip', LOOPBACK, '--port', String(port), '--db-filename', databaseFile],
    uiPort === null ? ['--headless'] : ['--ui-ip', LOOPBACK, '--ui-port', String(uiPort)],
    ...(options.namespaces ?? []).map((namespace) => ['--namespace', namespace]),
    ...TUNING,
    ['--sqlite-pragma', `synchronous=${options.synchronous ?? 'NORMAL'}`],
    // This applies only to a new database; in an older one the application registers missing attributes.
    ...SEARCH_ATTRIBUTES.map(({ name, word }) => ['--search-attribute', `${name}=${word}`]),
    ['--log-level', 'warn'],
  ].flat();
}

async function untilReady(
  server: ManagedProcess,
  address: string,
  { namespaces, timeoutMs }: { readonly namespaces: readonly string[]; readonly timeoutMs: number },
): Promise<void> {
  const connection = openTemporalConnection({ address });
  const deadline = Date.now() + timeoutMs;
  const unseen = [...namespaces];
  try {
    for (;;) {
      const missing = await firstFailure(connection, unseen);
      if (missing === null) return;
      if (!server.isRunning()) {
        throw new Error(
          `Temporal ended while starting (${describeExit(await server.exited)}):\n${logTail(server.logFile)}`,
        );
      }
      if (Date.now() > deadline) {
        throw new Error(`Temporal does not answer after ${timeoutMs / 1000} s: ${missing}`);
      }
      await sleep(POLL_MS);
    }
  } finally {
    await connection.close();
  }
}

/**
 * Namespaces are made after the port opens, so an answering port is not enough. A namespace that answers is taken
 * off the list: each is asked until it has answered once, also where all of them together need longer than one probe.
 */
async function firstFailure(connection: Connection, unseen: string[]): Promise<string | null> {
  try {
    for (let [namespace] = unseen; namespace !== undefined; [namespace] = unseen) {
      const name = namespace;
      await connection.withDeadline(Date.now() + PROBE_TIMEOUT_MS, () =>
        connection.workflowService.describeNamespace({ namespace: name }),
      );
      unseen.shift();
    }
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
