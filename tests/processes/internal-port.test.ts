import { afterAll, beforeAll, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { probe, probed } from '../support/processes/probes.ts';
import { startProcessSystem, type ProcessSystem } from '../support/processes/process-system.ts';
import { findFreePort } from '../../src/dev/processes/ports.ts';

/** Long enough for an order of a busy machine between the signal and the last second. */
const DELAY_SECONDS = 8;

let system: ProcessSystem;
let internal: string;
beforeAll(async () => {
  system = await startProcessSystem(['combined'], {
    WORKER_METRICS_PORT: String(await findFreePort()),
    OPERATOR_ROUTES: 'internal',
    SHUTDOWN_DELAY_SECONDS: String(DELAY_SECONDS),
  });
  internal = system.internalUrlOf('combined');
});
afterAll(() => system.stop());

const statusOf = async (base: string, path: string): Promise<number> => {
  const authorization = `Bearer ${await system.token()}`;
  const answer = await fetch(`${base}${path}`, { headers: { authorization } });
  await answer.body?.cancel();
  return answer.status;
};

it.each(['/console', '/docs', '/docs/swagger-ui.css', '/openapi.json', '/metrics', '/v1/cases'])(
  '%s is on the internal port only, when the routes of operators are there',
  async (path) => {
    expect(await statusOf(system.url, path)).toBe(404);
    expect(await statusOf(internal, path)).toBe(200);
  },
);

const document = JSON.parse(readFileSync(join(PROJECT_FOLDER, 'docs/openapi.json'), 'utf8')) as {
  paths: Record<string, Record<string, { security?: { bearer: string[] }[] }>>;
};
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { security = [] }]) => ({ path, method, scope: security[0]?.bearer[0] ?? '' })),
);
const forOperators = operations.filter(({ scope }) => /^(?:ops:|platform:|customers:erase$)/.test(scope));

/** Whether a port has the operation at all; what it says of a request without a body does not matter. */
const hasOperation = async (base: string, { path, method }: (typeof operations)[number]): Promise<boolean> => {
  const headers = { authorization: `Bearer ${await system.token()}`, 'content-type': 'application/json' };
  const signal = AbortSignal.timeout(10_000);
  const answer = await fetch(`${base}${path}`, { method: method.toUpperCase(), headers, signal });
  if (answer.status !== 404) {
    await answer.body?.cancel();
    return true;
  }
  return ((await answer.json()) as { detail: string }).detail !== 'there is nothing at this address';
};

it('Each operation with a scope of operators is on the internal port only, and every other one on both', async () => {
  expect(forOperators.length).toBeGreaterThan(10);
  const missing = async (base: string) => {
    const guarded = operations.filter(({ scope }) => scope !== '');
    return (await Promise.all(guarded.map(async (one) => [one, await hasOperation(base, one)] as const)))
      .filter(([, has]) => !has)
      .map(([one]) => one);
  };
  expect(await missing(system.url)).toEqual(forOperators);
  expect(await missing(internal)).toEqual([]);
});

it('Customers find their routes on the public port, and people its readiness, when the routes of operators are internal', async () => {
  const orderId = await system.postOrder();
  expect((await system.orderAtRest(orderId)).status).toBe('CONFIRMED');
  expect(await statusOf(system.url, '/readyz')).toBe(200);
  expect(await statusOf(internal, `/v1/orders/${orderId}`)).toBe(200);
});

it('The internal port asks operators for the same tokens as the public port did', async () => {
  expect((await fetch(`${internal}/v1/cases`)).status).toBe(401);
});

it('The internal port shows the metrics of the process, of the API and of the core, each declared once', async () => {
  const text = await (await fetch(`${internal}/metrics`)).text();
  const declared = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name);
  expect(declared).toEqual(expect.arrayContaining(['process_ready', 'nodejs_eventloop_delay_max_seconds']));
  expect(declared).toEqual(expect.arrayContaining(['http_server_request_duration_seconds', 'temporal_up']));
  expect(declared.filter((name) => name.startsWith('temporal_worker_')).length).toBeGreaterThan(0);
  expect(new Set(declared).size).toBe(declared.length);
  expect(text).toMatch(/^process_ready\{.*\} 1$/m);
  for (const queue of ['orders', 'inventory', 'payments', 'notifications']) {
    expect(text).toMatch(new RegExp(`^worker_polling\\{queue="${queue}".*\\} 1$`, 'm'));
  }
});

it('A process that is asked to stop is not ready at once, and serves requests until its delay is over', async () => {
  expect(await probed(`${internal}/ready`)).toBe(200);
  const stopped = system.signal('combined', 'SIGTERM');
  const askedAt = performance.now();
  await expect.poll(() => probe(`${internal}/ready`), { interval: 20, timeout: 3_000 }).toBe(503);
  expect(await probed(`${system.url}/readyz`)).toBe(503);
  await sleep(Math.max(0, (DELAY_SECONDS * 1_000) / 2 - (performance.now() - askedAt)));
  const orderId = await system.postOrder();
  expect((await system.orderAtRest(orderId)).status).toBe('CONFIRMED');
  expect(await probed(`${internal}/live`)).toBe(200);
  await stopped;
  expect(performance.now() - askedAt).toBeGreaterThan(DELAY_SECONDS * 1_000);
});
