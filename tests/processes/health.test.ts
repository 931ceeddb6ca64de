import { afterAll, beforeAll, expect, it } from 'vitest';
import { blockEventLoop } from '../support/processes/inspected-process.ts';
import { probe, probed } from '../support/processes/probes.ts';
import { startProcessSystem, type ProcessSystem } from '../support/processes/process-system.ts';
import { findFreePort } from '../../src/dev/processes/ports.ts';

const BLOCK_MS = 6_000;

let system: ProcessSystem;
let coreMetrics: string;
beforeAll(async () => {
  const metricsPort = String(await findFreePort());
  coreMetrics = `http://127.0.0.1:${metricsPort}/metrics`;
  system = await startProcessSystem(['api', 'worker'], {
    WORKER_METRICS_PORT: metricsPort,
    NODE_OPTIONS: '--inspect=127.0.0.1:0',
  });
});
afterAll(() => system.stop());

const at = (program: 'api' | 'worker', path: string): string => `${system.internalUrlOf(program)}${path}`;
const isReady = (program: 'api' | 'worker') => () => probe(at(program, '/ready'));
const profile = (kind: string, query = ''): Promise<Response> =>
  fetch(at('worker', `/profiles/${kind}${query}`), { method: 'POST' });

it('An API and a worker say on their internal ports that they are ready, and what their workers do', async () => {
  await expect.poll(isReady('worker')).toBe(200);
  const worker = await (await fetch(at('worker', '/ready'))).json();
  const RUNNING = { orders: 'RUNNING', inventory: 'RUNNING', payments: 'RUNNING', notifications: 'RUNNING' };
  expect(worker).toEqual({ status: 'ok', phase: 'running', workers: RUNNING });
  expect(await (await fetch(at('api', '/ready'))).json()).toEqual({ status: 'ok', phase: 'running', workers: {} });
  expect(await probed(at('worker', '/v1/orders'))).toBe(404);
});

it('A worker whose event loop is blocked is not live, though the metrics of its core are answered', async () => {
  expect(await probed(at('worker', '/live'))).toBe(200);
  await blockEventLoop(await system.log('worker'), BLOCK_MS);
  await expect.poll(() => probe(at('worker', '/live')), { interval: 0, timeout: 10_000 }).toBe(null);
  expect(await probe(coreMetrics, BLOCK_MS / 2)).toBe(200);
  const after = await fetch(at('worker', '/live'));
  expect(after.status).toBe(503);
  const { status, eventLoopDelayMs } = (await after.json()) as { status: string; eventLoopDelayMs: number };
  expect(status).toBe('down');
  expect(eventLoopDelayMs).toBeGreaterThan(BLOCK_MS - 500);
  await expect.poll(() => probe(at('worker', '/live'))).toBe(200);
});

it('An outage of Temporal leaves API and worker ready, while the page for people says 503', async () => {
  await system.signal('temporal', 'SIGSTOP');
  await expect.poll(() => probe(`${system.url}/readyz`)).toBe(503);
  for (const program of ['api', 'worker'] as const) expect(await probed(at(program, '/ready'))).toBe(200);
  expect(await probed(at('api', '/live'))).toBe(200);
  await system.signal('temporal', 'SIGCONT');
  await expect.poll(() => probe(`${system.url}/readyz`)).toBe(200);
});

it('A worker that waits for Temporal at its start is live and not ready', async () => {
  await system.signal('worker', 'SIGTERM');
  await system.signal('temporal', 'SIGSTOP');
  await system.start('worker');
  await expect.poll(() => probe(at('worker', '/live'))).toBe(200);
  const ready = await fetch(at('worker', '/ready'));
  expect(ready.status).toBe(503);
  expect(await ready.json()).toMatchObject({ status: 'down', phase: 'starting' });
  await system.signal('temporal', 'SIGCONT');
  await expect.poll(isReady('worker')).toBe(200);
});

it('A CPU profile and a heap profile are taken from a running process, one at a time', async () => {
  const first = profile('cpu', '?seconds=2');
  // A probe that is answered came after the request for the profile.
  expect(await probed(at('worker', '/live'))).toBe(200);
  expect((await profile('heap', '?seconds=0.1')).status).toBe(503);
  const taken = await first;
  expect(taken.headers.get('content-disposition')).toBe(`attachment; filename="${system.pidOf('worker')}.cpuprofile"`);
  const cpu = (await taken.json()) as { startTime: number; endTime: number };
  expect(cpu).toMatchObject({ nodes: expect.any(Array), samples: expect.any(Array), timeDeltas: expect.any(Array) });
  expect((cpu.endTime - cpu.startTime) / 1_000_000).toBeGreaterThan(1.9);
  expect((cpu.endTime - cpu.startTime) / 1_000_000).toBeLessThan(20);
  const heap = await profile('heap', '?seconds=0.1');
  expect(heap.status).toBe(200);
  expect(await heap.json()).toMatchObject({ head: { callFrame: expect.any(Object) }, samples: expect.any(Array) });
});

it.each(['?seconds=0', '?seconds=31', '?seconds=soon'])('A profile is refused for %s', async (query) => {
  const refused = await profile('cpu', query);
  expect(refused.status).toBe(400);
  expect(await refused.json()).toMatchObject({ code: 'bad_request' });
});
