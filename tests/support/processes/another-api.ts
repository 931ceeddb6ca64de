import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stopProcess } from '../../../src/composition/process.ts';
import { openContext } from '../../../src/composition/resources.ts';
import { startApi } from '../../../src/composition/api.ts';
import { loadConfig } from '../../../src/config.ts';
import { startProcess } from '../../../src/dev/processes/processes.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { createProcessMetrics } from '../../../src/composition/process-metrics.ts';
import { findFreePort } from '../../../src/dev/processes/ports.ts';
import { createSystemClient, type SystemClient, type TestSystem } from '../system.ts';

/** Another API beside a running system, on its database and its namespace unless the variables say otherwise. */
export interface AnotherApi extends SystemClient {
  readonly url: string;
  stop(): Promise<void>;
}

/** An API whose output the test can read. */
export interface ApiProcess extends AnotherApi {
  log(): Promise<string>;
}

/** Starts an API in this process. */
export async function startAnotherApi(
  system: Pick<TestSystem, 'env'>,
  env: Readonly<Record<string, string>>,
): Promise<AnotherApi> {
  const config = loadConfig({ ...system.env, ...env });
  const logger = createLogger({ level: config.logLevel, service: 'another-api' });
  const metrics = createProcessMetrics('order-saga-api', () => []);
  const context = openContext(config, logger, metrics);
  const api = await startApi(context, null);
  const url = `http://127.0.0.1:${api.server.port}`;
  return {
    ...createSystemClient(url),
    url,
    stop: () => stopProcess({ context, api, worker: null }),
  };
}

const READY_LIMIT_MS = 90_000;

/** Starts a program of the product with an API as a process of its own; resolves when it is ready. */
export async function startApiProcess(
  system: Pick<TestSystem, 'env'>,
  env: Readonly<Record<string, string>> = {},
  program = 'src/server.ts',
): Promise<ApiProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'order-saga-api-'));
  const port = await findFreePort();
  const child = await startProcess({
    name: program,
    command: process.execPath,
    args: [program],
    env: { PATH: process.env['PATH'], ...system.env, ...env, API_PORT: String(port) },
    logFile: join(folder, 'output.log'),
  });
  const url = `http://127.0.0.1:${port}`;
  const log = (): Promise<string> => readFile(child.logFile, 'utf8');
  const stop = async (): Promise<void> => {
    await child.stop([{ signal: 'SIGTERM', waitMs: 15_000 }]);
    await rm(folder, { recursive: true, force: true });
  };
  if (!(await becomesReady(url, child.isRunning))) {
    const printed = await log();
    await stop();
    throw new Error(`${program} is not ready after ${READY_LIMIT_MS} ms:\n${printed}`);
  }
  return { ...createSystemClient(url), url, log, stop };
}

async function becomesReady(url: string, isRunning: () => boolean): Promise<boolean> {
  const deadline = performance.now() + READY_LIMIT_MS;
  while (performance.now() < deadline && isRunning()) {
    const answer = await fetch(`${url}/readyz`).catch(() => null);
    if (answer?.status === 200) return true;
    await sleep(50);
  }
  return false;
}
