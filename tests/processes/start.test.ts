import { afterAll, beforeAll, expect, it } from 'vitest';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OrderView } from '../../src/api/orders/order-schemas.ts';
import { startProcess, type ManagedProcess } from '../../src/dev/processes/processes.ts';
import { freshKey } from '../support/processes/process-system.ts';
import { findFreePort } from '../../src/dev/processes/ports.ts';
import { orderBody } from '../support/system.ts';

const READY_LIMIT_MS = 120_000;

/** The command of the README, on ports and a data folder of the test's own. */

let folder: string;
let env: Record<string, string | undefined>;
let api: string;
let run: ManagedProcess | null = null;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'order-saga-start-'));
  await chmod(folder, 0o711);
  const ports: Record<string, string> = {};
  for (const name of [
    'API',
    'TEMPORAL',
    'TEMPORAL_UI',
    'POSTGRES',
    'SIMULATOR',
    'MAIL_SINK_SMTP',
    'MAIL_SINK_INBOX',
    'WORKER_METRICS',
    'INTERNAL',
  ]) {
    ports[`${name}_PORT`] = String(await findFreePort());
  }
  api = `http://127.0.0.1:${ports['API_PORT']}`;
  const { PATH, HOME, GOPATH, GOMODCACHE, XDG_CACHE_HOME } = process.env;
  env = { PATH, HOME, GOPATH, GOMODCACHE, XDG_CACHE_HOME, ...ports, DATA_DIR: join(folder, 'data') };
});
afterAll(async () => {
  await run?.stop([{ signal: 'SIGINT', waitMs: 40_000 }]);
  await rm(folder, { recursive: true, force: true });
});

const start = async (): Promise<void> => {
  run = await startProcess({
    name: 'npm start',
    command: 'npm',
    args: ['start'],
    env,
    logFile: join(folder, 'start.log'),
  });
  const deadline = performance.now() + READY_LIMIT_MS;
  while ((await fetch(`${api}/readyz`).catch(() => null))?.status !== 200) {
    if (performance.now() > deadline || !run.isRunning()) throw new Error(await readFile(run.logFile, 'utf8'));
    await sleep(100);
  }
};
const interrupt = async (): Promise<number | null> => {
  if (run === null) throw new Error('not started');
  // Ctrl-C in a terminal: the signal goes to npm, the shell and the supervisor at once.
  process.kill(-run.pid, 'SIGINT');
  return (await run.exited).code;
};
const request = async <Body>(
  path: string,
  init: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> } = {},
): Promise<Body> => {
  const token = (await readFile(join(folder, 'data', 'dev-token'), 'utf8')).trim();
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...init.headers };
  return (await (await fetch(`${api}${path}`, { ...init, headers })).json()) as Body;
};
const post = async (): Promise<string> => {
  const init = { method: 'POST', headers: { 'idempotency-key': freshKey() }, body: JSON.stringify(orderBody()) };
  return (await request<{ id: string }>('/v1/orders', init)).id;
};

it('npm start ends in a running system, drains on Ctrl-C, and finds the same orders when started again', async () => {
  await start();
  const ids = await Promise.all(Array.from({ length: 20 }, post));
  expect(await interrupt()).toBe(0);

  await start();
  for (const id of ids) {
    expect(await request<OrderView>(`/v1/orders/${id}?wait=20`)).toMatchObject({ id, status: 'CONFIRMED' });
  }
  // The simulator reports to the API by itself; what it had to say when both were stopped is looked up instead.
  const id = await post();
  const sources = async (): Promise<string[]> =>
    (await request<{ items: { source: string }[] }>(`/v1/orders/${id}/timeline`)).items.map(({ source }) => source);
  await expect.poll(sources).toContain('webhook');
  expect(await interrupt()).toBe(0);
}, 400_000);

it('npm start reports a crashed child by name, stops the rest and exits with 1', async () => {
  await start();
  const processes = JSON.parse(await readFile(join(folder, 'data', 'run.json'), 'utf8')) as {
    name: string;
    pid: number;
  }[];
  const simulator = processes.find((entry) => entry.name === 'payment simulator');
  process.kill(simulator?.pid ?? 0, 'SIGKILL');
  expect((await run?.exited)?.code).toBe(1);
  expect(await readFile(join(folder, 'start.log'), 'utf8')).toContain('payment simulator');
  for (const { pid } of processes) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});
