import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  MailRejectedError,
  MailUnavailableError,
  PaymentContractError,
  SmsUnavailableError,
} from '../../src/domain/errors.ts';
import { STEP_POLICIES } from '../../src/workflows/steps/step-policies.ts';
import { NOTIFICATION_POLICY } from '../../src/workflows/steps/background-policies.ts';
import {
  AUDIT_WORKFLOW,
  COMMAND_SWEEP_WORKFLOW,
  EVENT_MAINTENANCE_WORKFLOW,
  eventPumpWorkflowId,
  NOTICE_SWEEP_WORKFLOW,
  NOTICE_WORKFLOW,
  noticeWorkflowId,
  notificationWorkflowId,
  OPERATOR_MAIL_WORKFLOW,
  ORDER_FEED_ID,
  ORDER_WORKFLOW,
  orderWorkflowId,
  redriveWorkflowId,
  resumeOrderSignal,
  orderCommandWorkflowId,
  SWEEP_WORKFLOW,
} from '../../src/workflows/contract.ts';
import type { NoticeWorkflowInput } from '../../src/domain/payments/payment-notice.ts';
import { plannedOrder, proveEnd } from '../support/faults/evidence.ts';
import {
  afterEffect,
  createFaults,
  failBefore,
  lateAnswer,
  type ActivityName,
  type Fault,
} from '../support/faults/faults.ts';
import {
  expireHold,
  giveCommand,
  openCaseOf,
  resolveCase,
  storeDecision,
  storeNotice,
  sweepDecisions,
  untilStatus,
} from '../support/faults/order-actions.ts';
import { STEP_SCENARIOS, type StepScenario } from '../support/faults/step-scenarios.ts';
import { createMailSink, type MailSink } from '../../src/dev/mail-sink/mail-sink.ts';
import { startTestSystem, type OrderOverrides, type TestSystem } from '../support/system.ts';
import type { Recorded } from './recorded.ts';
import { redeliverFirst, sweepWebhooks, webhooksOf } from './webhook-scenarios.ts';

/** This is not a test: `record-histories.ts` runs it. Each history is one course of an order, a message or a sweep. */
const HISTORIES = join(import.meta.dirname, 'histories');

const MAIL_DOWN = new MailUnavailableError('an order', undefined);
const MAIL_REFUSED = new MailRejectedError('an order', 550);

const WITH_PHONE: OrderOverrides = {
  body: { customer: { id: 'cust_42', email: 'ada@example.com', phone: '+4930123456' } },
};

const faults = createFaults();
const textFaults = createFaults();
let system: TestSystem;
let onFastPath: TestSystem;
let onQueues: TestSystem;
let withEvents: TestSystem;
let withTexts: TestSystem;
let sink: MailSink;

beforeAll(async () => {
  // Orders take this course after a crash, and where the fast path is switched off.
  system = await startTestSystem({ wrapActivities: faults.wrap, env: { ORDER_FAST_PATH: 'stepwise' } });
  onFastPath = await startTestSystem({ wrapActivities: faults.wrap });
  onQueues = await startTestSystem({
    env: { STEP_PLACEMENT: 'payment=queue,inventory=queue,notification=queue' },
  });
  sink = createMailSink({ smtpPort: 0, inboxPort: 0, host: '127.0.0.1' });
  await sink.start();
  withTexts = await startTestSystem({
    wrapActivities: textFaults.wrap,
    env: { SMS_GATEWAY_URL: `http://127.0.0.1:${sink.ports.inbox}/sms` },
  });
  withEvents = await startTestSystem({ events: true });
  await mkdir(HISTORIES, { recursive: true });
});
afterAll(async () => {
  await system.stop();
  await onFastPath.stop();
  await onQueues.stop();
  await withEvents.stop();
  await withTexts.stop();
  await sink.stop();
});

/** Each entry plays an order, and returns the workflow whose history is stored under the name. */
const RECORDINGS: Readonly<Record<string, () => Promise<Recorded>>> = {
  'order-confirmed': () => plain(system, {}, 'CONFIRMED'),
  'order-without-address': () => plain(system, { body: { customer: { id: 'cust_7' } } }, 'CONFIRMED'),
  'order-declined': () => plain(system, { method: 'pm_declined' }, 'REJECTED'),
  'order-declined-softly': () => plain(system, { method: 'pm_insufficient_funds' }, 'REJECTED'),
  'order-out-of-stock': () => plain(system, { sku: 'SKU-SCARCE', quantity: 6 }, 'REJECTED'),
  'order-reply-lost': () => plain(system, { method: 'pm_lost_reply' }, 'CONFIRMED'),
  'order-gateway-flaky': () => plain(system, { method: 'pm_flaky' }, 'CONFIRMED'),
  'order-on-queues': () => plain(onQueues, {}, 'CONFIRMED'),
  'order-on-queues-declined': () => plain(onQueues, { method: 'pm_declined' }, 'REJECTED'),
  'order-parked-and-resumed': () => faulted('holdStock', failBefore(new TypeError('made so')), { meanwhile: resume }),
  'order-step-timed-out': () => faulted('holdStock', lateAnswer(STEP_POLICIES.holdStock.localTimeoutMs + 500)),
  'order-message-timed-out': () => faulted('sendMessage', lateAnswer(NOTIFICATION_POLICY.localTimeoutMs + 500)),
  'order-interrupted': () =>
    faulted(
      'takePayment',
      afterEffect(({ orderId }) => signal(orderId)),
    ),
  'order-hold-expired': () =>
    faulted(
      'takePayment',
      afterEffect(({ orderId }) => expireHold(system, orderId)),
    ),
  'order-message-later': () => faulted('sendMessage', failBefore(MAIL_DOWN, 2)),
  'message-sent': async () => messageOf(await faulted('sendMessage', failBefore(MAIL_DOWN, 2))),
  'message-given-up': async () => messageOf(await faulted('sendMessage', failBefore(MAIL_REFUSED, 2))),
  'order-fast-path': () => plain(onFastPath, {}, 'CONFIRMED'),
  'order-fast-path-declined': () => plain(onFastPath, { method: 'pm_declined' }, 'REJECTED'),
  'order-fast-path-flaky': () => plain(onFastPath, { method: 'pm_flaky' }, 'CONFIRMED'),
  'order-fast-path-message-later': () => faulted('sendMessage', failBefore(MAIL_DOWN), { where: onFastPath }),
  'order-fast-path-interrupted': () =>
    faulted(
      'takePayment',
      afterEffect(({ orderId }) => signal(orderId, onFastPath)),
      { where: onFastPath },
    ),
  'order-duplicate': startAgain,
  'order-cancelled': () => played(CANCELLED, 'order'),
  'order-authorized-cancelled': () => played(AUTHORIZED_AND_CANCELLED, 'order'),
  'order-captured': () => played(STEP_SCENARIOS.capturePayment, 'order'),
  'order-other-method': () => played(STEP_SCENARIOS.abandonCharge, 'order'),
  'order-aborted': () => played(ABORTED, 'order'),
  'command-cancelled': () => played(STEP_SCENARIOS.closeCommand, 'command'),
  'command-refunded': () => played(STEP_SCENARIOS.refundPayment, 'command'),
  'command-captured-more': () => played(STEP_SCENARIOS.endCommand, 'command'),
  'command-capture-abandoned': () => played(STEP_SCENARIOS.abandonCapture, 'command'),
  'command-rest-released': () => played(STEP_SCENARIOS.releaseAuthorization, 'command'),
  'order-expired': () => played(STEP_SCENARIOS.recordExpiry, 'order'),
  'command-sweep': () => started(system, COMMAND_SWEEP_WORKFLOW),
  'command-reconciled': () => played(STEP_SCENARIOS.adoptExternal, 'command'),
  'command-paid-back-outside': () => played(STEP_SCENARIOS.recordEvidence, 'command'),
  'notice-given-back': () => played(STEP_SCENARIOS.returnCharge, 'notice'),
  'notice-looked-up': lookedUp,
  'notice-dismissed': dismissed,
  'notice-sweep': () => started(system, NOTICE_SWEEP_WORKFLOW),
  'decision-sweep': decisionSweep,
  'message-sent-again': sentAgain,
  'event-pump': () => endless(eventPumpWorkflowId({ consumer: 'analytics', partition: 0 })),
  'order-feed': () => endless(ORDER_FEED_ID),
  'event-maintenance': () => started(withEvents, EVENT_MAINTENANCE_WORKFLOW),
  redrive,
  'order-with-text-message': () => plain(withTexts, WITH_PHONE, 'CONFIRMED'),
  'order-text-message-later': async () => orderOf(await textLater()),
  'text-message-sent': textLater,
  'webhook-in-order': () => webhooksOf(system, async () => {}),
  'webhook-redelivered': () => webhooksOf(system, (subscriptionId) => redeliverFirst(system, subscriptionId)),
  'webhook-sweep': () => sweepWebhooks(system),
  'operator-mail': () => started(withEvents, OPERATOR_MAIL_WORKFLOW),
  'scheduled-audit': () => started(withEvents, AUDIT_WORKFLOW, [{ ordersMax: 10 }]),
  sweep: () => started(system, SWEEP_WORKFLOW),
};

describe('the golden history', () => {
  // Recorded histories stay, because the present workflows must replay them.
  it.each(Object.entries(RECORDINGS).filter(([name]) => !existsSync(join(HISTORIES, `${name}.json`))))(
    '%s is recorded',
    async (name, record) => {
      const { where, workflowId, isEndless = false } = await record();
      const handle = where.client.workflow.getHandle(workflowId);
      if (!isEndless) await handle.result();
      const history: unknown = JSON.parse(historyToJSON(await handle.fetchHistory()));
      const json = JSON.stringify(history, withoutMachine, 1);
      const machine = [`@${hostname()}`, process.cwd()].flatMap(
        (word) => json.match(new RegExp(`.*${word}.*`, 'g')) ?? [],
      );
      expect(machine).toEqual([]);
      await writeFile(join(HISTORIES, `${name}.json`), `${json}\n`);
    },
  );
});

/** A workflow that a schedule starts. */
async function started(where: TestSystem, type: string, args: unknown[] = []): Promise<Recorded> {
  await where.client.workflow.start(type, { workflowId: type, taskQueue: 'orders', args });
  return { where, workflowId: type };
}

/** Until its activity is under way. */
async function endless(workflowId: string): Promise<Recorded> {
  const pendingActivities = async (): Promise<number> => {
    const { raw } = await withEvents.client.workflow.getHandle(workflowId).describe();
    return raw.pendingActivities?.length ?? 0;
  };
  await expect.poll(() => pendingActivities().catch(() => 0)).toBe(1);
  return { where: withEvents, workflowId, isEndless: true };
}

async function plain(where: TestSystem, order: OrderOverrides, end: 'CONFIRMED' | 'REJECTED'): Promise<Recorded> {
  const orderId = await where.postOrder(order);
  await proveEnd(where, orderId, end);
  return { where, workflowId: orderWorkflowId(orderId) };
}

/** An order that is cancelled while its payment is unknown. */
const CANCELLED: StepScenario = {
  method: 'pm_down',
  end: 'CANCELLED',
  prepare: () => {},
  act: async (where, orderId) => {
    await untilUnknown(where, orderId);
    await giveCommand(where, orderId, { route: 'cancel' });
  },
};

const AUTHORIZED_AND_CANCELLED: StepScenario = {
  ...CANCELLED,
  method: 'pm_ok',
  capture: 'manual',
  act: async (where, orderId) => {
    await untilStatus(where, orderId, 'AWAITING_CAPTURE');
    await giveCommand(where, orderId, { route: 'cancel' });
  },
};

const ABORTED: StepScenario = {
  ...STEP_SCENARIOS.abandonCharge,
  end: 'REJECTED',
  act: (where, orderId) => resolveCase(where, orderId, { action: 'abort' }),
};

async function untilUnknown(where: TestSystem, orderId: string): Promise<void> {
  await expect
    .poll(() => where.database.query(`SELECT FROM payments.operations WHERE order_id = $1`, [orderId]))
    .toHaveLength(1);
}

async function played(way: StepScenario, whose: 'order' | 'command' | 'notice'): Promise<Recorded> {
  const { key, orderId } = plannedOrder();
  const { method, capture, end, prepare, act } = way;
  prepare(system, faults, orderId);
  await system.postOrder(capture === undefined ? { method } : { body: { payment: { method, capture } } }, key);
  await act?.(system, orderId);
  await untilStatus(system, orderId, end);
  await proveEnd(system, orderId, end);
  if (whose === 'order') return { where: system, workflowId: orderWorkflowId(orderId) };
  if (whose === 'notice') return { where: system, workflowId: noticeWorkflowId(orderId, noticeOf(orderId)) };
  const [command] = await system.database.query<{ id: string }>(
    // The last command is taken, because the order's own workflow carries out a first capture.
    'SELECT command_id AS id FROM orders.order_commands WHERE order_id = $1 ORDER BY answered_at DESC LIMIT 1',
    [orderId],
  );
  return { where: system, workflowId: orderCommandWorkflowId(orderId, command?.id ?? '') };
}

/** An order whose payment waits for the provider, which then reports. */
async function lookedUp(): Promise<Recorded> {
  const orderId = await system.postOrder({ method: 'pm_down' });
  await untilUnknown(system, orderId);
  await notify(orderId, `${orderId}:sale:1`);
  await giveCommand(system, orderId, { route: 'cancel' });
  await proveEnd(system, orderId, 'CANCELLED');
  return { where: system, workflowId: noticeWorkflowId(orderId, noticeOf(orderId)) };
}

/** A second charge of a sold order, which an operator clears. */
async function dismissed(): Promise<Recorded> {
  const orderId = await system.postOrder();
  await proveEnd(system, orderId, 'CONFIRMED');
  const isOver = notify(orderId, `${orderId}:sale:2`);
  await resolveCase(system, orderId, { action: 'skip' });
  await isOver;
  return { where: system, workflowId: noticeWorkflowId(orderId, noticeOf(orderId)) };
}

function noticeOf(orderId: string) {
  return { provider: 'simulator', eventId: `evt_${orderId}` } as const;
}

async function notify(orderId: string, key: string): Promise<void> {
  const notice = noticeOf(orderId);
  await storeNotice(system, { ...notice, kind: 'charge_succeeded', orderId, key });
  const { orderSettings: settings } = system.config;
  const input: NoticeWorkflowInput = { notice, orderId, tenantId: 'demo', correlationId: 'a-test', settings };
  const workflowId = noticeWorkflowId(orderId, notice);
  await system.client.workflow.execute(NOTICE_WORKFLOW, { workflowId, taskQueue: 'orders', args: [input] });
}

/** One decision is delivered, and another one refused because its workflow is gone. */
async function decisionSweep(): Promise<Recorded> {
  const orderIds = [await parkedOnce(), await parkedOnce()] as const;
  for (const orderId of orderIds) await storeDecision(system, orderId);
  await system.client.workflow.getHandle(orderWorkflowId(orderIds[1])).terminate();
  const workflowId = await sweepDecisions(system);
  await proveEnd(system, orderIds[0], 'CONFIRMED');
  return { where: system, workflowId };
}

async function parkedOnce(): Promise<string> {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'takePayment', failBefore(new PaymentContractError(orderId, 'made so')));
  return system.postOrder({}, key);
}

async function sentAgain(): Promise<Recorded> {
  const orderId = await system.postOrder();
  await proveEnd(system, orderId, 'CONFIRMED');
  const { body } = await system.request<{ workflow: { id: string } }>(
    `/v1/orders/${orderId}/notifications/order-confirmed/resend`,
    { method: 'POST', headers: { 'idempotency-key': orderId } },
  );
  return { where: system, workflowId: body.workflow.id };
}

async function redrive(): Promise<Recorded> {
  const orderId = await parkedOnce();
  await openCaseOf(system, orderId);
  const started = await system.request<{ id: string }>('/v1/cases/redrive', {
    method: 'POST',
    headers: { 'idempotency-key': orderId },
    body: JSON.stringify({ fingerprint: 'take-payment/payment_contract' }),
  });
  return { where: system, workflowId: redriveWorkflowId(started.body.id) };
}

async function faulted<Name extends ActivityName>(
  activity: Name,
  fault: Fault<Name>,
  { meanwhile, where = system }: { meanwhile?: (orderId: string) => Promise<void>; where?: TestSystem } = {},
): Promise<Recorded & { readonly orderId: string }> {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, activity, fault);
  await where.postOrder({}, key);
  await meanwhile?.(orderId);
  await proveEnd(where, orderId, 'CONFIRMED');
  return { where, workflowId: orderWorkflowId(orderId), orderId };
}

function messageOf({ where, orderId }: Recorded & { readonly orderId: string }): Recorded {
  return { where, workflowId: notificationWorkflowId(orderId, 'order-confirmed') };
}

/** Neither channel succeeds at once; the mail's child workflow is the one without a channel in its id. */
async function textLater(): Promise<Recorded & { readonly orderId: string }> {
  const { key, orderId } = plannedOrder();
  textFaults.inject(orderId, 'sendMessage', failBefore(new SmsUnavailableError(orderId), 2));
  await withTexts.postOrder(WITH_PHONE, key);
  await proveEnd(withTexts, orderId, 'CONFIRMED');
  return {
    where: withTexts,
    orderId,
    workflowId: notificationWorkflowId(orderId, 'order-confirmed', { channel: 'sms' }),
  };
}

function orderOf({ where, orderId }: Recorded & { readonly orderId: string }): Recorded {
  return { where, workflowId: orderWorkflowId(orderId) };
}

/** The order's input again, under another workflow id: as after the retention. */
async function startAgain(): Promise<Recorded> {
  const { where, workflowId } = await plain(system, {}, 'CONFIRMED');
  const { events } = await where.client.workflow.getHandle(workflowId).fetchHistory();
  const payload = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
  const input: unknown = JSON.parse(Buffer.from(payload ?? []).toString('utf8'));
  const again = `again/${workflowId}`;
  await where.client.workflow.start(ORDER_WORKFLOW, { workflowId: again, taskQueue: 'orders', args: [input] });
  return { where, workflowId: again };
}

/** Resumes the order as soon as it is parked. */
async function resume(orderId: string): Promise<void> {
  await system.orderAtRest(orderId);
  await signal(orderId);
}

async function signal(orderId: string, where = system): Promise<void> {
  await where.client.workflow.getHandle(orderWorkflowId(orderId)).signal(resumeOrderSignal);
}

function withoutMachine(key: string, value: unknown): unknown {
  if (key === 'stackTrace') return '';
  return typeof value === 'string' ? value.replaceAll(`${process.pid}@${hostname()}`, 'recorder') : value;
}
