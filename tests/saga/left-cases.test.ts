import { afterAll, beforeAll, expect, it } from 'vitest';
import type { NoticeWorkflowInput } from '../../src/domain/payments/payment-notice.ts';
import { NOTICE_WORKFLOW, noticeWorkflowId, orderWorkflowId } from '../../src/workflows/contract.ts';
import { capturedInPart } from '../support/faults/captured-orders.ts';
import { plannedOrder, proveEnd } from '../support/faults/evidence.ts';
import { createFaults, failBefore } from '../support/faults/faults.ts';
import {
  giveCommand,
  openCaseOf,
  resetToStart,
  storeDecision,
  storeNotice,
  untilStatus,
} from '../support/faults/order-actions.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

// A workflow that was reset to its start does not remember that a step of it is parked.

const faults = createFaults();
let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ wrapActivities: faults.wrap });
});
afterAll(() => system.stop());

const casesOf = (orderId: string) =>
  system.database.query(
    `SELECT c.step_name AS step, c.state, c.resolution, d.state AS decision
     FROM orders.cases c LEFT JOIN orders.case_decisions d USING (case_id) WHERE c.order_id = $1 ORDER BY c.opened_at`,
    [orderId],
  );

it('A case is closed and its decision refused when its order was reset and is confirmed this time', async () => {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'takePayment', failBefore(new TypeError('made so')));
  await system.postOrder({}, key);
  await storeDecision(system, orderId, 'abort');
  await resetToStart(system, orderWorkflowId(orderId));
  await proveEnd(system, orderId, 'CONFIRMED');
  await expect
    .poll(() => casesOf(orderId))
    .toEqual([{ step: 'take-payment', state: 'resolved', resolution: 'order_moved_on', decision: 'refused' }]);
  expect((await system.orderAtRest(orderId)).attention).toBeNull();
});

it('A case is closed when its order was reset and waits for its capture this time', async () => {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'takePayment', failBefore(new TypeError('made so')));
  await system.postOrder({ body: { payment: { method: 'pm_ok', capture: 'manual' } } }, key);
  await openCaseOf(system, orderId);
  await resetToStart(system, orderWorkflowId(orderId));
  await untilStatus(system, orderId, 'AWAITING_CAPTURE');
  await expect
    .poll(() => casesOf(orderId))
    .toMatchObject([{ step: 'take-payment', state: 'resolved', resolution: 'order_moved_on' }]);
});

it.each([
  { route: 'refunds', step: 'refundPayment', id: 'refund-payment', times: 1, to: 'REFUNDED' },
  { route: 'capture', step: 'capturePayment', id: 'capture-payment', times: 2, to: 'CONFIRMED' },
] as const)(
  'A case of a command is closed when the command was reset and succeeds this time: $route',
  async (command) => {
    const { route, step, id, times, to } = command;
    const orderId = await capturedInPart(system);
    faults.inject(orderId, step, failBefore(new TypeError('made so'), times));
    await giveCommand(system, orderId, { route });
    await openCaseOf(system, orderId);
    const [parked] = await system.database.query<{ workflowId: string }>(
      `SELECT workflow_id AS "workflowId" FROM orders.cases WHERE order_id = $1`,
      [orderId],
    );
    const run = await resetToStart(system, parked?.workflowId ?? '');
    await run.result();
    await untilStatus(system, orderId, to);
    expect(await casesOf(orderId)).toMatchObject([{ step: id, state: 'resolved', resolution: 'order_moved_on' }]);
  },
);

it('A case of a notice is closed when its workflow was reset and the books explain the notice this time', async () => {
  const orderId = await capturedInPart(system);
  const notice = { provider: 'simulator', eventId: `evt_${orderId}` } as const;
  await storeNotice(system, { ...notice, kind: 'charge_succeeded', orderId, key: `${orderId}:capture:1` });
  faults.inject(orderId, 'judgeNotice', failBefore(new TypeError('made so')));
  const settings = system.config.orderSettings;
  const input: NoticeWorkflowInput = { notice, orderId, tenantId: 'demo', correlationId: orderId, settings };
  const workflowId = noticeWorkflowId(orderId, notice);
  await system.client.workflow.start(NOTICE_WORKFLOW, { workflowId, taskQueue: 'orders', args: [input] });
  await openCaseOf(system, orderId);
  const run = await resetToStart(system, workflowId);
  expect(await run.result()).toMatchObject({ outcome: 'known' });
  expect(await casesOf(orderId)).toMatchObject([
    { step: 'judge-notice', state: 'resolved', resolution: 'order_moved_on' },
  ]);
});
