import { hostname } from 'node:os';
import { join } from 'node:path';
import { type EnvironmentVariables } from '../dev-environment.ts';
import { PROJECT_FOLDER } from '../data-folder.ts';
import { findFreePort, LOOPBACK } from '../processes/ports.ts';
import { logTail } from '../processes/process-log.ts';
import { startProcess } from '../processes/processes.ts';
import { untilReady } from '../processes/readiness.ts';

/** The lean sandbox's preload does nothing unless `WORKFLOW_SANDBOX=lean`, and is necessary then. */
const COMMAND = ['--import', './src/temporal/lean-sandbox.ts', 'src/combined.ts'];

/** An API with its worker beside the running system, which the demo kills. */
export interface SecondProcess {
  readonly pid: number;
  readonly apiUrl: string;
  /** The name of the process in Temporal. */
  readonly identity: string;
  /** Sends SIGKILL, and resolves when the process is gone; without effect when it is gone already. */
  kill(): Promise<void>;
}

/** What a second process is started with. */
export interface SecondProcessOptions {
  /** The variables of the running system: the process joins the same Temporal and the same databases. */
  readonly variables: EnvironmentVariables;
  readonly folder: string;
  readonly signal: AbortSignal;
}

/**
 * Starts another `combined` process on a free port, and resolves when it is ready.
 * @throws {Error} with the end of its log when it does not become ready; the process is then gone.
 */
export async function startSecondProcess({ variables, folder, signal }: SecondProcessOptions): Promise<SecondProcess> {
  const port = await findFreePort();
  const apiUrl = `http://${LOOPBACK}:${port}`;
  const child = await startProcess({
    name: 'second process',
    command: process.execPath,
    args: COMMAND,
    cwd: PROJECT_FOLDER,
    logFile: join(folder, 'second-process.log'),
    env: { ...variables, API_HOST: LOOPBACK, API_PORT: String(port), WORKER_METRICS_PORT: '0', INTERNAL_PORT: '0' },
  });
  const kill = async (): Promise<void> => {
    // Without stages, the only signal is SIGKILL, to the whole group.
    await child.stop([]);
  };
  const ended = new AbortController();
  void child.exited.then(() => {
    ended.abort(new Error('it ended by itself'));
  });
  try {
    await untilReady(`${apiUrl}/readyz`, AbortSignal.any([signal, ended.signal]));
  } catch (error) {
    await kill();
    signal.throwIfAborted();
    throw new Error(`the second process did not start: ${logTail(child.logFile)}`, { cause: error });
  }
  return { pid: child.pid, apiUrl, identity: `${child.pid}@${hostname()}`, kill };
}
