import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findFreePort } from '../processes/ports.ts';
import type { ManagedProcess } from '../processes/processes.ts';
import { findOrBuildTemporalCli } from './temporal-cli.ts';
import { startTemporalDevServer } from './temporal-dev-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'order-saga-temporal-C# (50%)?-'));
let cliPath: string;

/** The server once ended while it wrote its addresses, in this time; it may answer before. */
const BANNER_MS = 4_000;

beforeAll(async () => {
  cliPath = await findOrBuildTemporalCli({ log: console.error });
}, 900_000);

afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function start(namespaces: readonly string[], withUi: boolean) {
  return startTemporalDevServer({
    cliPath,
    port: await findFreePort(),
    uiPort: withUi ? await findFreePort() : null,
    databaseFile: join(folder, 'temporal.db'),
    namespaces,
    log: () => {},
  });
}

it('The Temporal dev server is ready with its namespaces, and a second start finds them again', async () => {
  const first = await start(['shop'], true);
  expect((await fetch(String(first.uiUrl))).status).toBe(200);
  await first.stop();
  expect(first.process.isRunning()).toBe(false);

  const second = await start([], false);
  const connection = await Connection.connect({ address: second.address });
  const { namespaceInfo } = await connection.workflowService.describeNamespace({ namespace: 'shop' });
  expect(namespaceInfo?.name).toBe('shop');
  await connection.close();
  await second.stop();
});

it('A server whose log disk is full stays', async () => {
  const server = await startTemporalDevServer({
    cliPath,
    port: await findFreePort(),
    uiPort: null,
    databaseFile: join(folder, 'full-log.db'),
    logFile: '/dev/full',
    log: () => {},
  });
  await expect(Promise.race([server.process.exited, sleep(BANNER_MS, 'stays')])).resolves.toBe('stays');
  await server.stop();
});

it('A server that ends while starting is an error with its last words', async () => {
  const port = await findFreePort();
  const start = startTemporalDevServer({
    cliPath,
    port,
    uiPort: null,
    databaseFile: join(folder, 'no-such-folder', 'temporal.db'),
    logFile: join(folder, 'failed.log'),
    log: () => {},
  });
  await expect(start).rejects.toThrow(/Temporal ended while starting[^]*no-such-folder/);
});

it('A server that does not answer is left to its owner, so that the first reason is the one that is told', async () => {
  const silent = join(folder, 'silent.sh');
  writeFileSync(silent, '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 });
  let owned: ManagedProcess | null = null;
  const start = startTemporalDevServer({
    cliPath: silent,
    port: await findFreePort(),
    uiPort: null,
    databaseFile: join(folder, 'never.db'),
    log: () => {},
    startTimeoutMs: 300,
    onStarted: (process) => {
      owned = process;
    },
  });
  await expect(start).rejects.toThrow('Temporal does not answer after 0.3 s');
  const left = owned as ManagedProcess | null;
  expect(left?.isRunning()).toBe(true);
  await left?.stop([{ signal: 'SIGTERM', waitMs: 20_000 }]);
});
