import { createHmac, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OrderView } from '../../src/api/orders/order-schemas.ts';
import { ensureSweepSchedules } from '../../src/temporal/bootstrap.ts';
import { NOTICE_SWEEP_SCHEDULE_ID } from '../../src/workflows/contract.ts';
import { startAnotherApi } from '../support/processes/another-api.ts';
import { plannedOrder, proveEnd } from '../support/faults/evidence.ts';
import { createFaults } from '../support/faults/faults.ts';
import { expectProblem } from '../support/http/problems.ts';
import {
  chargeAtProvider,
  giveCommand,
  openCaseOf,
  storeNotice,
  untilStatus,
} from '../support/faults/order-actions.ts';
import { auditOf } from '../support/audits.ts';
import { startTestSystem, WEBHOOK_SECRET, type Answer, type TestSystem } from '../support/system.ts';

const faults = createFaults();
/** The simulator of this system reports by itself. */
let system: TestSystem;
/** The simulator of this system is silent: the test is the provider, and an hour lasts 3 s. */
let quiet: TestSystem;

beforeAll(async () => {
  system = await startTestSystem({ wrapActivities: faults.wrap, webhooks: true });
  quiet = await startTestSystem({ wrapActivities: faults.wrap, env: { UNMATCHED_NOTICE_MINUTES: '0.05' } });
  await ensureSweepSchedules(system.client);
  await ensureSweepSchedules(quiet.client);
});
afterAll(async () => {
  await system.stop();
  await quiet.stop();
});

interface Report {
  readonly type?: string;
  readonly orderId: string;
  readonly key: string;
  readonly at?: string;
}

/** A report in the simulator's form. */
function bodyOf({ type = 'payment.succeeded', orderId, key, at = new Date().toISOString() }: Report): string {
  return JSON.stringify({ type, timestamp: at, data: { orderId, key, amountMinor: 4_500, currency: 'EUR' } });
}

function signed(id: string, body: string, secret = WEBHOOK_SECRET): Record<string, string> {
  const at = String(Math.floor(Date.now() / 1_000));
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': `v1,${signature}`, authorization: '' };
}

function report(where: TestSystem, news: Report, id = `evt_${randomUUID()}`): Promise<Answer> {
  const body = bodyOf(news);
  return where.request('/v1/payment-webhooks/simulator', { method: 'POST', body, headers: signed(id, body) });
}

interface Row {
  readonly event_id: string;
  readonly kind: string;
  readonly state: string;
  readonly outcome: string | null;
}

function noticesOf(where: TestSystem, orderId: string): Promise<Row[]> {
  return where.database.query<Row>(
    'SELECT event_id, kind, state, outcome FROM payments.payment_notices WHERE order_id = $1 ORDER BY received_at',
    [orderId],
  );
}

async function sweep(where: TestSystem): Promise<void> {
  await where.client.schedule.getHandle(NOTICE_SWEEP_SCHEDULE_ID).trigger();
}

async function sold(where: TestSystem): Promise<string> {
  const orderId = await where.postOrder();
  await untilStatus(where, orderId, 'CONFIRMED');
  return orderId;
}

async function cancelled(where: TestSystem): Promise<string> {
  const orderId = await sold(where);
  await giveCommand(where, orderId, { route: 'cancel' });
  await untilStatus(where, orderId, 'CANCELLED');
  return orderId;
}

async function violationsAbout(where: TestSystem, orderId: string): Promise<unknown[]> {
  const { violations } = await auditOf(where);
  return violations.filter(({ subject }) => subject === orderId);
}

it('A report of the payment provider is refused and not stored without a signature that fits', async () => {
  const orderId = await sold(quiet);
  const body = bodyOf({ orderId, key: `${orderId}:sale:1` });
  const other = `whsec_${Buffer.alloc(32).toString('base64')}`;
  const old = { ...signed('evt_a', body), 'webhook-timestamp': '1750000000' };
  for (const headers of [{ authorization: '' }, signed('evt_a', body, other), signed('evt_a', `${body} `), old]) {
    const answer = await quiet.request('/v1/payment-webhooks/simulator', { method: 'POST', body, headers });
    expectProblem(answer, 'webhook_signature_refused');
    expect(answer.status).toBe(401);
  }
  expect(await noticesOf(quiet, orderId)).toEqual([]);
});

it('A report of the payment provider is not found for a provider that is unknown or not configured, and limited in size', async () => {
  for (const provider of ['paypal', 'stripe']) {
    const answer = await quiet.request(`/v1/payment-webhooks/${provider}`, { method: 'POST', body: '{}' });
    expectProblem(answer, 'not_found');
  }
  const body = ' '.repeat(70_000);
  const headers = signed('evt_b', body);
  const large = await quiet.request('/v1/payment-webhooks/simulator', { method: 'POST', body, headers });
  expectProblem(large, 'payload_too_large');
});

it('A report of the payment provider that is signed and cannot be read or stored is 422', async () => {
  for (const body of ['no JSON', '{}', bodyOf({ orderId: 'ord_\0', key: 'a' })]) {
    const headers = signed(`evt_${randomUUID()}`, body);
    const answer = await quiet.request('/v1/payment-webhooks/simulator', { method: 'POST', body, headers });
    expectProblem(answer, 'validation_failed');
  }
});

it('A report of the payment provider is stored once, also when it comes many times at once, and told in the timeline', async () => {
  const orderId = await sold(quiet);
  const news = { orderId, key: `${orderId}:sale:1` };
  const answers = await Promise.all(Array.from({ length: 8 }, () => report(quiet, news, `evt_${orderId}`)));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  expect(answers.filter(({ body }) => body['outcome'] === 'stored')).toHaveLength(1);
  expect((await report(quiet, news, `evt_${orderId}`)).body).toEqual({ outcome: 'duplicate' });
  await expect.poll(() => noticesOf(quiet, orderId)).toMatchObject([{ state: 'APPLIED', outcome: 'known' }]);
  const { body } = await quiet.request<{ items: object[] }>(`/v1/orders/${orderId}/timeline`);
  expect(body.items).toContainEqual(
    expect.objectContaining({ source: 'webhook', type: 'webhook.charge_succeeded', actor: 'simulator' }),
  );
  await proveEnd(quiet, orderId, 'CONFIRMED');
});

it('A report of the payment provider that is older than what is known takes nothing back', async () => {
  const orderId = await sold(quiet);
  const key = `${orderId}:sale:1`;
  await report(quiet, { orderId, key });
  const at = new Date(Date.now() - 60_000).toISOString();
  await report(quiet, { type: 'payment.declined', orderId, key, at });
  await expect.poll(() => noticesOf(quiet, orderId)).toMatchObject([{ outcome: 'known' }, { outcome: 'known' }]);
  const { operations } = await proveEnd(quiet, orderId, 'CONFIRMED');
  expect(operations).toMatchObject([{ kind: 'sale', state: 'SUCCEEDED' }]);
});

it('A report of something that no order waits for is kept and left alone', async () => {
  const body = JSON.stringify({ type: 'payout.paid', timestamp: new Date().toISOString() });
  const id = `evt_${randomUUID()}`;
  const headers = signed(id, body);
  expect(await quiet.request('/v1/payment-webhooks/simulator', { method: 'POST', body, headers })).toMatchObject({
    status: 200,
  });
  const stored = () => quiet.database.query('SELECT outcome FROM payments.payment_notices WHERE event_id = $1', [id]);
  await expect.poll(stored).toEqual([{ outcome: 'ignored' }]);
});

it('A report of Stripe is taken by its own signature', async () => {
  const secret = 'whsec_of_the_endpoint';
  const orderId = await sold(quiet);
  const api = await startAnotherApi(quiet, {
    PAYMENT_PROVIDER: 'stripe',
    STRIPE_SECRET_KEY: 'sk_test_a',
    STRIPE_WEBHOOK_SECRET: secret,
  });
  const metadata = { orderId, key: `${orderId}:sale:1` };
  const amounts = { amount: 4_500, amount_received: 4_500, amount_capturable: 0, currency: 'eur' };
  const object = { id: 'pi_1', ...amounts, metadata };
  const at = Math.floor(Date.now() / 1_000);
  const id = `evt_${randomUUID()}`;
  const event = { id, object: 'event', type: 'payment_intent.succeeded', created: at, data: { object } };
  const post = (key: string, body = JSON.stringify(event)) =>
    api.request('/v1/payment-webhooks/stripe', {
      method: 'POST',
      body,
      headers: {
        authorization: '',
        'stripe-signature': `t=${at},v1=${createHmac('sha256', key).update(`${at}.${body}`).digest('hex')}`,
      },
    });
  expectProblem(await post('whsec_of_somebody_else'), 'webhook_signature_refused');
  expect(await post(secret)).toMatchObject({ status: 200, body: { outcome: 'stored' } });
  await expect.poll(() => noticesOf(quiet, orderId)).toMatchObject([{ event_id: id, outcome: 'known' }]);

  // From Stripe's dashboard: nothing of ours is on it but the payment that it is about.
  const [sale] = await quiet.database.query<{ ref: string }>(
    'SELECT provider_ref AS ref FROM payments.operations WHERE order_id = $1',
    [orderId],
  );
  const dispute = { id: 'du_1', amount: 4_500, currency: 'eur', payment_intent: sale?.ref, metadata: {} };
  const disputed = { ...event, id: `evt_${randomUUID()}`, type: 'charge.dispute.created', data: { object: dispute } };
  expect(await post(secret, JSON.stringify(disputed))).toMatchObject({ status: 200 });
  const { id: caseId, version } = await openCaseOf(quiet, orderId);
  expect(await skip(caseId, version)).toMatchObject({ status: 200 });
  await api.stop();
});

it('A payment whose outcome is unknown is looked up when the provider reports, long before its next retry', async () => {
  await system.setFaults({ lateMs: 9_000 });
  const orderId = await system.postOrder();
  await expect.poll(() => paymentStateOf(orderId)).toBe('UNKNOWN');
  await expect.poll(() => system.ledger(orderId)).not.toEqual([]);
  const landedAt = Date.now();
  await system.setFaults({ lateMs: 0 });
  await proveEnd(system, orderId, 'CONFIRMED');
  // Its own schedule would look again 30 s after the attempt at 6 s, which is over 20 s after the landing.
  expect(Date.now() - landedAt).toBeLessThan(15_000);
  await expect.poll(async () => (await noticesOf(system, orderId))[0]).toMatchObject({ state: 'APPLIED' });
});

it('A payment whose outcome is unknown is not believed to be taken because a report says so', async () => {
  const orderId = await quiet.postOrder({ method: 'pm_down' });
  await expect
    .poll(() => quiet.request<OrderView>(`/v1/orders/${orderId}`).then(({ body }) => body.payment.state))
    .toBe('UNKNOWN');
  const before = faults.calls(orderId, 'takePayment').length;
  await report(quiet, { orderId, key: `${orderId}:sale:1` });
  await expect.poll(() => faults.calls(orderId, 'takePayment').length).toBeGreaterThan(before);
  const { body } = await quiet.request<OrderView>(`/v1/orders/${orderId}`);
  expect(body).toMatchObject({ status: 'PENDING', payment: { state: 'UNKNOWN', capturedMinor: 0 } });
  await giveCommand(quiet, orderId, { route: 'cancel' });
  await proveEnd(quiet, orderId, 'CANCELLED');
});

it('A payment whose outcome is unknown and which is parked is looked up again once', async () => {
  const orderId = await quiet.postOrder({ method: 'pm_wrong_amount' });
  await openCaseOf(quiet, orderId);
  await report(quiet, { orderId, key: `${orderId}:sale:1` });
  await expect.poll(() => noticesOf(quiet, orderId)).toMatchObject([{ outcome: 'looked_up' }]);
  const attempts = () =>
    quiet.database.query('SELECT attempts, state FROM orders.cases WHERE order_id = $1', [orderId]);
  await expect.poll(attempts).toEqual([{ attempts: 2, state: 'open' }]);
  await giveCommand(quiet, orderId, { route: 'cancel' });
  await proveEnd(quiet, orderId, 'CANCELLED');
});

async function paymentStateOf(orderId: string): Promise<string> {
  const { body } = await system.request<OrderView>(`/v1/orders/${orderId}`);
  return body.payment.state;
}

it('Late money for a cancelled order is refunded without a person, and the books stay equal to the ledger', async () => {
  const orderId = await cancelled(system);
  await chargeAtProvider(system, { orderId, key: `${orderId}:sale:2` });
  await expect
    .poll(async () => (await noticesOf(system, orderId)).map(({ outcome }) => outcome))
    .toContain('given_back');
  const told = await system.database.query(
    `SELECT data - 'commandId' - 'generation' AS data FROM orders.order_events
       WHERE order_id = $1 AND type = 'order.given_back'`,
    [orderId],
  );
  const lateMinor = 4_500;
  expect(told).toEqual([
    { data: { amountMinor: lateMinor, capturedMinor: 2 * lateMinor, refundedMinor: 2 * lateMinor } },
  ]);
  const { ledger } = await proveEnd(system, orderId, 'CANCELLED');
  expect(ledger.map(({ key }) => key.split(':').slice(1).join(':'))).toEqual([
    'sale:1',
    'refund:1',
    'sale:2',
    'refund:2',
  ]);
  expect(await violationsAbout(system, orderId)).toEqual([]);
  // The refund of it is reported too, and known.
  await expect
    .poll(async () => (await noticesOf(system, orderId)).every(({ state }) => state === 'APPLIED'))
    .toBe(true);
});

it('Late money that is only authorized is voided without a person', async () => {
  const orderId = await cancelled(system);
  await chargeAtProvider(system, { orderId, key: `${orderId}:authorize:2`, kind: 'authorize' });
  await expect.poll(async () => (await system.ledger(orderId)).at(-1)).toMatchObject({ kind: 'void' });
  await expect.poll(async () => (await noticesOf(system, orderId)).at(-1)).toMatchObject({ outcome: 'given_back' });
  await proveEnd(system, orderId, 'CANCELLED');
  expect(await violationsAbout(system, orderId)).toEqual([]);
});

it('Late money is seen to by the sweep when the API stored its report and died', async () => {
  const orderId = await cancelled(quiet);
  const key = `${orderId}:sale:2`;
  await chargeAtProvider(quiet, { orderId, key });
  await storeNotice(quiet, {
    provider: 'simulator',
    eventId: `evt_${orderId}`,
    kind: 'charge_succeeded',
    orderId,
    key,
  });
  await expect
    .poll(
      async () => {
        await sweep(quiet);
        return noticesOf(quiet, orderId);
      },
      { interval: 1_000 },
    )
    .toMatchObject([{ outcome: 'given_back' }]);
  const { ledger } = await proveEnd(quiet, orderId, 'CANCELLED');
  expect(ledger.map(({ kind }) => kind)).toEqual(['sale', 'refund', 'sale', 'refund']);
  expect(await violationsAbout(quiet, orderId)).toEqual([]);
});

it('Late money for a sold order disturbs nothing and is shown to a person', async () => {
  const orderId = await sold(quiet);
  const key = `${orderId}:sale:2`;
  await report(quiet, { orderId, key });
  const { id, version, step } = await openCaseOf(quiet, orderId);
  expect(step).toBe('judge-notice');
  expect(await skip(id, version)).toMatchObject({ status: 200 });
  await expect.poll(() => noticesOf(quiet, orderId)).toMatchObject([{ outcome: 'dismissed' }]);
  const { ledger } = await proveEnd(quiet, orderId, 'CONFIRMED');
  expect(ledger.map(({ kind }) => kind)).toEqual(['sale']);
  expect(await violationsAbout(quiet, orderId)).toEqual([]);
});

it('Late money that was refunded from outside is shown to a person', async () => {
  const orderId = await sold(quiet);
  await report(quiet, { type: 'refund.succeeded', orderId, key: 'from-the-dashboard' });
  const { id, version } = await openCaseOf(quiet, orderId);
  expect(await skip(id, version)).toMatchObject({ status: 200 });
  await proveEnd(quiet, orderId, 'CONFIRMED');
});

function skip(id: string, version: number): Promise<Answer> {
  return quiet.request(`/v1/cases/${id}/resolve`, {
    method: 'POST',
    headers: { 'idempotency-key': randomUUID() },
    body: JSON.stringify({ action: 'skip', reason: 'cleared with the provider', version }),
  });
}

interface CaseItem {
  readonly id: string;
  readonly version: number;
  readonly errorCode: string;
  readonly input: { readonly notice: { readonly eventId: string } };
}

async function caseAbout(eventId: string): Promise<CaseItem | undefined> {
  await sweep(quiet);
  const { body } = await quiet.request<{ items: CaseItem[] }>('/v1/cases?state=open&step=judge-notice&limit=100');
  return body.items.find(({ input }) => input.notice.eventId === eventId);
}

it('A report about an order that is not there becomes a case when its time is over, which a person resolves', async () => {
  const { orderId } = plannedOrder();
  const eventId = `evt_${orderId}`;
  await report(quiet, { orderId, key: `${orderId}:sale:1` }, eventId);
  expect(await caseAbout(eventId)).toBeUndefined();
  await expect.poll(() => caseAbout(eventId), { interval: 1_000 }).toMatchObject({ errorCode: 'notice_unmatched' });
  const found = await caseAbout(eventId);
  expect(await skip(found?.id ?? '', found?.version ?? 0)).toMatchObject({ status: 200 });
  await expect.poll(() => noticesOf(quiet, orderId)).toMatchObject([{ outcome: 'dismissed' }]);
  await expect.poll(() => caseAbout(eventId)).toBeUndefined();
});

it('A report about an order that is not there is applied when the order comes', async () => {
  const { key, orderId } = plannedOrder();
  await report(quiet, { orderId, key: `${orderId}:sale:1` });
  await quiet.postOrder({}, key);
  await proveEnd(quiet, orderId, 'CONFIRMED');
  await expect
    .poll(
      async () => {
        await sweep(quiet);
        return noticesOf(quiet, orderId);
      },
      { interval: 1_000 },
    )
    .toMatchObject([{ state: 'APPLIED', outcome: 'known' }]);
  expect(await violationsAbout(quiet, orderId)).toEqual([]);
});
