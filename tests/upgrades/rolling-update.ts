import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createAudit } from '../../src/audit/audit.ts';
import { runDeployment } from '../../src/cli/deployment/run-deployment.ts';
import { createTemporalClient } from '../../src/temporal/connection.ts';
import { bundleNextSaga, isOnNextSaga } from '../support/changed-bundle.ts';
import { settle } from '../support/load.ts';
import { startProcessSystem, type ProcessSystem, type ProgramName } from '../support/processes/process-system.ts';
import { alternating, startRollingLoad, type SentOrder } from '../support/rolling-load.ts';
import { createSystemClient, type SystemClient } from '../support/system.ts';

// Run by `npm run test:rolling-update`: three workers and two APIs, replaced one by one while orders come in.

const ORDERS_PER_SECOND = 8;
const P99_LIMIT_MS = 10_000;
const WAITING_ORDERS = 4;
const NAME = 'order-saga';

const build = (buildId: string) => ({ TEMPORAL_DEPLOYMENT_NAME: NAME, TEMPORAL_WORKER_BUILD_ID: buildId });

let folder: string;
let next: Readonly<Record<string, string>>;
let system: ProcessSystem;
let client: Client;
let apis: SystemClient;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'order-saga-rolling-'));
  next = { ...build('two'), WORKFLOW_BUNDLE: await bundleNextSaga(folder) };
  system = await startProcessSystem(['worker-1', 'worker-2', 'worker-3', 'api-1', 'api-2'], build('one'));
  client = createTemporalClient({ address: system.temporalAddress, namespace: 'default' });
  apis = alternating([createSystemClient(system.urlOf('api-1')), createSystemClient(system.urlOf('api-2'))]);
});
afterAll(async () => {
  await client.connection.close();
  await system.stop();
  await rm(folder, { recursive: true, force: true });
});

async function run(...words: string[]): Promise<number> {
  return runDeployment([...words, '--deployment', NAME], {
    env: { TEMPORAL_ADDRESS: system.temporalAddress },
    isTable: false,
    print: (text) => console.log(text),
    tell: (text) => console.log(text),
  });
}

async function replace(program: ProgramName): Promise<void> {
  await system.signal(program, 'SIGTERM');
  await system.start(program, next);
  await system.ready(program);
}

/** The build of an order's workflow, and whether its saga is the next one, as its history shows. */
async function carrierOf(orderId: string) {
  const handle = client.workflow.getHandle(`order/${orderId}`);
  const { versioningInfo } = (await handle.describe()).raw.workflowExecutionInfo ?? {};
  return { build: versioningInfo?.deploymentVersion?.buildId, isNextSaga: await isOnNextSaga(handle) };
}

async function waitingOrders(): Promise<string[]> {
  const body = { payment: { method: 'pm_ok', capture: 'manual' } };
  const ids = await Promise.all(Array.from({ length: WAITING_ORDERS }, () => system.postOrder({ body })));
  for (const id of ids) {
    await expect
      .poll(async () => (await apis.request(`/v1/orders/${id}`)).body)
      .toMatchObject({ status: 'AWAITING_CAPTURE' });
  }
  return ids;
}

async function captureAll(orderIds: readonly string[]): Promise<void> {
  for (const id of orderIds) {
    const headers = { 'idempotency-key': `capture-${id}` };
    // 202 where the order's workflow has not answered in time: the command is carried out all the same.
    const answer = await apis.request(`/v1/orders/${id}/capture`, { method: 'POST', headers, body: '{}' });
    expect(answer.status).toBeLessThan(300);
  }
}

async function judge(sent: readonly SentOrder[]): Promise<void> {
  const ids = sent.map(({ orderId }, index) => orderId ?? `order ${index} was never accepted`);
  const orders = await settle(system, ids, 60_000);
  expect(new Set([...orders.values()].map(({ status }) => status))).toEqual(new Set(['CONFIRMED']));
  const durations = sent
    .map(({ sentAt, orderId }) => Date.parse(orders.get(orderId ?? '')?.confirmedAt ?? '') - sentAt)
    .toSorted((one, other) => one - other);
  const at = (share: number) => durations[Math.ceil(durations.length * share) - 1] ?? Number.NaN;
  console.log(`${sent.length} orders: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`);
  expect(at(0.99)).toBeLessThan(P99_LIMIT_MS);

  const carriers = await Promise.all(ids.map(carrierOf));
  const byBuild = Object.groupBy(carriers, ({ build }) => build ?? 'none');
  console.log(`on build one ${byBuild['one']?.length}, on build two ${byBuild['two']?.length}`);
  expect(Object.keys(byBuild).toSorted()).toEqual(['one', 'two']);
  expect(carriers.filter(({ build, isNextSaga }) => isNextSaga !== (build === 'two'))).toEqual([]);
}

it('Three workers and two APIs are replaced one by one under load: nothing is lost, and old orders end on old code', async () => {
  expect(await run('set-current', 'one')).toBe(0);
  const waiting = await waitingOrders();
  const load = startRollingLoad(apis, ORDERS_PER_SECOND);

  await replace('worker-1');
  expect(await run('set-current', 'two')).toBe(0);
  await replace('worker-2');
  await replace('api-1');
  await replace('api-2');
  // The last worker of the old build stays until its orders have ended.
  expect(await run('drain', 'one', '--wait', '1')).toBe(1);
  await captureAll(waiting);
  expect(await run('drain', 'one')).toBe(0);
  await replace('worker-3');

  const sent = await load.stop();
  await judge(sent);
  for (const id of waiting) {
    expect((await apis.request(`/v1/orders/${id}`)).body).toMatchObject({ status: 'CONFIRMED' });
    expect(await carrierOf(id)).toEqual({ build: 'one', isNextSaga: false });
  }
  const charges = (await system.ledger()).filter(({ kind }) => kind === 'sale' || kind === 'capture');
  expect(charges).toHaveLength(sent.length + waiting.length);
  const { databases, simulatorUrl: paymentGatewayUrl } = system;
  expect(await createAudit({ databases, client, paymentGatewayUrl }).run()).toMatchObject({ clean: true });
});
