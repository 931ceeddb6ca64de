import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCommandRepository } from '../../db/repositories/orders/command-repository.ts';
import { commandIdFor } from '../../src/domain/ids.ts';
import { PaymentContractError, PaymentOutcomeUnknownError } from '../../src/domain/errors.ts';
import { readWorkflowPast } from '../../src/temporal/history/workflow-past.ts';
import { cancelOrderSignal, orderWorkflowId } from '../../src/workflows/contract.ts';
import { plannedOrder, proveEnd } from '../support/faults/evidence.ts';
import { afterEffect, createFaults, failBefore } from '../support/faults/faults.ts';
import { replayErrors } from '../support/replays.ts';
import { giveCommand, openCaseOf, resolveCase, untilStatus } from '../support/faults/order-actions.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

const faults = createFaults();
let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ wrapActivities: faults.wrap });
});
afterAll(() => system.stop());

async function sold(method = 'pm_ok'): Promise<string> {
  const orderId = await system.postOrder({ method });
  await untilStatus(system, orderId, 'CONFIRMED');
  return orderId;
}

async function authorized(method = 'pm_ok'): Promise<string> {
  const orderId = await system.postOrder({ body: { payment: { method, capture: 'manual' } } });
  await untilStatus(system, orderId, 'AWAITING_CAPTURE');
  return orderId;
}

it('A cancel while the payment is unknown promises a refund, and nothing stays taken', async () => {
  const orderId = await system.postOrder({ method: 'pm_down' });
  await expect
    .poll(() => system.request(`/v1/orders/${orderId}`).then(({ body }) => body['payment']))
    .toMatchObject({ state: 'UNKNOWN' });
  expect(await giveCommand(system, orderId, { route: 'cancel' })).toMatchObject({
    status: 200,
    body: { decision: 'will_refund' },
  });
  await proveEnd(system, orderId, 'CANCELLED');
});

it('A cancel while the answer of a decline is lost books the decline, as the provider has', async () => {
  const { key, orderId } = plannedOrder();
  const declined = Promise.withResolvers<void>();
  faults.inject(orderId, 'takePayment', async (effect, { number }) => {
    const answer = await effect();
    if (number > 1) return answer;
    // As a worker leaves it that dies, or is told to stop, between the answer and its row.
    await system.database.query('DELETE FROM payments.operations WHERE order_id = $1', [orderId]);
    declined.resolve();
    throw new PaymentOutcomeUnknownError(orderId, 'made so by a test');
  });
  await system.postOrder({ method: 'pm_declined' }, key);
  await declined.promise;
  await giveCommand(system, orderId, { route: 'cancel' });
  const { operations } = await proveEnd(system, orderId, 'CANCELLED');
  expect(operations).toMatchObject([{ kind: 'sale', state: 'DECLINED' }]);
});

it('A cancel of a sold order refunds, restocks, and is answered the same forever', async () => {
  const orderId = await sold();
  const key = randomUUID();
  const first = await giveCommand(system, orderId, { route: 'cancel', reason: 'ordered twice', key });
  expect(first).toMatchObject({ status: 200, body: { decision: 'will_refund' } });
  await untilStatus(system, orderId, 'CANCELLED');
  await proveEnd(system, orderId, 'CANCELLED');
  const again = await giveCommand(system, orderId, { route: 'cancel', reason: 'ordered twice', key });
  expect(again).toMatchObject({ status: 200, body: { decision: 'will_refund' } });
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  expect(await giveCommand(system, orderId, { route: 'cancel', reason: 'other', key })).toMatchObject({
    status: 422,
    body: { code: 'idempotency_key_reused' },
  });
  expect(await giveCommand(system, orderId, { route: 'cancel' })).toMatchObject({
    status: 409,
    body: { code: 'too_late' },
  });
});

it('A cancel that makes the server drop the task in which the order was confirmed is not too late', async () => {
  const { key, orderId } = plannedOrder();
  const command = { commandId: `cmd_${orderId}`, requestHash: 'hash', actor: 'a-test', reason: null };
  faults.inject(
    orderId,
    'confirmOrder',
    afterEffect(() => system.client.workflow.getHandle(orderWorkflowId(orderId)).signal(cancelOrderSignal, command)),
  );
  // A payment that takes long: what was before it is remembered when the task runs again.
  await system.postOrder({ method: 'pm_slow' }, key);
  await untilStatus(system, orderId, 'CANCELLED');
  await proveEnd(system, orderId, 'CANCELLED');
  expect(
    await system.database.query('SELECT decision FROM orders.order_commands WHERE order_id = $1', [orderId]),
  ).toEqual([{ decision: 'will_refund' }]);
  expect(await replayErrors(system, [orderWorkflowId(orderId)])).toEqual([]);
});

it('A cancel reminds a workflow of an earlier one, which it forgot when the server dropped its task', async () => {
  const orderId = await authorized();
  const forgotten = { commandId: `cmd_${orderId}`, requestHash: 'hash', actor: 'a-test', reason: null };
  // As the dropped task has left it, when the API died that had asked.
  await createCommandRepository(system.database.databases.orders).decide(
    { ...forgotten, orderId, tenantId: 'demo', kind: 'cancel', amountMinor: null },
    { kind: 'apply', name: 'cancel_before_sale' },
  );
  const key = randomUUID();
  const commandId = commandIdFor({ tenantId: 'demo', orderId, kind: 'cancel', idempotencyKey: key });
  expect(await giveCommand(system, orderId, { route: 'cancel', key })).toMatchObject({
    body: { decision: 'will_refund' },
  });
  // What was answered is in the history by then, because the row may be set back to an earlier time.
  const past = await readWorkflowPast(system.client, orderWorkflowId(orderId));
  expect(past?.messages.map(({ args }) => args[0])).toEqual([expect.objectContaining({ commandId })]);
  await untilStatus(system, orderId, 'CANCELLED');
  await proveEnd(system, orderId, 'CANCELLED');
});

it('A cancel of a refused order, and after the window, is too late', async () => {
  const refused = await system.postOrder({ method: 'pm_declined' });
  await untilStatus(system, refused, 'REJECTED');
  expect(await giveCommand(system, refused, { route: 'cancel' })).toMatchObject({
    status: 409,
    body: { code: 'too_late' },
  });

  const orderId = await sold();
  await system.database.query(
    `UPDATE orders.orders SET confirmed_at = now() - interval '31 minutes' WHERE order_id = $1`,
    [orderId],
  );
  expect(await giveCommand(system, orderId, { route: 'cancel' })).toMatchObject({
    status: 409,
    body: { code: 'too_late' },
  });
  await proveEnd(system, orderId, 'CONFIRMED');
});

it('A cancel of an authorized order voids and releases', async () => {
  const orderId = await authorized();
  expect(await giveCommand(system, orderId, { route: 'cancel' })).toMatchObject({ status: 200 });
  await untilStatus(system, orderId, 'CANCELLED');
  const { ledger } = await proveEnd(system, orderId, 'CANCELLED');
  expect(ledger.map(({ kind }) => kind)).toEqual(['authorize', 'void']);
});

it('A cancel of a parked order resolves its case', async () => {
  const orderId = await system.postOrder({ method: 'pm_wrong_amount' });
  await openCaseOf(system, orderId);
  expect(await giveCommand(system, orderId, { route: 'cancel' })).toMatchObject({
    body: { decision: 'will_refund' },
  });
  await proveEnd(system, orderId, 'CANCELLED');
});

it('A capture by hand takes a part, then the rest, and no more', async () => {
  const orderId = await authorized();
  expect(await giveCommand(system, orderId, { route: 'capture', amountMinor: 1 })).toMatchObject({ status: 202 });
  await untilStatus(system, orderId, 'CONFIRMED');
  expect(await giveCommand(system, orderId, { route: 'capture', amountMinor: 1e9 })).toMatchObject({
    status: 422,
    body: { code: 'amount_exceeds_authorized' },
  });
  expect(await giveCommand(system, orderId, { route: 'capture' })).toMatchObject({ status: 202 });
  await expect
    .poll(() => system.request<{ payment: object }>(`/v1/orders/${orderId}`).then(({ body }) => body.payment))
    .toMatchObject({ state: 'CAPTURED', capturedMinor: await totalOf(orderId) });
  const { ledger } = await proveEnd(system, orderId, 'CONFIRMED');
  expect(ledger.map(({ kind }) => kind)).toEqual(['authorize', 'capture', 'capture']);
});

it('A capture by hand that asks for too much at first changes nothing', async () => {
  const orderId = await authorized();
  expect(await giveCommand(system, orderId, { route: 'capture', amountMinor: 1e9 })).toMatchObject({
    status: 422,
    body: { code: 'amount_exceeds_authorized' },
  });
  expect(await giveCommand(system, orderId, { route: 'capture' })).toMatchObject({ status: 202 });
  await proveEnd(system, orderId, 'CONFIRMED');
});

it('A capture by hand of an order that is captured automatically is not supported', async () => {
  const orderId = await sold();
  expect(await giveCommand(system, orderId, { route: 'capture' })).toMatchObject({
    status: 409,
    body: { code: 'capture_not_supported' },
  });
});

async function totalOf(orderId: string): Promise<number> {
  const { body } = await system.request<{ totalMinor: number }>(`/v1/orders/${orderId}`);
  return body.totalMinor;
}

it('An authorization that nobody captures in time is given back, and the customer is told', async () => {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'awaitCapture', async (effect) => {
    await effect();
    return { captureBy: new Date(Date.now() + 300).toISOString() };
  });
  await system.postOrder({ body: { payment: { method: 'pm_ok', capture: 'manual' } } }, key);
  await untilStatus(system, orderId, 'EXPIRED');
  const { ledger } = await proveEnd(system, orderId, 'EXPIRED');
  expect(ledger.map(({ kind }) => kind)).toEqual(['authorize', 'void']);
  await expect.poll(() => system.mails(orderId)).toHaveLength(1);
  expect(await giveCommand(system, orderId, { route: 'capture' })).toMatchObject({
    status: 409,
    body: { code: 'too_late' },
  });
});

it('A command that no worker answers is pending, and not lost', async () => {
  const idle = await startTestSystem({ worker: false });
  try {
    const orderId = await idle.postOrder();
    const key = randomUUID();
    expect(await giveCommand(idle, orderId, { route: 'cancel', key })).toMatchObject({
      body: { decision: 'pending' },
    });
    const { events } = await idle.client.workflow.getHandle(orderWorkflowId(orderId)).fetchHistory();
    expect(JSON.stringify(events)).toContain('cancelOrderRequested');
  } finally {
    await idle.stop();
  }
});

it('A refund comes in parts, never more than was taken', async () => {
  const orderId = await sold();
  const total = await totalOf(orderId);
  expect(await giveCommand(system, orderId, { route: 'refunds', amountMinor: total + 1 })).toMatchObject({
    status: 422,
    body: { code: 'amount_exceeds_captured' },
  });
  expect(await giveCommand(system, orderId, { route: 'refunds', amountMinor: 1 })).toMatchObject({ status: 202 });
  await untilStatus(system, orderId, 'PARTIALLY_REFUNDED');
  expect(await giveCommand(system, orderId, { route: 'refunds' })).toMatchObject({ status: 202 });
  await untilStatus(system, orderId, 'REFUNDED');
  const { ledger } = await proveEnd(system, orderId, 'REFUNDED');
  expect(ledger.map(({ kind, amountMinor }) => [kind, amountMinor])).toEqual([
    ['sale', total],
    ['refund', 1],
    ['refund', total - 1],
  ]);
});

it('A refund in part, followed by a cancel, gives back the rest once', async () => {
  const orderId = await sold();
  const total = await totalOf(orderId);
  await giveCommand(system, orderId, { route: 'refunds', amountMinor: 5 });
  await untilStatus(system, orderId, 'PARTIALLY_REFUNDED');
  expect(await giveCommand(system, orderId, { route: 'cancel' })).toMatchObject({
    body: { decision: 'will_refund' },
  });
  await untilStatus(system, orderId, 'CANCELLED');
  const { ledger } = await proveEnd(system, orderId, 'CANCELLED');
  expect(ledger.filter(({ kind }) => kind === 'refund').map(({ amountMinor }) => amountMinor)).toEqual([5, total - 5]);
});

it('A refund of everything, asked for twice at once, is done once', async () => {
  const orderId = await sold();
  const answers = await Promise.all([1, 2].map(() => giveCommand(system, orderId, { route: 'refunds' })));
  await untilStatus(system, orderId, 'REFUNDED');
  const { ledger } = await proveEnd(system, orderId, 'REFUNDED');
  expect(ledger.filter(({ kind }) => kind === 'refund')).toHaveLength(1);
  expect(answers.filter(({ body }) => body.decision === 'accepted')).toHaveLength(1);
});

it('A refund that the provider refuses stays owed until two people have proved it', async () => {
  const orderId = await sold('pm_refund_fails');
  await giveCommand(system, orderId, { route: 'refunds' });
  const { id, version, step } = await openCaseOf(system, orderId);
  expect(step).toBe('refund-payment');
  await untilStatus(system, orderId, 'REFUNDING');
  const decide = async (seen: number, actor: string, evidence = 'bank-7') =>
    system.request<{ outcome?: string; code?: string; case?: { version: number } }>(`/v1/cases/${id}/resolve`, {
      method: 'POST',
      headers: { 'idempotency-key': randomUUID() },
      token: await system.token('demo', undefined, actor),
      body: JSON.stringify({ action: 'forceResolve', evidence, reason: 'card closed', version: seen }),
    });
  const proposed = await decide(version, 'ada');
  expect(proposed).toMatchObject({ status: 202, body: { outcome: 'awaiting_second_approver' } });
  const next = proposed.body.case?.version ?? 0;
  expect(await decide(next, 'ada')).toMatchObject({ status: 409, body: { code: 'second_approver_required' } });
  expect(await decide(next, 'bob', 'other')).toMatchObject({ status: 409 });
  expect(await decide(next, 'bob')).toMatchObject({ status: 200, body: { outcome: 'carried_out' } });
  await untilStatus(system, orderId, 'REFUNDED');
  await proveEnd(system, orderId, 'REFUNDED');
});

const parked = async (): Promise<string> => {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'takePayment', failBefore(new PaymentContractError(orderId, 'made so')));
  await system.postOrder({}, key);
  return orderId;
};

it('A case is retried', async () => {
  const orderId = await parked();
  await resolveCase(system, orderId, { action: 'retry' });
  const { openCases } = await proveEnd(system, orderId, 'CONFIRMED');
  expect(openCases).toBe(0);
});

it('A case is retried with another payment method, after the first charge is proved dead', async () => {
  const orderId = await parked();
  await resolveCase(system, orderId, { action: 'retryWith', patch: { method: 'pm_ok' } });
  const { ledger } = await proveEnd(system, orderId, 'CONFIRMED');
  expect(ledger.map(({ key }) => key)).toEqual([`${orderId}:void:1`, `${orderId}:sale:2`]);
});

it('A case is aborted: the order is refused and nothing is left', async () => {
  const orderId = await parked();
  await resolveCase(system, orderId, { action: 'abort' });
  await proveEnd(system, orderId, 'REJECTED');
  const { body } = await system.request(`/v1/orders/${orderId}`);
  expect(body).toMatchObject({ reason: 'operator_aborted', attention: null });
});

it('A case goes to the first of two operators that saw the same version', async () => {
  const orderId = await parked();
  const { id, version } = await openCaseOf(system, orderId);
  const decide = (action: string) =>
    system.request(`/v1/cases/${id}/resolve`, {
      method: 'POST',
      headers: { 'idempotency-key': randomUUID() },
      body: JSON.stringify({ action, reason: 'a test', version }),
    });
  const answers = await Promise.all([decide('retry'), decide('abort')]);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 409]));
  expect(await decide('skip')).toMatchObject({ status: 409 });
});

it('A case refuses what cannot be done about it', async () => {
  const orderId = await parked();
  const { id, version } = await openCaseOf(system, orderId);
  const decide = (body: object) =>
    system.request(`/v1/cases/${id}/resolve`, {
      method: 'POST',
      headers: { 'idempotency-key': randomUUID() },
      body: JSON.stringify({ reason: 'a test', version, ...body }),
    });
  expect(await decide({ action: 'skip' })).toMatchObject({ status: 422, body: { code: 'action_not_allowed' } });
  expect(await decide({ action: 'retryWith', patch: { amountMinor: 1 } })).toMatchObject({ status: 422 });
  expect(await decide({ action: 'retry', version: version + 1 })).toMatchObject({ body: { code: 'case_stale' } });
  const other = await system.token('acme');
  expect((await system.request(`/v1/cases/${id}`, { token: other })).status).toBe(404);
  await giveCommand(system, orderId, { route: 'cancel' });
  await proveEnd(system, orderId, 'CANCELLED');
});

it('A case of one cause is redriven with many others, a few first', async () => {
  const orderIds = await Promise.all(Array.from({ length: 12 }, parked));
  for (const orderId of orderIds) await openCaseOf(system, orderId);
  const started = await system.request<{ id: string }>('/v1/cases/redrive', {
    method: 'POST',
    headers: { 'idempotency-key': randomUUID() },
    body: JSON.stringify({ fingerprint: 'take-payment/payment_contract', canary: 1, maxPerSecond: 50 }),
  });
  expect(started.status).toBe(202);
  await expect
    .poll(() => system.request(`/v1/cases/redrives/${started.body.id}`).then(({ body }) => body))
    .toMatchObject({ state: 'done', resolved: 12, failedAgain: 0 });
  for (const orderId of orderIds) await proveEnd(system, orderId, 'CONFIRMED');
});
