import { afterAll, beforeAll, expect, it } from 'vitest';
import { ScheduleOverlapPolicy } from '@temporalio/client';
import { ensureSweepSchedules } from '../../src/temporal/bootstrap.ts';
import { SWEEP_SCHEDULE_ID } from '../../src/workflows/contract.ts';
import { evidenceOf, proveEnd, stockOf } from '../support/faults/evidence.ts';
import { makeHoldOverdue } from '../support/faults/order-actions.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
  await ensureSweepSchedules(system.client);
});
afterAll(() => system.stop());

const schedule = () => system.client.schedule.getHandle(SWEEP_SCHEDULE_ID);

it('The sweep of overdue holds is scheduled once, however many processes start: twice a minute, never beside itself', async () => {
  await Promise.all([ensureSweepSchedules(system.client), ensureSweepSchedules(system.client)]);
  const { spec, policies, action } = await schedule().describe();
  expect(spec.intervals).toMatchObject([{ every: 30_000 }]);
  expect(policies).toMatchObject({ overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: 60_000 });
  expect(action).toMatchObject({ workflowType: 'sweepHoldsWorkflow', taskQueue: 'orders' });
});

it('The sweep of overdue holds gives back what is overdue and nothing else, and the orders still end CONFIRMED when they are paid', async () => {
  const overdue = await heldOrder('SKU-0031');
  const inTime = await heldOrder('SKU-0032');
  await makeHoldOverdue(system, overdue);
  expect(await stockOf(system, 'SKU-0031')).toEqual({ onHand: 10_000, reserved: 2 });

  await schedule().trigger();
  await expect.poll(() => reservationOf(overdue)).toBe('EXPIRED');
  expect(await stockOf(system, 'SKU-0031')).toEqual({ onHand: 10_000, reserved: 0 });
  expect(await reservationOf(inTime)).toBe('HELD');
  expect(await stockOf(system, 'SKU-0032')).toEqual({ onHand: 10_000, reserved: 2 });

  await system.setFaults({ pmDown: false });
  const swept = await proveEnd(system, overdue, 'CONFIRMED');
  expect(swept.movements.map(({ kind }) => kind)).toEqual(['hold', 'expire', 'hold', 'commit']);
  await proveEnd(system, inTime, 'CONFIRMED');
});

/** An order that holds its stock and waits for its payment. */
async function heldOrder(sku: string): Promise<string> {
  const orderId = await system.postOrder({ method: 'pm_down', sku });
  await expect.poll(() => reservationOf(orderId)).toBe('HELD');
  return orderId;
}

async function reservationOf(orderId: string): Promise<string | undefined> {
  return (await evidenceOf(system, orderId)).reservations[0]?.state;
}
