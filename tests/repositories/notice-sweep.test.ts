import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Database, Databases } from '../../db/client.ts';
import { createCaseRepository } from '../../db/repositories/orders/case-repository.ts';
import { createCommandRepository } from '../../db/repositories/orders/command-repository.ts';
import { createNoticeRepository } from '../../db/repositories/payments/notice-repository.ts';
import { createOrderRepository } from '../../db/repositories/orders/order-repository.ts';
import { createNoticeActivities } from '../../src/activities/payments/notice-activities.ts';
import { createTestDatabase, type TestDatabase } from '../support/database/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

function sweepOf(databases: Pick<Databases, 'orders' | 'payments'>, unmatchedAfterMs: number) {
  const { orders, payments } = databases;
  return createNoticeActivities({
    orders: createOrderRepository(orders),
    commands: createCommandRepository(orders),
    notices: createNoticeRepository(payments),
    cases: createCaseRepository(orders),
    moves: { closeLeft: () => Promise.resolve() },
    retrigger: { wake: () => Promise.resolve('nothing'), judgeAgain: () => Promise.resolve() },
    settings: { holdTtlSeconds: 1, placement: { inventory: 'local', payment: 'local', notification: 'local' } },
    noticePolicy: { unmatchedAfterMs, tenantId: 'demo' },
  });
}

/**
 * Stores disputes about orders that have not come, or about nothing of ours. They are a second apart; the last one is a
 * minute old.
 */
async function storeDisputes(prefix: string, count: number, orderId: string | null): Promise<void> {
  await database.query(
    `INSERT INTO payments.payment_notices (provider, event_id, kind, order_id, occurred_at, received_at)
     SELECT 'stripe', $1 || n, 'disputed', $3::text || n, now(), now() - interval '1 minute' - n * interval '1 second'
     FROM generate_series(1, $2::integer) n`,
    [prefix, count, orderId],
  );
}

beforeEach(() => database.query('DELETE FROM payments.payment_notices'));

it('A sweep comes to a notice behind any number that wait for a person', async () => {
  await storeDisputes('evt_', 301, 'ord_');
  const { listDueNotices } = sweepOf(database.databases, 0);
  const swept = new Set<string>();
  for (let sweeps = 0; sweeps < 30; sweeps += 1) {
    const due = await listDueNotices({ limit: 200 });
    expect(due).toHaveLength(200);
    for (const { notice } of due) swept.add(notice.eventId);
  }
  expect(swept).toContain('evt_301');
});

it('A sweep over a thousand notices asks a few questions', async () => {
  await storeDisputes('ours_', 1_000, 'ord_');
  await storeDisputes('theirs_', 3_000, null);
  let asked = 0;
  const counted = (db: Database): Database => ({
    ...db,
    run: (statement, values) => {
      asked += 1;
      return db.run(statement, values);
    },
  });
  const { orders, payments } = database.databases;
  const { listDueNotices } = sweepOf({ orders: counted(orders), payments: counted(payments) }, 3_600_000);
  expect(await listDueNotices({ limit: 200 })).toEqual([]);
  // A page of 200 notices is read, together with its orders.
  expect(asked).toBeLessThan(20);
});

it('A notice that is about nothing of ours is put away when its time is over, and one of a charge of ours never', async () => {
  await storeDisputes('theirs_', 500, null);
  await database.query(
    `INSERT INTO payments.payment_notices (provider, event_id, kind, charge_ref, occurred_at, received_at)
     VALUES ('stripe', 'evt_ours', 'disputed', 'pi_1', now(), now() - interval '1 minute')`,
  );
  const orderId = `ord_${'a'.repeat(26)}`;
  await database.query(
    `INSERT INTO payments.operations (key, order_id, tenant_id, kind, generation, amount_minor, currency, state, provider_ref)
     VALUES ($1 || ':sale:1', $1, 'demo', 'sale', 1, 100, 'EUR', 'SUCCEEDED', 'pi_1')`,
    [orderId],
  );
  const { listDueNotices } = sweepOf(database.databases, 30_000);
  expect((await listDueNotices({ limit: 200 })).map(({ notice }) => notice.eventId)).toEqual(['evt_ours']);
  const left = await database.query<{ id: string; orderId: string }>(
    `SELECT event_id AS id, order_id AS "orderId" FROM payments.payment_notices WHERE state = 'RECEIVED'`,
  );
  expect(left).toEqual([{ id: 'evt_ours', orderId }]);
  const closed = await database.query(
    `SELECT DISTINCT outcome FROM payments.payment_notices WHERE event_id LIKE 'theirs_%'`,
  );
  expect(closed).toEqual([{ outcome: 'ignored' }]);
});
