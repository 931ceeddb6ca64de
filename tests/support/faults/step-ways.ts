import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDecisionRepository } from '../../../db/repositories/orders/decision-repository.ts';
import { createNoticeRepository } from '../../../db/repositories/payments/notice-repository.ts';
import { createReservationRepository } from '../../../db/repositories/inventory/reservation-repository.ts';
import type { CaseAction } from '../../../src/domain/case.ts';
import { PaymentContractError } from '../../../src/domain/errors.ts';
import type { OrderStatus } from '../../../src/domain/order-status.ts';
import type { NoticeWorkflowInput, PaymentNews } from '../../../src/domain/payments/payment-notice.ts';
import type { StepName } from '../../../src/workflows/steps/step-policies.ts';
import { DECISION_SWEEP_WORKFLOW, NOTICE_WORKFLOW, noticeWorkflowId } from '../../../src/workflows/contract.ts';
import { afterEffect, failBefore, givenUp, type Faults } from './faults.ts';
import type { Answer, TestSystem } from '../system.ts';

/** A way of an order on which some step runs. */
export interface Way {
  readonly method: string;
  readonly capture?: 'manual';
  readonly end: OrderStatus;
  /** Whether an operator is needed on this way. */
  readonly opensCase?: true;
  /** The number of mails to the customer, if it does not follow from the end. */
  readonly mails?: number;
  /** Injects faults before the order is posted. */
  readonly prepare: (system: TestSystem, faults: Faults, orderId: string) => void;
  /** Acts of clients and operators after the order was posted. */
  readonly act?: (system: TestSystem, orderId: string) => Promise<void>;
}

const HAPPY: Way = { method: 'pm_ok', end: 'CONFIRMED', prepare: () => {} };
const DECLINED: Way = { method: 'pm_declined', end: 'REJECTED', prepare: () => {} };

const CHARGED_AND_GIVEN_UP: Way = {
  method: 'pm_ok',
  end: 'REJECTED',
  prepare: (_, faults, orderId) => faults.inject(orderId, 'takePayment', givenUp()),
};

/** The hold expires and is swept after the payment, before the commit. */
const HOLD_EXPIRED: Way = {
  method: 'pm_ok',
  end: 'CONFIRMED',
  prepare: (system, faults, orderId) =>
    faults.inject(
      orderId,
      'takePayment',
      afterEffect(() => expireHold(system, orderId)),
    ),
};

const CAPTURED_BY_HAND: Way = {
  ...HAPPY,
  capture: 'manual',
  act: async (system, orderId) => {
    await untilStatus(system, orderId, 'AWAITING_CAPTURE');
    await giveCommand(system, orderId, { route: 'capture' });
  },
};

const REFUNDED: Way = {
  ...HAPPY,
  end: 'REFUNDED',
  act: async (system, orderId) => {
    await untilStatus(system, orderId, 'CONFIRMED');
    await giveCommand(system, orderId, { route: 'refunds' });
  },
};

const CANCELLED_AFTER_SALE: Way = {
  ...HAPPY,
  end: 'CANCELLED',
  act: async (system, orderId) => {
    await untilStatus(system, orderId, 'CONFIRMED');
    await giveCommand(system, orderId, { route: 'cancel' });
  },
};

/** A part is captured, then more. */
const CAPTURED_IN_PARTS: Way = {
  ...HAPPY,
  capture: 'manual',
  mails: 2,
  act: async (system, orderId) => {
    await untilStatus(system, orderId, 'AWAITING_CAPTURE');
    await giveCommand(system, orderId, { route: 'capture', amountMinor: 1_000 });
    await untilStatus(system, orderId, 'CONFIRMED');
    await giveCommand(system, orderId, { route: 'capture' });
    await untilUnowned(system, orderId);
  },
};

/** A part is captured and paid back; the rest can no longer be captured. */
const PAID_BACK_IN_PART: Way = {
  ...HAPPY,
  capture: 'manual',
  end: 'REFUNDED',
  act: async (system, orderId) => {
    await untilStatus(system, orderId, 'AWAITING_CAPTURE');
    await giveCommand(system, orderId, { route: 'capture', amountMinor: 1_000 });
    await untilStatus(system, orderId, 'CONFIRMED');
    await giveCommand(system, orderId, { route: 'refunds' });
  },
};

/** The provider refuses a further capture, and an operator abandons it. */
const CAPTURE_ABANDONED: Way = {
  ...CAPTURED_IN_PARTS,
  opensCase: true,
  mails: 1,
  prepare: (_, faults, orderId) =>
    faults.inject(orderId, 'capturePayment', async (effect, { number }) => {
      if (number > 1) throw new PaymentContractError(orderId, 'made so');
      return effect();
    }),
  act: async (system, orderId) => {
    await untilStatus(system, orderId, 'AWAITING_CAPTURE');
    await giveCommand(system, orderId, { route: 'capture', amountMinor: 1_000 });
    await untilStatus(system, orderId, 'CONFIRMED');
    await giveCommand(system, orderId, { route: 'capture' });
    await resolveCase(system, orderId, { action: 'abort' });
    await untilUnowned(system, orderId);
  },
};

/** The time for a capture is over at once. */
const NOT_CAPTURED: Way = {
  ...HAPPY,
  capture: 'manual',
  end: 'EXPIRED',
  prepare: (_, faults, orderId) =>
    faults.inject(orderId, 'awaitCapture', async (effect) => {
      await effect();
      return { captureBy: new Date(Date.now() + 300).toISOString() };
    }),
};

/** The first method cannot be used: an operator takes another one. */
const OTHER_METHOD: Way = {
  ...HAPPY,
  opensCase: true,
  prepare: (_, faults, orderId) =>
    faults.inject(orderId, 'takePayment', failBefore(new PaymentContractError(orderId, 'made so'))),
  act: async (system, orderId) => {
    await resolveCase(system, orderId, { action: 'retryWith', patch: { method: 'pm_ok' } });
  },
};

/** The card is closed: two operators prove that the money was paid back by a bank. */
const PAID_BACK_OUTSIDE: Way = {
  ...REFUNDED,
  opensCase: true,
  method: 'pm_refund_fails',
  act: async (system, orderId) => {
    await REFUNDED.act?.(system, orderId);
    await resolveCase(system, orderId, { action: 'forceResolve', evidence: 'bank-1' });
    await resolveCase(system, orderId, { action: 'forceResolve', evidence: 'bank-1', actor: 'second@example.com' });
  },
};

/** The order is refused before any payment was sent; then unrequested money arrives, and the provider reports it. */
const CHARGED_LATE: Way = {
  method: 'pm_ok',
  end: 'REJECTED',
  prepare: (_, faults, orderId) =>
    faults.inject(orderId, 'holdStock', () =>
      Promise.resolve({ kind: 'refused', refusal: { reason: 'out_of_stock', details: null } }),
    ),
  act: async (system, orderId) => {
    await untilStatus(system, orderId, 'REJECTED');
    const key = `${orderId}:sale:1`;
    await chargeAtProvider(system, { orderId, key });
    const notice = { provider: 'simulator', eventId: `evt_${orderId}` } as const;
    await storeNotice(system, { ...notice, kind: 'charge_succeeded', orderId, key });
    const { orderSettings: settings } = system.config;
    const input: NoticeWorkflowInput = { notice, orderId, tenantId: 'demo', correlationId: 'a-test', settings };
    await system.client.workflow.execute(NOTICE_WORKFLOW, {
      workflowId: noticeWorkflowId(orderId, notice),
      taskQueue: 'orders',
      args: [input],
    });
  },
};

/** The whole amount was paid back in the provider's dashboard. */
const REFUNDED_AT_PROVIDER: Way = {
  ...HAPPY,
  end: 'REFUNDED',
  mails: 1,
  act: async (system, orderId) => {
    await untilStatus(system, orderId, 'CONFIRMED');
    await moveAtProvider(system, 'refund', { chargeKey: `${orderId}:sale:1` });
    await giveCommand(system, orderId, { route: 'payments/reconcile' });
  },
};

/** For every step a way on which its effect is needed. */
export const STEP_WAYS: Readonly<Record<StepName, Way>> = {
  openOrder: HAPPY,
  holdStock: HAPPY,
  takePayment: HAPPY,
  commitStock: HAPPY,
  retakeStock: HOLD_EXPIRED,
  confirmOrder: HAPPY,
  recordRefusal: DECLINED,
  undoPayment: CHARGED_AND_GIVEN_UP,
  releaseStock: DECLINED,
  rejectOrder: DECLINED,
  extendHold: CAPTURED_BY_HAND,
  awaitCapture: CAPTURED_BY_HAND,
  capturePayment: CAPTURED_BY_HAND,
  abandonCapture: CAPTURE_ABANDONED,
  releaseAuthorization: PAID_BACK_IN_PART,
  recordExpiry: NOT_CAPTURED,
  endCommand: CAPTURED_IN_PARTS,
  decideCommand: CANCELLED_AFTER_SALE,
  settleOrder: CANCELLED_AFTER_SALE,
  readOrder: REFUNDED,
  readMoney: REFUNDED,
  refundPayment: REFUNDED,
  findExternal: REFUNDED_AT_PROVIDER,
  adoptExternal: REFUNDED_AT_PROVIDER,
  abandonCharge: OTHER_METHOD,
  recordEvidence: PAID_BACK_OUTSIDE,
  judgeNotice: CHARGED_LATE,
  returnCharge: CHARGED_LATE,
};

/** Makes a charge at the provider without an order. */
export async function chargeAtProvider(
  { simulatorUrl }: TestSystem,
  charge: { readonly orderId: string; readonly key: string; readonly kind?: 'sale' | 'authorize' },
): Promise<void> {
  const { orderId, key, kind = 'sale' } = charge;
  const answer = await fetch(`${simulatorUrl}/v1/payments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify({ orderId, kind, amountMinor: 4_500, currency: 'EUR', method: 'pm_ok' }),
  });
  if (answer.status !== 201) throw new Error(`not charged: ${answer.status}`);
}

/** Moves money of a charge in the provider's dashboard; without an amount everything that is left. */
export async function moveAtProvider(
  { simulatorUrl }: TestSystem,
  kind: 'capture' | 'refund',
  { chargeKey, amountMinor }: { readonly chargeKey: string; readonly amountMinor?: number | undefined },
): Promise<void> {
  const answer = await fetch(`${simulatorUrl}/v1/payments/${encodeURIComponent(chargeKey)}/external-${kind}s`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ amountMinor }),
  });
  if (answer.status !== 201) throw new Error(`not moved: ${answer.status}`);
}

/** Stores a report like the API, and stops there, as after a crash at this moment. */
export async function storeNotice(
  { database }: TestSystem,
  news: Pick<PaymentNews, 'provider' | 'eventId' | 'kind' | 'orderId' | 'key'> & Partial<PaymentNews>,
): Promise<void> {
  const usual = {
    chargeRef: null,
    movementRef: null,
    amountMinor: 4_500,
    currency: 'EUR',
    occurredAt: new Date().toISOString(),
  };
  await createNoticeRepository(database.databases.payments).add({ ...usual, ...news });
}

/** Waits until the order has a status; it can be used outside of a test. */
export async function untilStatus(system: TestSystem, orderId: string, status: OrderStatus): Promise<void> {
  const read = (): Promise<{ status: string }[]> =>
    system.database.query<{ status: string }>('SELECT status FROM orders.orders WHERE order_id = $1', [orderId]);
  try {
    await untilSeen(`${orderId} is ${status}`, async () => (await read())[0]?.status === status);
  } catch (error) {
    throw new Error(await tellOf(system, orderId), { cause: error });
  }
}

/** Waits until no command owns the order any more. */
export async function untilUnowned({ database }: TestSystem, orderId: string): Promise<void> {
  await untilSeen(`${orderId} is nobody's`, async () => {
    const [row] = await database.query<{ owner: string | null }>(
      'SELECT owner_command_id AS owner FROM orders.orders WHERE order_id = $1',
      [orderId],
    );
    return row?.owner === null;
  });
}

/** Everything that is known about an order in the wrong state, because the reader of a failed test has nothing else. */
async function tellOf(system: TestSystem, orderId: string): Promise<string> {
  const row = `SELECT status, version, refusal, updated_at FROM orders.orders WHERE order_id = $1`;
  const events = `SELECT seq, type, data, at FROM orders.order_events WHERE order_id = $1 ORDER BY seq`;
  const commands = `SELECT kind, decision, generation, answered_at FROM orders.order_commands WHERE order_id = $1`;
  const operations = `SELECT key, state FROM payments.operations WHERE order_id = $1`;
  const rows = await Promise.all(
    [row, events, commands, operations].map((text) => system.database.query(text, [orderId])),
  );
  const workflows: string[] = [];
  for await (const run of system.client.workflow.list({ query: `WorkflowId STARTS_WITH 'order/${orderId}'` })) {
    const history = await system.client.workflow.getHandle(run.workflowId, run.runId).fetchHistory();
    workflows.push(`${run.workflowId} ${run.status.name}: ${(history.events ?? []).map(nameOf).join(' ')}`);
  }
  return `${orderId} stands still: ${JSON.stringify(rows, null, 1)}\n${workflows.join('\n')}`;
}

function nameOf({ eventId, eventType }: { eventId?: unknown; eventType?: unknown }): string {
  return `${String(eventId)}:${String(eventType)}`;
}

const PATIENCE_MS = 60_000;

async function untilSeen(what: string, look: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await look())) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
    await sleep(50);
  }
}

/** A route of an order, its body, and the key that it is given under. */
export interface GivenCommand {
  readonly route: 'cancel' | 'capture' | 'refunds' | 'payments/reconcile';
  readonly key?: string;
  readonly amountMinor?: number | null;
  readonly reason?: string;
}

/**
 * Gives an order a command, under a fresh key unless one is given; repeats it like a client while the answer is 503.
 */
export async function giveCommand(
  system: TestSystem,
  orderId: string,
  { route, key = randomUUID(), ...body }: GivenCommand,
): Promise<Answer<{ decision?: string; code?: string }>> {
  for (;;) {
    const answer = await system.request(`/v1/orders/${orderId}/${route}`, {
      method: 'POST',
      headers: { 'idempotency-key': key },
      body: JSON.stringify(body),
    });
    if (answer.status !== 503) return answer;
  }
}

interface CaseBody {
  readonly id: string;
  readonly version: number;
  readonly step: string;
}

/** The open case of an order, if there is one. */
export async function openCaseOf(system: TestSystem, orderId: string): Promise<CaseBody> {
  const list = (): Promise<Answer<{ items: CaseBody[] }>> => system.request(`/v1/cases?state=open&orderId=${orderId}`);
  await untilSeen(`${orderId} has a case`, async () => (await list()).body.items.length > 0);
  const [first] = (await list()).body.items;
  return first ?? openCaseOf(system, orderId);
}

/** Decides the open case of an order; if the case has changed meanwhile, it is read again. */
export async function resolveCase(
  system: TestSystem,
  orderId: string,
  { actor, ...decision }: { readonly action: CaseAction; readonly actor?: string; readonly [field: string]: unknown },
): Promise<void> {
  for (;;) {
    const { id, version } = await openCaseOf(system, orderId);
    const answer = await system.request(`/v1/cases/${id}/resolve`, {
      method: 'POST',
      headers: { 'idempotency-key': randomUUID() },
      body: JSON.stringify({ reason: 'a test', version, ...decision }),
      ...(actor === undefined ? {} : { token: await system.token('demo', undefined, actor) }),
    });
    if (answer.status === 200 || answer.status === 202) return;
    if (answer.body['code'] !== 'case_stale') throw new Error(`not resolved: ${JSON.stringify(answer.body)}`);
  }
}

/** Stores a decision about the open case of an order like the API, and stops there, as after a crash. */
export async function storeDecision(
  system: TestSystem,
  orderId: string,
  action: CaseAction = 'retry',
): Promise<{ readonly decisionId: string; readonly caseId: string }> {
  const { id: caseId, version: caseVersion } = await openCaseOf(system, orderId);
  const decisionId = `act_${randomUUID()}`;
  const decision = { decisionId, caseId, caseVersion, action, tenantId: 'demo', patch: null, evidence: null } as const;
  const decisions = createDecisionRepository(system.database.databases.orders);
  await decisions.decide({ ...decision, actor: 'ada', reason: 'a test', state: 'decided' });
  return { decisionId, caseId };
}

/** Delivers the decisions that were not carried out, like the schedule but without the pauses. */
export async function sweepDecisions(system: TestSystem): Promise<string> {
  await system.database.query(`UPDATE orders.case_decisions SET due_at = now() WHERE state = 'decided'`);
  const workflowId = `sweep-${randomUUID()}`;
  await system.client.workflow.execute(DECISION_SWEEP_WORKFLOW, { workflowId, taskQueue: 'orders' });
  return workflowId;
}

/** Makes the time of an order's hold run out, and sweeps the hold. */
export async function expireHold(system: TestSystem, orderId: string): Promise<void> {
  await makeHoldOverdue(system, orderId);
  await createReservationRepository(system.database.databases.inventory).expire('demo', orderId);
}

/** Makes the time of an order's hold run out; nothing has noticed it yet. */
export async function makeHoldOverdue(system: TestSystem, orderId: string): Promise<void> {
  await system.database.query(
    `UPDATE inventory.reservations SET expires_at = now() - interval '1 second' WHERE order_id = $1`,
    [orderId],
  );
}
