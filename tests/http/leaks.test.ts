import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MESSAGE_TEMPLATES } from '../../src/domain/notification.ts';
import { notificationWorkflowId, orderWorkflowId, webhookWorkflowId } from '../../src/workflows/contract.ts';
import { startApiProcess, type ApiProcess } from '../support/processes/another-api.ts';
import { findFreePort } from '../../src/dev/processes/ports.ts';
import { sendRaw } from '../support/http/raw-http.ts';
import { startTraceSink, type TraceSink } from '../support/http/trace-sink.ts';
import {
  answerWith,
  orderEvent,
  publisherOf,
  startReceiver,
  subscribe,
  type WebhookReceiver,
} from '../support/http/webhook-receiver.ts';
import { orderBody, startTestSystem, type TestSystem } from '../support/system.ts';

const [TEMPLATE] = MESSAGE_TEMPLATES;
const EMAIL = `ada.${randomBytes(6).toString('hex')}@example.com`;
const PHONE = `+49301${randomBytes(4).readUInt32BE()}`.slice(0, 15);
const SMTP_PASSWORD = randomBytes(12).toString('hex');
const SMS_TOKEN = randomBytes(12).toString('hex');
/** No card scheme has issued this number. */
const CARD = '4111111111111111';
const PAYLOAD = randomBytes(12).toString('hex');

/**
 * The process under test logs at the most detailed level; its mail server refuses every mail and repeats the address.
 */
let system: TestSystem;
let api: ApiProcess;
let mailServer: SMTPServer;
let refusedMails = 0;
let smsGateway: Server;
let refusedTexts = 0;
let merchant: WebhookReceiver;
let signingSecret: string;
let metricsPort: number;
let traces: TraceSink;
beforeAll(async () => {
  system = await startTestSystem({ worker: false });
  const port = await findFreePort();
  mailServer = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    onAuth: (_auth, _session, done) => done(null, { user: 'shop' }),
    onRcptTo: ({ address }, _session, done) => {
      refusedMails += 1;
      done(Object.assign(new Error(`mailbox ${address} is busy`), { responseCode: 450 }));
    },
  });
  await new Promise<void>((resolve) => mailServer.listen(port, '127.0.0.1', resolve));
  const SMTP_URL = `smtp://shop:${SMTP_PASSWORD}@127.0.0.1:${port}`;
  smsGateway = createServer((request, response) => {
    refusedTexts += 1;
    request.resume().on('end', () => response.writeHead(503).end(`${PHONE} is busy`));
  });
  await new Promise<void>((resolve) => smsGateway.listen(0, '127.0.0.1', resolve));
  const SMS_GATEWAY_URL = `http://127.0.0.1:${(smsGateway.address() as AddressInfo).port}/messages`;
  metricsPort = await findFreePort();
  const sms = { SMS_GATEWAY_URL, SMS_GATEWAY_TOKEN: SMS_TOKEN, WORKER_METRICS_PORT: String(metricsPort) };
  traces = await startTraceSink();
  const tracing = { OTEL_EXPORTER_OTLP_ENDPOINT: traces.url, OTEL_TRACES_SAMPLER_ARG: '1' };
  api = await startApiProcess(system, { LOG_LEVEL: 'debug', SMTP_URL, ...sms, ...tracing }, 'src/combined.ts');
  merchant = await startReceiver(answerWith(500));
  ({ secret: signingSecret } = await subscribe(system, merchant.url));
});
afterAll(async () => {
  await api.stop();
  await traces.close();
  merchant.close();
  smsGateway.closeAllConnections();
  smsGateway.close();
  await new Promise<void>((resolve) => mailServer.close(resolve));
  await system.stop();
});

/** All values that must not be readable anywhere, by their kind. */
async function secrets(): Promise<ReadonlyMap<string, string>> {
  const { env } = system;
  return new Map([
    ['the address', EMAIL],
    ['the address, encoded', encodeURIComponent(EMAIL)],
    ['the phone number', PHONE],
    ['the card number', CARD],
    ['the mail password', SMTP_PASSWORD],
    ['the token of the SMS gateway', SMS_TOKEN],
    ['the signing secret of a webhook', signingSecret.replace('whsec_', '')],
    ['the token', (await api.token()).split('.').at(-1) ?? ''],
    ['the secret of tokens', env['JWT_SECRET'] ?? ''],
    ['the key of contact data', env['CONTACT_KEYS']?.split(':')[1] ?? ''],
    ['the password of the database', new URL(env['DATABASE_URL'] ?? '').password],
  ]);
}

async function expectNoSecrets(text: string): Promise<void> {
  expect(text.length).toBeGreaterThan(0);
  for (const [name, secret] of await secrets()) {
    expect(secret.length, name).toBeGreaterThan(7);
    expect(text.includes(secret), name).toBe(false);
  }
}

const customer = { id: 'cust_42', email: EMAIL, phone: PHONE };

/** Orders on every way: paid, declined, and parked, all with a message that cannot be delivered. */
async function carryOrders(): Promise<string[]> {
  const orderIds: string[] = [];
  for (const method of ['pm_ok', 'pm_declined', 'pm_wrong_amount', 'pm_lost_reply']) {
    orderIds.push(await api.postOrder({ method, body: { customer } }));
  }
  await Promise.all(orderIds.map((orderId) => api.orderAtRest(orderId)));
  // The local try and the child workflow of both confirmed orders.
  await expect.poll(() => refusedMails).toBeGreaterThanOrEqual(4);
  await expect.poll(() => refusedTexts).toBeGreaterThanOrEqual(4);
  return orderIds;
}

/** Requests with personal data in wrong places. */
async function misplaceContacts(): Promise<void> {
  const token = await api.token();
  const post = (body: string, headers: Record<string, string> = {}) =>
    api.request('/v1/orders', { method: 'POST', headers: { 'idempotency-key': randomUUID(), ...headers }, body });
  const whole = orderBody({ body: { customer } });
  await post(JSON.stringify(whole).slice(0, -1));
  await post(JSON.stringify({ ...whole, currency: EMAIL }));
  await post(JSON.stringify({ ...whole, payment: { method: 'pm_ok', capture: EMAIL } }));
  await post(JSON.stringify({ ...whole, customer: { id: 'cust_42', email: `${EMAIL} ${PHONE}` } }));
  await post(JSON.stringify(whole), { 'idempotency-key': EMAIL });
  await post(JSON.stringify(whole), { 'x-correlation-id': EMAIL });
  await post(JSON.stringify(whole), { 'user-agent': EMAIL, referer: `http://shop/${EMAIL}` });
  for (const path of [`/v1/orders/${EMAIL}`, `/v1/orders?reference=${EMAIL}&limit=${EMAIL}`, `/${EMAIL}`]) {
    await api.request(path);
  }
  await sendRaw(api.url, `GET /v1/orders/${EMAIL} HTTP/1.1\r\nAuthorization: Bearer ${token}\r\n${EMAIL}\r\n\r\n`);
}

/** Card numbers in places where people and programs put them by mistake. */
async function misplaceCards(): Promise<void> {
  const post = (path: string, body: object, headers: Record<string, string> = {}) =>
    api.request(path, {
      method: 'POST',
      headers: { 'idempotency-key': randomUUID(), ...headers },
      body: JSON.stringify(body),
    });
  for (const body of [{ reference: CARD }, { payment: { method: CARD } }, { customer: { id: CARD } }]) {
    await post('/v1/orders', orderBody({ body }));
  }
  await post('/v1/orders', orderBody({}), { 'idempotency-key': CARD });
  await post('/v1/orders', orderBody({}), { 'x-correlation-id': CARD });
  await post('/v1/events', { type: 'custom', properties: { card: CARD } }, { 'x-correlation-id': `card:${CARD}` });
  await api.request(`/v1/orders?reference=${CARD}`);
}

/** The texts inside a workflow's history and description, in which payloads are bytes. */
async function textsOf(workflowId: string): Promise<string> {
  const handle = system.client.workflow.getHandle(workflowId);
  const { raw } = await handle.describe();
  return [...bytesIn(await handle.fetchHistory()), ...bytesIn(raw)].join('\n');
}

function* bytesIn(value: unknown): Generator<string> {
  if (value instanceof Uint8Array) yield Buffer.from(value).toString('utf8');
  else if (typeof value === 'string') yield value;
  else if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) yield* bytesIn(part);
}

async function everythingStored(): Promise<string> {
  const tables = await system.database.query<{ name: string }>(
    `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
     WHERE table_schema IN ('orders', 'inventory', 'payments', 'notifications') AND table_name <> 'products'`,
  );
  const texts: string[] = [];
  for (const { name } of tables) {
    const rows = await system.database.query(
      `SELECT to_jsonb(t) AS row FROM ${name} t WHERE t::text NOT LIKE '%seed%'`,
    );
    texts.push(JSON.stringify(rows));
  }
  return texts.join('\n');
}

/** The spans of the ways that failed, beside those of the requests with data in wrong places. */
async function expectNoSecretsInTraces(): Promise<void> {
  for (const name of ['POST /v1/orders', 'mail.send', 'sms.send', 'webhook.send', 'payment.charge']) {
    await expect.poll(() => traces.spans.map((span) => span.name)).toContain(name);
  }
  const sent = traces.bodies.join('\n');
  expect(sent).not.toContain(PAYLOAD);
  await expectNoSecrets(sent);
}

it('The metrics of a worker are told on the address that is set, by default to this machine only', async () => {
  const ask = (host: string) => fetch(`http://${host}:${metricsPort}/metrics`);
  expect((await ask('127.0.0.1')).status).toBe(200);
  // A server that listens on all addresses listens on this one, too.
  await expect(ask('127.0.0.2')).rejects.toThrow('fetch failed');
});

it('Contact data and secrets appear in no log at any level, no answer, no metric, no trace, no history and no table', async () => {
  const orderIds = await carryOrders();
  await misplaceContacts();
  await misplaceCards();
  const [told = ''] = orderIds;
  const { traceId } = await api.orderAtRest(told);
  const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;
  const properties = { orderId: told, status: PAYLOAD };
  const event = orderEvent(told, 'order.confirmed', { traceparent, properties });
  await publisherOf(system)(event);
  await expect.poll(() => merchant.received.length).toBeGreaterThanOrEqual(2);

  const log = await api.log();
  expect(log).toContain('"msg":"request"');
  expect(log).not.toContain(PAYLOAD);
  await expectNoSecrets(log);
  await expectNoSecrets(await (await fetch(`${api.url}/metrics`)).text());
  const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  expect(metrics).toMatch(/^webhook_deliveries_total\{.*outcome="failed".*\} \d+$/m);
  expect(metrics).toMatch(/^text_messages_total\{.*outcome="failed".*\} \d+$/m);
  await expectNoSecrets(metrics);
  for (const orderId of orderIds) {
    const self = `/v1/orders/${orderId}`;
    await expectNoSecrets(
      JSON.stringify([(await api.request(self)).body, (await api.request(`${self}/timeline`)).body]),
    );
    const history = await textsOf(orderWorkflowId(orderId));
    expect(history).toContain('cust_42');
    await expectNoSecrets(history);
  }
  await expectNoSecretsInTraces();
  const [confirmed = ''] = orderIds;
  const notification = await textsOf(notificationWorkflowId(confirmed, TEMPLATE));
  expect(notification).toContain('mail_unavailable');
  await expectNoSecrets(notification);
  const text = await textsOf(notificationWorkflowId(confirmed, TEMPLATE, { channel: 'sms' }));
  expect(text).toContain('sms_unavailable');
  await expectNoSecrets(text);
  const { items } = (await system.request<{ items: { id: string }[] }>('/v1/webhooks')).body;
  const delivering = await textsOf(webhookWorkflowId({ subscriptionId: items[0]?.id ?? '', key: told }));
  expect(delivering).toContain('webhook_undelivered');
  expect(delivering).not.toContain(PAYLOAD);
  await expectNoSecrets(delivering);
  const stored = await everythingStored();
  for (const orderId of orderIds) expect(stored).toContain(orderId);
  await expectNoSecrets(stored);
});
