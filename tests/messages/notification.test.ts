import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { WorkflowNotFoundError } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createMailSink, type MailSink } from '../../src/dev/mail-sink/mail-sink.ts';
import { findFreePort } from '../../src/dev/processes/ports.ts';
import { MailRejectedError, MailUnavailableError } from '../../src/domain/errors.ts';
import { messageIdFor } from '../../src/domain/notification.ts';
import { notificationWorkflowId, orderWorkflowId } from '../../src/workflows/contract.ts';
import { plannedOrder, proveEnd } from '../support/faults/evidence.ts';
import { createFaults, failBefore, lateAnswer } from '../support/faults/faults.ts';
import { resetToStart } from '../support/faults/order-actions.ts';
import { USUAL_COURSE } from '../support/faults/usual-course.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

const TEMPLATE = 'order-confirmed';
const faults = createFaults();
let system: TestSystem;
let smtpPort: number;

beforeAll(async () => {
  // Nothing listens on the port yet: the mail server is down until a test starts it.
  smtpPort = await findFreePort();
  system = await startTestSystem({
    wrapActivities: faults.wrap,
    env: { SMTP_URL: `smtp://127.0.0.1:${smtpPort}` },
  });
});
afterAll(() => system.stop());

it('A confirmation does not delay its order while the mail server is down, and is delivered once when the server is back', async () => {
  const orderId = await system.postOrder();
  await proveEnd(system, orderId, 'CONFIRMED');
  await expect.poll(() => pendingAttempt(orderId)).toBeGreaterThanOrEqual(2);
  expect(await messageOf(orderId)).toMatchObject({ state: 'RETRYING' });

  const sink = await startMailServer();
  await child(orderId).result();
  expect(await messageOf(orderId)).toMatchObject({ state: 'SENT', lastError: null });
  expect(await mailsIn(sink, orderId)).toEqual([messageIdFor(orderId, TEMPLATE)]);
  await sink.stop();
  await proveEnd(system, orderId, 'CONFIRMED');
});

it('A mail server that accepts connections and says nothing does not delay the order', async () => {
  const deaf = await startDeafServer();
  const orderId = await system.postOrder();
  await proveEnd(system, orderId, 'CONFIRMED');
  expect((await child(orderId).describe()).status.name).toBe('RUNNING');
  await deaf.stop();
});

it('A confirmation survives a reset of its order, whose end stays the same', async () => {
  const orderId = await system.postOrder();
  await proveEnd(system, orderId, 'CONFIRMED');
  await resetToStart(system, orderWorkflowId(orderId));
  const { events } = await proveEnd(system, orderId, 'CONFIRMED');
  expect(events).toHaveLength(2);
  expect((await child(orderId).describe()).status.name).toBe('RUNNING');
});

it('A confirmation that the mail server refuses for good is given up, and its order stays CONFIRMED', async () => {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'sendMessage', failBefore(new MailRejectedError(orderId, 550), Number.POSITIVE_INFINITY));
  await system.postOrder({}, key);
  await proveEnd(system, orderId, 'CONFIRMED');
  await child(orderId).result();
  expect(await messageOf(orderId)).toMatchObject({ state: 'GAVE_UP' });
  await proveEnd(system, orderId, 'CONFIRMED');
});

it('A confirmation whose acknowledgment comes too late is not sent a second time', async () => {
  const sink = await startMailServer();
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'sendMessage', lateAnswer(2_500));
  await system.postOrder({}, key);
  await proveEnd(system, orderId, 'CONFIRMED');
  await child(orderId).result();
  await faults.settled();
  expect(await mailsIn(sink, orderId)).toHaveLength(1);
  expect(await messageOf(orderId)).toMatchObject({ state: 'SENT', attempts: 1 });
  await sink.stop();
});

it('A confirmation is not tried for a customer without an address', async () => {
  const orderId = await system.postOrder({ body: { customer: { id: 'cust_7' } } });
  await proveEnd(system, orderId, 'CONFIRMED');
  expect(await messageOf(orderId)).toBeUndefined();
  await expect(child(orderId).describe()).rejects.toBeInstanceOf(WorkflowNotFoundError);
});

it('A confirmation is sent once although every attempt but the last one failed', USUAL_COURSE, async () => {
  const sink = await startMailServer();
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'sendMessage', failBefore(new MailUnavailableError(orderId, undefined), 2));
  await system.postOrder({}, key);
  await proveEnd(system, orderId, 'CONFIRMED');
  await child(orderId).result();
  expect(faults.calls(orderId, 'sendMessage').map(({ local }) => local)).toEqual([true, false, false]);
  expect(await mailsIn(sink, orderId)).toHaveLength(1);
  await sink.stop();
});

function child(orderId: string) {
  return system.client.workflow.getHandle(notificationWorkflowId(orderId, TEMPLATE));
}

async function pendingAttempt(orderId: string): Promise<number> {
  const { raw } = await child(orderId).describe();
  return raw.pendingActivities?.find(({ activityId }) => activityId === 'send-message')?.attempt ?? 0;
}

async function messageOf(orderId: string): Promise<{ state: string; attempts: number } | undefined> {
  const [row] = await system.database.query<{ state: string; attempts: number }>(
    `SELECT state, attempts, last_error AS "lastError" FROM notifications.messages WHERE order_id = $1`,
    [orderId],
  );
  return row;
}

async function startMailServer(): Promise<MailSink> {
  const sink = createMailSink({ smtpPort, inboxPort: 0, host: '127.0.0.1' });
  await sink.start();
  return sink;
}

async function mailsIn(sink: MailSink, orderId: string): Promise<string[]> {
  const response = await fetch(`http://127.0.0.1:${sink.ports.inbox}/messages?orderId=${orderId}`);
  return ((await response.json()) as { messageId: string }[]).map(({ messageId }) => messageId);
}

/** Accepts connections and never answers. */
async function startDeafServer(): Promise<{ stop(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket.on('error', () => {})));
  server.listen(smtpPort, '127.0.0.1');
  await once(server, 'listening');
  return {
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
