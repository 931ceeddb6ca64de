import { afterAll, beforeAll, expect, it } from 'vitest';
import { notificationWorkflowId, orderWorkflowId } from '../../src/workflows/contract.ts';
import { proveEnd } from '../support/faults/evidence.ts';
import { createFaults } from '../support/faults/faults.ts';
import { USUAL_COURSE } from '../support/faults/usual-course.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

const faults = createFaults();
let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({
    wrapActivities: faults.wrap,
    env: { STEP_PLACEMENT: 'payment=queue,inventory=queue,notification=queue' },
  });
});
afterAll(() => system.stop());

it(
  'An order whose collaborators run as services of their own runs their steps on their own queues and its own steps locally',
  USUAL_COURSE,
  async () => {
    const orderId = await system.postOrder();
    await proveEnd(system, orderId, 'CONFIRMED');
    expect(await scheduled(orderWorkflowId(orderId))).toEqual([
      ['hold-stock', 'inventory'],
      ['take-payment', 'payments'],
      ['commit-stock', 'inventory'],
    ]);
    expect(localCalls(orderId)).toEqual(['openOrder', 'confirmOrder']);
  },
);

it('An order whose collaborators run as services of their own tells the customer by a workflow whose step runs on the queue for it', async () => {
  const orderId = await system.postOrder();
  await proveEnd(system, orderId, 'CONFIRMED');
  const message = notificationWorkflowId(orderId, 'order-confirmed');
  await system.client.workflow.getHandle(message).result();
  expect(await scheduled(message)).toEqual([['send-message', 'notifications']]);
  await expect.poll(() => system.mails(orderId)).toHaveLength(1);
});

it('An order whose collaborators run as services of their own is undone on their queues', USUAL_COURSE, async () => {
  const orderId = await system.postOrder({ method: 'pm_declined' });
  await proveEnd(system, orderId, 'REJECTED');
  expect(await scheduled(orderWorkflowId(orderId))).toEqual([
    ['hold-stock', 'inventory'],
    ['take-payment', 'payments'],
    ['undo-payment', 'payments'],
    ['release-stock', 'inventory'],
  ]);
  expect(localCalls(orderId)).toEqual(['openOrder', 'recordRefusal', 'rejectOrder']);
});

it('An order whose collaborators run as services of their own adopts a charge whose reply was lost', async () => {
  const orderId = await system.postOrder({ method: 'pm_lost_reply' });
  const { ledger } = await proveEnd(system, orderId, 'CONFIRMED');
  expect(ledger).toHaveLength(1);
});

function localCalls(orderId: string): string[] {
  return faults
    .calls(orderId)
    .filter(({ local }) => local)
    .map(({ activity }) => activity);
}

/** Regular activities of a workflow with the queue of each, in the order they were scheduled. */
async function scheduled(workflowId: string): Promise<unknown[]> {
  const { events } = await system.client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: attributes }) =>
    attributes == null ? [] : [[attributes.activityId, attributes.taskQueue?.name]],
  );
}
