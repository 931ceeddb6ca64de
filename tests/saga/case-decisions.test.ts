import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PaymentContractError, PaymentOutcomeUnknownError } from '../../src/domain/errors.ts';
import { resolveCaseSignal } from '../../src/workflows/contract.ts';
import { startAnotherWorker } from '../support/processes/another-worker.ts';
import { plannedOrder, proveEnd } from '../support/faults/evidence.ts';
import { createFaults, failBefore, type Fault } from '../support/faults/faults.ts';
import {
  giveCommand,
  openCaseOf,
  storeDecision,
  sweepDecisions,
  untilStatus,
} from '../support/faults/order-actions.ts';
import { USUAL_COURSE } from '../support/faults/usual-course.ts';
import { startTestSystem, type Answer, type TestSystem } from '../support/system.ts';

const faults = createFaults();
let system: TestSystem;
let worker: Awaited<ReturnType<typeof startAnotherWorker>>;
beforeAll(async () => {
  system = await startTestSystem({ worker: false });
  worker = await startAnotherWorker(system, faults.wrap);
});
afterAll(async () => {
  await worker.stop();
  await system.stop();
});

interface CaseView {
  readonly id: string;
  readonly version: number;
  readonly attempts: number;
  readonly state: string;
  readonly actions: readonly string[];
  readonly amountMinor: number | null;
  readonly currency: string | null;
  readonly mismatch: object | null;
  readonly message: string;
  readonly proposal: { readonly actor: string; readonly evidence: string } | null;
}

type Decided = Answer<{ readonly outcome?: string; readonly code?: string; readonly case?: CaseView }>;

async function caseOf(orderId: string): Promise<CaseView> {
  const { id } = await openCaseOf(system, orderId);
  return (await system.request<CaseView>(`/v1/cases/${id}`)).body;
}

async function decide(
  id: string,
  decision: Record<string, unknown>,
  { actor, key = randomUUID() }: { readonly actor?: string; readonly key?: string } = {},
): Promise<Decided> {
  return system.request(`/v1/cases/${id}/resolve`, {
    method: 'POST',
    headers: { 'idempotency-key': key },
    body: JSON.stringify({ reason: 'a test', ...decision }),
    ...(actor === undefined ? {} : { token: await system.token('demo', undefined, actor) }),
  });
}

/** An order whose payment answers cannot be read the given number of times. */
async function parked(times = 1): Promise<string> {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'takePayment', failBefore(new PaymentContractError(orderId, 'made so'), times));
  await system.postOrder({}, key);
  await openCaseOf(system, orderId);
  return orderId;
}

async function sold(method = 'pm_ok'): Promise<string> {
  const orderId = await system.postOrder({ method });
  await untilStatus(system, orderId, 'CONFIRMED');
  return orderId;
}

it('A decision that no worker takes is pending, also when it is asked for again, until it is carried out', async () => {
  const orderId = await parked();
  const { id, version } = await caseOf(orderId);
  await worker.stop();
  const key = randomUUID();
  const ask = () => decide(id, { action: 'retry', version }, { key });
  expect(await ask()).toMatchObject({ status: 202, body: { outcome: 'pending', case: { state: 'open' } } });
  expect(await ask()).toMatchObject({ status: 202, body: { outcome: 'pending', case: { state: 'open' } } });
  expect(await decide(id, { action: 'abort', version: version + 1 })).toMatchObject({ body: { code: 'case_stale' } });

  worker = await startAnotherWorker(system, faults.wrap);
  await proveEnd(system, orderId, 'CONFIRMED');
  expect(await ask()).toMatchObject({ status: 200, body: { outcome: 'carried_out', case: { state: 'resolved' } } });
  expect(await decide(id, { action: 'abort', version }, { key })).toMatchObject({
    status: 422,
    body: { code: 'idempotency_key_reused' },
  });
});

it('A decision that was stored and lost on its way is handed over by the sweep, and stands among the acts of operators', async () => {
  const orderId = await parked();
  const { decisionId } = await storeDecision(system, orderId, 'abort');
  await sweepDecisions(system);
  await proveEnd(system, orderId, 'REJECTED');
  await sweepDecisions(system);
  const rows = await system.database.query(
    `SELECT d.state, a.action FROM orders.case_decisions d JOIN audit.operator_actions a ON action_id = decision_id
       WHERE decision_id = $1`,
    [decisionId],
  );
  expect(rows).toEqual([{ state: 'carried_out', action: 'case.abort' }]);
});

it('A decision that was lost on its way is done once, however often it is delivered', async () => {
  const orderId = await parked(100);
  const { decisionId, caseId } = await storeDecision(system, orderId);
  const decision = { decisionId, caseId, step: 'take-payment', action: 'retry', patch: null } as const;
  const handle = system.client.workflow.getHandle(`order/${orderId}`);
  const before = faults.calls(orderId, 'takePayment').length;
  await sweepDecisions(system);
  for (let times = 0; times < 3; times += 1) {
    await handle.signal(resolveCaseSignal, { ...decision, actor: 'ada', reason: 'a test', evidence: null });
  }
  await expect.poll(async () => (await caseOf(orderId)).attempts).toBe(2);
  // Whatever comes after the deliveries is after whatever they have set going.
  await giveCommand(system, orderId, { route: 'cancel' });
  await proveEnd(system, orderId, 'CANCELLED');
  expect(faults.calls(orderId, 'takePayment')).toHaveLength(before + 1);
});

it('A decision about a workflow that is gone is refused', async () => {
  const orderId = await parked();
  const { decisionId } = await storeDecision(system, orderId);
  await system.client.workflow.getHandle(`order/${orderId}`).terminate();
  await sweepDecisions(system);
  const rows = await system.database.query('SELECT state FROM orders.case_decisions WHERE decision_id = $1', [
    decisionId,
  ]);
  expect(rows).toEqual([{ state: 'refused' }]);
  const { id, version } = await caseOf(orderId);
  const key = randomUUID();
  for (let times = 0; times < 2; times += 1) {
    const answer = await decide(id, { action: 'retry', version }, { key });
    expect(answer).toMatchObject({ status: 409, body: { code: 'case_stale' } });
  }
});

it('The answer to a retry says that it failed again, and the case can be decided on by its next version', async () => {
  const orderId = await parked(2);
  const { id, version } = await caseOf(orderId);
  const key = randomUUID();
  const ask = () => decide(id, { action: 'retry', version }, { key });
  const again = { outcome: 'failed_again', case: { state: 'open', attempts: 2, version: version + 1 } };
  expect(await ask()).toMatchObject({ status: 202, body: again });
  expect(await ask()).toMatchObject({ status: 202, body: again });
  const next = await decide(id, { action: 'retry', version: version + 1 });
  expect(next).toMatchObject({ status: 200, body: { outcome: 'carried_out', case: { state: 'resolved' } } });
  await proveEnd(system, orderId, 'CONFIRMED');
});

it('The answer to a retry is pending while the step is tried by its policy', async () => {
  const { key, orderId } = plannedOrder();
  let isDown = false;
  const unclear: Fault<'takePayment'> = (effect) =>
    isDown ? Promise.reject(new PaymentOutcomeUnknownError(orderId, 'made so')) : effect();
  faults.inject(orderId, 'takePayment', unclear);
  faults.inject(orderId, 'takePayment', failBefore(new PaymentContractError(orderId, 'made so')));
  await system.postOrder({}, key);
  const { id, version } = await caseOf(orderId);
  isDown = true;
  expect(await decide(id, { action: 'retry', version })).toMatchObject({ status: 202, body: { outcome: 'pending' } });
  isDown = false;
  await proveEnd(system, orderId, 'CONFIRMED');
});

it('A case takes the decision of a person who has read for longer than the system waits between its tries', async () => {
  const orderId = await sold('pm_refund_fails');
  await giveCommand(system, orderId, { route: 'refunds', amountMinor: 1_000 });
  const { id, version, attempts } = await caseOf(orderId);
  const [{ workflowId } = { workflowId: '' }] = await system.database.query<{ workflowId: string }>(
    'SELECT workflow_id AS "workflowId" FROM orders.cases WHERE case_id = $1',
    [id],
  );
  // What the pause's end does by itself.
  await system.client.workflow.getHandle(workflowId).signal('resumeOrder');
  await expect.poll(async () => (await caseOf(orderId)).attempts).toBeGreaterThan(attempts);
  const evidence = 'bank-9';
  const proposed = await decide(id, { action: 'forceResolve', evidence, version });
  expect(proposed).toMatchObject({ status: 202, body: { outcome: 'awaiting_second_approver' } });
  const approved = { action: 'forceResolve', evidence, version: version + 1 };
  expect(await decide(id, approved, { actor: 'bob' })).toMatchObject({ status: 200 });
  await untilStatus(system, orderId, 'PARTIALLY_REFUNDED');
  await proveEnd(system, orderId, 'PARTIALLY_REFUNDED');
});

it('A case shows the amount that its step was asked for, not the total of the order', async () => {
  const orderId = await sold('pm_refund_fails');
  await giveCommand(system, orderId, { route: 'refunds', amountMinor: 1_000 });
  expect(await caseOf(orderId)).toMatchObject({ amountMinor: 1_000, currency: 'EUR', mismatch: null });
});

it('A case counts the attempts of its step, not how often it was parked', USUAL_COURSE, async () => {
  const { key, orderId } = plannedOrder();
  let calls = 0;
  faults.inject(orderId, 'takePayment', () => {
    calls += 1;
    const isLast = calls >= 3;
    return Promise.reject(
      isLast ? new PaymentContractError(orderId, 'x') : new PaymentOutcomeUnknownError(orderId, 'x'),
    );
  });
  await system.postOrder({}, key);
  expect((await caseOf(orderId)).attempts).toBe(3);
  expect(faults.calls(orderId, 'takePayment')).toHaveLength(3);
});

it('A case about another amount says both amounts, and everything that it offers ends it', async () => {
  const orderId = await system.postOrder({ method: 'pm_wrong_amount' });
  const { id, version, actions, mismatch, message } = await caseOf(orderId);
  const [{ amountMinor: found } = { amountMinor: 0 }] = await system.ledger(orderId);
  expect(mismatch).toEqual({ field: 'amountMinor', expected: 4_500, found });
  expect(found).not.toBe(4_500);
  expect(message).toContain(`amountMinor ${found} where 4500 was asked for`);
  expect(actions).toEqual(['abort']);
  expect(await decide(id, { action: 'retry', version })).toMatchObject({ body: { code: 'action_not_allowed' } });
  expect(await decide(id, { action: 'abort', version })).toMatchObject({ status: 200 });
  const { ledger } = await proveEnd(system, orderId, 'REJECTED');
  expect(ledger.map(({ kind, amountMinor }) => [kind, amountMinor])).toEqual([
    ['sale', found],
    ['refund', found],
  ]);
});

async function proposed(evidence: string): Promise<{ orderId: string; id: string; version: number }> {
  const orderId = await sold('pm_refund_fails');
  await giveCommand(system, orderId, { route: 'refunds' });
  const { id, version } = await caseOf(orderId);
  await decide(id, { action: 'forceResolve', evidence, version }, { actor: 'ada' });
  return { orderId, id, version: version + 1 };
}

it('A proposal by evidence with a wrong reference is corrected by the person who made it', async () => {
  const { orderId, id, version } = await proposed('bnak-1');
  const correct = { action: 'forceResolve', evidence: 'bank-1' };
  const corrected = await decide(id, { ...correct, version }, { actor: 'ada' });
  expect(corrected).toMatchObject({
    status: 202,
    body: { outcome: 'awaiting_second_approver', case: { proposal: { actor: 'ada', evidence: 'bank-1' } } },
  });
  const approve = (evidence: string) => decide(id, { ...correct, evidence, version: version + 1 }, { actor: 'bob' });
  expect(await approve('bnak-1')).toMatchObject({ body: { code: 'second_approver_required' } });
  expect(await approve('bank-1')).toMatchObject({ status: 200, body: { outcome: 'carried_out' } });
  await untilStatus(system, orderId, 'REFUNDED');
  await proveEnd(system, orderId, 'REFUNDED');
});

it('A proposal by evidence is withdrawn by another person, who then makes one of his own', async () => {
  const { orderId, id, version } = await proposed('bnak-1');
  expect((await caseOf(orderId)).actions).toContain('withdraw');
  const key = randomUUID();
  const withdraw = () => decide(id, { action: 'withdraw', version }, { actor: 'bob', key });
  const withdrawn = { status: 200, body: { outcome: 'withdrawn', case: { proposal: null, state: 'open' } } };
  expect(await withdraw()).toMatchObject(withdrawn);
  expect(await withdraw()).toMatchObject(withdrawn);
  expect((await caseOf(orderId)).actions).not.toContain('withdraw');
  const right = { action: 'forceResolve', evidence: 'bank-1' };
  expect(await decide(id, { action: 'withdraw', version: version + 1 })).toMatchObject({
    body: { code: 'action_not_allowed' },
  });
  await decide(id, { ...right, version: version + 1 }, { actor: 'bob' });
  expect(await decide(id, { ...right, version: version + 2 }, { actor: 'ada' })).toMatchObject({ status: 200 });
  await untilStatus(system, orderId, 'REFUNDED');
  await proveEnd(system, orderId, 'REFUNDED');
  const { items } = (
    await system.request<{ items: { type: string; actor: string }[] }>(`/v1/orders/${orderId}/timeline`)
  ).body;
  const acts = items.filter(({ type }) => type.startsWith('case.')).map(({ type, actor }) => `${type} ${actor}`);
  expect(acts).toEqual(
    expect.arrayContaining(['case.propose ada', 'case.withdraw bob', 'case.propose bob', 'case.forceResolve ada']),
  );
});
