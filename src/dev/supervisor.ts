import { join } from 'node:path';
import { SCOPES } from '../api/context.ts';
import { type DevEnvironment, loadTokenSettings, portClaims, PROJECT_FOLDER } from './dev-environment.ts';
import { chooseSecrets, dataPaths, makeDataFolder, writeEnvironmentFile, writePrivateFile } from './dev-files.ts';
import { signDevToken } from './dev-token.ts';
import { startEmbeddedPostgres } from './embedded-postgres.ts';
import { logTail } from './log-tail.ts';
import { assertPortsFree, LOOPBACK } from './ports.ts';
import { describeExit, runToEnd, startProcess } from './processes.ts';
import type { Terminal } from './progress.ts';
import { untilReady } from './readiness.ts';
import { createRunFile } from './run-file.ts';
import { type Crash, createServiceRegistry, type ServiceRegistry } from './service-registry.ts';
import type { ServiceName } from './services.ts';
import { findOrBuildTemporalCli } from './temporal-cli.ts';
import { startTemporalDevServer } from './temporal-dev-server.ts';

const DATABASE = 'order_saga';

/** The printed token outlives a month of trying things out. */
const TOKEN_TTL_SECONDS = 30 * 24 * 3_600;

/** The programs that are started, relative to the project folder. */
export const ENTRIES = {
  simulator: 'src/simulator/server.ts',
  mailSink: 'src/dev/mail-sink-server.ts',
  bundle: 'src/bundle-workflows.ts',
  migrate: 'db/migrate-main.ts',
  combined: 'src/combined.ts',
};

/** What a supervisor works with. */
export interface SupervisorOptions {
  readonly environment: DevEnvironment;
  readonly log: (line: string) => void;
  /** Shows the progress of building the Temporal CLI. */
  readonly terminal: Terminal;
  /** Default: `ENTRIES`. */
  readonly entries?: typeof ENTRIES;
}

/** Where the parts of a running system are; also the variables that its processes get. */
export type SystemAddresses = Readonly<Record<'API_PORT' | 'DATABASE_URL' | 'TEMPORAL_ADDRESS', string>> &
  Readonly<Partial<Record<'TEMPORAL_UI_URL' | 'PAYMENT_GATEWAY_URL' | 'SMTP_URL' | 'INBOX_URL', string>>>;

/** A system that answers. */
export interface RunningSystem {
  readonly addresses: SystemAddresses;
  readonly token: string;
  readonly tokenFile: string;
  readonly temporalNamespace: string;
}

/** Starts, watches and stops everything that `npm start` promises. */
export interface Supervisor {
  /** Resolves when the API is ready. @throws whatever kept it from starting; call `stop` then, too. */
  start(signal: AbortSignal): Promise<RunningSystem>;
  /** Resolves with the first service that ends by itself. */
  readonly crashed: Promise<Crash>;
  /** Drains the application, then stops the servers; an aborted `hurry` skips the draining. */
  stop(hurry: AbortSignal): Promise<void>;
}

/** Creates the supervisor; nothing happens before `start`. */
export function createSupervisor(options: SupervisorOptions): Supervisor {
  const crashed = Promise.withResolvers<Crash>();
  let registry: ServiceRegistry | null = null;
  return {
    crashed: crashed.promise,
    start: async (signal) => {
      const { dataFolder } = options.environment;
      makeDataFolder(dataFolder);
      const paths = dataPaths(dataFolder);
      registry = await createServiceRegistry({ ...options, runFile: createRunFile(paths.runFile), logFile: paths.log });
      void registry.crashed.then(crashed.resolve);
      return startAll(options, registry, signal);
    },
    stop: async (hurry) => {
      await registry?.stopAll(hurry);
    },
  };
}
