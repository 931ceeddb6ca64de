import { defaultPayloadConverter } from '@temporalio/common';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PaymentContractError } from '../../src/domain/errors.ts';
import { orderCommandWorkflowId, orderWorkflowId, type OrderWorkflowResult } from '../../src/workflows/contract.ts';
import { CASE_KIND, ORDER_STATUS, PLACED_AT, TENANT_ID } from '../../src/workflows/search-attributes.ts';
import { plannedOrder, proveEnd } from '../support/faults/evidence.ts';
import { createFaults, failBefore } from '../support/faults/faults.ts';
import { giveCommand, openCaseOf, resolveCase, untilStatus } from '../support/faults/order-actions.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

const CONSOLE_URL = 'https://shop.example/console';

const faults = createFaults();
let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ wrapActivities: faults.wrap, env: { CONSOLE_URL: `${CONSOLE_URL}/` } });
});
afterAll(() => system.stop());

const STEP = { startedAt: expect.any(String), durationMs: expect.any(Number), attempts: 1 };

it('The result of an order lists its steps in their order, with times, attempts and outcomes', async () => {
  const before = Date.now();
  const orderId = await system.postOrder();
  await proveEnd(system, orderId, 'CONFIRMED');
  const { status, steps } = await resultOf(orderId);
  expect(status).toBe('CONFIRMED');
  expect(steps).toEqual([
    { ...STEP, step: 'open-order', outcome: 'open' },
    { ...STEP, step: 'hold-stock', outcome: 'held' },
    { ...STEP, step: 'take-payment', outcome: 'captured' },
    { ...STEP, step: 'commit-stock', outcome: 'committed' },
    { ...STEP, step: 'confirm-order', outcome: 'done' },
    { ...STEP, step: 'send-message', outcome: 'sent' },
  ]);
  for (const { startedAt, durationMs } of steps) {
    expect(Date.parse(startedAt)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(startedAt) + durationMs).toBeLessThanOrEqual(Date.now());
  }
});

it('The result of an order whose payment was retried counts all attempts, and names the failure', async () => {
  const orderId = await system.postOrder({ method: 'pm_flaky' });
  await proveEnd(system, orderId, 'CONFIRMED');
  const { steps } = await resultOf(orderId);
  const payment = steps.find(({ step }) => step === 'take-payment');
  expect(payment).toMatchObject({ outcome: 'captured', lastFailure: 'payment_outcome_unknown' });
  // The simulator refuses the first two tries: the local one, and the first regular attempt.
  expect(payment?.attempts).toBe(3);
});

it('The search attributes of an order follow its row from the start to the end, at the cost of one event', async () => {
  const orderId = await system.postOrder();
  await proveEnd(system, orderId, 'CONFIRMED');
  const handle = system.client.workflow.getHandle(orderWorkflowId(orderId));
  const { typedSearchAttributes: shown } = await handle.describe();
  expect([shown.get(TENANT_ID), shown.get(ORDER_STATUS), shown.get(CASE_KIND)]).toEqual([
    'demo',
    'CONFIRMED',
    undefined,
  ]);
  const { body } = await system.request<{ createdAt: string }>(`/v1/orders/${orderId}`);
  expect(Math.abs((shown.get(PLACED_AT)?.getTime() ?? 0) - Date.parse(body.createdAt))).toBeLessThan(60_000);
  const { events } = await handle.fetchHistory();
  expect(events?.filter(({ upsertWorkflowSearchAttributesEventAttributes: upsert }) => upsert != null)).toHaveLength(1);
});

it('The status among the search attributes is that of the row while an order waits for its capture, and after its cancel', async () => {
  const orderId = await system.postOrder({ body: { payment: { method: 'pm_ok', capture: 'manual' } } });
  await untilStatus(system, orderId, 'AWAITING_CAPTURE');
  await expect.poll(() => statusShownBy(orderWorkflowId(orderId))).toBe('AWAITING_CAPTURE');
  await giveCommand(system, orderId, { route: 'cancel' });
  await proveEnd(system, orderId, 'CANCELLED');
  expect(await statusShownBy(orderWorkflowId(orderId))).toBe('CANCELLED');
});

it('The workflow of a refund shows the tenant, the time and the status of its order', async () => {
  const orderId = await system.postOrder();
  await proveEnd(system, orderId, 'CONFIRMED');
  await system.setFaults({ down: true });
  await giveCommand(system, orderId, { route: 'refunds' });
  const [given] = await system.database.query<{ id: string }>(
    'SELECT command_id AS id FROM orders.order_commands WHERE order_id = $1',
    [orderId],
  );
  const command = orderCommandWorkflowId(orderId, given?.id ?? '');
  await expect.poll(() => statusShownBy(command)).toBe('REFUNDING');
  await system.setFaults({ down: false });
  await untilStatus(system, orderId, 'REFUNDED');
  const handle = system.client.workflow.getHandle(command);
  const { decision, steps } = (await handle.result()) as { decision: string; steps: { step: string }[] };
  expect(decision).toBe('accepted');
  expect(steps.map(({ step }) => step)).toEqual(expect.arrayContaining(['refund-payment', 'close-command']));
  const { typedSearchAttributes: shown } = await handle.describe();
  expect([shown.get(TENANT_ID), shown.get(ORDER_STATUS)]).toEqual(['demo', 'REFUNDED']);
  expect(shown.get(PLACED_AT)).toBeInstanceOf(Date);
});

it('The current details of a parked order name its case, and link the case and the order in the console', async () => {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'takePayment', failBefore(new PaymentContractError(orderId, 'made so')));
  await system.postOrder({}, key);
  const { id: caseId } = await openCaseOf(system, orderId);
  await expect.poll(() => detailsOf(orderId)).toContain(`[${caseId}](${CONSOLE_URL}#/cases/${caseId})`);
  expect(await detailsOf(orderId)).toContain(`[order ${orderId}](${CONSOLE_URL}#/orders/${orderId})`);
  await resolveCase(system, orderId, { action: 'retry' });
  await proveEnd(system, orderId, 'CONFIRMED');
  expect(await detailsOf(orderId)).toContain('The order ended as **CONFIRMED**');
  const { steps } = await resultOf(orderId);
  expect(steps).toContainEqual(expect.objectContaining({ step: 'take-payment', parked: 1, outcome: 'captured' }));
});

it('The summary of a pending activity says what it waits for, and when a case opens', async () => {
  await system.setFaults({ down: true });
  const orderId = await system.postOrder();
  await expect
    .poll(() => summariesOf(orderId))
    .toEqual(['Take the payment: waits for the payment provider (payment_outcome_unknown); a case opens after 862 s']);
  await system.setFaults({ down: false });
  await proveEnd(system, orderId, 'CONFIRMED');
});

async function resultOf(orderId: string): Promise<OrderWorkflowResult> {
  return (await system.client.workflow.getHandle(orderWorkflowId(orderId)).result()) as OrderWorkflowResult;
}

async function statusShownBy(workflowId: string): Promise<string | undefined> {
  return (await system.client.workflow.getHandle(workflowId).describe()).typedSearchAttributes.get(ORDER_STATUS);
}

/** What the Web UI asks the workflow for. */
async function detailsOf(orderId: string): Promise<string> {
  const metadata = await system.client.workflow
    .getHandle(orderWorkflowId(orderId))
    .query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  return metadata.currentDetails ?? '';
}

/** The summaries of the activities that the order's history has scheduled. */
async function summariesOf(orderId: string): Promise<string[]> {
  const { events } = await system.client.workflow.getHandle(orderWorkflowId(orderId)).fetchHistory();
  return (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled, userMetadata }) =>
    scheduled == null || userMetadata?.summary == null
      ? []
      : [defaultPayloadConverter.fromPayload<string>(userMetadata.summary)],
  );
}
