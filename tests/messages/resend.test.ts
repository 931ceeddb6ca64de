import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MailRejectedError } from '../../src/domain/errors.ts';
import { notificationWorkflowId } from '../../src/workflows/contract.ts';
import { plannedOrder, proveEnd } from '../support/faults/evidence.ts';
import { createFaults, failBefore } from '../support/faults/faults.ts';
import { expectProblem } from '../support/http/problems.ts';
import { giveCommand, untilStatus } from '../support/faults/order-actions.ts';
import { startTestSystem, type Answer, type TestSystem } from '../support/system.ts';

const faults = createFaults();
let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ wrapActivities: faults.wrap });
});
afterAll(() => system.stop());

interface Resent {
  readonly messageId: string;
  readonly occurrence: number;
  readonly workflow: { readonly id: string };
}

async function resend(
  orderId: string,
  template = 'order-confirmed',
  { key = randomUUID(), tenant = 'demo', query = '' }: { key?: string | null; tenant?: string; query?: string } = {},
): Promise<Answer<Resent>> {
  return system.request<Resent>(`/v1/orders/${orderId}/notifications/${template}/resend${query}`, {
    method: 'POST',
    token: await system.token(tenant),
    headers: key === null ? {} : { 'idempotency-key': key },
  });
}

async function sold(): Promise<string> {
  const orderId = await system.postOrder();
  await proveEnd(system, orderId, 'CONFIRMED');
  await expect.poll(() => system.mails(orderId)).toHaveLength(1);
  return orderId;
}

async function mailIds(orderId: string): Promise<string[]> {
  return (await system.mails(orderId)).map(({ messageId }) => messageId).toReversed();
}

async function textOf(orderId: string, { messageId }: Resent): Promise<string | undefined> {
  return (await system.mails(orderId)).find((mail) => mail.messageId === messageId)?.text;
}

async function stateOf(orderId: string): Promise<string | undefined> {
  const rows = await system.database.query<{ state: string }>(
    `SELECT state FROM notifications.messages WHERE order_id = $1 AND template = 'order-confirmed'`,
    [orderId],
  );
  return rows[0]?.state;
}

it('A message that is sent again has a Message-ID of its own for each key, and one for the same key', async () => {
  const orderId = await sold();
  const key = randomUUID();
  const first = await resend(orderId, 'order-confirmed', { key });
  expect(first.status).toBe(202);
  expect(first.headers.get('idempotency-replayed')).toBe('false');
  const again = await resend(orderId, 'order-confirmed', { key });
  expect(again.body).toEqual(first.body);
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  await expect.poll(() => mailIds(orderId)).toHaveLength(2);
  const second = await resend(orderId);
  await expect.poll(() => mailIds(orderId)).toHaveLength(3);
  const ids = await mailIds(orderId);
  expect(new Set(ids).size).toBe(3);
  expect(ids.slice(1)).toEqual([first.body.messageId, second.body.messageId]);
  expect(await stateOf(orderId)).toBe('SENT');
});

it('A message that is sent again under one key at once is sent once', async () => {
  const orderId = await sold();
  const key = randomUUID();
  const answers = await Promise.all([1, 2, 3].map(() => resend(orderId, 'order-confirmed', { key })));
  expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
  await system.client.workflow.getHandle(answers[0]?.body.workflow.id ?? '').result();
  expect(await mailIds(orderId)).toHaveLength(2);
});

it('A message that is sent again is an act of an operator that the timeline tells', async () => {
  const orderId = await sold();
  await resend(orderId);
  const { body } = await system.request<{ items: object[] }>(`/v1/orders/${orderId}/timeline`);
  expect(body.items).toContainEqual(expect.objectContaining({ source: 'operator', type: 'message.resend' }));
});

it('A message that was given up may be sent again', async () => {
  const { key, orderId } = plannedOrder();
  let isRefused = true;
  faults.inject(orderId, 'sendMessage', async (effect) => {
    if (isRefused) throw new MailRejectedError(orderId, 550);
    return effect();
  });
  await system.postOrder({}, key);
  await proveEnd(system, orderId, 'CONFIRMED');
  await system.client.workflow.getHandle(notificationWorkflowId(orderId, 'order-confirmed')).result();
  expect(await stateOf(orderId)).toBe('GAVE_UP');
  isRefused = false;
  expect((await resend(orderId)).status).toBe(202);
  await expect.poll(() => stateOf(orderId)).toBe('SENT');
  expect(await mailIds(orderId)).toHaveLength(1);
});

it('A resend sends the last one of several refunds, or the one whose number is given, with its own amount', async () => {
  const orderId = await sold();
  for (const [index, amountMinor] of [5, 700].entries()) {
    await giveCommand(system, orderId, { route: 'refunds', amountMinor });
    await expect.poll(() => mailIds(orderId)).toHaveLength(index + 2);
    await untilStatus(system, orderId, 'PARTIALLY_REFUNDED');
  }
  const key = randomUUID();
  const last = await resend(orderId, 'order-refunded', { key });
  expect(last).toMatchObject({ status: 202, body: { occurrence: 2 } });
  await expect.poll(() => textOf(orderId, last.body)).toContain('€7.00');
  const first = await resend(orderId, 'order-refunded', { key, query: '?occurrence=1' });
  expect(first).toMatchObject({ status: 202, body: { occurrence: 1 } });
  expect(first.headers.get('idempotency-replayed')).toBe('false');
  await expect.poll(() => textOf(orderId, first.body)).toContain('€0.05');
  expect(await mailIds(orderId)).toHaveLength(5);
  expectProblem(await resend(orderId, 'order-refunded', { key, query: '?occurrence=3' }), 'not_found');
  expectProblem(await resend(orderId, 'order-refunded', { key, query: '?occurrence=0' }), 'validation_failed');
});

it('A message that is sent again and cannot be delivered hurts neither the order nor what was sent', async () => {
  const { key, orderId } = plannedOrder();
  await system.postOrder({}, key);
  await proveEnd(system, orderId, 'CONFIRMED');
  await expect.poll(() => stateOf(orderId)).toBe('SENT');
  faults.inject(orderId, 'sendMessage', failBefore(new MailRejectedError(orderId, 550), Number.POSITIVE_INFINITY));
  const { body } = await resend(orderId);
  await system.client.workflow.getHandle(body.workflow.id).result();
  expect(await stateOf(orderId)).toBe('SENT');
  await proveEnd(system, orderId, 'CONFIRMED');
});

it('A resend of an unknown template, of a message the order never had, or of another tenant is not found', async () => {
  const orderId = await sold();
  expectProblem(await resend(orderId, 'order-shipped'), 'not_found');
  expectProblem(await resend(orderId, 'order-cancelled'), 'not_found');
  expectProblem(await resend(orderId, 'order-confirmed', { key: randomUUID(), tenant: 'acme' }), 'not_found');
  expectProblem(await resend('ord_x'), 'not_found');
  expect(await mailIds(orderId)).toHaveLength(1);
});

it('A resend of one message is done five times in a day, however many keys come, at once or later', async () => {
  const orderId = await sold();
  const answers = await Promise.all(Array.from({ length: 8 }, () => resend(orderId)));
  const refused = answers.filter(({ status }) => status !== 202);
  expect(refused).toHaveLength(3);
  for (const answer of refused) {
    expectProblem(answer, 'resent_too_often');
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(86_000);
    expect(Number(answer.headers.get('retry-after'))).toBeLessThanOrEqual(86_400);
  }
  await expect.poll(() => mailIds(orderId)).toHaveLength(6);
  const key = randomUUID();
  expectProblem(await resend(orderId, 'order-confirmed', { key }), 'resent_too_often');
  expectProblem(await resend(orderId, 'order-confirmed', { key }), 'resent_too_often');
  expect(await mailIds(orderId)).toHaveLength(6);
});

it('A resend under a key that was taken is answered as before when the bound is reached', async () => {
  const orderId = await sold();
  const key = randomUUID();
  const first = await resend(orderId, 'order-confirmed', { key });
  for (let more = 1; more < 5; more += 1) expect((await resend(orderId)).status).toBe(202);
  const again = await resend(orderId, 'order-confirmed', { key });
  expect(again).toMatchObject({ status: 202, body: first.body });
  expectProblem(await resend(orderId), 'resent_too_often');
});

it('A resend needs an Idempotency-Key', async () => {
  expectProblem(await resend(await sold(), 'order-confirmed', { key: null }), 'idempotency_key_missing');
});

it('A resend of a message that is still being sent is refused', async () => {
  const orderId = await sold();
  await system.database.query(`UPDATE notifications.messages SET state = 'RETRYING' WHERE order_id = $1`, [orderId]);
  expectProblem(await resend(orderId), 'message_under_way');
});
