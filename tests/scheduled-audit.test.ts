import { afterAll, beforeAll, expect, it } from 'vitest';
import { createAudit } from '../src/audit/audit.ts';
import { readLatestAudit } from '../src/audit/latest-audit.ts';
import { ensureAuditSchedule } from '../src/temporal/bootstrap.ts';
import { AUDIT_SCHEDULE_ID } from '../src/workflows/contract.ts';
import { VERSION_WITHOUT_EVENT } from './support/database/audit-plants.ts';
import { startTestSystem, type TestSystem } from './support/system.ts';

let system: TestSystem;
let orderIds: string[];
beforeAll(async () => {
  system = await startTestSystem();
  orderIds = await Promise.all([1, 2, 3].map(() => system.postOrder()));
  for (const orderId of orderIds) await system.orderAtRest(orderId);
  orderIds.sort();
});
afterAll(() => system.stop());

const schedule = () => system.client.schedule.getHandle(AUDIT_SCHEDULE_ID);
const runs = async (): Promise<number> => (await schedule().describe()).info.numActionsTaken;

/** A run that is still known as running would make the schedule skip the next one. */
async function runAgain(): Promise<void> {
  const before = await runs();
  await expect.poll(async () => (await schedule().describe()).info.runningActions).toEqual([]);
  await schedule().trigger();
  await expect.poll(runs).toBe(before + 1);
}

const latest = async () => (await readLatestAudit(system.client))?.result;

it('The scheduled audit looks at no more orders than its setting says', async () => {
  await ensureAuditSchedule(system.client, { intervalMinutes: 10_080, ordersMax: 2 });
  await expect.poll(latest).toEqual({ orders: 2, skus: 1, violations: {}, findings: [] });
});

it('The scheduled audit counts a broken rule, and names its order in the result of its workflow', async () => {
  const [orderId = ''] = orderIds;
  const { invariant, plant, mend } = VERSION_WITHOUT_EVENT;
  for (const statement of plant) await system.database.query(statement, [orderId]);
  try {
    await ensureAuditSchedule(system.client, { intervalMinutes: 10_080, ordersMax: 10 });
    await runAgain();
    await expect
      .poll(latest)
      .toMatchObject({ violations: { [invariant]: 1 }, findings: [{ invariant, subject: orderId }] });
  } finally {
    for (const statement of mend) await system.database.query(statement, [orderId]);
  }
});

it('The audit of a part begins after an id, and goes on with the first orders after the last one', async () => {
  const { databases } = system.database;
  const audit = createAudit({ databases, client: system.client, paymentGatewayUrl: null });
  const [, , last = ''] = orderIds;
  const run = (from: string, ordersMax: number) => audit.runPart({ from, ordersMax, eventPlace: 0 });
  expect(await run('', 1)).toEqual({ orders: 1, skus: 1, violations: [] });
  expect(await run(last, 2)).toEqual({ orders: 2, skus: 1, violations: [] });
  expect(await run(orderIds[0] ?? '', 100)).toEqual({ orders: 3, skus: 1, violations: [] });
});

it('The audit of a part compares the stock of the SKUs that its orders name with the movements', async () => {
  const { databases } = system.database;
  const audit = createAudit({ databases, client: system.client, paymentGatewayUrl: null });
  const change = (sku: string, pieces: number) =>
    system.database.query(`UPDATE inventory.stock SET on_hand = on_hand + $2 WHERE sku = $1`, [sku, pieces]);
  const found = async () =>
    (await audit.runPart({ from: '', ordersMax: 10, eventPlace: 0 })).violations.map(({ subject }) => subject);
  for (const [sku, subjects] of [
    ['SKU-0001', ['demo/SKU-0001']],
    // No order names this one: only the whole audit finds it.
    ['SKU-0777', []],
  ] as const) {
    await change(sku, 1);
    expect(await found()).toEqual(subjects);
    await change(sku, -1);
  }
});

it('The schedule of the audit follows its settings, and an interval of 0 removes it', async () => {
  const before = await runs();
  await ensureAuditSchedule(system.client, { intervalMinutes: 30, ordersMax: 7 });
  const { spec, action } = await schedule().describe();
  expect(spec.intervals).toEqual([expect.objectContaining({ every: 30 * 60_000 })]);
  expect(action).toMatchObject({ args: [{ ordersMax: 7 }] });
  expect(await runs()).toBe(before);
  const off = { intervalMinutes: 0, ordersMax: 7 };
  await ensureAuditSchedule(system.client, off);
  await expect(schedule().describe()).rejects.toThrow(/not found/i);
  await ensureAuditSchedule(system.client, off);
});
