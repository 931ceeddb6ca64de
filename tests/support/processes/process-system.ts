import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inject } from 'vitest';
import { allAt, createDatabases, type Databases } from '../../../db/client.ts';
import { migrateAll } from '../../../db/migrate.ts';
import { createCatalogRepository } from '../../../db/repositories/inventory/catalog-repository.ts';
import { seedCatalog } from '../../../db/seed.ts';
import { startEmbeddedPostgres } from '../../../src/dev/postgres/embedded-postgres.ts';
import { removePostgresHome } from '../../../src/dev/postgres/postgres-home.ts';
import { findTestPort } from '../ports.ts';
import { startProcess, type ManagedProcess } from '../../../src/dev/processes/processes.ts';
import { startTemporalDevServer } from '../../../src/dev/temporal/temporal-dev-server.ts';
import { createSystemClient, readLedger, systemEnvironment, type LedgerEntry, type SystemClient } from '../system.ts';

/** Programs of the product that a system runs, by name; a program with an API has its own port. */
const PROGRAMS = {
  combined: ['--import', './src/temporal/lean-sandbox.ts', 'src/combined.ts'],
  api: ['src/server.ts'],
  worker: ['--import', './src/temporal/lean-sandbox.ts', 'src/worker.ts'],
} as const;

/** `combined`, `api-1`, `worker-3`: the program, and a number when there are several. */
export type ProgramName = keyof typeof PROGRAMS | `${keyof typeof PROGRAMS}-${number}`;
export type ServiceName = 'postgres' | 'temporal' | 'simulator' | 'mail' | ProgramName;

/**
 * A system in which every part is a process, with its own PostgreSQL and Temporal, so that every part can be killed.
 */
export interface ProcessSystem extends SystemClient {
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
  readonly databases: Databases;
  readonly temporalAddress: string;
  readonly simulatorUrl: string;
  /** API address of one program, for systems with several. */
  urlOf(program: ProgramName): string;
  pidOf(service: ServiceName): number;
  /** Sends a signal to the service's whole process group; resolves when SIGKILL or SIGTERM has ended it. */
  signal(service: ServiceName, signal: NodeJS.Signals): Promise<void>;
  /** Starts a service that was ended. A program is started without waiting for it to be ready. */
  start(service: ServiceName): Promise<void>;
  /** Resolves when the API is ready. */
  ready(program?: ProgramName): Promise<void>;
  ledger(orderId?: string): Promise<LedgerEntry[]>;
  setFaults(faults: Record<string, unknown>): Promise<void>;
  /** The output of a process, for a failing test's message. */
  log(service: ServiceName): Promise<string>;
  stop(): Promise<void>;
}

const READY_LIMIT_MS = 30_000;

/** Starts the given programs and everything they need. */
export async function startProcessSystem(
  programs: readonly ProgramName[],
  extraEnv: Readonly<Record<string, string>> = {},
): Promise<ProcessSystem> {
  const folder = await mkdtemp(join(tmpdir(), 'order-saga-processes-'));
  // If the tests run as root, PostgreSQL runs as another user, who must be able to pass through the folder.
  await chmod(folder, 0o711);
  const port = await claimPorts(programs);
  const running = new Map<ServiceName, ManagedProcess>();
  const log = (): void => {};
  const startPostgres = async () => {
    // PostgreSQL is as durable as in production, because these tests kill it.
    const postgres = await startEmbeddedPostgres({
      dataDirectory: join(folder, 'postgres'),
      port: port('postgres'),
      log,
    });
    running.set('postgres', postgres.process);
    return postgres;
  };
  const startTemporal = async () => {
    const databaseFile = join(folder, 'temporal.db');
    const cliPath = inject('temporalCli');
    const temporal = await startTemporalDevServer({ cliPath, port: port('temporal'), uiPort: null, databaseFile, log });
    running.set('temporal', temporal.process);
    return temporal;
  };
  const [postgres, temporal] = await Promise.all([startPostgres(), startTemporal()]);
  const databaseUrl = postgres.url('postgres');
  const urls = allAt(databaseUrl);
  await migrateAll(urls);
  const databases = createDatabases(urls, { poolSize: 5, applicationName: 'test', onIdleError: () => {} });
  await seedCatalog(createCatalogRepository(databases.inventory));

  const simulatorUrl = `http://127.0.0.1:${port('simulator')}`;
  const env: Record<string, string> = {
    ...systemEnvironment({ databaseUrl, namespace: 'default', simulatorUrl, smtpPort: port('mail') }),
    TEMPORAL_ADDRESS: temporal.address,
    LOG_LEVEL: 'warn',
    SIMULATOR_PORT: String(port('simulator')),
    SIMULATOR_LEDGER_FILE: join(folder, 'ledger.jsonl'),
    MAIL_SINK_SMTP_PORT: String(port('mail')),
    MAIL_SINK_INBOX_PORT: String(port('inbox')),
    ...extraEnv,
  };
  const launch = async (name: ServiceName, args: readonly string[], apiPort: number): Promise<void> => {
    const variables = { PATH: process.env['PATH'], ...env, API_PORT: String(apiPort) };
    running.set(
      name,
      await startProcess({
        name,
        command: process.execPath,
        args,
        env: variables,
        logFile: join(folder, `${name}.log`),
      }),
    );
  };
  const start = async (name: ServiceName): Promise<void> => {
    if (name === 'postgres') await startPostgres();
    else if (name === 'temporal') await startTemporal();
    else if (name === 'simulator') await launch(name, ['src/simulator/server.ts'], 0);
    else if (name === 'mail') await launch(name, ['src/dev/mail-sink-server.ts'], 0);
    else await launch(name, PROGRAMS[programOf(name)], port(name));
  };
  await Promise.all((['simulator', 'mail', ...programs] as const).map(start));
  const urlOf = (program: ProgramName): string => `http://127.0.0.1:${port(program)}`;
  const withApi = programs.filter((name) => programOf(name) !== 'worker');
  const [first = 'combined'] = withApi;
  const ready = (program: ProgramName = first): Promise<void> => waitUntilReady(urlOf(program));
  await Promise.all(withApi.map(ready));
  return {
    ...createSystemClient(urlOf(first)),
    url: urlOf(first),
    env,
    databases,
    temporalAddress: temporal.address,
    simulatorUrl,
    urlOf,
    pidOf: (service) => processOf(running, service).pid,
    signal: async (service, signal) => {
      const target = processOf(running, service);
      process.kill(-target.pid, signal);
      if (signal === 'SIGKILL' || signal === 'SIGTERM' || signal === 'SIGINT') await target.exited;
    },
    start,
    ready,
    ledger: (orderId) => readLedger(simulatorUrl, orderId),
    setFaults: async (faults) => {
      const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(faults) };
      await fetch(`${simulatorUrl}/faults`, init);
    },
    log: (service) => readFile(processOf(running, service).logFile, 'utf8'),
    stop: async () => {
      await databases.close();
      for (const name of stopOrder([...running.keys()])) {
        const target = processOf(running, name);
        target.signal('SIGCONT');
        await target.stop([{ signal: name === 'postgres' ? 'SIGINT' : 'SIGTERM', waitMs: 15_000 }]);
      }
      removePostgresHome(join(folder, 'postgres'));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Ports are chosen once, so that a restarted service has the same address. */
async function claimPorts(programs: readonly ProgramName[]): Promise<(name: ServiceName | 'inbox') => number> {
  const ports = new Map<string, number>();
  for (const name of ['postgres', 'temporal', 'simulator', 'mail', 'inbox', ...programs]) {
    ports.set(name, await findTestPort());
  }
  return (name) => ports.get(name) ?? 0;
}

function programOf(name: ProgramName): keyof typeof PROGRAMS {
  const [program = ''] = name.split('-');
  if (program === 'combined' || program === 'api' || program === 'worker') return program;
  throw new RangeError(`${name} is not a program`);
}

/** Programs stop first, and the servers that they use last. */
function stopOrder(names: readonly ServiceName[]): ServiceName[] {
  const servers: readonly ServiceName[] = ['simulator', 'mail', 'temporal', 'postgres'];
  return [...names.filter((name) => !servers.includes(name)), ...servers.filter((name) => names.includes(name))];
}

function processOf(running: ReadonlyMap<ServiceName, ManagedProcess>, name: ServiceName): ManagedProcess {
  const found = running.get(name);
  if (found === undefined) throw new RangeError(`${name} was never started`);
  return found;
}

async function waitUntilReady(url: string): Promise<void> {
  const deadline = performance.now() + READY_LIMIT_MS;
  while (performance.now() < deadline) {
    const answer = await fetch(`${url}/readyz`).catch(() => null);
    if (answer?.status === 200) return;
    await sleep(100);
  }
  throw new Error(`${url} is not ready after ${READY_LIMIT_MS} ms`);
}

/** An idempotency key that no other test uses. */
export function freshKey(): string {
  return `key-${randomBytes(9).toString('base64url')}`;
}
