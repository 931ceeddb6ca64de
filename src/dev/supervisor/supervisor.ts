import type { DevEnvironment } from '../dev-environment.ts';
import { dataPaths, makeDataFolder } from '../dev-files.ts';
import type { Terminal } from '../processes/progress.ts';
import { createRunFile } from './run-file.ts';
import { type Crash, createServiceRegistry, type ServiceRegistry } from './service-registry.ts';
import { ENTRIES, type RunningSystem, startAll } from './start-sequence.ts';

export interface SupervisorOptions {
  readonly environment: DevEnvironment;
  readonly log: (line: string) => void;
  /** Shows the progress of building the Temporal CLI. */
  readonly terminal: Terminal;
  /** `ENTRIES` by default. */
  readonly entries?: typeof ENTRIES;
}

/** A service ended by itself while the system was starting or running. */
class ServiceCrashedError extends Error {
  constructor({ name, report }: Crash) {
    super(`${name} ended by itself: ${report}`);
    this.name = 'ServiceCrashedError';
  }
}

/** Starts, watches and stops everything that `npm start` promises. */
export interface Supervisor {
  /**
   * Resolves when the API is ready.
   * @throws the reason why it did not start; call `stop` in this case, too.
   */
  start(signal: AbortSignal): Promise<RunningSystem>;
  /** Resolves with an error for the first service that ends by itself. */
  readonly crashed: Promise<ServiceCrashedError>;
  /** Drains the application, then stops the servers; an aborted `hurry` skips the draining. */
  stop(hurry: AbortSignal): Promise<void>;
}

/** Nothing happens before `start`. */
export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { environment, log, terminal, entries = ENTRIES } = options;
  const paths = dataPaths(environment.dataFolder);
  const crashed = Promise.withResolvers<ServiceCrashedError>();
  let registry: ServiceRegistry | null = null;
  return {
    crashed: crashed.promise,
    start: async (signal) => {
      makeDataFolder(environment.dataFolder);
      registry = await createServiceRegistry({ log, runFile: createRunFile(paths.runFile), logFile: paths.log });
      void registry.crashed.then((crash) => {
        crashed.resolve(new ServiceCrashedError(crash));
      });
      const crash = new AbortController();
      void crashed.promise.then((error) => {
        crash.abort(error);
      });
      const either = AbortSignal.any([signal, crash.signal]);
      return startAll({ environment, log, terminal, entries, paths, registry, signal: either });
    },
    stop: async (hurry) => {
      await registry?.stopAll(hurry);
    },
  };
}
