import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { realpathSync } from 'node:fs';
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
import { findFreePort } from '../../../src/dev/processes/ports.ts';
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
  /** Where PostgreSQL keeps its data, and beside it what a test stores of it. */
  readonly postgresFolder: string;
  readonly simulatorUrl: string;
  /** API address of one program, for systems with several. */
  urlOf(program: ProgramName): string;
  /** Where a program answers probes. */
  internalUrlOf(program: ProgramName): string;
  pidOf(service: ServiceName): number;
  /** Sends a signal to the service's whole process group; resolves when SIGKILL or SIGTERM has ended it. */
  signal(service: ServiceName, signal: NodeJS.Signals): Promise<void>;
  /**
   * Starts a service that was ended, a program also with other variables. A program is started without waiting for it
   * to be ready.
   */
  start(service: ServiceName, variables?: Readonly<Record<string, string>>): Promise<void>;
  /** Starts PostgreSQL, with other settings than before. */
  startPostgres(settings: Readonly<Record<string, string>>): Promise<void>;
  /** Removes everything that the Temporal server has stored; it must not run. */
  loseTemporal(): Promise<void>;
  /** Mails that have arrived about an order. */
  mails(orderId: string): Promise<{ readonly messageId: string }[]>;
  /** Resolves when the program is ready, the first API by default. */
  ready(program?: ProgramName): Promise<void>;
  ledger(orderId?: string): Promise<LedgerEntry[]>;
  setFaults(faults: Record<string, unknown>): Promise<void>;
  /** The output of a process, for a failing test's message. */
  log(service: ServiceName): Promise<string>;
  stop(): Promise<void>;
}

const READY_LIMIT_MS = 90_000;

/** Starts the given programs and everything they need; leaves nothing behind when one of them does not start. */
export async function startProcessSystem(
  programs: readonly ProgramName[],
  extraEnv: Readonly<Record<string, string>> = {},
  postgresSettings: Readonly<Record<string, string>> = {},
): Promise<ProcessSystem> {
  const folder = await mkdtemp(join(tmpdir(), 'order-saga-processes-'));
  // If the tests run as root, PostgreSQL runs as another user, who must be able to pass through the folder.
  await chmod(folder, 0o711);
  const place: Place = { folder, port: await claimPorts(programs), running: new Map(), postgresSettings };
  try {
    return await startSystemAt(place, programs, extraEnv);
  } catch (error) {
    await stopAll(place);
    throw error;
  }
}

async function startSystemAt(
  place: Place,
  programs: readonly ProgramName[],
  extraEnv: Readonly<Record<string, string>>,
): Promise<ProcessSystem> {
  const servers = [startPostgres(place), startTemporal(place)] as const;
  await Promise.allSettled(servers);
  const [postgres, temporal] = await Promise.all(servers);
  const databaseUrl = postgres.url('postgres');
  const urls = allAt(databaseUrl);
  await migrateAll(urls);
  const databases = createDatabases(urls, { poolSize: 5, applicationName: 'test', onIdleError: () => {} });
  await seedCatalog(createCatalogRepository(databases.inventory));

  const env = { ...environmentAt(place, databaseUrl), TEMPORAL_ADDRESS: temporal.address, ...extraEnv };
  const start: ProcessSystem['start'] = (name, variables = {}) => startService(place, name, { ...env, ...variables });
  await Promise.all((['simulator', 'mail', ...programs] as const).map((name) => start(name)));
  const urlOf = (program: ProgramName): string => `http://127.0.0.1:${place.port(program)}`;
  const withApi = programs.filter((name) => programOf(name) !== 'worker');
  const [first = 'combined'] = withApi;
  const internalUrlOf = (program: ProgramName): string => `http://127.0.0.1:${place.port(`${program} internal`)}`;
  const ready = (program: ProgramName = first): Promise<void> =>
    waitUntilReady(programOf(program) === 'worker' ? `${internalUrlOf(program)}/ready` : `${urlOf(program)}/readyz`);
  await Promise.all(withApi.map(ready));
  return {
    ...createSystemClient(urlOf(first)),
    ...simulatorAt(simulatorUrlAt(place)),
    ...controlOf(place.running),
    url: urlOf(first),
    env,
    databases,
    temporalAddress: temporal.address,
    postgresFolder: realpathSync(join(place.folder, 'postgres')),
    mails: async (orderId) => {
      const response = await fetch(`http://127.0.0.1:${place.port('inbox')}/messages?orderId=${orderId}`);
      return (await response.json()) as { messageId: string }[];
    },
    loseTemporal: async () => {
      for (const rest of ['', '-wal', '-shm']) await rm(join(place.folder, `temporal.db${rest}`), { force: true });
    },
    startPostgres: async (settings) => {
      await startPostgres({ ...place, postgresSettings: settings });
    },
    urlOf,
    internalUrlOf,
    start,
    ready,
    stop: async () => {
      await databases.close();
      await stopAll(place);
    },
  };
}

/** A program has two ports: its API's and the internal one. */
type PortName = ServiceName | 'inbox' | `${ProgramName} internal`;

/** Where a system lives, and what runs of it. */
interface Place {
  readonly folder: string;
  readonly port: (name: PortName) => number;
  readonly running: Map<ServiceName, ManagedProcess>;
  readonly postgresSettings: Readonly<Record<string, string>>;
}

const log = (): void => {};

async function startPostgres({ folder, port, running, postgresSettings: settings }: Place) {
  // Durable as in production: these tests kill it.
  const dataDirectory = join(folder, 'postgres');
  const postgres = await startEmbeddedPostgres({ dataDirectory, port: port('postgres'), settings, log });
  running.set('postgres', postgres.process);
  return postgres;
}

async function startTemporal({ folder, port, running }: Place) {
  const databaseFile = join(folder, 'temporal.db');
  const cliPath = inject('temporalCli');
  const temporal = await startTemporalDevServer({
    cliPath,
    port: port('temporal'),
    uiPort: null,
    databaseFile,
    startTimeoutMs: READY_LIMIT_MS,
    log,
  });
  running.set('temporal', temporal.process);
  return temporal;
}

function simulatorUrlAt({ port }: Place): string {
  return `http://127.0.0.1:${port('simulator')}`;
}

function environmentAt(place: Place, databaseUrl: string): Record<string, string> {
  const { folder, port } = place;
  const simulatorUrl = simulatorUrlAt(place);
  return {
    ...systemEnvironment({ databaseUrl, namespace: 'default', simulatorUrl, smtpPort: port('mail') }),
    LOG_LEVEL: 'warn',
    SIMULATOR_PORT: String(port('simulator')),
    SIMULATOR_LEDGER_FILE: join(folder, 'ledger.jsonl'),
    MAIL_SINK_SMTP_PORT: String(port('mail')),
    MAIL_SINK_INBOX_PORT: String(port('inbox')),
  };
}

async function startService(place: Place, name: ServiceName, env: Readonly<Record<string, string>>): Promise<void> {
  const { folder, port, running } = place;
  const launch = async (args: readonly string[], ports: Readonly<Record<string, string>> = {}): Promise<void> => {
    const variables = { PATH: process.env['PATH'], ...env, ...ports };
    const logFile = join(folder, `${name}.log`);
    running.set(name, await startProcess({ name, command: process.execPath, args, env: variables, logFile }));
  };
  if (name === 'postgres') await startPostgres(place);
  else if (name === 'temporal') await startTemporal(place);
  else if (name === 'simulator') await launch(['src/simulator/server.ts']);
  else if (name === 'mail') await launch(['src/dev/mail-sink-server.ts']);
  else {
    const ports = { API_PORT: String(port(name)), INTERNAL_PORT: String(port(`${name} internal`)) };
    await launch(PROGRAMS[programOf(name)], ports);
  }
}

function simulatorAt(simulatorUrl: string): Pick<ProcessSystem, 'simulatorUrl' | 'ledger' | 'setFaults'> {
  return {
    simulatorUrl,
    ledger: (orderId) => readLedger(simulatorUrl, orderId),
    setFaults: async (faults) => {
      const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(faults) };
      await fetch(`${simulatorUrl}/faults`, init);
    },
  };
}

function controlOf(running: Place['running']): Pick<ProcessSystem, 'pidOf' | 'signal' | 'log'> {
  return {
    pidOf: (service) => processOf(running, service).pid,
    signal: async (service, signal) => {
      const target = processOf(running, service);
      process.kill(-target.pid, signal);
      if (signal === 'SIGKILL' || signal === 'SIGTERM' || signal === 'SIGINT') await target.exited;
    },
    log: (service) => readFile(processOf(running, service).logFile, 'utf8'),
  };
}

async function stopAll({ folder, running }: Place): Promise<void> {
  for (const name of stopOrder([...running.keys()])) {
    const target = processOf(running, name);
    target.signal('SIGCONT');
    await target.stop([{ signal: name === 'postgres' ? 'SIGINT' : 'SIGTERM', waitMs: 15_000 }]);
  }
  removePostgresHome(join(folder, 'postgres'));
  await rm(folder, { recursive: true, force: true });
}

/** Ports are chosen once, so that a restarted service is found where it was. */
async function claimPorts(programs: readonly ProgramName[]): Promise<(name: PortName) => number> {
  const ports = new Map<string, number>();
  const internal = programs.map((program) => `${program} internal`);
  for (const name of ['postgres', 'temporal', 'simulator', 'mail', 'inbox', ...programs, ...internal]) {
    ports.set(name, await findFreePort());
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
    const answer = await fetch(url).catch(() => null);
    if (answer?.status === 200) return;
    await sleep(100);
  }
  throw new Error(`${url} is not ready after ${READY_LIMIT_MS} ms`);
}

/** An idempotency key that no other test uses. */
export function freshKey(): string {
  return `key-${randomBytes(9).toString('base64url')}`;
}
