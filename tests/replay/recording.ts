import { mkdir, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MailRejectedError, MailUnavailableError } from '../../src/domain/errors.ts';
import { NOTIFICATION_POLICY, STEP_POLICIES } from '../../src/workflows/activity-policies.ts';
import {
  notificationWorkflowId,
  ORDER_WORKFLOW,
  orderWorkflowId,
  resumeOrderSignal,
  SWEEP_WORKFLOW,
} from '../../src/workflows/contract.ts';
import { plannedOrder, proveEnd } from '../support/evidence.ts';
import { afterEffect, createFaults, failBefore, lateAnswer, type ActivityName, type Fault } from '../support/faults.ts';
import { expireHold } from '../support/step-ways.ts';
import { startTestSystem, type OrderOverrides, type TestSystem } from '../support/system.ts';

/** Not a test: `record-histories.ts` runs it. Each history is one way an order, a message or a sweep can go. */
const HISTORIES = join(import.meta.dirname, 'histories');

const MAIL_DOWN = new MailUnavailableError('an order', undefined);
const MAIL_REFUSED = new MailRejectedError('an order', 550);

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

/** Each one goes its way and answers the workflow whose history is kept under the name. */
const WAYS: Readonly<Record<string, () => Promise<Recorded>>> = {
  'order-confirmed': () => plain(system, {}, 'CONFIRMED'),
  'order-without-address': () => plain(system, { body: { customer: { id: 'cust_7' } } }, 'CONFIRMED'),
  'order-declined': () => plain(system, { method: 'pm_declined' }, 'REJECTED'),
  'order-declined-softly': () => plain(system, { method: 'pm_insufficient_funds' }, 'REJECTED'),
  'order-out-of-stock': () => plain(system, { sku: 'SKU-SCARCE', quantity: 6 }, 'REJECTED'),
  'order-reply-lost': () => plain(system, { method: 'pm_lost_reply' }, 'CONFIRMED'),
  'order-gateway-flaky': () => plain(system, { method: 'pm_flaky' }, 'CONFIRMED'),
  'order-on-queues': () => plain(onQueues, {}, 'CONFIRMED'),
  'order-on-queues-declined': () => plain(onQueues, { method: 'pm_declined' }, 'REJECTED'),
  'order-parked-and-resumed': () => faulted('holdStock', failBefore(new TypeError('made so')), resume),
  'order-step-timed-out': () => faulted('holdStock', lateAnswer(STEP_POLICIES.holdStock.localTimeoutMs + 500)),
  'order-message-timed-out': () => faulted('sendMessage', lateAnswer(NOTIFICATION_POLICY.localTimeoutMs + 500)),
  'order-interrupted': () =>
    faulted(
      'takePayment',
      afterEffect(({ orderId }) => signal(orderId)),
    ),
  'order-hold-expired': () =>
    faulted(
      'takePayment',
      afterEffect(({ orderId }) => expireHold(system, orderId)),
    ),
  'order-message-later': () => faulted('sendMessage', failBefore(MAIL_DOWN, 2)),
  'message-sent': async () => messageOf(await faulted('sendMessage', failBefore(MAIL_DOWN, 2))),
  'message-given-up': async () => messageOf(await faulted('sendMessage', failBefore(MAIL_REFUSED, 2))),
  'order-duplicate': startAgain,
  sweep: async () => {
    await system.client.workflow.start(SWEEP_WORKFLOW, { workflowId: 'sweep', taskQueue: 'orders' });
    return { where: system, workflowId: 'sweep' };
  },
};

describe('the golden history', () => {
  it.each(Object.entries(WAYS))('%s is recorded', async (name, goItsWay) => {
    const { where, workflowId } = await goItsWay();
    const handle = where.client.workflow.getHandle(workflowId);
    await handle.result();
    const history: unknown = JSON.parse(historyToJSON(await handle.fetchHistory()));
    const json = JSON.stringify(history, withoutMachine, 1);
    const machine = [`@${hostname()}`, process.cwd()].flatMap(
      (word) => json.match(new RegExp(`.*${word}.*`, 'g')) ?? [],
    );
    expect(machine).toEqual([]);
    await writeFile(join(HISTORIES, `${name}.json`), `${json}\n`);
  });
});

interface Recorded {
  readonly where: TestSystem;
  readonly workflowId: string;
}

async function plain(where: TestSystem, order: OrderOverrides, end: 'CONFIRMED' | 'REJECTED'): Promise<Recorded> {
  const orderId = await where.postOrder(order);
  await proveEnd(where, orderId, end);
  return { where, workflowId: orderWorkflowId(orderId) };
}

async function faulted<Name extends ActivityName>(
  activity: Name,
  fault: Fault<Name>,
  meanwhile: (orderId: string) => Promise<void> = async () => {},
): Promise<Recorded & { readonly orderId: string }> {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, activity, fault);
  await system.postOrder({}, key);
  await meanwhile(orderId);
  await proveEnd(system, orderId, 'CONFIRMED');
  return { where: system, workflowId: orderWorkflowId(orderId), orderId };
}

function messageOf({ where, orderId }: Recorded & { readonly orderId: string }): Recorded {
  return { where, workflowId: notificationWorkflowId(orderId, 'order-confirmed') };
}

/** The order's input again, under another workflow id: as after the retention. */
async function startAgain(): Promise<Recorded> {
  const { where, workflowId } = await plain(system, {}, 'CONFIRMED');
  const { events } = await where.client.workflow.getHandle(workflowId).fetchHistory();
  const payload = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
  const input: unknown = JSON.parse(Buffer.from(payload ?? []).toString('utf8'));
  const again = `again/${workflowId}`;
  await where.client.workflow.start(ORDER_WORKFLOW, { workflowId: again, taskQueue: 'orders', args: [input] });
  return { where, workflowId: again };
}

/** As soon as the order is parked. */
async function resume(orderId: string): Promise<void> {
  await system.orderAtRest(orderId);
  await signal(orderId);
}

async function signal(orderId: string): Promise<void> {
  await system.client.workflow.getHandle(orderWorkflowId(orderId)).signal(resumeOrderSignal);
}

function withoutMachine(key: string, value: unknown): unknown {
  if (key === 'stackTrace') return '';
  return typeof value === 'string' ? value.replaceAll(`${process.pid}@${hostname()}`, 'recorder') : value;
}
