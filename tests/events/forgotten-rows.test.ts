import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { allAt, createDatabases } from '../../db/client.ts';
import { createEventLogRepository } from '../../db/repositories/events/event-log-repository.ts';
import { createNotificationRetention } from '../../db/repositories/notifications/notification-retention.ts';
import { createEndedOrders } from '../../db/repositories/orders/ended-orders.ts';
import { createPaymentRetention } from '../../db/repositories/payments/payment-retention.ts';
import { forgetEnded, type RetentionDays } from '../../src/activities/events/retention.ts';
import { createTestDatabase, type TestDatabase } from '../support/database/database.ts';
import { urlAs } from '../support/database/logins.ts';

const FOR_EVER: RetentionDays = {
  paymentNotices: null,
  failedEvents: null,
  deletedWebhooks: null,
  messages: null,
  cases: null,
  paymentHistory: null,
};

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

/** Runs the job as the role of the workers. */
async function forget(days: Partial<RetentionDays>): Promise<void> {
  const worker = createDatabases(allAt(urlAs('order_saga_worker', database.url)), {
    poolSize: 2,
    applicationName: 'test',
    onIdleError: () => {},
  });
  try {
    const deps = {
      log: createEventLogRepository(worker.events, 1),
      endedOrders: createEndedOrders(worker.orders),
      payments: createPaymentRetention(worker.payments),
      notifications: createNotificationRetention(worker.notifications),
    };
    await forgetEnded(deps, { ...FOR_EVER, ...days }, new Date());
  } finally {
    await worker.close();
  }
}

interface Order {
  readonly status?: string;
  readonly daysOld?: number;
  readonly owner?: string | null;
}

/** An order with a row of everything that may be forgotten, all from the same time. */
async function plant({ status = 'CONFIRMED', daysOld = 100, owner = null }: Order = {}): Promise<string> {
  const id = `ord_${randomUUID()}`;
  const at = new Date(Date.now() - daysOld * 86_400_000);
  const insert = (text: string, values: readonly unknown[] = []) => database.query(text, [id, at, ...values]);
  await insert(
    `INSERT INTO orders.orders (order_id, tenant_id, idempotency_key, request_hash, first_execution_run_id, correlation_id,
       customer_id, currency, payment_method, capture_mode, status, total_minor, version, owner_command_id, created_at,
       updated_at)
     VALUES ($1, 'demo', $1, 'h', 'r', 'c', 'cust', 'EUR', 'pm_ok', 'automatic', $3, 10, 1, $4, $2, $2)`,
    [status, owner],
  );
  await insert(
    `INSERT INTO orders.cases (case_id, order_id, tenant_id, step, error_code, message, fingerprint, attempts, state, version,
       opened_at, resolved_at) VALUES ('case_' || $1, $1, 'demo', 's', 'e', 'm', 'f', 1, 'resolved', 2, $2, $2)`,
  );
  await insert(
    `INSERT INTO orders.case_decisions (decision_id, case_id, order_id, tenant_id, case_version, action, actor, reason, state,
       due_at, decided_at, ended_at)
     VALUES ('dec_' || $1, 'case_' || $1, $1, 'demo', 1, 'retry', 'ada', 'r', 'carried_out', $2, $2, $2)`,
  );
  await insert(
    `INSERT INTO notifications.messages (order_id, template, channel, tenant_id, state, attempts, created_at, updated_at)
     VALUES ($1, 'order-confirmed', 'email', 'demo', 'SENT', 1, $2, $2)`,
  );
  await insert(
    `INSERT INTO notifications.message_attempts (order_id, template, channel, attempt, tenant_id, outcome, at)
     VALUES ($1, 'order-confirmed', 'email', 1, 'demo', 'SENT', $2)`,
  );
  await insert(
    `INSERT INTO payments.attempts (order_id, attempt_id, tenant_id, key, kind, generation, call, currency, outcome, step,
       duration_ms, at)
     VALUES ($1, 'a', 'demo', $1 || ':sale:1', 'sale', 1, 'charge', 'EUR', 'succeeded', 'take-payment', 5, $2)`,
  );
  await insert(
    `INSERT INTO payments.operation_changes (order_id, tenant_id, key, kind, generation, state, amount_minor, currency, at)
     VALUES ($1, 'demo', $1 || ':sale:1', 'sale', 1, 'SUCCEEDED', 10, 'EUR', $2)`,
  );
  return id;
}

/** How many rows of an order there are: messages with attempts, history of payments, cases with decisions. */
async function left(orderId: string) {
  const [row] = await database.query<{ messages: number; payments: number; cases: number }>(
    `SELECT (SELECT count(*)::integer FROM notifications.messages WHERE order_id = $1)
       + (SELECT count(*)::integer FROM notifications.message_attempts WHERE order_id = $1) AS messages,
     (SELECT count(*)::integer FROM payments.attempts WHERE order_id = $1)
       + (SELECT count(*)::integer FROM payments.operation_changes WHERE order_id = $1) AS payments,
     (SELECT count(*)::integer FROM orders.cases WHERE order_id = $1)
       + (SELECT count(*)::integer FROM orders.case_decisions WHERE order_id = $1) AS cases`,
    [orderId],
  );
  return row;
}

const ALL = { messages: 2, payments: 2, cases: 2 };

it('What belongs to orders is forgotten when they have ended for longer than the settings keep it, and only then', async () => {
  const old = await plant();
  const kept = await Promise.all([
    plant({ daysOld: 50 }),
    plant({ status: 'PENDING' }),
    plant({ status: 'AWAITING_CAPTURE' }),
    plant({ status: 'REFUNDING' }),
    plant({ owner: 'cmd_1' }),
  ]);
  const troubled = await plant();
  await database.query(
    `INSERT INTO orders.cases (case_id, order_id, tenant_id, step, error_code, message, fingerprint, attempts, state, version)
     VALUES ('open_' || $1, $1, 'demo', 's', 'e', 'm', 'f', 1, 'open', 1)`,
    [troubled],
  );

  await forget({});
  expect(await left(old)).toEqual(ALL);
  await forget({ messages: 60 });
  expect(await left(old)).toEqual({ ...ALL, messages: 0 });
  await forget({ paymentHistory: 60, cases: 60, messages: 60 });
  expect(await left(old)).toEqual({ messages: 0, payments: 0, cases: 0 });
  for (const orderId of kept) expect(await left(orderId), orderId).toEqual(ALL);
  expect(await left(troubled)).toEqual({ ...ALL, cases: 3 });
  expect(await database.query('SELECT 1 FROM orders.orders WHERE order_id = $1', [old])).toHaveLength(1);
});

it('A message that was sent again lately stays with its last attempt', async () => {
  const orderId = await plant();
  await database.query(
    `INSERT INTO notifications.message_attempts (order_id, template, channel, attempt, tenant_id, outcome)
     VALUES ($1, 'order-confirmed', 'email', 2, 'demo', 'SENT')`,
    [orderId],
  );
  await forget({ messages: 60 });
  expect((await left(orderId))?.messages).toBe(2);
});

it('A history can be shortened by nothing but its function, which keeps what is young', async () => {
  const orderId = await plant({ daysOld: 10 });
  const worker = createDatabases(allAt(urlAs('order_saga_worker', database.url)), {
    poolSize: 1,
    applicationName: 'test',
    onIdleError: () => {},
  });
  onTestFinished(() => worker.close());
  const run = (text: string) => worker.orders.pool.query(text);
  const now = `now(), ARRAY['${orderId}']`;
  for (const text of [
    'DELETE FROM payments.attempts',
    'DELETE FROM payments.operation_changes',
    'DELETE FROM notifications.message_attempts',
  ]) {
    await expect(run(`SET order_saga.forgetting = 'on'; ${text}`)).rejects.toMatchObject({ code: '42501' });
    await expect(database.query(text)).rejects.toMatchObject({ code: '23001' });
  }
  await expect(run(`SELECT payments.forget_history(${now})`)).rejects.toMatchObject({ code: '23001' });
  await expect(run(`SELECT notifications.forget_messages(${now})`)).rejects.toMatchObject({ code: '23001' });
  expect(await left(orderId)).toEqual(ALL);
});

it('Reports of the payment provider are forgotten some time after they were applied, and open ones never', async () => {
  await database.query(
    `INSERT INTO payments.payment_notices (provider, event_id, kind, occurred_at, received_at, state, outcome, applied_at)
     SELECT 'simulator', id, kind, now(), now() - days * interval '1 day', state, outcome,
       CASE WHEN state = 'APPLIED' THEN now() - days * interval '1 day' END
     FROM (VALUES ('old', 100, 'APPLIED', 'ignored'), ('young', 50, 'APPLIED', 'ignored'), ('open', 100, 'RECEIVED', NULL))
       AS n (id, days, state, outcome), (SELECT 'refunded' AS kind) k`,
  );
  await forget({ paymentNotices: 90 });
  const rows = await database.query<{ id: string }>('SELECT event_id AS id FROM payments.payment_notices ORDER BY 1');
  expect(rows.map(({ id }) => id)).toEqual(['open', 'young']);
});

it('A deleted webhook is forgotten when nothing of its deliveries is left', async () => {
  await database.query(
    `INSERT INTO notifications.webhook_subscriptions (subscription_id, tenant_id, request_hash, url, event_types, state,
       sealed_secret, updated_at)
     SELECT id, 'demo', 'h', 'https://a.example', ARRAY['order.*'], state, secret::jsonb, now() - days * interval '1 day'
     FROM (VALUES ('wh_old', 'DELETED', NULL, 100), ('wh_used', 'DELETED', NULL, 100), ('wh_young', 'DELETED', NULL, 50),
       ('wh_active', 'ACTIVE', '{}', 100)) AS w (id, state, secret, days)`,
  );
  await database.query(
    `INSERT INTO notifications.webhook_deliveries (delivery_id, subscription_id, tenant_id, event_id, event_type, event_key,
       body, state, attempts) VALUES ('msg_1', 'wh_used', 'demo', 'e', 'order.created', 'k', '{}', 'DELIVERED', 1)`,
  );
  await forget({ deletedWebhooks: 90 });
  const rows = await database.query<{ id: string }>(
    'SELECT subscription_id AS id FROM notifications.webhook_subscriptions ORDER BY 1',
  );
  expect(rows.map(({ id }) => id)).toEqual(['wh_active', 'wh_used', 'wh_young']);
});

it('A failed event is forgotten some time after its failure, when the log has it no more', async () => {
  await database.query(
    `INSERT INTO events.failed_events (consumer, partition, sequence, received_at, tenant_id, event_id, type, key, error_code,
       error_message, attempts, properties, failed_at)
     SELECT 'analytics', 0, n, '2026-01-05', 'demo', id, 'custom', 'k', 'unclassified', 'why', 1, '{}',
       now() - days * interval '1 day'
     FROM (VALUES (1, 'gone', 100), (2, 'logged', 100), (3, 'young', 50)) AS f (n, id, days)`,
  );
  await database.query(
    `INSERT INTO events.raw_events (partition, sequence, received_at, tenant_id, event_id, type, key, source, correlation_id,
       occurred_at, properties) VALUES (0, 2, '2026-01-05', 'demo', 'logged', 'custom', 'k', 'http', 'c', now(), '{}')`,
  );
  await forget({ failedEvents: 90 });
  const rows = await database.query<{ id: string }>(
    'SELECT event_id AS id FROM events.failed_events ORDER BY sequence',
  );
  expect(rows.map(({ id }) => id)).toEqual(['logged', 'young']);
});
