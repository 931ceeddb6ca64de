import { afterAll, beforeAll, expect, it } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { postAtRate, settle } from '../support/load.ts';
import { startProcessSystem, type ProcessSystem } from '../support/processes/process-system.ts';

/** Limit for the takeover of a dead worker's orders: workflow task 5 s, sticky queue 3 s, a step's attempt 5 s. */
const TAKEOVER_LIMIT_MS = 15_000;

/** Every wait is followed by work, for which a busy machine needs a moment. */
const SLACK_MS = 5_000;

let system: ProcessSystem;
beforeAll(async () => {
  system = await startProcessSystem(['api', 'worker-1', 'worker-2', 'worker-3']);
});
afterAll(() => system.stop());

/** When the last order came to its end, which a test on a busy machine may see later. */
async function lastEndAt(): Promise<number> {
  const { rows } = await system.databases.orders.pool.query(
    `SELECT max(at) AS at FROM orders.order_events WHERE to_status = 'CONFIRMED'`,
  );
  return (rows as { at: Date }[])[0]?.at.getTime() ?? Number.NaN;
}

it('One API and three workers carry orders, and go on when one worker is killed in the middle of them', async () => {
  const load = postAtRate(system, {
    count: 60,
    perSecond: 20,
    // A third of them is in the middle of its payment at any moment.
    orderOf: (index) => ({ method: index % 3 === 0 ? 'pm_slow' : 'pm_ok' }),
  });
  await sleep(1_500);
  await system.signal('worker-1', 'SIGKILL');
  const killedAt = Date.now();

  const ids = (await load).map((post) => post.orderId ?? `lost ${post.key}`);
  const orders = await settle(system, ids, 60_000);
  expect((await lastEndAt()) - killedAt).toBeLessThan(TAKEOVER_LIMIT_MS + SLACK_MS);
  expect(new Set([...orders.values()].map((order) => order.status))).toEqual(new Set(['CONFIRMED']));
  const charges = (await system.ledger()).filter((entry) => entry.kind === 'sale');
  expect(charges).toHaveLength(60);
});

it('One API and three workers take a worker that is asked to stop out of service without losing what it does', async () => {
  const load = postAtRate(system, { count: 40, perSecond: 20 });
  await sleep(800);
  await system.signal('worker-2', 'SIGTERM');
  const orders = await settle(
    system,
    (await load).map((post) => post.orderId ?? 'lost'),
    60_000,
  );
  expect(orders.size).toBe(40);
});
