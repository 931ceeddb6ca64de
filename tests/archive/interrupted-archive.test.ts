import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { createDatabases, type Database, type Databases, type DatabaseUrls } from '../../db/client.ts';
import { createAudit } from '../../src/audit/audit.ts';
import { giveCommand, untilStatus, untilUnowned } from '../support/faults/order-actions.ts';
import { createTestDatabase, type TestDatabase } from '../support/database/database.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';
import { archiveAs, grow, rowsOf } from './archived-orders.ts';

/** A system whose services have a database each. */
let system: TestSystem;
let others: Readonly<Record<'inventory' | 'payments' | 'notifications', TestDatabase>>;
let urls: DatabaseUrls;
let databases: Databases;
let orderIds: readonly string[];

beforeAll(async () => {
  const [inventory, payments, notifications] = await Promise.all([
    createTestDatabase(),
    createTestDatabase(),
    createTestDatabase(),
  ]);
  others = { inventory, payments, notifications };
  system = await startTestSystem({
    env: {
      INVENTORY_DATABASE_URL: inventory.url,
      PAYMENTS_DATABASE_URL: payments.url,
      NOTIFICATIONS_DATABASE_URL: notifications.url,
    },
  });
  ({ urls } = system.config.database);
  databases = createDatabases(urls, { poolSize: 5, applicationName: 'test', onIdleError: () => {} });
});
afterAll(async () => {
  await databases.close();
  await system.stop();
  await Promise.all(Object.values(others).map((database) => database.close()));
});

beforeEach(async () => {
  orderIds = await Promise.all([1, 2, 3].map(() => system.postOrder()));
  for (const orderId of orderIds) {
    await untilStatus(system, orderId, 'CONFIRMED');
    await untilTold(orderId);
  }
  await grow(system, orderIds);
});

/** The message is sent after the order is at rest. */
async function untilTold(orderId: string): Promise<void> {
  const text = `SELECT 1 FROM notifications.messages WHERE order_id = $1 AND state = 'SENT'`;
  await vi.waitUntil(async () => (await others.notifications.query(text, [orderId])).length === 1, 60_000);
}

/** The rows of the orders in all databases. */
async function places(ofOrders: readonly string[] = orderIds) {
  const counts = await Promise.all(
    [system.database, ...Object.values(others)].map((database) =>
      rowsOf((text, values) => database.query(text, values), ofOrders),
    ),
  );
  return {
    hot: Object.assign({}, ...counts.map(({ hot }) => hot)) as Record<string, number>,
    archived: Object.assign({}, ...counts.map(({ archived }) => archived)) as Record<string, number>,
  };
}

async function expectWhole(): Promise<void> {
  const { simulatorUrl: paymentGatewayUrl, client } = system;
  const report = await createAudit({ databases, client, paymentGatewayUrl }, { patienceMs: 20_000 }).run();
  expect(report.violations).toEqual([]);
  for (const orderId of orderIds) {
    const receipt = await system.request<{ order: unknown }>(`/v1/orders/${orderId}/receipt`);
    expect(receipt.status).toBe(200);
    expect(await system.orderAtRest(orderId)).toMatchObject({
      status: 'CONFIRMED',
      lines: [{ reservation: 'COMMITTED' }],
      payment: { capturedMinor: 4_500 },
    });
  }
}

/** Fails the statement that moves rows of a service, before or after its effect. */
function failing(service: keyof typeof others | 'orders', effect: 'before' | 'after') {
  const fails = <Target extends Pick<Database, 'run'>>(target: Target): Target => ({
    ...target,
    run: async (statement, values) => {
      const isMove = statement.name === `archive_${service}`;
      if (isMove && effect === 'before') throw new Error('interrupted');
      const rows = await target.run(statement, values);
      if (isMove) throw new Error('interrupted');
      return rows as never;
    },
  });
  return (all: Databases): Databases => {
    if (service !== 'orders') return { ...all, [service]: fails(all[service]) };
    const transaction: Database['transaction'] = (work) => all.orders.transaction((tx) => work(fails(tx)));
    return { ...all, orders: { ...all.orders, transaction } };
  };
}

const POINTS = (['payments', 'inventory', 'notifications', 'orders'] as const).flatMap((service) =>
  (['before', 'after'] as const).map((effect) => [effect, service] as const),
);

it.each(POINTS)(
  'A move that is interrupted %s the effect in %s is finished by the next run, and nothing is lost or doubled between',
  async (effect, service) => {
    const { hot } = await places();
    await expect(archiveAs(urls, failing(service, effect))).rejects.toThrow('interrupted');
    const between = await places();
    for (const [table, count] of Object.entries(hot)) {
      expect((between.hot[table] ?? 0) + (between.archived[table] ?? 0), table).toBe(count);
    }
    expect(between.hot['orders.orders']).toBe(3);
    await expectWhole();
    expect(await archiveAs(urls)).toBeGreaterThanOrEqual(3);
    expect(await places()).toEqual({ hot: {}, archived: hot });
    await expectWhole();
  },
);

it('A refund of an order whose move was interrupted is carried out', async () => {
  const [orderId = ''] = orderIds;
  await expect(archiveAs(urls, failing('orders', 'before'))).rejects.toThrow('interrupted');
  expect(await giveCommand(system, orderId, { route: 'refunds' })).toMatchObject({ status: 202 });
  await untilStatus(system, orderId, 'REFUNDED');
  await untilUnowned(system, orderId);
  expect((await places([orderId])).hot).toMatchObject({ 'orders.orders': 1, 'payments.operations': 2 });
  expect(await archiveAs(urls)).toBeGreaterThanOrEqual(2);
});

/** Processes that wait for the lock that the test holds. */
function listWaiting(): Promise<unknown[]> {
  return others.inventory.query(
    `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%archive_orders%'`,
  );
}

/** Kills a run that has moved the payments and waits for the inventory; a run that has given up meanwhile is repeated. */
async function killWhileItWaits(): Promise<void> {
  const program = join(import.meta.dirname, 'archive-process.ts');
  for (;;) {
    const run = spawn(process.execPath, [program, JSON.stringify(urls)], { stdio: 'ignore' });
    const ended = once(run, 'exit');
    while (run.exitCode === null) {
      if ((await listWaiting()).length > 0) {
        run.kill('SIGKILL');
        await ended;
        return;
      }
      await sleep(20);
    }
  }
}

it('A process that is killed in the middle of a move leaves nothing behind that the next run does not finish', async () => {
  const { hot } = await places();
  const holder = await databases.inventory.pool.connect();
  onTestFinished(() => holder.release());
  await holder.query('BEGIN');
  await holder.query('LOCK TABLE inventory.archived_stock IN ACCESS EXCLUSIVE MODE');
  await killWhileItWaits();
  expect((await places()).archived).toMatchObject({ 'payments.operations': 3 });
  await holder.query('ROLLBACK');
  await expect.poll(listWaiting).toEqual([]);
  await expectWhole();
  expect(await archiveAs(urls)).toBeGreaterThanOrEqual(3);
  expect(await places()).toEqual({ hot: {}, archived: hot });
  await expectWhole();
});
