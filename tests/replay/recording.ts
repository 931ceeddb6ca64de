import { mkdir, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MailRejectedError, MailUnavailableError } from '../../src/domain/errors.ts';
import {
  notificationWorkflowId,
  ORDER_WORKFLOW,
  orderWorkflowId,
  resumeOrderSignal,
  SWEEP_WORKFLOW,
} from '../../src/workflows/contract.ts';
import { plannedOrder, proveEnd } from '../support/evidence.ts';
import { afterEffect, createFaults, failBefore, type ActivityName, type Fault } from '../support/faults.ts';
import { expireHold } from '../support/step-ways.ts';
import { startTestSystem, type OrderOverrides, type TestSystem } from '../support/system.ts';

/** Not a test: `record-histories.ts` runs it. Each history is one way an order, a message or a sweep can go. */
const HISTORIES = join(import.meta.dirname, 'histories');

const faults = createFaults();
let system: TestSystem;
let onQueues: TestSystem;

beforeAll(async () => {
  system = await startTestSystem({ wrapActivities: faults.wrap });
  onQueues = await startTestSystem({
    env: { STEP_PLACEMENT: 'payment=queue,inventory=queue,notification=queue' },
  });
  await rm(HISTORIES, { recursive: true, force: true });
  await mkdir(HISTORIES, { recursive: true });
});
afterAll(async () => {
  await system.stop();
  await onQueues.stop();
});

describe('the golden histories', () => {
  it.each([
    { name: 'order-confirmed', order: {}, end: 'CONFIRMED' },
    { name: 'order-without-address', order: { body: { customer: { id: 'cust_7' } } }, end: 'CONFIRMED' },
    { name: 'order-declined', order: { method: 'pm_declined' }, end: 'REJECTED' },
    { name: 'order-declined-softly', order: { method: 'pm_insufficient_funds' }, end: 'REJECTED' },
    { name: 'order-out-of-stock', order: { sku: 'SKU-SCARCE', quantity: 6 }, end: 'REJECTED' },
    { name: 'order-reply-lost', order: { method: 'pm_lost_reply' }, end: 'CONFIRMED' },
    { name: 'order-gateway-flaky', order: { method: 'pm_flaky' }, end: 'CONFIRMED' },
  ] as const)('$name', ({ name, order, end }) => recordOrder(name, system, order, end));

  it.each([
    { name: 'order-on-queues', order: {}, end: 'CONFIRMED' },
    { name: 'order-on-queues-declined', order: { method: 'pm_declined' }, end: 'REJECTED' },
  ] as const)('$name', ({ name, order, end }) => recordOrder(name, onQueues, order, end));

  it('order-parked-and-resumed', () =>
    recordFaulted(
      'order-parked-and-resumed',
      'holdStock',
      failBefore(new TypeError('made so by a recording')),
      resume,
    ));

  it('order-interrupted', () =>
    recordFaulted(
      'order-interrupted',
      'takePayment',
      afterEffect(({ orderId }) => signal(orderId)),
    ));

  it('order-hold-expired', () =>
    recordFaulted(
      'order-hold-expired',
      'takePayment',
      afterEffect(({ orderId }) => expireHold(system, orderId)),
    ));

  it('order-message-later, message-sent', async () => {
    const error = new MailUnavailableError('', undefined);
    const orderId = await recordFaulted('order-message-later', 'sendMessage', failBefore(error, 2));
    await record('message-sent', system, notificationWorkflowId(orderId, 'order-confirmed'));
  });

  it('message-given-up', async () => {
    const { key, orderId } = plannedOrder();
    faults.inject(orderId, 'sendMessage', failBefore(new MailRejectedError(orderId, 550), 2));
    await system.postOrder({}, key);
    await proveEnd(system, orderId, 'CONFIRMED');
    await record('message-given-up', system, notificationWorkflowId(orderId, 'order-confirmed'));
  });

  it('order-duplicate', async () => {
    const orderId = await system.postOrder();
    await proveEnd(system, orderId, 'CONFIRMED');
    const { events } = await system.client.workflow.getHandle(orderWorkflowId(orderId)).fetchHistory();
    const payload = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
    const input: unknown = JSON.parse(Buffer.from(payload ?? []).toString('utf8'));
    const workflowId = `again/${orderId}`;
    await system.client.workflow.start(ORDER_WORKFLOW, { workflowId, taskQueue: 'orders', args: [input] });
    await record('order-duplicate', system, workflowId);
  });

  it('sweep', async () => {
    const workflowId = 'sweep';
    await system.client.workflow.start(SWEEP_WORKFLOW, { workflowId, taskQueue: 'orders' });
    await record('sweep', system, workflowId);
  });
});

async function recordOrder(
  name: string,
  where: TestSystem,
  order: OrderOverrides,
  end: 'CONFIRMED' | 'REJECTED',
): Promise<void> {
  const orderId = await where.postOrder(order);
  await proveEnd(where, orderId, end);
  await record(name, where, orderWorkflowId(orderId));
}

async function recordFaulted<Name extends ActivityName>(
  name: string,
  activity: Name,
  fault: Fault<Name>,
  meanwhile: (orderId: string) => Promise<void> = async () => {},
): Promise<string> {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, activity, fault);
  await system.postOrder({}, key);
  await meanwhile(orderId);
  await proveEnd(system, orderId, 'CONFIRMED');
  await record(name, system, orderWorkflowId(orderId));
  return orderId;
}

async function resume(orderId: string): Promise<void> {
  expect((await system.orderAtRest(orderId)).attention).not.toBeNull();
  await signal(orderId);
}

async function signal(orderId: string): Promise<void> {
  await system.client.workflow.getHandle(orderWorkflowId(orderId)).signal(resumeOrderSignal);
}

/** Writes a closed workflow's history without anything of this machine. */
async function record(name: string, where: TestSystem, workflowId: string): Promise<void> {
  const handle = where.client.workflow.getHandle(workflowId);
  await handle.result();
  const history: unknown = JSON.parse(historyToJSON(await handle.fetchHistory()));
  const json = JSON.stringify(history, withoutMachine, 1);
  expect(json).not.toContain(hostname());
  expect(json).not.toContain(process.cwd());
  await writeFile(join(HISTORIES, `${name}.json`), `${json}\n`);
}

function withoutMachine(key: string, value: unknown): unknown {
  if (key === 'stackTrace') return '';
  return typeof value === 'string' ? value.replaceAll(`${process.pid}@${hostname()}`, 'recorder') : value;
}
