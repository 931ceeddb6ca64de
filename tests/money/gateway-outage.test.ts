import { afterAll, beforeAll, expect, it } from 'vitest';
import { ApplicationFailure } from '@temporalio/common';
import { toFailure } from '../../src/activities/failure.ts';
import { STEP_POLICIES } from '../../src/workflows/steps/step-policies.ts';
import { orderWorkflowId } from '../../src/workflows/contract.ts';
import { plannedOrder, proveEnd } from '../support/faults/evidence.ts';
import { createFaults, type Fault } from '../support/faults/faults.ts';
import { giveCommand, untilStatus } from '../support/faults/order-actions.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

const faults = createFaults();
let system: TestSystem;

beforeAll(async () => {
  system = await startTestSystem({ wrapActivities: faults.wrap });
});
afterAll(() => system.stop());

const ORDERS_OF_A_KIND = 6;

/**
 * From the provider's return to the end of the last order: a look every 5 s, and all steps spread over at most 20 s.
 */
const RECOVERY_MS = 30_000;

/** Sets the wait that an outage of minutes leads to; a wait that is longer than the budget parks the step. */
function waitsFor<Name extends 'takePayment' | 'refundPayment' | 'undoPayment'>(delayMs: number): Fault<Name> {
  return async (effect) => {
    try {
      return await effect();
    } catch (error) {
      const { type, message } = toFailure(error);
      throw ApplicationFailure.create({ type: type ?? 'unclassified', message, nextRetryDelay: delayMs });
    }
  };
}

/** Posts orders while the provider is away; each waits for `delayMs` after its first regular attempt. */
function ordersInOutage(delayMs: number): Promise<string[]> {
  return Promise.all(
    Array.from({ length: ORDERS_OF_A_KIND }, async () => {
      const { key, orderId } = plannedOrder();
      faults.inject(orderId, 'takePayment', waitsFor(delayMs));
      await system.postOrder({}, key);
      return orderId;
    }),
  );
}

async function waitOf(orderId: string): Promise<number> {
  const { raw } = await system.client.workflow.getHandle(orderWorkflowId(orderId)).describe();
  const pending = raw.pendingActivities?.find(({ activityId }) => activityId === STEP_POLICIES.takePayment.id);
  return 1_000 * Number(pending?.currentRetryInterval?.seconds ?? 0);
}

async function openCases(): Promise<number> {
  const cases = await system.database.query(`SELECT FROM orders.cases WHERE state = 'open'`);
  return cases.length;
}

/** When the last order came to its end, which a test on a busy machine may see later. */
async function lastEndAt(): Promise<number> {
  const [row] = await system.database.query<{ at: Date }>(
    `SELECT max(at) AS at FROM orders.order_events WHERE to_status IN ('CONFIRMED', 'REFUNDED')`,
  );
  return row?.at.getTime() ?? Number.NaN;
}

const MINUTE = 60_000;
const PAST_THE_BUDGET = STEP_POLICIES.takePayment.budgetMs + 1;

it('All orders end within 30 s of the return of the provider, after an outage of 1, 3 or 20 minutes, and nobody does anything', async () => {
  const sold = await system.postOrder();
  await untilStatus(system, sold, 'CONFIRMED');
  await system.setFaults({ down: true });
  const [after1, after3, after20] = [
    await ordersInOutage(2 * MINUTE),
    await ordersInOutage(10 * MINUTE),
    await ordersInOutage(PAST_THE_BUDGET),
  ];
  faults.inject(sold, 'refundPayment', waitsFor(PAST_THE_BUDGET));
  await giveCommand(system, sold, { route: 'refunds' });
  for (const orderId of after1) await expect.poll(() => waitOf(orderId)).toBe(2 * MINUTE);
  for (const orderId of after3) await expect.poll(() => waitOf(orderId)).toBe(10 * MINUTE);
  await expect.poll(openCases).toBe(ORDERS_OF_A_KIND + 1);

  const backAt = Date.now();
  await system.setFaults({ down: false });
  for (const orderId of [...after1, ...after3, ...after20]) await proveEnd(system, orderId, 'CONFIRMED');
  await untilStatus(system, sold, 'REFUNDED');
  expect((await lastEndAt()) - backAt).toBeLessThan(RECOVERY_MS);

  await expect.poll(openCases).toBe(0);
  const closed = await system.database.query('SELECT DISTINCT resolution FROM orders.cases');
  expect(closed).toEqual([{ resolution: 'step_succeeded' }]);
  await expect.poll(() => system.database.query('SELECT FROM payments.waiting_steps')).toEqual([]);
});

it('The orders of one payment method end soon after any one of them had an answer, and nobody does anything', async () => {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'takePayment', waitsFor(10 * MINUTE));
  await system.postOrder({ method: 'pm_down' }, key);
  await expect.poll(() => waitOf(orderId)).toBe(10 * MINUTE);
  await system.setFaults({ pmDown: false });
  await untilStatus(system, await system.postOrder({ method: 'pm_down' }), 'CONFIRMED');
  const answeredAt = Date.now();
  await untilStatus(system, orderId, 'CONFIRMED');
  expect((await lastEndAt()) - answeredAt).toBeLessThan(RECOVERY_MS / 2);
});
