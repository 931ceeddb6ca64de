import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  createCaseRepository,
  type CaseRepository,
  type OpenCase,
} from '../../db/repositories/orders/case-repository.ts';
import {
  createDecisionRepository,
  type DecisionRepository,
  type NewDecision,
} from '../../db/repositories/orders/decision-repository.ts';
import { createOrderRepository, type OrderRepository } from '../../db/repositories/orders/order-repository.ts';
import { createTestDatabase, type TestDatabase } from '../support/database/database.ts';
import { freshId, newOrder } from './fixtures.ts';

let database: TestDatabase;
let cases: CaseRepository;
let orders: OrderRepository;
let decisions: DecisionRepository;
beforeAll(async () => {
  database = await createTestDatabase();
  cases = createCaseRepository(database.databases.orders);
  orders = createOrderRepository(database.databases.orders);
  decisions = createDecisionRepository(database.databases.orders);
});
afterAll(() => database.close());

function reportOn(orderId: string, changes: Partial<OpenCase> = {}): OpenCase {
  return {
    caseId: freshId('case'),
    orderId,
    tenantId: 'demo',
    step: 'take-payment',
    errorCode: 'payment_mismatch',
    message: 'the amount differs',
    workflowId: `order/${orderId}`,
    input: { method: 'pm_wrong_amount' },
    actions: ['retry', 'abort'],
    ...changes,
  };
}

function placeOf(orderId: string, workflowId = `order/${orderId}`) {
  return { orderId, step: 'take-payment', workflowId };
}

function decisionOn(caseId: string, changes: Partial<NewDecision> = {}): NewDecision {
  return {
    decisionId: freshId('act'),
    caseId,
    tenantId: 'demo',
    caseVersion: 1,
    action: 'retry',
    patch: null,
    evidence: null,
    actor: 'ada',
    reason: 'a test',
    state: 'decided',
    ...changes,
  };
}

async function openedOrder(): Promise<string> {
  const order = newOrder();
  await orders.open(order);
  return order.orderId;
}

function storedCases(orderId: string): Promise<{ case_id: string; state: string; attempts: number }[]> {
  return database.query('SELECT * FROM orders.cases WHERE order_id = $1 ORDER BY opened_at', [orderId]);
}

it('A case is one per order, step and workflow while it is open; further attempts are counted on it', async () => {
  const orderId = await openedOrder();
  const first = await cases.open(reportOn(orderId));
  const other = { errorCode: 'payment_contract', message: 'unreadable', attempts: 5 };
  const again = await cases.open(reportOn(orderId, other));

  expect(again).toEqual(first);
  expect(await storedCases(orderId)).toMatchObject([
    {
      case_id: first.caseId,
      state: 'open',
      attempts: 6,
      version: 1,
      error_code: 'payment_contract',
      message: 'unreadable',
      fingerprint: 'take-payment/payment_contract',
    },
  ]);
});

it('A case is opened once by reports that come at once', async () => {
  const orderId = await openedOrder();
  const opened = await Promise.all(Array.from({ length: 20 }, () => cases.open(reportOn(orderId))));

  expect(new Set(opened.map(({ caseId }) => caseId)).size).toBe(1);
  expect(await storedCases(orderId)).toMatchObject([{ attempts: 20 }]);
  expect(await orders.timeline('demo', orderId)).toHaveLength(2);
});

it('A case of another step is a case of its own', async () => {
  const orderId = await openedOrder();
  await cases.open(reportOn(orderId));
  await cases.open(reportOn(orderId, { step: 'release-stock' }));
  expect(await storedCases(orderId)).toHaveLength(2);
});

it.each([
  ['one after the other', 1],
  ['at once', 10],
])('A case of another workflow at the same step is a case of its own, opened %s', async (_, times) => {
  const orderId = await openedOrder();
  const workflows = [`order-command/${orderId}/1`, `order-command/${orderId}/2`, `order/${orderId}`];
  const open = (workflowId: string) => cases.open(reportOn(orderId, { workflowId }));
  if (times === 1) for (const workflowId of workflows) await open(workflowId);
  else await Promise.all(Array.from({ length: times }, () => workflows.map(open)).flat());

  const listed = await cases.list({ tenantId: 'demo', orderId, limit: 10 });
  expect(listed.map(({ workflowId }) => workflowId).toSorted()).toEqual(workflows.toSorted());
  for (const each of listed) expect(each).toMatchObject({ step: 'take-payment', state: 'open', attempts: times });

  await cases.resolve(placeOf(orderId, `order-command/${orderId}/1`), 'step_succeeded', 'system');
  const left = await cases.list({ tenantId: 'demo', orderId, state: 'open', step: 'take-payment', limit: 10 });
  expect(left.map(({ workflowId }) => workflowId).toSorted()).toEqual([
    `order-command/${orderId}/2`,
    `order/${orderId}`,
  ]);
});

it('A case can be opened and resolved by a worker of the version before', async () => {
  const orderId = await openedOrder();
  const workflow = `order/${orderId}`;
  const open = `INSERT INTO orders.cases AS c (case_id, order_id, tenant_id, step, error_code, message, fingerprint,
        attempts, state, version, workflow_id)
      VALUES ($1, $2, 'demo', 'take-payment', 'x', 'y', 'z', 1, 'open', 1, $3)
      ON CONFLICT (order_id, step) WHERE state = 'open' DO UPDATE SET attempts = c.attempts + 1`;
  for (const caseId of [freshId('case'), freshId('case')]) await database.query(open, [caseId, orderId, workflow]);
  await cases.open(reportOn(orderId));
  expect(await storedCases(orderId)).toMatchObject([{ attempts: 3, step_name: 'take-payment' }]);
  const resolve = `UPDATE orders.cases SET state = 'resolved', resolved_at = now()
      WHERE order_id = $1 AND step = 'take-payment' AND state = 'open'`;
  await database.query(resolve, [orderId]);
  expect(await storedCases(orderId)).toMatchObject([{ state: 'resolved' }]);
});

it('A case tells the order and its history when it opens and when it is resolved', async () => {
  const orderId = await openedOrder();
  const { caseId } = await cases.open(reportOn(orderId));
  expect((await orders.findOptional('demo', orderId))?.attention).toMatchObject({ caseId, step: 'take-payment' });
  expect((await orders.findOptionalInShort('demo', orderId))?.attention).toBe(true);

  await cases.resolve(placeOf(orderId), 'step_succeeded', 'system');
  await cases.resolve(placeOf(orderId), 'step_succeeded', 'system');
  expect((await orders.findOptional('demo', orderId))?.attention).toBeNull();
  expect(await storedCases(orderId)).toMatchObject([{ state: 'resolved', resolution: 'step_succeeded', version: 2 }]);
  expect(await orders.timeline('demo', orderId)).toMatchObject([
    { seq: 1, type: 'order.opened' },
    { seq: 2, type: 'case.opened', data: { step: 'take-payment', errorCode: 'payment_mismatch' } },
    { seq: 3, type: 'case.resolved', data: { step: 'take-payment', resolution: 'step_succeeded' } },
  ]);
});

it('Cases that a workflow has left are closed in its name, and those of other workflows stay open', async () => {
  const orderId = await openedOrder();
  await cases.open(reportOn(orderId));
  await cases.open(reportOn(orderId, { step: 'confirm-order' }));
  const other = `order-command/${orderId}/1`;
  await cases.open(reportOn(orderId, { workflowId: other }));

  await cases.resolveLeft({ ...placeOf(orderId), step: 'confirm-order' });
  const listed = await cases.list({ tenantId: 'demo', orderId, limit: 10 });
  const ends = listed.map(({ step, workflowId, resolution }) => `${step} of ${workflowId}: ${resolution}`);
  expect(ends.toSorted()).toEqual([
    `confirm-order of order/${orderId}: step_succeeded`,
    `take-payment of ${other}: null`,
    `take-payment of order/${orderId}: order_moved_on`,
  ]);
});

it('A case that is resolved makes room for a new one', async () => {
  const orderId = await openedOrder();
  const first = await cases.open(reportOn(orderId));
  await cases.resolve(placeOf(orderId), 'step_succeeded', 'system');
  const second = await cases.open(reportOn(orderId));

  expect(second.caseId).not.toBe(first.caseId);
  expect(await storedCases(orderId)).toMatchObject([{ state: 'resolved' }, { state: 'open', attempts: 1 }]);
});

it('A case opens for an order whose first step failed and has no row', async () => {
  const orderId = freshId();
  await cases.open(reportOn(orderId, { step: 'open-order' }));

  expect(await storedCases(orderId)).toMatchObject([{ state: 'open' }]);
  expect(await orders.timeline('demo', orderId)).toEqual([]);
});

async function openCase() {
  const orderId = await openedOrder();
  return { orderId, ...(await cases.open(reportOn(orderId))) };
}

async function stateOf({ decisionId }: NewDecision): Promise<string | undefined> {
  return (await decisions.findOptional('demo', decisionId))?.state;
}

it('A decision about a case is taken from the first of two people that saw the same version, and from nobody while one is on its way', async () => {
  const { caseId } = await openCase();
  const both = [decisionOn(caseId), decisionOn(caseId, { action: 'abort' })];
  const taken = await Promise.all(both.map(decisions.decide));
  expect(taken.filter(Boolean)).toHaveLength(1);
  expect(await decisions.decide(decisionOn(caseId, { caseVersion: 2 }))).toBe(false);
});

it('A decision about a case is taken from a person who has read for long while the system tries', async () => {
  const { orderId, caseId } = await openCase();
  for (let tries = 0; tries < 5; tries += 1) await cases.open(reportOn(orderId, { errorCode: `code_${tries}` }));
  expect(await decisions.decide(decisionOn(caseId))).toBe(true);
});

it('A decision about a case is carried out when the case ends as decided', async () => {
  const { orderId, caseId } = await openCase();
  const decision = decisionOn(caseId);
  await decisions.decide(decision);
  expect(await stateOf(decision)).toBe('decided');
  await cases.resolve(placeOf(orderId), 'step_succeeded', 'ada');
  expect(await stateOf(decision)).toBe('carried_out');
});

it('A decision about a case is refused when the case ends in another way', async () => {
  const { orderId, caseId } = await openCase();
  const decision = decisionOn(caseId, { action: 'abort' });
  await decisions.decide(decision);
  await cases.resolve(placeOf(orderId), 'step_succeeded', 'system');
  expect(await stateOf(decision)).toBe('refused');
});

it('A decision about a case has failed again when its own try failed, not when another one did; then the next one is taken', async () => {
  const { orderId, caseId } = await openCase();
  const decision = decisionOn(caseId);
  await decisions.decide(decision);
  await cases.open(reportOn(orderId));
  expect(await stateOf(decision)).toBe('decided');
  await cases.open(reportOn(orderId, { decisionId: decision.decisionId }));
  expect(await stateOf(decision)).toBe('failed_again');
  expect(await decisions.decide(decisionOn(caseId, { caseVersion: 2 }))).toBe(true);
});

it('A decision about a case is due for delivery again after growing pauses, until it has ended', async () => {
  const { orderId, caseId } = await openCase();
  const decision = decisionOn(caseId);
  await decisions.decide(decision);
  const pass = (seconds: number) =>
    database.query(
      `UPDATE orders.case_decisions SET due_at = due_at - $2 * interval '1 second' WHERE decision_id = $1`,
      [decision.decisionId, seconds],
    );
  const due = async () =>
    (await decisions.takeDue(1_000)).filter(({ decisionId }) => decisionId === decision.decisionId);
  expect(await due()).toEqual([]);
  await pass(31);
  expect(await due()).toMatchObject([{ step: 'take-payment', workflowId: `order/${orderId}` }]);
  await pass(31);
  expect(await due()).toEqual([]);
  await pass(31);
  expect(await due()).toHaveLength(1);
  // A worker of the version before closes the case and knows nothing of decisions.
  await database.query(
    `UPDATE orders.cases SET state = 'resolved', resolved_at = now(), resolution = 'step_succeeded' WHERE case_id = $1`,
    [caseId],
  );
  await pass(3_600);
  expect(await due()).toEqual([]);
  expect(await stateOf(decision)).toBe('carried_out');
});

it('A decision about a case that only proposes is never due; it ends with its case', async () => {
  const { orderId, caseId } = await openCase();
  const proposal = decisionOn(caseId, { action: 'forceResolve', evidence: 'bank-1', state: 'proposed' });
  await decisions.decide(proposal);
  expect((await cases.findOptional('demo', caseId))?.proposal).toEqual({
    actor: 'ada',
    evidence: 'bank-1',
    reason: 'a test',
  });
  const corrected = { ...proposal, decisionId: freshId('act'), evidence: 'bank-2', caseVersion: 2 };
  await decisions.decide(corrected);
  expect(await stateOf(proposal)).toBe('withdrawn');
  expect((await cases.findOptional('demo', caseId))?.proposal).toMatchObject({ evidence: 'bank-2' });
  await cases.resolve(placeOf(orderId), 'forceResolve', 'bob');
  expect(await stateOf(corrected)).toBe('carried_out');
});
