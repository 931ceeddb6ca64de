import { logTail } from '../processes/process-log.ts';
import { adoptProcess, describeExit, type ManagedProcess } from '../processes/processes.ts';
import type { RunFile } from './run-file.ts';
import { isServiceName, type ServiceName, STOP_PLANS } from './services.ts';

/** The supervisor's own name in the run file. */
const SUPERVISOR = 'supervisor';

/** `npm start` is running on this data folder already. */
class AlreadyRunningError extends Error {
  constructor(pid: number, advice: string) {
    super(`npm start is running already (process ${pid}): ${advice}`);
    this.name = 'AlreadyRunningError';
  }
}

/** A service that ended by itself. */
export interface Crash {
  readonly name: ServiceName;
  /** The exit code or signal, and the last 20 lines of its log. */
  readonly report: string;
}

/** The services of one run: it watches them, stops them in order, and keeps the list on disk. */
export interface ServiceRegistry {
  add(name: ServiceName, process: ManagedProcess): void;
  /** Resolves with the first service that ends by itself. */
  readonly crashed: Promise<Crash>;
  /** Stops all services in order; when `hurry` is aborted, those that may be killed are killed. */
  stopAll(hurry: AbortSignal): Promise<void>;
}

export interface ServiceRegistryOptions {
  readonly runFile: RunFile;
  readonly log: (line: string) => void;
  readonly logFile: (name: ServiceName) => string;
}

interface Service {
  readonly name: ServiceName;
  readonly process: ManagedProcess;
}

/** The pid of a supervisor that is alive in this run file; `null` when there is none. */
function runningSupervisor(runFile: RunFile): number | null {
  const other = runFile.alive().find(({ name, pid }) => name === SUPERVISOR && pid !== process.pid);
  return other?.pid ?? null;
}

/**
 * Enters this process as the supervisor. Leftovers of a killed run are stopped first.
 * @throws {AlreadyRunningError} when another supervisor is alive.
 */
export async function createServiceRegistry(options: ServiceRegistryOptions): Promise<ServiceRegistry> {
  const { runFile, log } = options;
  const other = runningSupervisor(runFile);
  if (other !== null) {
    throw new AlreadyRunningError(other, 'stop it with Ctrl-C, or choose another DATA_DIR and other ports');
  }
  await stopLeftovers(options);
  runFile.clear();
  runFile.record(SUPERVISOR, process.pid);
  const services: Service[] = [];
  const crashed = Promise.withResolvers<Crash>();
  let stopping = false;
  return {
    crashed: crashed.promise,
    add: (name, process) => {
      runFile.record(name, process.pid);
      services.push({ name, process });
      if (process.logProblem !== null) log(`${name}: goes on without its log (${process.logProblem})`);
      void process.exited.then((status) => {
        runFile.forget(process.pid);
        if (!stopping) crashed.resolve({ name, report: `${describeExit(status)}\n${logTail(process.logFile)}` });
      });
    },
    stopAll: async (hurry) => {
      stopping = true;
      if (services.some(({ process }) => process.isRunning())) {
        log('stopping: orders in flight are drained first; Ctrl-C again hurries');
      }
      await stopInOrder(services, log, hurry);
      runFile.clear();
    },
  };
}

async function stopLeftovers({ runFile, log, logFile }: ServiceRegistryOptions): Promise<void> {
  const services = runFile.alive().flatMap(({ name, pid }): Service[] => {
    const process = isServiceName(name) ? adoptProcess({ name, pid, logFile: logFile(name) }) : null;
    return isServiceName(name) && process !== null ? [{ name, process }] : [];
  });
  if (services.length === 0) return;
  log(`an earlier run was killed, stopping what it left: ${services.map(({ name }) => name).join(', ')}`);
  await stopInOrder(services, log, new AbortController().signal);
}

async function stopInOrder(services: readonly Service[], log: (line: string) => void, hurry: AbortSignal) {
  const ranks = new Set(services.map(({ name }) => STOP_PLANS[name].rank));
  for (const rank of [...ranks].toSorted((one, other) => one - other)) {
    const group = services.filter(({ name }) => STOP_PLANS[name].rank === rank);
    await Promise.all(group.map((service) => stopService(service, log, hurry)));
  }
}

/** A service that cannot be stopped is reported, and the others are stopped all the same. */
async function stopService({ name, process }: Service, log: (line: string) => void, hurry: AbortSignal) {
  if (!process.isRunning()) return;
  const { stages, mayBeKilled } = STOP_PLANS[name];
  const startedAt = Date.now();
  const kill = (): void => {
    if (mayBeKilled) process.signal('SIGKILL');
  };
  hurry.addEventListener('abort', kill, { once: true });
  const stopping = process.stop(stages);
  if (hurry.aborted) kill();
  try {
    const status = await stopping;
    const how = status.signal === null && (status.code ?? 0) === 0 ? '' : ` (${describeExit(status)})`;
    log(`${name}: stopped after ${((Date.now() - startedAt) / 1000).toFixed(1)} s${how}`);
  } catch (error) {
    log(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
  hurry.removeEventListener('abort', kill);
}
