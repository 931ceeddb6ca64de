import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCommandRepository } from '../../db/repositories/command-repository.ts';
import { createNoticeRepository } from '../../db/repositories/notice-repository.ts';
import { createOrderRepository } from '../../db/repositories/order-repository.ts';
import { createNoticeActivities } from '../../src/activities/notice-activities.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

it('a sweep comes to a notice behind any number that wait for a person', async () => {
  const { orders, payments } = database.databases;
  await database.query(
    `INSERT INTO payments.payment_notices (provider, event_id, kind, occurred_at, received_at)
     SELECT 'stripe', 'evt_' || n, 'disputed', now(), now() - interval '1 day' + n * interval '1 second'
     FROM generate_series(1, 301) n`,
  );
  const { listDueNotices } = createNoticeActivities({
    orders: createOrderRepository(orders),
    commands: createCommandRepository(orders),
    notices: createNoticeRepository(payments),
    waker: { wake: () => Promise.resolve('nothing') },
    settings: { holdTtlSeconds: 1, placement: { inventory: 'local', payment: 'local', notification: 'local' } },
    noticePolicy: { unmatchedAfterMs: 0, tenantId: 'demo' },
  });
  const swept = new Set<string>();
  for (let sweeps = 0; sweeps < 30; sweeps += 1) {
    const due = await listDueNotices({ limit: 200 });
    expect(due).toHaveLength(200);
    for (const { notice } of due) swept.add(notice.eventId);
  }
  expect(swept).toContain('evt_301');
});
