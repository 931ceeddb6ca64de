import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ensureSweepSchedules } from '../../src/temporal/bootstrap.ts';
import { proveEnd } from '../support/faults/evidence.ts';
import { giveCommand, untilStatus } from '../support/faults/order-actions.ts';
import { auditOf } from '../support/audits.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
  // A command whose start had no answer from a busy Temporal is the sweep's.
  await ensureSweepSchedules(system.client);
});
afterAll(() => system.stop());

const ORDERS = 200;
const AT_ONCE = 10;
const LATEST_MS = 300;

it('A cancel keeps its promise at any time in the first 300 ms of an order', async () => {
  const waiting = Array.from({ length: ORDERS }, (_, index) => (index * LATEST_MS) / ORDERS);
  const promises = new Map<string, string>();
  const work = async (): Promise<void> => {
    for (let delayMs = waiting.pop(); delayMs !== undefined; delayMs = waiting.pop()) {
      const orderId = await system.postOrder();
      await sleep(delayMs);
      const { status, body } = await giveCommand(system, orderId, { route: 'cancel' });
      promises.set(orderId, body.decision ?? `${status} ${body.code}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));

  expect(promises.size).toBe(ORDERS);
  // Within the cancel window no cancel is too late.
  for (const promise of promises.values()) expect(['will_cancel', 'will_refund', 'pending']).toContain(promise);
  for (const orderId of promises.keys()) {
    await untilStatus(system, orderId, 'CANCELLED');
    await proveEnd(system, orderId, 'CANCELLED');
  }
  const { violations } = await auditOf(system);
  expect(violations).toEqual([]);
}, 900_000);
