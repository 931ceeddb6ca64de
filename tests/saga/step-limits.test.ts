import { afterAll, beforeAll, expect, it } from 'vitest';
import { PaymentOutcomeUnknownError } from '../../src/domain/errors.ts';
import { orderWorkflowId } from '../../src/workflows/contract.ts';
import { plannedOrder } from '../support/faults/evidence.ts';
import { createFaults, failBefore } from '../support/faults/faults.ts';
import { replayErrors } from '../support/replays.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

const faults = createFaults();
let system: TestSystem;

beforeAll(async () => {
  system = await startTestSystem({
    wrapActivities: faults.wrap,
    env: { STEP_MAX_ATTEMPTS: 'take-payment=1', STEP_BUDGET_SECONDS: 'take-payment=900' },
  });
});
afterAll(() => system.stop());

it('The limits of steps open a case when they are spent, travel with the order, and replay where nothing is set', async () => {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'takePayment', failBefore(new PaymentOutcomeUnknownError(orderId, 'made so'), 2));
  await system.postOrder({}, key);
  const cases = (): Promise<unknown[]> =>
    system.database.query('SELECT step, attempts FROM orders.cases WHERE order_id = $1', [orderId]);
  // The local try, and the one regular attempt that is allowed.
  await expect.poll(cases).toEqual([{ step: 'take-payment', attempts: 2 }]);

  const workflowId = orderWorkflowId(orderId);
  const { events } = await system.client.workflow.getHandle(workflowId).fetchHistory();
  const scheduled = events?.find(
    ({ activityTaskScheduledEventAttributes: attributes }) => attributes?.activityId === 'take-payment',
  )?.activityTaskScheduledEventAttributes;
  expect(scheduled?.retryPolicy?.maximumAttempts).toBe(1);
  expect(Number(scheduled?.scheduleToCloseTimeout?.seconds)).toBe(900);
  // A replay reads no configuration.
  expect(await replayErrors(system, [workflowId])).toEqual([]);
});
