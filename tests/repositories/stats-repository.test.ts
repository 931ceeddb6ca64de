import { afterAll, beforeAll, expect, it } from 'vitest';
import { createStatsRepository, type StatsRepository } from '../../db/repositories/orders/stats-repository.ts';
import { createTestDatabase, type TestDatabase } from '../support/database/database.ts';

let database: TestDatabase;
let stats: StatsRepository;
beforeAll(async () => {
  database = await createTestDatabase();
  stats = createStatsRepository(database.databases.orders);
});
afterAll(() => database.close());

interface Orders {
  readonly tenant: string;
  readonly count?: number;
  readonly status?: string;
  /** Seconds ago. */
  readonly created?: number;
  readonly confirmed?: number;
  readonly capture?: 'automatic' | 'manual';
}

/** Writes orders that differ only in their ids. */
async function insertOrders({ tenant, count = 1, status = 'CONFIRMED', created = 10, ...rest }: Orders): Promise<void> {
  await database.query(
    `INSERT INTO orders.orders (order_id, tenant_id, idempotency_key, request_hash, first_execution_run_id,
       correlation_id, customer_id, currency, payment_method, capture_mode, total_minor, status, reason, version,
       created_at, confirmed_at)
     SELECT gen_random_uuid(), $1, gen_random_uuid(), '', '', '', 'c', 'EUR', 'pm_ok', $2, 1, $3,
       CASE WHEN $3 = 'REJECTED' THEN 'out_of_stock' END, 1, now() - make_interval(secs => $4::float8),
       now() - make_interval(secs => $5::float8)
     FROM generate_series(1, $6)`,
    [tenant, rest.capture ?? 'automatic', status, created, rest.confirmed ?? null, count],
  );
}

async function insertCases(
  tenant: string,
  errorCode: string,
  { count, state = 'open' }: { count: number; state?: string },
): Promise<void> {
  await database.query(
    `INSERT INTO orders.cases (case_id, order_id, tenant_id, step, error_code, message, fingerprint, attempts, state,
       version, opened_at, resolved_at)
     SELECT gen_random_uuid(), gen_random_uuid(), $1, 'take-payment', $2, '', 'take-payment/' || $2, 1, $3, 1,
       now() - make_interval(secs => number), CASE WHEN $3 = 'resolved' THEN now() END
     FROM generate_series(1, $4) AS number`,
    [tenant, errorCode, state, count],
  );
}

it('The figures of a tenant are empty without orders', async () => {
  const { at, ...figures } = await stats.read('empty');
  expect(Math.abs(at.getTime() - Date.now())).toBeLessThan(60_000);
  expect(figures).toEqual({
    byStatus: {},
    isStatusCountCapped: false,
    confirmedPerSecond: Array.from({ length: 120 }, () => 0),
    latency: { p50Ms: null, p95Ms: null },
    latencySteps: [],
    openCases: 0,
    isCaseCountCapped: false,
    oldestCaseOpenedAt: null,
    causes: [],
  });
});

it('The figures of a tenant count the orders of a day, and those in motion whatever their age', async () => {
  const yesterday = 30 * 3_600;
  await insertOrders({ tenant: 'days', count: 3 });
  await insertOrders({ tenant: 'days', count: 2, status: 'REJECTED' });
  await insertOrders({ tenant: 'days', count: 5, created: yesterday });
  await insertOrders({ tenant: 'days', count: 1, status: 'PENDING' });
  await insertOrders({ tenant: 'days', count: 4, status: 'PENDING', created: yesterday });
  await insertOrders({ tenant: 'other', count: 7 });
  expect((await stats.read('days')).byStatus).toEqual({ CONFIRMED: 3, REJECTED: 2, PENDING: 5 });
});

it('The figures of a tenant put each confirmation into its second, and none from outside of the window', async () => {
  await insertOrders({ tenant: 'rate', count: 2, created: 70, confirmed: 60 });
  await insertOrders({ tenant: 'rate', count: 3, created: 130, confirmed: 90 });
  await insertOrders({ tenant: 'rate', count: 4, created: 130, confirmed: 125 });
  const { confirmedPerSecond } = await stats.read('rate');
  expect(confirmedPerSecond).toHaveLength(120);
  const seconds = confirmedPerSecond.flatMap((count, index) => (count === 0 ? [] : [[120 - index, count]]));
  expect(seconds.map(([, count]) => count)).toEqual([3, 2]);
  const [older = 0, newer = 0] = seconds.map(([ago = 0]) => ago);
  // The rows are up to some seconds old when they are read.
  expect(older - newer).toBeGreaterThanOrEqual(29);
  expect(older - newer).toBeLessThanOrEqual(31);
});

it('The figures of a tenant tell half and nearly all of the latencies, of orders that are captured at once', async () => {
  for (const [seconds, count] of [
    [1, 90],
    [9, 10],
  ] as const) {
    await insertOrders({ tenant: 'latency', count, created: 20 + seconds, confirmed: 20 });
  }
  await insertOrders({ tenant: 'latency', count: 100, created: 600, confirmed: 20, capture: 'manual' });
  const { latency, latencySteps } = await stats.read('latency');
  expect(latency).toEqual({ p50Ms: 1_000, p95Ms: 9_000 });
  expect(latencySteps.length).toBeGreaterThanOrEqual(1);
  for (const { at } of latencySteps) expect(at.getTime() % 10_000).toBe(0);
});

it('The figures of a tenant tell open cases by their cause, the most frequent first', async () => {
  await insertCases('cases', 'payment_contract', { count: 3 });
  await insertCases('cases', 'payment_mismatch', { count: 5 });
  await insertCases('cases', 'payment_mismatch', { count: 9, state: 'resolved' });
  const { openCases, oldestCaseOpenedAt, causes } = await stats.read('cases');
  expect(openCases).toBe(5 + 3);
  expect(oldestCaseOpenedAt).toEqual(causes[0]?.oldestOpenedAt);
  expect(causes).toMatchObject([
    { fingerprint: 'take-payment/payment_mismatch', step: 'take-payment', errorCode: 'payment_mismatch', open: 5 },
    { fingerprint: 'take-payment/payment_contract', open: 3 },
  ]);
});

it('The figures of a tenant stop counting where it would cost too much, and say so', async () => {
  for (let batch = 0; batch < 4; batch += 1) {
    await insertOrders({ tenant: 'busy', count: 3_000, created: 60, confirmed: 30 });
  }
  await insertCases('busy', 'payment_contract', { count: 10_500 });
  const busy = await stats.read('busy');
  expect(busy).toMatchObject({ isStatusCountCapped: true, openCases: 10_000, isCaseCountCapped: true });
  expect(busy.byStatus).toEqual({ CONFIRMED: 10_000 });
});
