import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SCOPES } from '../../src/domain/access/scopes.ts';
import { signDevToken } from '../../src/dev/dev-token.ts';
import { startEmbeddedPostgres } from '../../src/dev/postgres/embedded-postgres.ts';
import { removePostgresHome } from '../../src/dev/postgres/postgres-home.ts';
import { findFreePort } from '../../src/dev/processes/ports.ts';
import { describeExit, type ManagedProcess } from '../../src/dev/processes/processes.ts';
import { findOrBuildTemporalCli } from '../../src/dev/temporal/temporal-cli.ts';
import { startTemporalDevServer } from '../../src/dev/temporal/temporal-dev-server.ts';
import { startImageProcess, type ImageProcess, type MountedImage } from './image-process.ts';

/** A cold start on a busy machine. */
const READY_LIMIT_MS = 90_000;

/** As `stop_grace_period` of a worker in docker-compose.yml. */
const STOP_LIMIT_MS = 35_000;

const ORDER_LIMIT_MS = 60_000;

/** An orchestrator may choose any user. */
const ANOTHER_USER = '10001:10001';

export interface TrialPlace {
  readonly folder: string;
  readonly log: (line: string) => void;
}

/**
 * Runs the processes of the image around an order.
 * @throws {Error} that says which of them did not do what a container must do.
 */
export async function tryImage(image: MountedImage, { folder, log }: TrialPlace): Promise<void> {
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const servers = await startServers({ folder, log }, stops);
    const env = await environmentFor(servers);
    const start = async (spec: Omit<ImageProcess, 'env'>, more: Readonly<Record<string, string>> = {}) => {
      const child = await startImageProcess(image, { ...spec, env: { ...env, ...more } });
      stops.push(() => child.stop([{ signal: 'SIGTERM', waitMs: STOP_LIMIT_MS }]));
      return child;
    };
    const migration = await start({ name: 'migrate', command: ['node', 'dist/src/migrate.js', '--seed'] });
    await assertEnds(migration);
    log('the migration ended well');
    await start({ name: 'simulator', command: ['node', 'dist/src/simulator/server.js'] });
    await start({ name: 'mail-sink', command: ['node', 'dist/src/dev/mail-sink-server.js'] });
    const [apiPort, workerPort] = [await findFreePort(), await findFreePort()];
    // The image's own command and user.
    const api = await start({ name: 'api' }, { INTERNAL_PORT: `${apiPort}` });
    const command = ['node', '--import', './dist/src/temporal/lean-sandbox.js', 'dist/src/worker.js'];
    const worker = await start({ name: 'worker', command, user: ANOTHER_USER }, { INTERNAL_PORT: `${workerPort}` });
    await untilReady(api, apiPort);
    await untilReady(worker, workerPort);
    log('API and worker are ready');
    await assertHealthCheck(image, `http://127.0.0.1:${apiPort}/live`);
    log(`an order became ${await placeOrder(env)}`);
    await assertStops(api);
    await assertStops(worker);
    log('SIGTERM ended both in order');
  } finally {
    for (const stop of stops.toReversed()) await stop();
    removePostgresHome(join(folder, 'postgres'));
  }
}

async function startServers({ folder, log }: TrialPlace, stops: (() => Promise<unknown>)[]) {
  const dataDirectory = join(folder, 'postgres');
  const postgres = await startEmbeddedPostgres({ dataDirectory, port: await findFreePort(), log: () => {} });
  stops.push(() => postgres.process.stop([{ signal: 'SIGINT', waitMs: 15_000 }]));
  const cliPath = await findOrBuildTemporalCli({ log });
  const databaseFile = join(folder, 'temporal.db');
  const where = { cliPath, port: await findFreePort(), uiPort: null, databaseFile };
  const temporal = await startTemporalDevServer({ ...where, log: () => {} });
  stops.push(() => temporal.process.stop([{ signal: 'SIGTERM', waitMs: 10_000 }]));
  return { databaseUrl: postgres.url('postgres'), temporalAddress: temporal.address };
}

type TrialEnvironment = Readonly<Record<'API_PORT' | 'JWT_SECRET', string>> & Readonly<Record<string, string>>;

async function environmentFor(servers: { databaseUrl: string; temporalAddress: string }): Promise<TrialEnvironment> {
  const [apiPort, simulatorPort, smtpPort, inboxPort] = await Promise.all(Array.from({ length: 4 }, findFreePort));
  return {
    DATABASE_URL: servers.databaseUrl,
    TEMPORAL_ADDRESS: servers.temporalAddress,
    API_PORT: `${apiPort}`,
    WORKER_METRICS_PORT: '0',
    JWT_SECRET: randomBytes(32).toString('hex'),
    CONTACT_KEYS: `k1:${randomBytes(32).toString('base64')}`,
    SIMULATOR_PORT: `${simulatorPort}`,
    SIMULATOR_LEDGER_FILE: '/data/payment-ledger.jsonl',
    PAYMENT_GATEWAY_URL: `http://127.0.0.1:${simulatorPort}`,
    MAIL_SINK_SMTP_PORT: `${smtpPort}`,
    MAIL_SINK_INBOX_PORT: `${inboxPort}`,
    MAIL_SINK_FILE: '/data/mails.jsonl',
    SMTP_URL: `smtp://127.0.0.1:${smtpPort}`,
  };
}

function failure({ name, logFile }: ManagedProcess, what: string): Error {
  return new Error(`${name} ${what}:\n${readFileSync(logFile, 'utf8').slice(-2_000)}`);
}

async function assertEnds(child: ManagedProcess): Promise<void> {
  const exit = await child.exited;
  if (exit.code !== 0) throw failure(child, describeExit(exit));
}

async function untilReady(child: ManagedProcess, port: number): Promise<void> {
  const deadline = performance.now() + READY_LIMIT_MS;
  while ((await fetch(`http://127.0.0.1:${port}/ready`).catch(() => null))?.status !== 200) {
    if (performance.now() > deadline || !child.isRunning()) throw failure(child, 'is not ready');
    await sleep(250);
  }
}

/** The command that the image's HEALTHCHECK runs, in the image. */
async function assertHealthCheck(image: MountedImage, url: string): Promise<void> {
  const [, ...command] = image.config.Healthcheck.Test;
  const check = { name: 'health-check', command, env: { HEALTHCHECK_URL: url } };
  await assertEnds(await startImageProcess(image, check));
}

async function placeOrder({ API_PORT: port, JWT_SECRET: secret }: TrialEnvironment): Promise<string> {
  const wishes = { tenant: 'demo', scopes: [...SCOPES], ttlSeconds: 600, subject: 'image' };
  const names = { issuer: 'order-saga', audience: 'order-saga' };
  const authorization = `Bearer ${await signDevToken({ secret, ...names, ...wishes })}`;
  const url = `http://127.0.0.1:${port}/v1/orders`;
  const posted = await fetch(url, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json', 'idempotency-key': randomUUID() },
    body: JSON.stringify({
      customer: { id: 'cust_1', email: 'ada@example.com' },
      currency: 'EUR',
      lines: [{ sku: 'SKU-0001', quantity: 1 }],
      payment: { method: 'pm_ok' },
    }),
  });
  if (posted.status !== 202) throw new Error(`the API answers an order ${posted.status}: ${await posted.text()}`);
  const { id } = (await posted.json()) as { readonly id: string };
  const deadline = performance.now() + ORDER_LIMIT_MS;
  for (;;) {
    const answer = await fetch(`${url}/${id}?wait=5`, { headers: { authorization } });
    const { status } = (await answer.json()) as { readonly status: string };
    if (status === 'CONFIRMED') return status;
    if (performance.now() > deadline) throw new Error(`the order is ${status}`);
    await sleep(250);
  }
}

/** The signal goes to the entry point alone, as from an orchestrator. */
async function assertStops(child: ManagedProcess): Promise<void> {
  process.kill(child.pid, 'SIGTERM');
  const timeout = sleep(STOP_LIMIT_MS, null, { ref: false });
  const exit = await Promise.race([child.exited, timeout]);
  if (exit === null) throw failure(child, 'does not stop');
  // tini answers 143 for a child that a signal ended; ours end by themselves.
  if (exit.code !== 0) throw failure(child, `ended with ${describeExit(exit)}`);
  if (!readFileSync(child.logFile, 'utf8').includes('"stopped"')) throw failure(child, 'did not stop in order');
}
