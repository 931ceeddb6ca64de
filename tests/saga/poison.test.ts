import { afterAll, beforeAll, expect, it } from 'vitest';
import { STEP_POLICIES, type StepName } from '../../src/workflows/steps/step-policies.ts';
import { orderWorkflowId, resumeOrderSignal } from '../../src/workflows/contract.ts';
import { CASE_KIND } from '../../src/workflows/search-attributes.ts';
import { plannedOrder, proveEnd } from '../support/faults/evidence.ts';
import { createFaults, failBefore } from '../support/faults/faults.ts';
import { replayErrors } from '../support/replays.ts';
import { untilStatus } from '../support/faults/order-actions.ts';
import { STEP_SCENARIOS } from '../support/faults/step-scenarios.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

interface CaseRow {
  readonly step: string;
  readonly workflowId: string;
  readonly errorCode: string;
  readonly message: string;
  readonly fingerprint: string;
  readonly attempts: number;
  readonly state: string;
  readonly resolution: string | null;
}

const faults = createFaults();
let system: TestSystem;

beforeAll(async () => {
  system = await startTestSystem({ wrapActivities: faults.wrap });
});
afterAll(() => system.stop());

it('An order that meets an error which nobody expected is parked as a case, while other orders go on', async () => {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'holdStock', failBefore(new TypeError('ada@example.com is not a function')));
  await system.postOrder({}, key);
  const order = await system.orderAtRest(orderId);
  expect(order).toMatchObject({
    status: 'PENDING',
    attention: { step: 'hold-stock', errorCode: 'unclassified' },
    lines: [{ reservation: null }],
    payment: { state: 'NONE' },
  });
  expect(await casesOf(orderId)).toEqual([
    {
      step: 'hold-stock',
      workflowId: orderWorkflowId(orderId),
      errorCode: 'unclassified',
      message: "TypeError (see the worker's log)",
      fingerprint: 'hold-stock/unclassified',
      attempts: 1,
      state: 'open',
      resolution: null,
    },
  ]);
  expect(await caseKindOf(orderId)).toBe('hold-stock');
  expect(faults.calls(orderId, 'holdStock')).toHaveLength(1);

  await proveEnd(system, await system.postOrder(), 'CONFIRMED');

  await resume(orderId);
  const { events } = await proveEnd(system, orderId, 'CONFIRMED');
  expect(events.map(({ type }) => type)).toEqual(['order.opened', 'case.opened', 'case.resolved', 'order.confirmed']);
  expect(await casesOf(orderId)).toMatchObject([{ state: 'resolved', resolution: 'step_succeeded' }]);
  expect(await caseKindOf(orderId)).toBeUndefined();
  expect((await system.orderAtRest(orderId)).attention).toBeNull();
});

it('An order that meets an unexpected error is parked again when it is resumed before the cause is mended, in the same case', async () => {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'commitStock', failBefore(new TypeError('made so by a test'), 2));
  await system.postOrder({}, key);
  await expect.poll(() => casesOf(orderId)).toMatchObject([{ state: 'open', attempts: 1 }]);
  await resume(orderId);
  await expect.poll(() => casesOf(orderId)).toMatchObject([{ state: 'open', attempts: 2 }]);
  await resume(orderId);
  const { events } = await proveEnd(system, orderId, 'CONFIRMED');
  expect(events.filter(({ type }) => type.startsWith('case.'))).toHaveLength(2);
});

it.each(Object.keys(STEP_POLICIES) as StepName[])(
  'An order that meets an unexpected error at %s waits in a case, and ends as it would have',
  async (step) => {
    const { key, orderId } = plannedOrder();
    const { method, capture, end, prepare, act } = STEP_SCENARIOS[step];
    prepare(system, faults, orderId);
    faults.inject(orderId, step, failBefore(new TypeError('made so by a test')));
    await system.postOrder(capture === undefined ? { method } : { body: { payment: { method, capture } } }, key);
    const acting = act?.(system, orderId);
    const ofStep = async (): Promise<CaseRow | undefined> =>
      (await casesOf(orderId)).find((found) => found.step === STEP_POLICIES[step].id);
    await expect.poll(ofStep).toMatchObject({ state: 'open', errorCode: 'unclassified' });
    const parked = (await ofStep())?.workflowId ?? '';
    await resume(orderId, parked);
    await acting;
    await untilStatus(system, orderId, end);
    // The status is written before the case is closed, by a command workflow that the order's own does not wait for.
    await system.client.workflow.getHandle(parked).result();
    await proveEnd(system, orderId, end);
    expect(new Set((await casesOf(orderId)).map(({ state }) => state))).toEqual(new Set(['resolved']));
    expect(await replayErrors(system, [orderWorkflowId(orderId)])).toEqual([]);
  },
);

it('An order that the database refuses is parked with the code of the refusal, and resumed when the database is mended', async () => {
  await system.database.query(
    `CREATE FUNCTION inventory.refuse() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'secret of %', NEW.order_id USING ERRCODE = '23514'; END $$`,
  );
  await system.database.query(
    `CREATE TRIGGER refuse BEFORE INSERT ON inventory.reservations
       FOR EACH ROW WHEN (NEW.sku = 'SKU-0042') EXECUTE FUNCTION inventory.refuse()`,
  );
  const orderId = await system.postOrder({ sku: 'SKU-0042' });
  expect(await system.orderAtRest(orderId)).toMatchObject({
    status: 'PENDING',
    attention: { step: 'hold-stock', errorCode: 'database_contract' },
  });
  expect((await casesOf(orderId))[0]?.message).not.toContain('secret');
  await system.database.query('DROP TRIGGER refuse ON inventory.reservations');
  await resume(orderId);
  await proveEnd(system, orderId, 'CONFIRMED');
});

function casesOf(orderId: string): Promise<CaseRow[]> {
  return system.database.query<CaseRow>(
    `SELECT step, workflow_id AS "workflowId", error_code AS "errorCode", message, fingerprint, attempts, state, resolution
     FROM orders.cases WHERE order_id = $1`,
    [orderId],
  );
}

async function caseKindOf(orderId: string): Promise<string | undefined> {
  const { typedSearchAttributes } = await system.client.workflow.getHandle(orderWorkflowId(orderId)).describe();
  return typedSearchAttributes.get(CASE_KIND);
}

async function resume(orderId: string, workflowId = orderWorkflowId(orderId)): Promise<void> {
  await system.client.workflow.getHandle(workflowId).signal(resumeOrderSignal);
}
