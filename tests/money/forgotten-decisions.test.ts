import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createReservationRepository } from '../../db/repositories/inventory/reservation-repository.ts';
import { createCommandRepository, type CommandOfOrder } from '../../db/repositories/orders/command-repository.ts';
import { createOrderRepository } from '../../db/repositories/orders/order-repository.ts';
import { createPaymentRepository } from '../../db/repositories/payments/payment-repository.ts';
import type { CommandKind, CommandRule } from '../../src/domain/command.ts';
import { PaymentContractError, PaymentOutcomeUnknownError } from '../../src/domain/errors.ts';
import { paymentKey } from '../../src/domain/payments/payment.ts';
import { describeWorkflow } from '../../src/temporal/calls.ts';
import {
  COMMAND_SWEEP_WORKFLOW,
  orderWorkflowId,
  orderCommandWorkflowId,
  type OrderWorkflowResult,
} from '../../src/workflows/contract.ts';
import { authorized, capturedInPart, kindsOf, operationOf, TOTAL } from '../support/faults/captured-orders.ts';
import { evidenceOf, plannedOrder, proveEnd } from '../support/faults/evidence.ts';
import { createFaults, failBefore } from '../support/faults/faults.ts';
import {
  giveCommand,
  openCaseOf,
  resetToStart,
  resolveCase,
  untilStatus,
  untilUnowned,
} from '../support/faults/order-actions.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

const faults = createFaults();
let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ wrapActivities: faults.wrap });
});
afterAll(() => system.stop());

const CAPTURE_RULE: CommandRule = { kind: 'apply', name: 'first_capture' };
const CANCEL_RULE: CommandRule = { kind: 'apply', name: 'cancel_before_sale' };
const REFUND_RULE: CommandRule = { kind: 'apply', name: 'refund' };

/** Decides as a task of the order's workflow does that Temporal loses before its completion is stored. */
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

/** The rest of the task: captured, deducted, CONFIRMED. */
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
  await confirmUnseen(orderId, { ownerId: commandId });
}

/** What follows the payment. */
async function confirmUnseen(orderId: string, owner: { readonly ownerId?: string }): Promise<void> {
  const { databases } = system.database;
  await createReservationRepository(databases.inventory).commit('demo', orderId);
  const confirmed = {
    orderId,
    to: 'CONFIRMED',
    eventType: 'order.confirmed',
    actor: 'system',
    totalMinor: TOTAL,
  } as const;
  await createOrderRepository(databases.orders).transition({ ...confirmed, ...owner });
}

async function ownerOf(orderId: string): Promise<string> {
  const [{ ownerId } = { ownerId: '' }] = await system.database.query<{ ownerId: string }>(
    `SELECT owner_command_id AS "ownerId" FROM orders.orders WHERE order_id = $1`,
    [orderId],
  );
  return ownerId;
}

/** An order whose time for a capture is over after so long. */
async function authorizedFor(ms: number): Promise<string> {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'awaitCapture', async (effect) => {
    await effect();
    return { captureBy: new Date(Date.now() + ms).toISOString() };
  });
  return authorized(system, key);
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

it('A workflow that has forgotten its sale undoes nothing: it finds its order at rest and ends', async () => {
  const orderId = await authorizedFor(1_500);
  await sellUnseen(orderId);
  const handle = system.client.workflow.getHandle(orderWorkflowId(orderId));
  expect((await handle.result()) as OrderWorkflowResult).toMatchObject({ status: 'CONFIRMED' });
  const { ledger } = await proveEnd(system, orderId, 'CONFIRMED');
  expect(kindsOf(ledger)).toEqual(['authorize 4500', 'capture 4500']);
});

it('A capture that sold the order, and is given again by a workflow that has forgotten it, tells nothing new', async () => {
  const orderId = await authorized(system);
  await giveCommand(system, orderId, { route: 'capture' });
  await untilStatus(system, orderId, 'CONFIRMED');
  const workflowId = orderWorkflowId(orderId);
  await system.client.workflow.getHandle(workflowId).result();
  const [command] = await createCommandRepository(system.database.databases.orders).listByOrder('demo', orderId);
  await (await resetToStart(system, workflowId)).result();
  const again = orderCommandWorkflowId(orderId, command?.commandId ?? '');
  await expect.poll(() => describeWorkflow(system.client, again)).not.toBeNull();
  await system.client.workflow.getHandle(again).result();
  const { events, ledger } = await proveEnd(system, orderId, 'CONFIRMED');
  expect(events.map(({ type }) => type)).not.toContain('order.captured');
  expect(kindsOf(ledger)).toEqual(['authorize 4500', 'capture 4500']);
  expect(await system.mails(orderId)).toHaveLength(1);
});

it.each([
  ['capturePayment', ['authorize 4500', 'capture 4500']],
  ['takePayment', ['sale 4500']],
] as const)(
  'An operator who gives up %s of a workflow that has forgotten its sale undoes nothing: the order stays sold',
  async (step, moved) => {
    const { key, orderId } = plannedOrder();
    let isSold = false;
    faults.inject(orderId, step, async (effect) => {
      if (!isSold) {
        await effect();
        await confirmUnseen(orderId, step === 'capturePayment' ? { ownerId: await ownerOf(orderId) } : {});
        isSold = true;
      }
      throw new PaymentContractError(orderId, 'made so');
    });
    if (step === 'capturePayment') {
      await authorized(system, key);
      await giveCommand(system, orderId, { route: 'capture' });
    } else {
      await system.postOrder({}, key);
    }
    await resolveCase(system, orderId, { action: 'abort' });
    const handle = system.client.workflow.getHandle(orderWorkflowId(orderId));
    expect((await handle.result()) as OrderWorkflowResult).toMatchObject({ status: 'CONFIRMED' });
    const { ledger } = await proveEnd(system, orderId, 'CONFIRMED');
    expect(kindsOf(ledger)).toEqual(moved);
  },
);

it('A workflow that has forgotten a promised capture carries it out, though the time for it is over', async () => {
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
    const orderId = await authorized(system);
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

it('A refund whose workflow does not exist is carried out as soon as its client repeats it, once', async () => {
  const orderId = await system.postOrder();
  await untilStatus(system, orderId, 'CONFIRMED');
  faults.inject(orderId, 'refundPayment', failBefore(new PaymentOutcomeUnknownError(orderId, 'made so'), 1));
  const key = randomUUID();
  const ask = () => giveCommand(system, orderId, { route: 'refunds', key });
  expect(await ask()).toMatchObject({ status: 202, body: { decision: 'accepted' } });
  const { client, namespace } = system;
  const workflowId = orderCommandWorkflowId(orderId, await ownerOf(orderId));
  await client.workflowService.deleteWorkflowExecution({ namespace, workflowExecution: { workflowId } });
  await expect.poll(() => describeWorkflow(client, workflowId)).toBeNull();

  expect(await ask()).toMatchObject({ status: 202, body: { decision: 'accepted' } });
  await untilStatus(system, orderId, 'REFUNDED');
  const { ledger } = await proveEnd(system, orderId, 'REFUNDED');
  expect(kindsOf(ledger)).toEqual(['sale 4500', 'refund 4500']);
});

it('A capture that cannot be made ends the order as expired when the provider keeps the authorization no longer', async () => {
  const orderId = await authorized(system);
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
  const orderId = await capturedInPart(system);
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
  await authorized(system, key);
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
  // The row is settled a moment before its workflow is.
  await system.client.workflow.getHandle(orderCommandWorkflowId(orderId, settled?.id ?? '')).result();
  const handle = await resetToStart(system, orderCommandWorkflowId(orderId, settled?.id ?? ''));
  expect(await handle.result()).toMatchObject({ decision: 'accepted' });
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
  await authorized(system, key);
  const captureKey = randomUUID();
  await giveCommand(system, orderId, { route: 'capture', key: captureKey });
  await untilStatus(system, orderId, 'CONFIRMED');
  await giveCommand(system, orderId, { route: 'cancel' });
  await untilStatus(system, orderId, 'CANCELLED');
  const before = await proveEnd(system, orderId, 'CANCELLED');

  isStale = true;
  const handle = await resetToStart(system, orderWorkflowId(orderId));
  await stale.promise;
  // The same key again: the API tells the workflow once more.
  await giveCommand(system, orderId, { route: 'capture', key: captureKey });
  expect(await handle.result()).toMatchObject({ status: 'CONFIRMED' });
  expect(await evidenceOf(system, orderId)).toEqual(before);
});

async function voidAtProvider(orderId: string): Promise<void> {
  const answer = await fetch(`${system.simulatorUrl}/v1/payments/${orderId}:authorize:1/void`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': `${orderId}:void:1` },
    body: JSON.stringify({ orderId, currency: 'EUR' }),
  });
  expect(answer.status).toBe(200);
}
