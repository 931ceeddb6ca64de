import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, type TestContext } from 'vitest';
import { auditOf } from '../support/audits.ts';
import { untilStatus } from '../support/faults/order-actions.ts';
import { findPreviousRelease, tokenOfRelease, unpackRelease } from '../support/previous-release.ts';
import { startApiProcess, type ApiProcess } from '../support/processes/another-api.ts';
import { startAnotherWorker } from '../support/processes/another-worker.ts';
import { orderBody, startTestSystem, type OrderOverrides, type TestSystem } from '../support/system.ts';

/** The previous release's own code, as a process, on the schema of today: as between a migration and the new workers. */
interface Old {
  readonly process: ApiProcess;
  request(path: string, init?: RequestInit): Promise<{ status: number; body: Record<string, unknown> }>;
  post(order: OrderOverrides): Promise<string>;
}

const release = await findPreviousRelease();
let folder: string;
let system: TestSystem;
let old: Old | null = null;

beforeAll(async () => {
  if ('missing' in release) return;
  folder = await mkdtemp(join(tmpdir(), 'order-saga-release-'));
  let bundle: string;
  [bundle, system] = await Promise.all([unpackRelease(release.ref, folder), startTestSystem({ worker: false })]);
  const queues = { WORKER_QUEUES: 'orders,inventory,payments,notifications,events' };
  old = await startOld({ ...system.env, ...queues, WORKFLOW_BUNDLE: bundle, LOG_LEVEL: 'warn' });
});
afterAll(async () => {
  if ('missing' in release) return;
  await old?.process.stop();
  await system.stop();
  await rm(folder, { recursive: true, force: true });
});

async function startOld(env: Readonly<Record<string, string>>): Promise<Old> {
  const token = await tokenOfRelease(folder, env);
  const process = await startApiProcess({ env }, {}, join(folder, 'src/combined.ts'));
  const request: Old['request'] = (path, init = {}) => process.request(path, { ...init, token });
  return {
    process,
    request,
    post: async (order) => {
      const headers = { 'idempotency-key': crypto.randomUUID() };
      const answer = await request('/v1/orders', { method: 'POST', headers, body: JSON.stringify(orderBody(order)) });
      expect(answer).toMatchObject({ status: 202 });
      return String(answer.body['id']);
    },
  };
}

/** The running release before; without it the test is skipped, with the reason. */
function oldOrSkip({ skip }: TestContext): Old {
  if ('missing' in release) return skip(release.missing);
  if (old === null) throw new Error(`the release ${release.ref} does not run`);
  return old;
}

const WAITING = { body: { payment: { method: 'pm_ok', capture: 'manual' } } };
let waiting: string;

it("The previous release's code sells, refuses, cancels and refunds on the schema of today", async (context) => {
  const { request, post } = oldOrSkip(context);
  const act = (orderId: string, action: string) => {
    const headers = { 'idempotency-key': crypto.randomUUID() };
    return request(`/v1/orders/${orderId}/${action}`, { method: 'POST', headers, body: '{}' });
  };
  const [sold, cancelled, refunded, declined, scarce, captured] = await Promise.all([
    post({}),
    post({}),
    post({}),
    post({ method: 'pm_declined' }),
    post({ sku: 'SKU-SCARCE', quantity: 6 }),
    post(WAITING),
  ]);
  for (const id of [sold, cancelled, refunded]) await untilStatus(system, id, 'CONFIRMED');
  await untilStatus(system, captured, 'AWAITING_CAPTURE');
  for (const id of [declined, scarce]) await untilStatus(system, id, 'REJECTED');
  // 202 where the order's workflow has not answered in time: the command is carried out all the same.
  expect((await act(cancelled, 'cancel')).status).toBeLessThan(300);
  expect((await act(refunded, 'refunds')).status).toBeLessThan(300);
  expect((await act(captured, 'capture')).status).toBeLessThan(300);
  await untilStatus(system, cancelled, 'CANCELLED');
  await untilStatus(system, refunded, 'REFUNDED');
  await untilStatus(system, captured, 'CONFIRMED');
  expect((await request('/v1/orders?limit=10')).body['items']).toHaveLength(6);
  waiting = await post(WAITING);
  await untilStatus(system, waiting, 'AWAITING_CAPTURE');
});

it("The previous release's code takes and processes events on the schema of today", async (context) => {
  const { request } = oldOrSkip(context);
  const event = { type: 'purchase', userId: 'u1', properties: { amount: 1_200 } };
  const taken = await request('/v1/events', { method: 'POST', body: JSON.stringify(event) });
  expect(taken).toMatchObject({ status: 202 });
  const [{ id } = { id: '' }] = taken.body['events'] as { id: string }[];
  await expect.poll(async () => (await request(`/v1/events/${id}`)).body).toMatchObject({ status: 'PROCESSED' });
});

it("An API of today starts orders that the previous release's workers carry", async (context) => {
  oldOrSkip(context);
  const order = await system.orderAtRest(await system.postOrder());
  expect(order).toMatchObject({ status: 'CONFIRMED' });
});

it('An order of the previous release is ended by the workers of today', async (context) => {
  const { process } = oldOrSkip(context);
  await process.stop();
  old = null;
  const worker = await startAnotherWorker({ env: system.env }, (activities) => activities);
  const init = { method: 'POST', headers: { 'idempotency-key': `capture-${waiting}` }, body: '{}' };
  await system.request(`/v1/orders/${waiting}/capture`, init);
  await untilStatus(system, waiting, 'CONFIRMED');
  // The mail follows the status, and the audit waits for it.
  expect(await auditOf(system)).toMatchObject({ clean: true });
  await worker.stop();
});
