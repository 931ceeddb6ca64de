import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createMailSink, type MailSink } from '../../src/dev/mail-sink/mail-sink.ts';
import type { InboxMessage } from '../../src/dev/mail-sink/mail-inbox.ts';
import { OPERATOR_MAIL_WORKFLOW } from '../../src/workflows/contract.ts';
import { purchase, sendEvents, type Accepted } from '../support/events.ts';
import { openCaseOf, resolveCase } from '../support/faults/order-actions.ts';
import { expectProblem } from '../support/http/problems.ts';
import { startReceiver, subscribe, type WebhookReceiver } from '../support/http/webhook-receiver.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

const ONCALL = ['oncall@example.com', 'lead@example.com'];

let mails: MailSink;
let system: TestSystem;
let receiver: WebhookReceiver;
/** The same tenant's for orders only, and another tenant's for everything. */
let others: WebhookReceiver;
beforeAll(async () => {
  mails = createMailSink({ smtpPort: 0, inboxPort: 0, host: '127.0.0.1' });
  await mails.start();
  system = await startTestSystem({
    events: true,
    env: { OPERATOR_MAIL_TO: ONCALL.join(', '), SMTP_URL: `smtp://127.0.0.1:${mails.ports.smtp}` },
  });
  receiver = await startReceiver();
  others = await startReceiver();
  await subscribe(system, receiver.url, { events: ['order.rejected', 'case.*', 'event.failed'] });
  await subscribe(system, others.url, { events: ['order.confirmed'] });
  const token = await system.token('elsewhere');
  await subscribe(system, others.url, { events: ['order.*', 'case.*', 'event.failed'], token });
});
afterAll(async () => {
  receiver.close();
  others.close();
  await system.stop();
  await mails.stop();
});

interface Told {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const told = (): Told[] => receiver.received.map(({ body }) => JSON.parse(body) as Told);

async function failEvent(): Promise<Accepted['events'][number] | undefined> {
  return (await sendEvents(system, purchase({ properties: { amount: -1 } }))).body.events[0];
}

it('A case that is opened and resolved reaches the webhooks of its tenant, in the order of its order', async () => {
  const orderId = await system.postOrder({ method: 'pm_wrong_amount' });
  await system.orderAtRest(orderId);
  const { id: caseId } = await openCaseOf(system, orderId);
  await resolveCase(system, orderId, { action: 'abort' });
  const ofOrder = () => told().filter(({ data }) => data['orderId'] === orderId);
  await expect
    .poll(() => ofOrder().map(({ type }) => type))
    .toEqual(['case.opened', 'case.resolved', 'order.rejected']);
  const about = { caseId, orderId, step: 'take-payment', errorCode: expect.any(String), traceId: null };
  const [opened, resolved] = ofOrder();
  expect(opened?.data).toEqual({ ...about, attempts: expect.any(Number), resolution: null });
  expect(resolved?.data).toMatchObject({ ...about, resolution: expect.any(String) });
  expect(others.received).toEqual([]);
});

it('An event that is given up reaches the webhooks of its tenant', async () => {
  const event = await failEvent();
  const failures = () => told().filter(({ data }) => data['eventId'] === event?.id);
  await expect.poll(() => failures().map(({ type }) => type)).toEqual(['event.failed']);
  const { id: _, ...place } = event ?? { id: '' };
  expect(failures()[0]?.data).toMatchObject({
    ...place,
    count: 1,
    lastSequence: event?.sequence,
    eventType: 'purchase',
    consumer: 'analytics',
    errorCode: 'invalid_event',
    attempts: 1,
  });
  expect(others.received).toEqual([]);
});

it('A token subscribes only to what it may read', async () => {
  const subscribing = async (events: readonly string[], scopes: Parameters<TestSystem['token']>[1]) =>
    system.request('/v1/webhooks', {
      method: 'POST',
      token: await system.token('demo', scopes),
      headers: { 'idempotency-key': randomUUID() },
      body: JSON.stringify({ url: receiver.url, events }),
    });
  expectProblem(await subscribing(['order.*', 'case.opened'], ['webhooks:write', 'events:read']), 'forbidden');
  expectProblem(await subscribing(['event.failed'], ['webhooks:write', 'ops:read']), 'forbidden');
  const answer = await subscribing(['case.*', 'event.failed'], ['webhooks:write', 'ops:read', 'events:read']);
  expect(answer.status).toBe(201);
});

async function inbox(): Promise<InboxMessage[]> {
  const response = await fetch(`http://127.0.0.1:${mails.ports.inbox}/messages`);
  const all = (await response.json()) as InboxMessage[];
  return all.filter(({ to }) => ONCALL.includes(to));
}

/** One run of the schedule. */
function runOnce(): Promise<unknown> {
  return system.client.workflow.execute(OPERATOR_MAIL_WORKFLOW, { workflowId: randomUUID(), taskQueue: 'orders' });
}

const waiting = async (): Promise<number> => {
  const [row] = await system.database.query<{ count: number }>(
    'SELECT count(*)::integer AS count FROM notifications.operator_alerts WHERE mail_id IS NULL',
  );
  return row?.count ?? 0;
};

it('Operators get one mail about all new cases and failed events, and no second one so soon', async () => {
  await system.database.query('DELETE FROM notifications.operator_alerts');
  const orderIds = await Promise.all([1, 2, 3].map(() => system.postOrder({ method: 'pm_wrong_amount' })));
  await Promise.all([...orderIds.map((orderId) => system.orderAtRest(orderId)), failEvent()]);
  await expect.poll(waiting).toBe(4);
  expect(await runOnce()).toEqual({ told: 4 });
  const sent = await inbox();
  expect(sent.map(({ to }) => to).toSorted()).toEqual(ONCALL.toSorted());
  expect(new Set(sent.map(({ messageId }) => messageId)).size).toBe(1);
  for (const { subject, text, orderId } of sent) {
    expect({ subject, orderId }).toEqual({ subject: 'order-saga: 3 new cases and 1 failed event', orderId: null });
    expect(text).toContain('3 x case.opened take-payment/');
    expect(text).toContain((await openCaseOf(system, orderIds[0] ?? '')).id);
    expect(text).not.toContain('@');
  }

  await failEvent();
  await expect.poll(waiting).toBe(1);
  expect(await runOnce()).toEqual({ told: 0 });
  expect(await inbox()).toHaveLength(2);
});

it('A mail to operators that is sent again has the same Message-ID and the same words', async () => {
  const before = await inbox();
  // The worker died between the answer of the mail server and its note.
  await system.database.query('UPDATE notifications.operator_alerts SET mailed_at = NULL WHERE mail_id IS NOT NULL');
  expect(await runOnce()).toEqual({ told: 4 });
  const after = await inbox();
  expect(after).toHaveLength(4);
  const words = ({ to, messageId, subject, text }: InboxMessage) => ({ to, messageId, subject, text });
  for (const mail of before)
    expect(after.filter((other) => other.to === mail.to).map(words)).toEqual([words(mail), words(mail)]);
});
