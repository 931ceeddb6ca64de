import { afterAll, beforeAll, expect, it } from 'vitest';
import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import type { OrderView } from '../../src/api/orders/order-schemas.ts';
import { STEP_POLICIES } from '../../src/workflows/steps/step-policies.ts';
import { orderWorkflowId, resumeOrderSignal } from '../../src/workflows/contract.ts';
import { CASE_KIND } from '../../src/workflows/search-attributes.ts';
import { evidenceOf, plannedOrder, proveEnd, stockOf } from '../support/faults/evidence.ts';
import { afterEffect, createFaults, givenUp, type Fault } from '../support/faults/faults.ts';
import { expireHold } from '../support/faults/order-actions.ts';
import { USUAL_COURSE } from '../support/faults/usual-course.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

const faults = createFaults();
let system: TestSystem;

beforeAll(async () => {
  system = await startTestSystem({ wrapActivities: faults.wrap });
});
afterAll(() => system.stop());

it('A payment whose reply is lost is looked up and adopted: one charge, CONFIRMED', USUAL_COURSE, async () => {
  const orderId = await system.postOrder({ method: 'pm_lost_reply' });
  await proveEnd(system, orderId, 'CONFIRMED');
  expect(faults.calls(orderId, 'takePayment').map(({ local }) => local)).toEqual([true, false]);
});

it(
  'A payment whose reply is lost is asked for again under the same key while the gateway refuses: one charge, CONFIRMED',
  USUAL_COURSE,
  async () => {
    const orderId = await system.postOrder({ method: 'pm_flaky' });
    await proveEnd(system, orderId, 'CONFIRMED');
    expect(faults.calls(orderId, 'takePayment').map(({ local }) => local)).toEqual([true, false, false]);
  },
);

it('A payment whose reply is lost is waited for when the gateway needs longer than the local try: one charge, CONFIRMED', async () => {
  const orderId = await system.postOrder({ method: 'pm_slow' });
  await proveEnd(system, orderId, 'CONFIRMED');
  expect(faults.calls(orderId, 'takePayment').length).toBeGreaterThan(1);
});

it('A payment stays open and visible while its gateway is down, hurts no other order, and is taken once the gateway is back', async () => {
  const orderId = await system.postOrder({ method: 'pm_down', sku: 'SKU-0021' });
  await expect.poll(() => pendingPayment(orderId)).toMatchObject({ attempt: 2 });
  expect((await pendingPayment(orderId))?.failure).toContain('503');
  const { body } = await system.request<OrderView>(`/v1/orders/${orderId}`);
  expect(body).toMatchObject({
    status: 'PENDING',
    attention: null,
    totalMinor: expect.any(Number),
    payment: { state: 'UNKNOWN', capturedMinor: 0 },
    lines: [{ reservation: 'HELD' }],
  });

  const other = await system.postOrder();
  await proveEnd(system, other, 'CONFIRMED');

  await system.setFaults({ pmDown: false });
  await proveEnd(system, orderId, 'CONFIRMED');
  await system.setFaults({ pmDown: true });
});

it(
  'A payment is parked as a case when its budget is spent, and taken when a person resumes it',
  USUAL_COURSE,
  async () => {
    const { key, orderId } = plannedOrder();
    let down = true;
    faults.inject(orderId, 'takePayment', async (effect) => {
      if (!down) return effect();
      // The next attempt would come after the end of the budget: it is spent within moments instead of minutes.
      const nextRetryDelay = STEP_POLICIES.takePayment.budgetMs + 1;
      throw ApplicationFailure.create({ type: 'payment_outcome_unknown', message: orderId, nextRetryDelay });
    });
    await system.postOrder({}, key);
    const parked = await system.orderAtRest(orderId);
    expect(parked).toMatchObject({
      status: 'PENDING',
      attention: { step: 'take-payment', errorCode: 'payment_outcome_unknown' },
    });
    expect(faults.calls(orderId, 'takePayment')).toHaveLength(2);
    down = false;
    await resume(orderId);
    await proveEnd(system, orderId, 'CONFIRMED');
  },
);

it('A charge of another amount is never adopted: the order is parked as a case, and parked again when it is resumed in vain', async () => {
  const orderId = await system.postOrder({ method: 'pm_wrong_amount', sku: 'SKU-0022' });
  const parked = await system.orderAtRest(orderId);
  expect(parked).toMatchObject({
    status: 'PENDING',
    attention: { step: 'take-payment', errorCode: 'payment_mismatch' },
    payment: { capturedMinor: 0 },
  });
  expect(await caseKindOf(orderId)).toBe('take-payment');
  const before = faults.calls(orderId, 'takePayment').length;

  await resume(orderId);
  await expect.poll(() => caseOf(orderId)).toMatchObject({ state: 'open', attempts: 2 });
  expect(faults.calls(orderId, 'takePayment').length).toBe(before + 1);
  const { ledger, openCases } = await evidenceOf(system, orderId);
  expect(ledger).toMatchObject([{ kind: 'sale', state: 'SUCCEEDED' }]);
  expect(openCases).toBe(1);
});

it('An order that is given up refuses a charge that lands after its key was voided', async () => {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'takePayment', givenUpWhileLate());
  await system.setFaults({ lateMs: LATE_MS });
  await system.postOrder({ sku: 'SKU-0023' }, key);
  const { ledger } = await proveEnd(system, orderId, 'REJECTED');
  expect(ledger).toMatchObject([{ kind: 'void', state: 'SUCCEEDED', amountMinor: 0 }]);

  await lateChargesLanded();
  await system.setFaults({ lateMs: 0 });
  expect((await proveEnd(system, orderId, 'REJECTED')).ledger).toEqual(ledger);
});

it('An order that is given up refunds what was captured', async () => {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'takePayment', givenUp());
  await system.postOrder({ sku: 'SKU-0024' }, key);
  const { ledger } = await proveEnd(system, orderId, 'REJECTED');
  expect(ledger.map(({ kind, amountMinor, state }) => [kind, amountMinor, state])).toEqual([
    ['sale', ledger[0]?.amountMinor, 'SUCCEEDED'],
    ['refund', ledger[0]?.amountMinor, 'SUCCEEDED'],
  ]);
  const { body } = await system.request<OrderView>(`/v1/orders/${orderId}`);
  expect(body.payment.state).toBe('REFUNDED');
});

it('An order that is given up gives its stock back once, and a hold that arrives later has no effect', async () => {
  const { key, orderId } = plannedOrder();
  let holdLate: (() => Promise<unknown>) | undefined;
  faults.inject(orderId, 'holdStock', async (effect) => {
    holdLate = effect;
    return { kind: 'refused', refusal: { reason: 'out_of_stock', details: null } };
  });
  await system.postOrder({ sku: 'SKU-0025' }, key);
  const { reservations } = await proveEnd(system, orderId, 'REJECTED');
  expect(reservations).toEqual([{ sku: 'SKU-0025', quantity: 2, state: 'RELEASED' }]);

  await expect(holdLate?.()).rejects.toMatchObject({ type: 'order_state_conflict', nonRetryable: true });
  expect((await proveEnd(system, orderId, 'REJECTED')).movements).toEqual([]);
  expect(await stockOf(system, 'SKU-0025')).toEqual({ onHand: 10_000, reserved: 0 });
});

it('A hold that expires before its payment is known is taken again, and the order ends CONFIRMED', async () => {
  const { key, orderId } = plannedOrder();
  faults.inject(
    orderId,
    'takePayment',
    afterEffect(() => expireHold(system, orderId)),
  );
  await system.postOrder({ sku: 'SKU-0026' }, key);
  const { movements } = await proveEnd(system, orderId, 'CONFIRMED');
  expect(movements.map(({ kind }) => kind)).toEqual(['hold', 'expire', 'hold', 'commit']);
});

it('A hold that expires and whose pieces are gone is refunded, and the order ends REJECTED because it is out of stock', async () => {
  const { key, orderId } = plannedOrder();
  faults.inject(
    orderId,
    'takePayment',
    afterEffect(async () => {
      await expireHold(system, orderId);
      const buyer = await system.postOrder({ sku: 'SKU-SCARCE', quantity: 4 });
      await proveEnd(system, buyer, 'CONFIRMED');
    }),
  );
  await system.postOrder({ sku: 'SKU-SCARCE', quantity: 3 }, key);
  const { ledger, reservations } = await proveEnd(system, orderId, 'REJECTED');
  expect(ledger.map(({ kind }) => kind)).toEqual(['sale', 'refund']);
  expect(reservations).toMatchObject([{ state: 'EXPIRED' }]);
  const order = await system.orderAtRest(orderId);
  expect(order).toMatchObject({
    reason: 'out_of_stock',
    reasonDetails: { lines: [{ sku: 'SKU-SCARCE', requested: 3, available: 1 }] },
    payment: { state: 'REFUNDED' },
  });
  expect(await stockOf(system, 'SKU-SCARCE')).toEqual({ onHand: 1, reserved: 0 });
  expect(await system.mails(orderId)).toEqual([]);
});

const LATE_MS = 400;

/** The charge is on its way, and the order is given up before it lands. */
function givenUpWhileLate(): Fault<'takePayment'> {
  return async (effect) => {
    await expect(effect()).rejects.toMatchObject({ type: 'payment_outcome_unknown' });
    return { kind: 'declined', declineCode: 'given_up', soft: false };
  };
}

/**
 * Late requests land in the order in which they came: when a new one is in the ledger, all earlier ones have landed.
 */
async function lateChargesLanded(): Promise<void> {
  const orderId = `fence-${randomUUID()}`;
  await fetch(`${system.simulatorUrl}/v1/payments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': orderId },
    body: JSON.stringify({ orderId, kind: 'sale', amountMinor: 1, currency: 'EUR', method: 'pm_ok' }),
  }).catch(() => null);
  await expect.poll(() => system.ledger(orderId)).toHaveLength(1);
}

async function pendingPayment(orderId: string): Promise<{ attempt: number; failure: string } | undefined> {
  const { raw } = await system.client.workflow.getHandle(orderWorkflowId(orderId)).describe();
  const pending = raw.pendingActivities?.find(({ activityId }) => activityId === STEP_POLICIES.takePayment.id);
  return pending && { attempt: pending.attempt ?? 0, failure: pending.lastFailure?.message ?? '' };
}

async function caseKindOf(orderId: string): Promise<string | undefined> {
  const { typedSearchAttributes } = await system.client.workflow.getHandle(orderWorkflowId(orderId)).describe();
  return typedSearchAttributes.get(CASE_KIND);
}

async function caseOf(orderId: string): Promise<{ state: string; attempts: number } | undefined> {
  const [found] = await system.database.query<{ state: string; attempts: number }>(
    'SELECT state, attempts FROM orders.cases WHERE order_id = $1',
    [orderId],
  );
  return found;
}

async function resume(orderId: string): Promise<void> {
  await system.client.workflow.getHandle(orderWorkflowId(orderId)).signal(resumeOrderSignal);
}
