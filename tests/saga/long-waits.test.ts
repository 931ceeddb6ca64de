import { afterAll, beforeAll, expect, it } from 'vitest';
import { persistPauseMs } from '../../src/workflows/steps/step-policies.ts';
import type { Activities } from '../../src/activities/index.ts';
import { WEBHOOK_POLICY } from '../../src/workflows/steps/background-policies.ts';
import {
  orderWorkflowId,
  resumeOrderSignal,
  ORDER_COMMAND_WORKFLOW,
  WEBHOOK_WORKFLOW,
  webhookWakeSignal,
} from '../../src/workflows/contract.ts';
import { CASE_KIND } from '../../src/workflows/search-attributes.ts';
import { plannedOrder, proveEnd } from '../support/faults/evidence.ts';
import { createFaults, failBefore } from '../support/faults/faults.ts';
import { giveCommand, openCaseOf, resolveCase, untilStatus } from '../support/faults/order-actions.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

const faults = createFaults();
let system: TestSystem;

beforeAll(async () => {
  system = await startTestSystem({
    wrapActivities: (activities) => ({ ...faults.wrap(activities), deliverWebhook: (input) => deliver(input) }),
  });
});
afterAll(() => system.stop());

type Deliver = Activities['deliverWebhook'];
let deliver: Deliver = () => Promise.resolve({ hasMore: false });

/** Temporal ends a workflow with a longer history. */
const EVENTS_MAX = 51_200;
const BYTES_MAX = 50 * 2 ** 20;

const MINUTE = 60_000;
const YEAR = 365 * 24 * 60 * MINUTE;

function roundsIn(spanMs: number): number {
  let rounds = 0;
  for (let waitedMs = 0; waitedMs < spanMs; waitedMs += persistPauseMs(waitedMs)) rounds += 1;
  return rounds;
}

/** Resumes a parked workflow until its case counts the given number of failures; resolves with the size of its history. */
async function parkAgain(
  workflowId: string,
  orderId: string,
  failures: number,
): Promise<{ events: number; bytes: number }> {
  const handle = system.client.workflow.getHandle(workflowId);
  const attempts = async (): Promise<number> => {
    const [row] = await system.database.query<{ attempts: number }>(
      `SELECT attempts FROM orders.cases WHERE order_id = $1 AND state = 'open'`,
      [orderId],
    );
    return row?.attempts ?? 0;
  };
  for (let seen = await attempts(); seen < failures; seen = await attempts()) {
    await handle.signal(resumeOrderSignal);
    await expect.poll(attempts).toBeGreaterThan(seen);
  }
  const { historyLength, historySize = 0 } = await handle.describe();
  return { events: historyLength, bytes: historySize };
}

async function commandWorkflowOf(orderId: string): Promise<string> {
  const query = `WorkflowType = '${ORDER_COMMAND_WORKFLOW}' AND ExecutionStatus = 'Running'`;
  for await (const { workflowId } of system.client.workflow.list({ query })) {
    if (workflowId.includes(orderId)) return workflowId;
  }
  throw new Error(`no command workflow of ${orderId} is running`);
}

it('A refund that the provider refuses goes on by itself for a year within half of what Temporal takes of a history', async () => {
  const orderId = await system.postOrder({ method: 'pm_refund_fails' });
  await untilStatus(system, orderId, 'CONFIRMED');
  await giveCommand(system, orderId, { route: 'refunds' });
  await openCaseOf(system, orderId);
  await expect.poll(() => commandWorkflowOf(orderId).catch(() => null)).not.toBeNull();
  const workflowId = await commandWorkflowOf(orderId);
  const before = await parkAgain(workflowId, orderId, 2);
  const after = await parkAgain(workflowId, orderId, 7);
  // A round that a person has asked for has a signal more than one by itself.
  const eventsOfRound = (after.events - before.events) / 5;
  const bytesOfRound = (after.bytes - before.bytes) / 5;
  expect(eventsOfRound).toBeGreaterThan(10);
  expect(before.events + eventsOfRound * roundsIn(YEAR)).toBeLessThan(EVENTS_MAX / 2);
  expect(before.bytes + bytesOfRound * roundsIn(YEAR)).toBeLessThan(BYTES_MAX / 2);
});

it('The search finds a workflow parked on the outer step again when an inner one has ended', async () => {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'takePayment', failBefore(new TypeError('made so by a test')));
  faults.inject(orderId, 'abandonCharge', failBefore(new TypeError('made so by a test')));
  await system.postOrder({}, key);
  await openCaseOf(system, orderId);
  expect(await caseKindOf(orderId)).toBe('take-payment');
  const checked = Promise.withResolvers<void>();
  faults.inject(orderId, 'takePayment', async (effect) => {
    await checked.promise;
    return effect();
  });
  await resolveCase(system, orderId, { action: 'retryWith', patch: { method: 'pm_slow' } });
  await expect.poll(() => caseKindOf(orderId)).toBe('abandon-charge');
  const before = faults.calls(orderId, 'takePayment').length;
  await system.client.workflow.getHandle(orderWorkflowId(orderId)).signal(resumeOrderSignal);
  await expect.poll(() => faults.calls(orderId, 'takePayment').length).toBeGreaterThan(before);
  expect(await caseKindOf(orderId)).toBe('take-payment');
  checked.resolve();
  await giveCommand(system, orderId, { route: 'cancel' });
  await proveEnd(system, orderId, 'CANCELLED');
});

it('A delivery that a person asked for at once is urgent also when the workflow begins a new run in between', async () => {
  const workflowId = 'webhook/wh_long/ord_long';
  const urgent: boolean[] = [];
  deliver = async ({ isUrgent = false }) => {
    urgent.push(isUrgent);
    if (urgent.length === WEBHOOK_POLICY.roundsPerRun) {
      await system.client.workflow.getHandle(workflowId).signal(webhookWakeSignal, 'at_once');
    }
    return { hasMore: urgent.length <= WEBHOOK_POLICY.roundsPerRun };
  };
  const handle = await system.client.workflow.start(WEBHOOK_WORKFLOW, {
    workflowId,
    taskQueue: 'orders',
    args: [{ subscriptionId: 'wh_long', key: 'ord_long' }],
  });
  await handle.result();
  expect(urgent).toHaveLength(WEBHOOK_POLICY.roundsPerRun + 1);
  expect(urgent.at(-1)).toBe(true);
  expect(urgent.filter(Boolean)).toHaveLength(1);
});

async function caseKindOf(orderId: string): Promise<string | undefined> {
  const { typedSearchAttributes } = await system.client.workflow.getHandle(orderWorkflowId(orderId)).describe();
  return typedSearchAttributes.get(CASE_KIND);
}
