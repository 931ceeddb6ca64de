import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isScopeSwitch } from '../../src/temporal/lean-sandbox.ts';
import { orderWorkflowId } from '../../src/workflows/contract.ts';
import { proveEnd } from '../support/faults/evidence.ts';
import { startNode } from '../support/processes/node-process.ts';
import { replayErrors } from '../support/replays.ts';
import { startTestSystem, type OrderOverrides, type TestSystem } from '../support/system.ts';

const PROJECT = resolve(import.meta.dirname, '../..');

/** EX_SOFTWARE. */
const EXIT_STALLED = 70;

function startLeanWorker(env: Readonly<Record<string, string>>): ChildProcess {
  return startNode('src/worker.ts', { ...env, WORKFLOW_SANDBOX: 'lean' }, [
    '--import',
    './src/temporal/lean-sandbox.ts',
  ]);
}

/** A worker whose workflow code hangs. It starts first and is checked last, because the watchdog takes its time. */
interface Stalled {
  readonly exitCode: Promise<number | null>;
  stop(): Promise<void>;
}

let stalled: Stalled | undefined;
beforeAll(async () => {
  stalled = await startStalled();
});
afterAll(() => stalled?.stop());

async function startStalled(): Promise<Stalled> {
  const folder = await mkdtemp(join(tmpdir(), 'order-saga-stalled-'));
  const system = await startTestSystem({ worker: false });
  const worker = startLeanWorker({ ...system.env, WORKFLOW_BUNDLE: await bundleOfStalled(folder) });
  await system.postOrder();
  return {
    exitCode: once(worker, 'exit').then(([code]) => code as number | null),
    stop: async () => {
      worker.kill('SIGKILL');
      await system.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

let system: TestSystem;
let worker: ChildProcess;
beforeAll(async () => {
  system = await startTestSystem({ worker: false });
  worker = startLeanWorker(system.env);
});
afterAll(async () => {
  if (worker.kill('SIGTERM')) await once(worker, 'exit');
  await system.stop();
});

it('A worker with the lean sandbox carries orders of all kinds side by side, and their histories replay in the standard one', async () => {
  const ways: [order: OrderOverrides, end: 'CONFIRMED' | 'REJECTED'][] = Array.from(
    { length: 6 },
    () =>
      [
        [{}, 'CONFIRMED'],
        [{ method: 'pm_slow' }, 'CONFIRMED'],
        [{ method: 'pm_flaky' }, 'CONFIRMED'],
        [{ method: 'pm_declined' }, 'REJECTED'],
        [{ method: 'pm_insufficient_funds' }, 'REJECTED'],
        [{ sku: 'SKU-SCARCE', quantity: 6 }, 'REJECTED'],
      ] as [OrderOverrides, 'CONFIRMED' | 'REJECTED'][],
  ).flat();
  const orders = await Promise.all(ways.map(async ([order, end]) => ({ orderId: await system.postOrder(order), end })));
  await Promise.all(orders.map(({ orderId, end }) => proveEnd(system, orderId, end)));
  const workflowIds = orders.map(({ orderId }) => orderWorkflowId(orderId));
  await Promise.all(workflowIds.map((id) => system.client.workflow.getHandle(id).result()));
  expect(await replayErrors(system, workflowIds)).toEqual([]);
});

it('A worker with the lean sandbox knows the script of the SDK that it replaces', async () => {
  const sdk = join(PROJECT, 'node_modules/@temporalio/worker/lib/workflow/reusable-vm.js');
  expect(isScopeSwitch(await readFile(sdk, 'utf8'))).toBe(true);
  expect(isScopeSwitch('globalThis.__TEMPORAL_BAG_HOLDER__')).toBe(false);
});

it('Workflow code that does not come back in the lean sandbox ends its process, so that another worker may go on', async () => {
  expect(await stalled?.exitCode).toBe(EXIT_STALLED);
});

/** It hangs without using the processor, which other tests need. */
const STALLED = `
export async function orderWorkflow() {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
`;

async function bundleOfStalled(folder: string): Promise<string> {
  await symlink(join(PROJECT, 'node_modules'), join(folder, 'node_modules'));
  const workflowsPath = join(folder, 'workflows.ts');
  await writeFile(workflowsPath, STALLED);
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') });
  const bundle = join(folder, 'bundle.js');
  await writeFile(bundle, code);
  return bundle;
}
