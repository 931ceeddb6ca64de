import { afterAll, beforeAll, expect, it } from 'vitest';
import { startProcess } from '../../src/dev/processes/processes.ts';
import { findFreePort } from '../../src/dev/processes/ports.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ worker: false });
});
afterAll(() => system.stop());

it('A process whose log disk is full answers, counts the lines it lost, and ends in order', async () => {
  const [port, metricsPort] = [await findFreePort(), await findFreePort()];
  const combined = await startProcess({
    name: 'combined',
    command: process.execPath,
    args: ['src/combined.ts'],
    env: {
      PATH: process.env['PATH'],
      ...system.env,
      LOG_LEVEL: 'debug',
      API_PORT: String(port),
      WORKER_METRICS_PORT: String(metricsPort),
    },
    logFile: '/dev/full',
  });
  const read = (url: string) => fetch(url).then((answer) => answer.text());
  const lost = (url: string) =>
    read(url).then(
      (metrics) => Number(/^log_lines_dropped_total(?:\{.*\})? (\d+)/m.exec(metrics)?.[1] ?? 0),
      () => 0,
    );
  await expect.poll(() => read(`http://127.0.0.1:${port}/livez`).catch(() => '')).toContain('ok');
  for (let request = 0; request < 20; request += 1) await fetch(`http://127.0.0.1:${port}/v1/orders`);
  await expect.poll(() => lost(`http://127.0.0.1:${port}/metrics`)).toBeGreaterThan(19);
  await expect.poll(() => lost(`http://127.0.0.1:${metricsPort}/metrics`)).toBeGreaterThan(19);
  expect(await combined.stop([{ signal: 'SIGTERM', waitMs: 15_000 }])).toEqual({ code: 0, signal: null });
});
