import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { allAt, createDatabases, type Databases } from '../db/client.ts';
import { migrateAll } from '../db/migrate.ts';
import { createCatalogRepository } from '../db/repositories/inventory/catalog-repository.ts';
import { createReservationRepository } from '../db/repositories/inventory/reservation-repository.ts';
import { createOrderRepository } from '../db/repositories/orders/order-repository.ts';
import { signDevToken, TOKEN_AUDIENCE, TOKEN_ISSUER } from '../src/dev/dev-token.ts';
import { startEmbeddedPostgres } from '../src/dev/postgres/embedded-postgres.ts';
import { findFreePort } from '../src/dev/processes/ports.ts';
import { startProcess } from '../src/dev/processes/processes.ts';
import { orderIdFor } from '../src/domain/ids.ts';
import { takeArguments } from '../src/runtime/command-arguments.ts';
import { createCleanup, type Cleanup } from './cleanup.ts';
import { medianOf } from './median.ts';

const USAGE = `npm run bench:rls -- [options]
  What row-level security adds to a read of the API (GET /v1/orders/{id}), in CPU time of the API and of PostgreSQL.
  --rounds N       interleaved rounds, of which the median counts (default 15)
  --reads N        reads per variant and round (default 2000)
  --before FOLDER  another checkout of the project, to compare its API without row-level security
  --out FILE       where the result goes (default bench/results/row-level-security.json)`;

const { values } = takeArguments(USAGE, {
  options: {
    rounds: { type: 'string', default: '15' },
    reads: { type: 'string', default: '2000' },
    before: { type: 'string' },
    out: { type: 'string', default: join(import.meta.dirname, 'results/row-level-security.json') },
  },
});

const TENANT = 'demo';
const ORDERS = 200;
const CONNECTIONS = 8;
const SECRET = 'a-secret-of-at-least-32-characters';

/** Linux counts CPU time in hundredths of a second. */
const TICK_MS = 10;

/** An API as it is measured. */
interface Variant {
  readonly name: string;
  readonly folder: string;
  /** The login, by which the backends of this API are recognized. */
  readonly login: string;
  readonly isFenced: boolean;
}

interface RunningVariant extends Variant {
  readonly url: string;
  readonly pid: number;
}

/** CPU time of one read in microseconds. */
interface Cost {
  readonly api: number;
  readonly database: number;
}

const HERE = resolve(import.meta.dirname, '..');

const VARIANTS: readonly Variant[] = [
  ...(values.before === undefined
    ? []
    : [{ name: 'before', folder: resolve(values.before), login: 'bench_before', isFenced: false }]),
  { name: 'off', folder: HERE, login: 'bench_off', isFenced: false },
  { name: 'on', folder: HERE, login: 'bench_on', isFenced: true },
];

async function startDatabase(cleanup: Cleanup): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'order-saga-rls-'));
  await chmod(folder, 0o711);
  const postgres = await startEmbeddedPostgres({
    dataDirectory: join(folder, 'postgres'),
    port: await findFreePort(),
    databases: ['bench'],
    log: () => {},
  });
  await cleanup.add(async () => {
    await postgres.destroy();
    await rm(folder, { recursive: true, force: true });
  });
  return postgres.url('bench');
}

/** Orders with two lines that hold stock, as a read finds most of them. */
async function fill(databases: Databases): Promise<string[]> {
  const skus = ['CUP', 'POT'];
  const entry = { name: 'Thing', priceMinor: 100, currency: 'EUR', onHand: 100_000 };
  await createCatalogRepository(databases.inventory).seed(
    TENANT,
    skus.map((sku) => ({ sku, ...entry })),
  );
  const orders = createOrderRepository(databases.orders);
  const reservations = createReservationRepository(databases.inventory);
  const lines = skus.map((sku) => ({ sku, quantity: 1 }));
  const request = {
    customerId: 'cust_1',
    currency: 'EUR',
    lines,
    paymentMethod: 'pm_ok',
    captureMode: 'automatic',
    expectedTotalMinor: null,
    reference: null,
  } as const;
  const ids: string[] = [];
  for (let index = 0; index < ORDERS; index += 1) {
    const idempotencyKey = randomUUID();
    const orderId = orderIdFor(TENANT, idempotencyKey);
    const made = { requestHash: 'hash', firstExecutionRunId: 'run', correlationId: 'bench', sealedContact: null };
    await orders.open({ ...made, orderId, tenantId: TENANT, idempotencyKey, placedBy: 'bench', request });
    await reservations.hold({
      orderId,
      tenantId: TENANT,
      lines,
      currency: 'EUR',
      expectedTotalMinor: null,
      ttlSeconds: 3_600,
    });
    ids.push(orderId);
  }
  return ids;
}

async function startVariant(variant: Variant, databaseUrl: string, cleanup: Cleanup): Promise<RunningVariant> {
  const url = new URL(databaseUrl);
  url.username = variant.login;
  url.password = variant.login;
  const port = await findFreePort();
  const logFile = join(await mkdtemp(join(tmpdir(), 'order-saga-rls-')), `${variant.name}.log`);
  const child = await startProcess({
    name: variant.name,
    command: process.execPath,
    args: ['src/server.ts'],
    cwd: variant.folder,
    logFile,
    env: {
      PATH: process.env['PATH'],
      API_PORT: String(port),
      INTERNAL_PORT: '0',
      DATABASE_URL: url.href,
      DATABASE_ROW_LEVEL_SECURITY: String(variant.isFenced),
      JWT_SECRET: SECRET,
      CONTACT_KEYS: `k1:${Buffer.alloc(32, 1).toString('base64')}`,
      // Nobody answers there: reads need no Temporal, and its health check costs all variants the same.
      TEMPORAL_ADDRESS: '127.0.0.1:9',
      LOG_LEVEL: 'error',
      LOG_REQUESTS: 'false',
      RATE_LIMIT_PER_SECOND: '1000000',
    },
  });
  await cleanup.add(async () => {
    await child.stop([
      { signal: 'SIGTERM', waitMs: 8_000 },
      { signal: 'SIGKILL', waitMs: 2_000 },
    ]);
    await rm(resolve(logFile, '..'), { recursive: true, force: true });
  });
  const running = { ...variant, url: `http://127.0.0.1:${port}`, pid: child.pid };
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await sleep(100)) {
    if ((await fetch(`${running.url}/livez`).catch(() => null))?.ok === true) return running;
  }
  throw new Error(`${variant.name} does not start:\n${await readFile(logFile, 'utf8')}`);
}

async function cpuMsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

async function databaseCpuMs(databases: Databases, login: string): Promise<number> {
  const { rows } = await databases.orders.pool.query<{ pid: number }>(
    'SELECT pid FROM pg_stat_activity WHERE usename = $1',
    [login],
  );
  const each = await Promise.all(rows.map(({ pid }) => cpuMsOf(pid).catch(() => 0)));
  return each.reduce((sum, ms) => sum + ms, 0);
}

interface Load {
  readonly token: string;
  readonly ids: readonly string[];
  readonly reads: number;
}

async function readOrders({ url }: RunningVariant, { token, ids, reads }: Load): Promise<void> {
  const headers = { authorization: `Bearer ${token}` };
  let next = 0;
  const read = async (): Promise<void> => {
    for (let index = next++; index < reads; index = next++) {
      const response = await fetch(`${url}/v1/orders/${ids[index % ids.length] ?? ''}`, { headers });
      const { lines } = (await response.json()) as { lines?: readonly unknown[] };
      if (lines?.length !== 2) throw new Error(`${url} answered ${response.status} without the order`);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, read));
}

async function measure(cleanup: Cleanup): Promise<void> {
  const [rounds, reads] = [Number(values.rounds), Number(values.reads)];
  const databaseUrl = await startDatabase(cleanup);
  await migrateAll(allAt(databaseUrl), { roles: true });
  const databases = createDatabases(allAt(databaseUrl), {
    poolSize: 4,
    applicationName: 'bench',
    onIdleError: () => {},
  });
  await cleanup.add(() => databases.close());
  for (const { login, isFenced } of VARIANTS) {
    // Without row-level security one role does everything, as with `npm start`.
    const rights = isFenced ? 'IN ROLE order_saga_api' : 'SUPERUSER';
    await databases.orders.pool.query(`CREATE ROLE ${login} LOGIN PASSWORD '${login}' ${rights}`);
  }
  const ids = await fill(databases);
  await databases.orders.pool.query('ANALYZE');
  const running: RunningVariant[] = [];
  for (const variant of VARIANTS) running.push(await startVariant(variant, databaseUrl, cleanup));
  const signing = { secret: SECRET, issuer: TOKEN_ISSUER, audience: TOKEN_AUDIENCE, ttlSeconds: 86_400 };
  const token = await signDevToken({ ...signing, tenant: TENANT, scopes: ['orders:read'] });
  for (const variant of running) await readOrders(variant, { token, ids, reads: 2_000 });
  const costs = new Map<string, Cost[]>(running.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    // Each variant is the first equally often.
    const turn = round % running.length;
    for (const variant of [...running.slice(turn), ...running.slice(0, turn)]) {
      const before = [await cpuMsOf(variant.pid), await databaseCpuMs(databases, variant.login)] as const;
      await readOrders(variant, { token, ids, reads });
      const after = [await cpuMsOf(variant.pid), await databaseCpuMs(databases, variant.login)] as const;
      const perRead = (index: 0 | 1): number => ((after[index] - before[index]) * 1_000) / reads;
      costs.get(variant.name)?.push({ api: perRead(0), database: perRead(1) });
    }
  }
  await report(costs, { rounds, reads });
}

async function report(costs: ReadonlyMap<string, readonly Cost[]>, run: object): Promise<void> {
  const base = costs.get('off') ?? [];
  const variants = [...costs].map(([name, each]) => ({
    name,
    apiMicros: Math.round(medianOf(each.map(({ api }) => api)) ?? 0),
    databaseMicros: Math.round(medianOf(each.map(({ database }) => database)) ?? 0),
    /** Against `off` in the same round. */
    ratio: Number((medianOf(each.map((cost, index) => sumOf(cost) / sumOf(base[index]))) ?? 0).toFixed(3)),
  }));
  console.table(variants);
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version };
  await writeFile(values.out, `${JSON.stringify({ ...run, connections: CONNECTIONS, machine, variants }, null, 2)}\n`);
}

function sumOf(cost: Cost | undefined): number {
  return cost === undefined ? Number.NaN : cost.api + cost.database;
}

const cleanup = createCleanup();
try {
  await measure(cleanup);
} finally {
  await cleanup.run();
}
