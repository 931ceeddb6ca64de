import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { WorkflowNotFoundError } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { textMessageIdFor } from '../../src/domain/notification.ts';
import { notificationWorkflowId, orderWorkflowId } from '../../src/workflows/contract.ts';
import { plannedOrder, proveEnd } from '../support/faults/evidence.ts';
import { createFaults } from '../support/faults/faults.ts';
import { findFreePort } from '../../src/dev/processes/ports.ts';
import { giveCommand, untilStatus } from '../support/faults/order-actions.ts';
import { USUAL_COURSE } from '../support/faults/usual-course.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

const TEMPLATE = 'order-confirmed';
const PHONE = '+493012345678';
const WITH_PHONE = { body: { customer: { id: 'cust_42', email: 'ada@example.com', phone: PHONE } } };

const faults = createFaults();
let system: TestSystem;
let gateway: Server;
let status: number | null = 202;
const texts: { id: string; to: string; text: string; reference: string }[] = [];

beforeAll(async () => {
  const port = await findFreePort();
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const message = JSON.parse((await buffer(request)).toString('utf8')) as (typeof texts)[number];
    // Null means that the gateway hangs.
    if (status === null) return;
    // The gateway knows a message by its id: one that is sent again, because its answer came too late, is the same one.
    if (status < 300 && !texts.some(({ id }) => id === message.id)) texts.push(message);
    response.writeHead(status).end(`about ${message.to}`);
  };
  gateway = createServer((request, response) => void answer(request, response)).listen(port, '127.0.0.1');
  await once(gateway, 'listening');
  system = await startTestSystem({
    wrapActivities: faults.wrap,
    env: { SMS_GATEWAY_URL: `http://127.0.0.1:${port}/messages` },
  });
});
afterAll(async () => {
  gateway.closeAllConnections();
  gateway.close();
  await system.stop();
});
beforeEach(() => {
  status = 202;
  texts.length = 0;
});

function messagesOf(orderId: string): Promise<{ channel: string; state: string; attempts: number }[]> {
  return system.database.query(
    'SELECT channel, state, attempts FROM notifications.messages WHERE order_id = $1 ORDER BY channel, template',
    [orderId],
  );
}

function child(orderId: string, channel: 'email' | 'sms') {
  return system.client.workflow.getHandle(notificationWorkflowId(orderId, TEMPLATE, { channel }));
}

it(
  'A customer with a phone number gets a mail and one short text message, both from the order’s own workflow',
  USUAL_COURSE,
  async () => {
    const orderId = await system.postOrder(WITH_PHONE);
    await proveEnd(system, orderId, 'CONFIRMED');
    const [text] = texts;
    expect(text).toEqual({
      id: textMessageIdFor(orderId, TEMPLATE),
      to: PHONE,
      reference: orderId,
      text: `Your order ${orderId} is confirmed. Total: 45.00 EUR.`,
    });
    expect(text?.text.length).toBeLessThan(160);
    expect(texts).toHaveLength(1);
    await expect.poll(() => system.mails(orderId)).toHaveLength(1);
    expect(await messagesOf(orderId)).toMatchObject([
      { channel: 'email', state: 'SENT', attempts: 1 },
      { channel: 'sms', state: 'SENT', attempts: 1 },
    ]);
    await expect(child(orderId, 'sms').describe()).rejects.toBeInstanceOf(WorkflowNotFoundError);
    const { body } = await system.request(`/v1/orders/${orderId}/timeline`);
    expect(JSON.stringify(body)).toContain('"channel":"sms"');
    expect(JSON.stringify(body)).not.toContain(PHONE);
  },
);

it('A customer with a phone number and no address gets the text message only', async () => {
  const orderId = await system.postOrder({ body: { customer: { id: 'cust_7', phone: PHONE } } });
  await proveEnd(system, orderId, 'CONFIRMED');
  expect(await messagesOf(orderId)).toMatchObject([{ channel: 'sms', state: 'SENT' }]);
});

it('A customer with a phone number is told of a cancel by both channels, from the command workflow', async () => {
  const orderId = await system.postOrder(WITH_PHONE);
  await proveEnd(system, orderId, 'CONFIRMED');
  await giveCommand(system, orderId, { route: 'cancel' });
  await untilStatus(system, orderId, 'CANCELLED');
  await expect.poll(() => texts.map(({ id }) => id)).toContain(textMessageIdFor(orderId, 'order-cancelled'));
  await expect.poll(() => system.mails(orderId)).toHaveLength(2);
});

it('A customer with a phone number gets a text message of every refund, with its own amount', async () => {
  const orderId = await system.postOrder(WITH_PHONE);
  await proveEnd(system, orderId, 'CONFIRMED');
  for (const [index, amountMinor] of [1_000, 500].entries()) {
    await giveCommand(system, orderId, { route: 'refunds', amountMinor });
    await expect.poll(() => texts).toHaveLength(index + 2);
    await untilStatus(system, orderId, 'PARTIALLY_REFUNDED');
  }
  expect(texts.slice(1)).toMatchObject([
    {
      id: textMessageIdFor(orderId, 'order-refunded'),
      text: `We have paid back 10.00 EUR of your order ${orderId}.`,
    },
    {
      id: textMessageIdFor(orderId, 'order-refunded.2'),
      text: `We have paid back 5.00 EUR of your order ${orderId}.`,
    },
  ]);
});

it('A customer with a phone number gets a text message of a further capture, short enough for one', async () => {
  const payment = { method: 'pm_ok', capture: 'manual' };
  const orderId = await system.postOrder({ body: { ...WITH_PHONE.body, payment } });
  await untilStatus(system, orderId, 'AWAITING_CAPTURE');
  await giveCommand(system, orderId, { route: 'capture', amountMinor: 1_000 });
  await untilStatus(system, orderId, 'CONFIRMED');
  await giveCommand(system, orderId, { route: 'capture' });
  await expect.poll(() => texts).toHaveLength(2);
  const text = `We have charged a further 35.00 EUR for your order ${orderId}.`;
  expect(texts[1]).toMatchObject({ id: textMessageIdFor(orderId, 'order-captured.2'), text });
  expect(text.length).toBeLessThan(160);
});

it(
  'A customer without a phone number gets no text message, and the order takes no step for it',
  USUAL_COURSE,
  async () => {
    const orderId = await system.postOrder();
    await proveEnd(system, orderId, 'CONFIRMED');
    expect(texts).toEqual([]);
    expect(await messagesOf(orderId)).toMatchObject([{ channel: 'email', state: 'SENT' }]);
    expect(faults.calls(orderId, 'sendMessage')).toHaveLength(1);
  },
);

it(
  'An SMS gateway that is down delays neither the order nor the mail, and gets the message when it is back',
  USUAL_COURSE,
  async () => {
    status = 503;
    const orderId = await system.postOrder(WITH_PHONE);
    await proveEnd(system, orderId, 'CONFIRMED');
    await expect.poll(() => system.mails(orderId)).toHaveLength(1);
    expect(await messagesOf(orderId)).toMatchObject([
      { channel: 'email', state: 'SENT', attempts: 1 },
      { channel: 'sms', state: 'RETRYING' },
    ]);
    await expect(child(orderId, 'email').describe()).rejects.toBeInstanceOf(WorkflowNotFoundError);
    status = 202;
    await child(orderId, 'sms').result();
    expect(texts).toHaveLength(1);
    await expect.poll(() => system.mails(orderId)).toHaveLength(1);
    expect(await messagesOf(orderId)).toMatchObject([
      { channel: 'email', state: 'SENT', attempts: 1 },
      { channel: 'sms', state: 'SENT' },
    ]);
  },
);

it('An SMS gateway that hangs delays neither the order nor the mail', async () => {
  status = null;
  const orderId = await system.postOrder(WITH_PHONE);
  await proveEnd(system, orderId, 'CONFIRMED');
  await expect.poll(() => system.mails(orderId)).toHaveLength(1);
  expect((await child(orderId, 'sms').describe()).status.name).toBe('RUNNING');
  status = 202;
  await child(orderId, 'sms').result();
});

it('A number that the SMS gateway refuses for good ends the message, and nothing else', USUAL_COURSE, async () => {
  status = 422;
  const orderId = await system.postOrder(WITH_PHONE);
  await proveEnd(system, orderId, 'CONFIRMED');
  await child(orderId, 'sms').result();
  expect(await messagesOf(orderId)).toMatchObject([
    { channel: 'email', state: 'SENT', attempts: 1 },
    { channel: 'sms', state: 'GAVE_UP' },
  ]);
  await proveEnd(system, orderId, 'CONFIRMED');
});

it('The phone number of a customer never gets into a history or a row', async () => {
  status = 422;
  const { key, orderId } = plannedOrder();
  await system.postOrder(WITH_PHONE, key);
  await proveEnd(system, orderId, 'CONFIRMED');
  await child(orderId, 'sms').result();
  for (const workflowId of [orderWorkflowId(orderId), notificationWorkflowId(orderId, TEMPLATE, { channel: 'sms' })]) {
    const history = await system.client.workflow.getHandle(workflowId).fetchHistory();
    expect(textIn(history)).toContain(orderId);
    expect(textIn(history)).not.toContain(PHONE.slice(1));
  }
  const rows = await system.database.query<{ row: string }>(
    `SELECT m::text AS row FROM notifications.messages m UNION ALL SELECT o::text FROM orders.orders o`,
  );
  expect(rows.map(({ row }) => row).join('\n')).not.toContain(PHONE.slice(1));
});

function textIn(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return '';
  return Object.values(value).map(textIn).join('\n');
}
