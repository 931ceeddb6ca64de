import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCommandRepository, type CommandOfOrder } from '../../db/repositories/orders/command-repository.ts';
import { createOrderRepository } from '../../db/repositories/orders/order-repository.ts';
import { createPaymentRepository, type PaymentOperation } from '../../db/repositories/payments/payment-repository.ts';
import { createReservationRepository } from '../../db/repositories/inventory/reservation-repository.ts';
import { createAudit } from '../../src/audit/audit.ts';
import { createRepair } from '../../src/cli/repair.ts';
import type { CommandKind, CommandRule } from '../../src/domain/command.ts';
import { PaymentContractError } from '../../src/domain/errors.ts';
import { paymentKey } from '../../src/domain/payments/payment.ts';
import {
  COMMAND_SWEEP_WORKFLOW,
  orderWorkflowId,
  settleWorkflowId,
  type OrderWorkflowResult,
} from '../../src/workflows/contract.ts';
import { evidenceOf, plannedOrder, proveEnd } from '../support/faults/evidence.ts';
import { createFaults } from '../support/faults/faults.ts';
import {
  chargeAtProvider,
  giveCommand,
  openCaseOf,
  resolveCase,
  untilStatus,
  untilUnowned,
} from '../support/faults/step-ways.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

/** The catalog's price of what these orders buy, in minor units. */
const TOTAL = 4_500;

const faults = createFaults();
let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ wrapActivities: faults.wrap });
});
afterAll(() => system.stop());

const BY_HAND = { body: { payment: { method: 'pm_ok', capture: 'manual' } } };

async function authorized(key?: string): Promise<string> {
  const orderId = await system.postOrder(BY_HAND, key);
  await untilStatus(system, orderId, 'AWAITING_CAPTURE');
  return orderId;
}

/** An order with 1,000 of 4,500 captured. */
async function capturedInPart(key?: string): Promise<string> {
  const orderId = await authorized(key);
  await giveCommand(system, orderId, { route: 'capture', amountMinor: 1_000 });
  await untilStatus(system, orderId, 'CONFIRMED');
  return orderId;
}

/** Repeats a command under its key until no other command owns the order. */
async function insist(orderId: string, route: 'cancel' | 'capture' | 'refunds', body: Record<string, unknown> = {}) {
  const key = randomUUID();
  for (;;) {
    const answer = await giveCommand(system, orderId, { route, ...body, key });
    if (answer.body.code !== 'order_busy' && answer.body.decision !== 'pending') return answer;
    await sleep(50);
  }
}

function kindsOf(ledger: readonly { readonly kind: string; readonly amountMinor: number }[]): string[] {
  return ledger.map(({ kind, amountMinor }) => `${kind} ${amountMinor}`);
}

it.each(['cancel', 'refunds', 'capture'] as const)(
  'A further capture under way keeps a %s out until it has ended',
  async (route) => {
    const { key, orderId } = plannedOrder();
    const gate = Promise.withResolvers<void>();
    faults.inject(orderId, 'capturePayment', async (effect, { number }) => {
      if (number > 1) await gate.promise;
      return effect();
    });
    await capturedInPart(key);
    expect(await giveCommand(system, orderId, { route: 'capture' })).toMatchObject({
      status: 202,
      body: { decision: 'accepted' },
    });
    const refused = await giveCommand(system, orderId, { route });
    expect(refused).toMatchObject({ status: 409, body: { code: 'order_busy' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);

    gate.resolve();
    await untilUnowned(system, orderId);
    const { ledger } = await proveEnd(system, orderId, 'CONFIRMED');
    expect(kindsOf(ledger)).toEqual(['authorize 4500', 'capture 1000', 'capture 3500']);
    if (route === 'capture') return;
    expect((await giveCommand(system, orderId, { route })).body.decision).toMatch(/will_refund|accepted/);
    const end = route === 'cancel' ? 'CANCELLED' : 'REFUNDED';
    await untilStatus(system, orderId, end);
    await proveEnd(system, orderId, end);
  },
);

it('A further capture and a refund at once leave no final order with money', async () => {
  const orders = await Promise.all(Array.from({ length: 12 }, () => capturedInPart()));
  await Promise.all(
    orders.flatMap((orderId) => [
      giveCommand(system, orderId, { route: 'capture' }),
      giveCommand(system, orderId, { route: 'refunds' }),
    ]),
  );
  for (const orderId of orders) {
    await untilUnowned(system, orderId);
    const { status } = await evidenceOf(system, orderId);
    await proveEnd(system, orderId, status ?? 'PENDING');
  }
  expect(await violations()).toEqual([]);
});

it.each([
  ['of one amount', [500, 500, 500, 500]],
  ['of other amounts', [100, 200, 300, 400]],
])('Captures at once %s have numbers of their own and are all taken', async (_, amounts) => {
  const orderId = await capturedInPart();
  const answers = await Promise.all(amounts.map((amountMinor) => insist(orderId, 'capture', { amountMinor })));
  expect(answers.map(({ status }) => status)).toEqual(amounts.map(() => 202));
  await untilUnowned(system, orderId);
  const { ledger } = await proveEnd(system, orderId, 'CONFIRMED');
  const taken = ledger.filter(({ kind }) => kind === 'capture').map(({ amountMinor }) => amountMinor);
  expect(new Set(taken)).toEqual(new Set([1_000, ...amounts]));
  expect(taken).toHaveLength(1 + amounts.length);
  expect(await violations()).toEqual([]);
});

it('Captures at once that together exceed what is left are refused with the request but for the first', async () => {
  const orderId = await capturedInPart();
  const answers = await Promise.all([1, 2, 3].map(() => insist(orderId, 'capture', { amountMinor: 3_000 })));
  const told = answers.map(({ body }) => body.code ?? body.decision);
  expect(told.filter((each) => each === 'accepted')).toHaveLength(1);
  expect(told.filter((each) => each === 'amount_exceeds_authorized')).toHaveLength(2);
  await untilUnowned(system, orderId);
  await proveEnd(system, orderId, 'CONFIRMED');
});

it('The rest of an authorization is released by a cancel', async () => {
  const orderId = await capturedInPart();
  await giveCommand(system, orderId, { route: 'cancel' });
  await untilStatus(system, orderId, 'CANCELLED');
  const { ledger } = await proveEnd(system, orderId, 'CANCELLED');
  expect(kindsOf(ledger)).toEqual(['authorize 4500', 'capture 1000', 'void 3500', 'refund 1000']);
});

it('The rest of an authorization is released where all that was captured is refunded', async () => {
  const orderId = await capturedInPart();
  await giveCommand(system, orderId, { route: 'refunds' });
  await untilStatus(system, orderId, 'REFUNDED');
  const { ledger } = await proveEnd(system, orderId, 'REFUNDED');
  expect(kindsOf(ledger)).toEqual(['authorize 4500', 'capture 1000', 'refund 1000', 'void 3500']);
});

it('The rest of an authorization can be captured after a part was refunded', async () => {
  const orderId = await capturedInPart();
  await giveCommand(system, orderId, { route: 'refunds', amountMinor: 400 });
  await untilStatus(system, orderId, 'PARTIALLY_REFUNDED');
  expect(await giveCommand(system, orderId, { route: 'capture' })).toMatchObject({
    status: 202,
    body: { decision: 'accepted' },
  });
  await untilUnowned(system, orderId);
  const { ledger } = await proveEnd(system, orderId, 'PARTIALLY_REFUNDED');
  expect(kindsOf(ledger)).toEqual(['authorize 4500', 'capture 1000', 'refund 400', 'capture 3500']);
});

it('A refund before any capture is told that there is nothing to refund', async () => {
  const orderId = await authorized();
  expect(await giveCommand(system, orderId, { route: 'refunds' })).toMatchObject({
    status: 409,
    body: { code: 'not_captured' },
  });
  await giveCommand(system, orderId, { route: 'capture' });
  await proveEnd(system, orderId, 'CONFIRMED');
});

const CAPTURE_RULE: CommandRule = { kind: 'apply', name: 'first_capture' };
const CANCEL_RULE: CommandRule = { kind: 'apply', name: 'cancel_before_sale' };
const REFUND_RULE: CommandRule = { kind: 'apply', name: 'refund' };

/** Decides like a task of the order's workflow whose completion Temporal loses. */
async function decideUnseen(
  orderId: string,
  kind: CommandKind,
  { rule, amountMinor = TOTAL }: { rule: CommandRule; amountMinor?: number },
): Promise<CommandOfOrder> {
  const command: CommandOfOrder = {
    commandId: `cmd_${orderId}_${kind}`,
    orderId,
    tenantId: 'demo',
    kind,
    amountMinor: kind === 'cancel' ? null : amountMinor,
    requestHash: 'hash',
    actor: 'a-test',
    reason: null,
  };
  const decided = await createCommandRepository(system.database.databases.orders).decide(command, rule);
  expect(decided).toMatchObject({ turn: expect.any(Number) });
  return command;
}

/** The rest of that task: captured, deducted, CONFIRMED. */
async function sellUnseen(orderId: string): Promise<void> {
  const { databases } = system.database;
  const { commandId } = await decideUnseen(orderId, 'capture', { rule: CAPTURE_RULE });
  const key = paymentKey(orderId, 'capture', 1);
  const answer = await fetch(`${system.simulatorUrl}/v1/payments/${orderId}:authorize:1/captures`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify({ orderId, amountMinor: TOTAL, currency: 'EUR' }),
  });
  expect(answer.status).toBe(201);
  await createPaymentRepository(databases.payments).record(operationOf(orderId, 'capture', TOTAL));
  await createReservationRepository(databases.inventory).commit('demo', orderId);
  const confirmed = {
    orderId,
    to: 'CONFIRMED',
    eventType: 'order.confirmed',
    actor: 'system',
    totalMinor: TOTAL,
  } as const;
  await createOrderRepository(databases.orders).transition({ ...confirmed, ownerId: commandId });
}

function operationOf(orderId: string, kind: PaymentOperation['kind'], amountMinor: number): PaymentOperation {
  const money = { amountMinor, currency: 'EUR', state: 'SUCCEEDED', declineCode: null, providerRef: null } as const;
  return { key: paymentKey(orderId, kind, 1), orderId, tenantId: 'demo', kind, generation: 1, ...money };
}

/** An order whose time for a capture is over after `ms`. */
async function authorizedFor(ms: number): Promise<string> {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'awaitCapture', async (effect) => {
    await effect();
    return { captureBy: new Date(Date.now() + ms).toISOString() };
  });
  return authorized(key);
}

async function sweep(orderId: string): Promise<void> {
  await system.database.query(
    `UPDATE orders.orders SET updated_at = now() - interval '2 minutes' WHERE order_id = $1`,
    [orderId],
  );
  await system.client.workflow.execute(COMMAND_SWEEP_WORKFLOW, {
    workflowId: `sweep-of-${orderId}`,
    taskQueue: 'orders',
    args: [],
  });
}

it('A forgetful workflow of a sold order undoes nothing: it finds its row at rest and ends', async () => {
  const orderId = await authorizedFor(1_500);
  await sellUnseen(orderId);
  const handle = system.client.workflow.getHandle(orderWorkflowId(orderId));
  expect((await handle.result()) as OrderWorkflowResult).toEqual({ status: 'CONFIRMED' });
  const { ledger } = await proveEnd(system, orderId, 'CONFIRMED');
  expect(kindsOf(ledger)).toEqual(['authorize 4500', 'capture 4500']);
});

it('A forgetful workflow captures an order when that was promised, though the time for it is over', async () => {
  const orderId = await authorizedFor(1_500);
  await decideUnseen(orderId, 'capture', { rule: CAPTURE_RULE });
  await untilStatus(system, orderId, 'CONFIRMED');
  const { ledger } = await proveEnd(system, orderId, 'CONFIRMED');
  expect(kindsOf(ledger)).toEqual(['authorize 4500', 'capture 4500']);
});

it.each([
  ['capture', CAPTURE_RULE, 'CONFIRMED'],
  ['cancel', CANCEL_RULE, 'CANCELLED'],
] as const)(
  'A %s that the workflow of the order has forgotten is carried out by the sweep',
  async (kind, rule, end) => {
    const orderId = await authorized();
    await decideUnseen(orderId, kind, { rule });
    await sweep(orderId);
    await untilStatus(system, orderId, end);
    expect(await proveEnd(system, orderId, end)).toMatchObject({ ownerId: null });
  },
);

it('A refund that was decided by an API that then died is carried out by the sweep, once', async () => {
  const orderId = await system.postOrder();
  await untilStatus(system, orderId, 'CONFIRMED');
  await decideUnseen(orderId, 'refund', { rule: REFUND_RULE });
  await sweep(orderId);
  await untilStatus(system, orderId, 'REFUNDED');
  const { ledger } = await proveEnd(system, orderId, 'REFUNDED');
  expect(kindsOf(ledger)).toEqual(['sale 4500', 'refund 4500']);
});

it('A capture that cannot be made ends the order as expired when the provider keeps the authorization no longer', async () => {
  const orderId = await authorized();
  await voidAtProvider(orderId);
  await giveCommand(system, orderId, { route: 'capture' });
  await untilStatus(system, orderId, 'EXPIRED');
  await proveEnd(system, orderId, 'EXPIRED');
  const [told] = await system.database.query(
    `SELECT data FROM orders.order_events WHERE order_id = $1 AND type = 'order.expired'`,
    [orderId],
  );
  expect(told).toMatchObject({ data: { capturedMinor: 0, refundedMinor: 0 } });
  expect((await system.request(`/v1/orders/${orderId}`)).body).toMatchObject({ reason: 'payment_expired' });
});

it('A capture that cannot be made ends alone where a part was captured before', async () => {
  const orderId = await capturedInPart();
  await voidAtProvider(orderId);
  await giveCommand(system, orderId, { route: 'capture' });
  await untilUnowned(system, orderId);
  const { events, operations } = await evidenceOf(system, orderId);
  expect(events.at(-1)).toMatchObject({ type: 'order.capture_failed' });
  const [told] = await system.database.query(
    `SELECT data FROM orders.order_events WHERE order_id = $1 AND type = 'order.capture_failed'`,
    [orderId],
  );
  expect(told).toMatchObject({ data: { amountMinor: 3_500, capturedMinor: 1_000, refundedMinor: 0 } });
  expect(operations).toContainEqual(expect.objectContaining({ key: `${orderId}:capture:2`, state: 'FAILED' }));
  await giveCommand(system, orderId, { route: 'cancel' });
  await untilStatus(system, orderId, 'CANCELLED');
  await proveEnd(system, orderId, 'CANCELLED');
});

it('A capture that cannot be made is given up by an operator, whom no number of impatient cancels keeps out', async () => {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'capturePayment', () => Promise.reject(new PaymentContractError(orderId, 'made so')));
  await authorized(key);
  await giveCommand(system, orderId, { route: 'capture' });
  await openCaseOf(system, orderId);
  const cancels = await Promise.all(
    Array.from({ length: 15 }, () => giveCommand(system, orderId, { route: 'cancel' })),
  );
  expect(new Set(cancels.map(({ body }) => body.code))).toEqual(new Set(['order_busy']));
  await resolveCase(system, orderId, { action: 'abort' });
  await untilStatus(system, orderId, 'CANCELLED');
  await proveEnd(system, orderId, 'CANCELLED');
});

it('A settled refund that is reset while another one is owed moves nothing, and the other one ends as it would have', async () => {
  const orderId = await system.postOrder();
  await untilStatus(system, orderId, 'CONFIRMED');
  await giveCommand(system, orderId, { route: 'refunds', amountMinor: 1_000 });
  await untilStatus(system, orderId, 'PARTIALLY_REFUNDED');
  const [settled] = await system.database.query<{ id: string }>(
    'SELECT command_id AS id FROM orders.order_commands WHERE order_id = $1',
    [orderId],
  );
  await decideUnseen(orderId, 'refund', { rule: REFUND_RULE, amountMinor: 2_000 });
  const handle = await reset(settleWorkflowId(orderId, settled?.id ?? ''));
  expect(await handle.result()).toEqual({ decision: 'accepted' });
  expect((await evidenceOf(system, orderId)).status).toBe('REFUNDING');
  await sweep(orderId);
  await untilStatus(system, orderId, 'PARTIALLY_REFUNDED');
  const { ledger } = await proveEnd(system, orderId, 'PARTIALLY_REFUNDED');
  expect(kindsOf(ledger)).toEqual(['sale 4500', 'refund 1000', 'refund 2000']);
});

it('A capture that is remembered after the order was cancelled takes nothing; the order stays what it is, without a case', async () => {
  const { key, orderId } = plannedOrder();
  const stale = Promise.withResolvers<void>();
  let isStale = false;
  faults.inject(orderId, 'openOrder', async (effect) => {
    const opened = await effect();
    if (!isStale || opened.kind !== 'open') return opened;
    stale.resolve();
    // As a run sees it whose memory ends before the capture.
    const captureBy = new Date(Date.now() + 60_000).toISOString();
    return { ...opened, status: 'AWAITING_CAPTURE', captureBy, wasSold: false, owner: null };
  });
  await authorized(key);
  const captureKey = randomUUID();
  await giveCommand(system, orderId, { route: 'capture', key: captureKey });
  await untilStatus(system, orderId, 'CONFIRMED');
  await giveCommand(system, orderId, { route: 'cancel' });
  await untilStatus(system, orderId, 'CANCELLED');
  const before = await proveEnd(system, orderId, 'CANCELLED');

  isStale = true;
  const handle = await reset(orderWorkflowId(orderId));
  await stale.promise;
  // The same key again: the API tells the workflow once more.
  await giveCommand(system, orderId, { route: 'capture', key: captureKey });
  expect(await handle.result()).toEqual({ status: 'CONFIRMED' });
  expect(await evidenceOf(system, orderId)).toEqual(before);
});

async function overpaid(): Promise<string> {
  const orderId = await system.postOrder({ method: 'pm_declined' });
  await untilStatus(system, orderId, 'REJECTED');
  const key = `${orderId}:sale:2`;
  await chargeAtProvider(system, { orderId, key });
  const late = { ...operationOf(orderId, 'sale', TOTAL), key, generation: 2 };
  await createPaymentRepository(system.database.databases.payments).record(late, 1_000);
  return orderId;
}

it('An order that has ended with money left over is given its money back by an operator', async () => {
  const orderId = await overpaid();
  const answer = await system.request(`/v1/orders/${orderId}/give-back`, {
    method: 'POST',
    headers: { 'idempotency-key': randomUUID() },
    body: JSON.stringify({ reason: 'found by the audit' }),
  });
  expect(answer).toMatchObject({ status: 202, body: { decision: 'accepted' } });
  await untilUnowned(system, orderId);
  const { ledger, status } = await evidenceOf(system, orderId);
  expect(status).toBe('REJECTED');
  expect(kindsOf(ledger)).toEqual(['sale 4500', 'sale 4500', 'refund 4500']);
});

it('An order that has ended with money left over is found by the audit and mended by a repair', async () => {
  const orderId = await overpaid();
  expect((await violations()).map(({ subject }) => subject)).toContain(orderId);
  const { databases } = system.database;
  const repair = createRepair({
    databases,
    client: system.client,
    settings: system.config.orderSettings,
    actor: 'ops',
  });
  const lost = (await repair.find()).find((found) => found.orderId === orderId);
  expect(lost?.task?.kind).toBe('give_back');
  if (lost !== undefined) await repair.mend(lost);
  await expect
    .poll(async () => kindsOf((await evidenceOf(system, orderId)).ledger))
    .toEqual(['sale 4500', 'sale 4500', 'refund 4500']);
  await untilUnowned(system, orderId);
});

it('A request to give money back is told to wait while the order has not ended', async () => {
  const orderId = await system.postOrder();
  await untilStatus(system, orderId, 'CONFIRMED');
  expect(
    await system.request(`/v1/orders/${orderId}/give-back`, {
      method: 'POST',
      headers: { 'idempotency-key': randomUUID() },
      body: JSON.stringify({ reason: 'a test' }),
    }),
  ).toMatchObject({ status: 409, body: { code: 'too_late' } });
});

it('An order whose workflow was ended by hand does not tell its client to wait', async () => {
  const orderId = await authorized();
  await system.client.workflow.getHandle(orderWorkflowId(orderId)).terminate();
  expect(await giveCommand(system, orderId, { route: 'cancel' })).toMatchObject({
    status: 409,
    body: { code: 'order_stopped' },
  });
});

it('An order says that its workflow was ended by hand also when it was that of the command which owns the order', async () => {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'refundPayment', () => Promise.reject(new PaymentContractError(orderId, 'made so')));
  await system.postOrder({}, key);
  await untilStatus(system, orderId, 'CONFIRMED');
  await giveCommand(system, orderId, { route: 'refunds' });
  await openCaseOf(system, orderId);
  expect(await giveCommand(system, orderId, { route: 'cancel' })).toMatchObject({
    status: 409,
    body: { code: 'order_busy' },
  });
  const [owner] = await system.database.query<{ id: string }>(
    'SELECT owner_command_id AS id FROM orders.orders WHERE order_id = $1',
    [orderId],
  );
  await system.client.workflow.getHandle(settleWorkflowId(orderId, owner?.id ?? '')).terminate();
  expect(await giveCommand(system, orderId, { route: 'cancel' })).toMatchObject({
    status: 409,
    body: { code: 'order_stopped' },
  });
});

async function voidAtProvider(orderId: string): Promise<void> {
  const answer = await fetch(`${system.simulatorUrl}/v1/payments/${orderId}:authorize:1/void`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': `${orderId}:void:1` },
    body: JSON.stringify({ orderId, currency: 'EUR' }),
  });
  expect(answer.status).toBe(200);
}

/** Resets a workflow to its first task, like the Web UI. */
async function reset(workflowId: string) {
  const { client } = system;
  const { runId } = await client.workflow.getHandle(workflowId).describe();
  const done = await client.workflowService.resetWorkflowExecution({
    namespace: client.options.namespace,
    workflowExecution: { workflowId, runId },
    reason: 'a test',
    workflowTaskFinishEventId: 4 as never,
    requestId: randomUUID(),
  });
  return client.workflow.getHandle(workflowId, done.runId);
}

async function violations() {
  const { databases } = system.database;
  const sources = { databases, client: system.client, paymentGatewayUrl: system.simulatorUrl };
  return (await createAudit(sources).run()).violations;
}
