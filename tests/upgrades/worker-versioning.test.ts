import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { runDeployment } from '../../src/cli/deployment/run-deployment.ts';
import type { DeploymentState } from '../../src/cli/deployment/worker-deployment.ts';
import { readBacklogAgeOf, readTaskQueue } from '../../src/temporal/task-queues.ts';
import { TASK_QUEUES } from '../../src/workflows/contract.ts';
import { untilStatus } from '../support/faults/order-actions.ts';
import { bundleNextSaga, isOnNextSaga } from '../support/changed-bundle.ts';
import { startApiProcess } from '../support/processes/another-api.ts';
import { startAnotherWorker } from '../support/processes/another-worker.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

/**
 * Builds of one deployment, each with its own workflow code: `one` and `one-b` have the present saga, `two` the next
 * one. Each test goes on where the one before has ended, as upgrades do.
 */
const NAME = 'shops/order-saga';
const CAPTURED_LATER = { body: { payment: { method: 'pm_ok', capture: 'manual' } } };

let folder: string;
let nextBundle: string;
let system: TestSystem;
const workers = new Map<string, { stop(): Promise<void> }>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'order-saga-versions-'));
  [nextBundle, system] = await Promise.all([
    bundleNextSaga(folder),
    startTestSystem({ worker: false, events: true, env: { EVENT_PARTITIONS: '1' } }),
  ]);
});
afterAll(async () => {
  await Promise.all([...workers.values()].map((worker) => worker.stop()));
  await system.stop();
  await rm(folder, { recursive: true, force: true });
});

async function startBuild(
  buildId: string | null,
  bundle: string = inject('workflowBundle'),
  served: string = TASK_QUEUES.join(','),
): Promise<void> {
  const version = buildId === null ? {} : { TEMPORAL_DEPLOYMENT_NAME: NAME, TEMPORAL_WORKER_BUILD_ID: buildId };
  const queues = { WORKER_QUEUES: served, EVENT_PARTITIONS: '1' };
  const env = { ...system.env, ...queues, ...version, WORKFLOW_BUNDLE: bundle };
  workers.set(String(buildId), await startAnotherWorker({ env }, (activities) => activities));
}

async function stopBuild(buildId: string | null): Promise<void> {
  await workers.get(String(buildId))?.stop();
  workers.delete(String(buildId));
}

/** `npm run deployment`, in this process. */
async function run(words: readonly string[], more: Record<string, string> = {}) {
  const lines = { output: '', errors: '' };
  const env = { ...system.env, TEMPORAL_DEPLOYMENT_NAME: NAME, ...more };
  const code = await runDeployment(words, {
    env,
    isTable: false,
    print: (text) => void (lines.output += `${text}\n`),
    tell: (text) => void (lines.errors += `${text}\n`),
  });
  return { code, ...lines };
}

async function status(...words: string[]): Promise<DeploymentState> {
  const { code, output, errors } = await run([...(words.length === 0 ? ['status'] : words), '--json']);
  expect({ code, errors }).toMatchObject({ code: 0 });
  return JSON.parse(output) as DeploymentState;
}

/** The build that a workflow belongs to, with its behavior, and whether its saga is the next one. */
async function carrierOf(workflowId: string) {
  const handle = system.client.workflow.getHandle(workflowId);
  const { versioningInfo } = (await handle.describe()).raw.workflowExecutionInfo ?? {};
  return {
    build: versioningInfo?.deploymentVersion?.buildId,
    behavior: versioningInfo?.behavior,
    isNextSaga: await isOnNextSaga(handle),
  };
}

/** An order is at rest a moment before its workflow has told Temporal. */
async function expectCarrier(orderId: string, carrier: Record<string, unknown>): Promise<void> {
  await expect.poll(() => carrierOf(`order/${orderId}`)).toMatchObject(carrier);
}

async function soldOrder(): Promise<string> {
  const orderId = await system.postOrder();
  await untilStatus(system, orderId, 'CONFIRMED');
  return orderId;
}

async function waitingOrder(): Promise<string> {
  const orderId = await system.postOrder(CAPTURED_LATER);
  await untilStatus(system, orderId, 'AWAITING_CAPTURE');
  return orderId;
}

async function capture(orderId: string): Promise<void> {
  const headers = { 'idempotency-key': `capture-${orderId}` };
  await system.request(`/v1/orders/${orderId}/capture`, { method: 'POST', headers, body: '{}' });
}

const PINNED = 1;
const AUTO_UPGRADE = 2;
let unversioned: string;
let first: string;
let second: string;

it('A build gets no orders before it is current, and the open orders of unversioned workers move to it', async () => {
  await startBuild(null);
  unversioned = await waitingOrder();
  expect(await run(['status'])).toMatchObject({ code: 1, errors: expect.stringContaining('has registered yet') });
  await startBuild('one');
  expect((await carrierOf(`order/${await soldOrder()}`)).build).toBeUndefined();
  const state = await status('set-current', 'one');
  expect(state).toMatchObject({
    current: 'one',
    isInEffect: true,
    builds: [{ buildId: 'one', state: 'current', openOrders: 0 }],
  });
  await expectCarrier(await soldOrder(), { build: 'one', behavior: PINNED, isNextSaga: false });
  await stopBuild(null);
  await capture(unversioned);
  await untilStatus(system, unversioned, 'CONFIRMED');
  await expectCarrier(unversioned, { build: 'one', behavior: PINNED });
});

it('An upgraded saga gets new orders only, while the orders and the pumps of before end and move', async () => {
  [first, second] = await Promise.all([waitingOrder(), waitingOrder()]);
  await startBuild('two', nextBundle);
  const ramped = await status('ramp', 'two', '--percent', '100');
  expect(ramped.builds).toContainEqual(expect.objectContaining({ buildId: 'two', state: 'ramping', percent: 100 }));
  await expectCarrier(await soldOrder(), { build: 'two', isNextSaga: true });
  await status('ramp', 'two', '--percent', '0');
  await expectCarrier(await soldOrder(), { build: 'one' });
  const state = await status('set-current', 'two');
  expect(state.current).toBe('two');
  await expectCarrier(await soldOrder(), { build: 'two', isNextSaga: true });

  await capture(first);
  await untilStatus(system, first, 'CONFIRMED');
  await expectCarrier(first, { build: 'one', behavior: PINNED, isNextSaga: false });
  await expect
    .poll(() => status())
    .toMatchObject({
      builds: expect.arrayContaining([expect.objectContaining({ buildId: 'one', state: 'draining', openOrders: 1 })]),
    });
  const { code, output } = await run(['drain', 'one', '--wait', '0']);
  expect({ code, output }).toMatchObject({ code: 1, output: expect.stringContaining(second) });
});

it('An order that the next saga cannot continue is not moved to it, and one that the same saga carries is', async () => {
  const refused = await run(['drain', 'one', '--wait', '0', '--move-to', 'two'], { WORKFLOW_BUNDLE: nextBundle });
  expect(refused).toMatchObject({ code: 1, output: expect.stringMatching(/ord_.* .*nondeterminism/i) });
  expect((await carrierOf(`order/${second}`)).build).toBe('one');

  await startBuild('one-b');
  await stopBuild('one');
  const moved = await run(['drain', 'one', '--wait', '0', '--move-to', 'one-b'], {
    WORKFLOW_BUNDLE: inject('workflowBundle'),
  });
  expect(moved).toMatchObject({ code: 0, output: expect.stringContaining('Build one is drained') });
  await capture(second);
  await untilStatus(system, second, 'CONFIRMED');
  await expectCarrier(second, { build: 'one-b' });
});

it('A pump moves to the current build when the workers of the build before are stopped', async () => {
  await expect.poll(() => carrierOf('event-pump/analytics/0')).toMatchObject({ build: 'two', behavior: AUTO_UPGRADE });
});

it('An order that waits for a build without workers does not close the door for new orders', async () => {
  const stranded = await (async () => {
    await status('set-current', 'one-b');
    const orderId = await waitingOrder();
    await status('set-current', 'two');
    await stopBuild('one-b');
    return orderId;
  })();
  await capture(stranded);
  const connection = system.client.connection as Connection;
  const queue = () => readTaskQueue(connection, system.namespace, { taskQueue: 'orders' });
  await expect.poll(async () => (await queue()).ageSeconds).toBeGreaterThan(1);
  const { builds, pollers } = await queue();
  expect({ builds, pollers }).toEqual({ builds: [{ name: NAME, buildId: 'two' }], pollers: 1 });
  const ageOfNew = () => readBacklogAgeOf(connection, system.namespace, { taskQueue: 'orders', builds });
  expect(await ageOfNew()).toBe(0);
  await stopBuild('two');
  const orderId = await system.postOrder();
  await expect.poll(ageOfNew).toBeGreaterThan(1);
  await startBuild('two', nextBundle);
  await untilStatus(system, orderId, 'CONFIRMED');

  // Its build comes back, for example by a roll-back: nothing is lost.
  await startBuild('one-b');
  await untilStatus(system, stranded, 'CONFIRMED');
});

it('A combined process carries what it accepts itself, although another build is current, and names its build', async () => {
  const version = { TEMPORAL_DEPLOYMENT_NAME: NAME, TEMPORAL_WORKER_BUILD_ID: 'eager-1.0' };
  const combined = await startApiProcess(system, { ...version, LOG_LEVEL: 'info' }, 'src/combined.ts');
  try {
    const orderId = await combined.postOrder();
    await untilStatus(system, orderId, 'CONFIRMED');
    await expectCarrier(orderId, { build: 'eager-1.0', behavior: PINNED });
    const authorization = `Bearer ${await combined.token()}`;
    const answer = await fetch(`${combined.url}/metrics`, { headers: { authorization } });
    const metrics = await answer.text();
    expect(metrics).toContain(`order_saga_build_info{deployment="${NAME}",build_id="eager-1.0"`);
    const lines = (await combined.log()).split('\n').filter((line) => line.startsWith('{'));
    const builds = lines.map((line) => (JSON.parse(line) as { build?: string }).build);
    expect(new Set(builds)).toEqual(new Set(['eager-1.0']));
  } finally {
    await combined.stop();
  }
});

it('New orders go back to unversioned workers when operators ask for that', async () => {
  await startBuild(null);
  expect((await status('set-current', '--unversioned')).current).toBeNull();
  expect((await carrierOf(`order/${await soldOrder()}`)).build).toBeUndefined();
});

it('A build that serves only some queues of unversioned workers does not become current', async () => {
  await startBuild('part', inject('workflowBundle'), 'payments');
  const served = 'no worker of part serves orders (workflow), orders (activity), inventory (activity), notifications';
  for (const words of [
    ['set-current', 'part', '--wait', '3'],
    ['ramp', 'part', '--percent', '10', '--wait', '0'],
  ]) {
    expect(await run(words)).toMatchObject({ code: 1, errors: expect.stringContaining(served) });
  }
  expect((await status()).current).toBeNull();
  expect((await status('set-current', 'part', '--force')).current).toBe('part');
});
