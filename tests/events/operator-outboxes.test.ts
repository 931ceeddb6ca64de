import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createFailureOutboxRepository } from '../../db/repositories/events/failure-outbox-repository.ts';
import { createOperatorAlertRepository } from '../../db/repositories/notifications/operator-alert-repository.ts';
import { createCaseRepository, type OpenCase } from '../../db/repositories/orders/case-repository.ts';
import { createEventOutboxRepository } from '../../db/repositories/orders/event-outbox-repository.ts';
import { createOrderRepository } from '../../db/repositories/orders/order-repository.ts';
import type { OperatorAlert } from '../../src/domain/operator-alert.ts';
import { createTestDatabase, type TestDatabase } from '../support/database/database.ts';
import { freshId, newOrder } from '../repositories/fixtures.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());
beforeEach(() => database.query('TRUNCATE orders.case_outbox, events.failure_outbox, notifications.operator_alerts'));

function reportOn(orderId: string, changes: Partial<OpenCase> = {}): OpenCase {
  return {
    caseId: freshId('case'),
    orderId,
    tenantId: 'demo',
    step: 'take-payment',
    errorCode: 'payment_mismatch',
    message: 'the amount differs',
    workflowId: `order/${orderId}`,
    input: {},
    actions: ['retry'],
    ...changes,
  };
}

const changes = () => createEventOutboxRepository(database.databases.orders).listCaseChanges(100);

it('A case is told when it is opened and when it is resolved, each once, with the facts of that moment', async () => {
  const cases = createCaseRepository(database.databases.orders);
  const order = newOrder();
  await createOrderRepository(database.databases.orders).open(order);
  const { caseId } = await cases.open(reportOn(order.orderId));
  await cases.open(reportOn(order.orderId, { errorCode: 'payment_unavailable', attempts: 3 }));
  const place = { orderId: order.orderId, step: 'take-payment', workflowId: `order/${order.orderId}` };
  await cases.resolve(place, 'step_succeeded', 'ada@shop');
  await cases.resolve(place, 'step_succeeded', 'ada@shop');
  const about = { caseId, orderId: order.orderId, tenantId: 'demo', step: 'take-payment' };
  expect(await changes()).toMatchObject([
    { ...about, type: 'case.opened', errorCode: 'payment_mismatch', attempts: 1, resolution: null },
    { ...about, type: 'case.resolved', errorCode: 'payment_unavailable', attempts: 4, resolution: 'step_succeeded' },
  ]);
  expect(await changes()).toMatchObject([{ correlationId: order.correlationId }, {}]);
  expect(JSON.stringify(await changes())).not.toContain('ada@shop');
});

it('A case of an order without a row is told as well', async () => {
  const { caseId } = await createCaseRepository(database.databases.orders).open(reportOn('ord_without_row'));
  expect(await changes()).toMatchObject([{ caseId, type: 'case.opened', correlationId: null, traceparent: null }]);
});

it('A case whose transaction fails is not told', async () => {
  const failing = database.databases.orders.transaction(async (tx) => {
    const values = `('case_x', 'ord_x', 'demo', 'take-payment', 'x', 'x', 'x', 1, 'open', 1)`;
    const columns = 'case_id, order_id, tenant_id, step, error_code, message, fingerprint, attempts, state, version';
    await tx.run({ name: 'open_case_of_a_test', text: `INSERT INTO orders.cases (${columns}) VALUES ${values}` }, []);
    throw new RangeError('made so by a test');
  });
  await expect(failing).rejects.toThrow('made so by a test');
  expect(await changes()).toEqual([]);
});

/** Gives an event of the type up, as a consumer does. */
async function giveUp(type: string, sequence: number): Promise<void> {
  await database.query(
    `INSERT INTO events.failed_events (consumer, partition, sequence, received_at, tenant_id, event_id, type, key,
       error_code, error_message, attempts, properties, failed_at)
     VALUES ('webhooks', 0, $1::bigint, now(), 'demo', 'event-' || $1::bigint, $2, 'k', 'effect_unavailable', 'away', 12, '{}', now())
     ON CONFLICT (consumer, partition, sequence) DO UPDATE SET failed_at = now()`,
    [sequence, type],
  );
}

it('Events that are given up for one reason are counted together, and one that tells of a failure is not', async () => {
  const outbox = createFailureOutboxRepository(database.databases.events);
  await giveUp('order.confirmed', 1);
  await giveUp('order.confirmed', 1);
  await giveUp('event.failed', 2);
  await giveUp('order.rejected', 3);
  await giveUp('case.opened', 4);
  const about = { consumer: 'webhooks', errorCode: 'effect_unavailable', attempts: 12 };
  const orders = { ...about, count: 2, eventId: 'event-1', type: 'order.confirmed', sequence: 1, lastSequence: 3 };
  const taken = await outbox.take(100);
  expect(taken).toMatchObject([orders, { ...about, count: 1, eventId: 'event-4', type: 'case.opened' }]);

  // What fails from now on is told apart, and what is taken stays as it is until it is told.
  await giveUp('order.confirmed', 5);
  const again = await outbox.take(100);
  expect(again.slice(0, 2)).toEqual(taken);
  expect(again.slice(2)).toMatchObject([{ count: 1, eventId: 'event-5' }]);
  await outbox.remove(again);
  expect(await outbox.take(100)).toEqual([]);
});

const alertOf = (number: number, change: Partial<OperatorAlert> = {}): OperatorAlert => ({
  eventId: `order-saga:case_${number}.opened`,
  kind: 'case.opened',
  tenantId: 'demo',
  cause: 'take-payment/payment_mismatch',
  caseId: `case_${number}`,
  count: 1,
  at: new Date(Date.UTC(2026, 10, 30, 8, 0, number)),
  ...change,
});

it('A burst of alerts is one mail with their number, and what comes later waits for the next one', async () => {
  const alerts = createOperatorAlertRepository(database.databases.notifications);
  expect(await alerts.claim('mail-0', 900)).toBeNull();
  await alerts.note(Array.from({ length: 40 }, (_, number) => alertOf(number)));
  await alerts.note([
    alertOf(3),
    alertOf(99, { kind: 'event.failed', cause: 'analytics/invalid_event', caseId: null, count: 5 }),
  ]);
  const digest = await alerts.claim('mail-1', 900);
  expect(digest).toMatchObject({ mailId: 'mail-1', cases: 40, events: 5, groupCount: 2 });
  expect(digest?.groups[0]).toMatchObject({ count: 40, caseIds: ['case_0', 'case_1', 'case_2', 'case_3', 'case_4'] });
  await alerts.recordSent('mail-1');

  await alerts.note([alertOf(50)]);
  expect(await alerts.claim('mail-2', 900)).toBeNull();
  await database.query(`UPDATE notifications.operator_alerts SET claimed_at = claimed_at - interval '15 minutes'`);
  expect(await alerts.claim('mail-3', 900)).toMatchObject({ mailId: 'mail-3', cases: 1, events: 0 });
});

it('A mail that the server did not take is claimed again as it was, and later alerts stay out of it', async () => {
  const alerts = createOperatorAlertRepository(database.databases.notifications);
  await alerts.note([alertOf(1)]);
  const first = await alerts.claim('mail-1', 900);
  await alerts.note([alertOf(2)]);
  expect(await alerts.claim('mail-2', 900)).toEqual(first);
  await alerts.recordSent('mail-1');
  expect(await alerts.claim('mail-3', 900)).toBeNull();
});

it('Alerts whose mail is old are forgotten, and those without a mail are not', async () => {
  const alerts = createOperatorAlertRepository(database.databases.notifications);
  await alerts.note([alertOf(1)]);
  await alerts.claim('mail-1', 900);
  await alerts.recordSent('mail-1');
  const age = `interval '3 days'`;
  await database.query(
    `UPDATE notifications.operator_alerts SET claimed_at = claimed_at - ${age}, mailed_at = mailed_at - ${age}`,
  );
  await alerts.note([alertOf(2)]);
  await alerts.recordSent('mail-0');
  expect(await database.query('SELECT case_id FROM notifications.operator_alerts')).toEqual([{ case_id: 'case_2' }]);
});
