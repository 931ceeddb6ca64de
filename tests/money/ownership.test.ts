import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createPaymentRepository } from '../../db/repositories/payments/payment-repository.ts';
import { createRepair } from '../../src/cli/repair.ts';
import { PaymentContractError } from '../../src/domain/errors.ts';
import { orderWorkflowId, orderCommandWorkflowId } from '../../src/workflows/contract.ts';
import { authorized, capturedInPart, kindsOf, operationOf, TOTAL } from '../support/faults/captured-orders.ts';
import { evidenceOf, plannedOrder, proveEnd } from '../support/faults/evidence.ts';
import { createFaults } from '../support/faults/faults.ts';
import {
  chargeAtProvider,
  giveCommand,
  insistOn,
  openCaseOf,
  untilStatus,
  untilUnowned,
} from '../support/faults/order-actions.ts';
import { auditOf } from '../support/audits.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

const faults = createFaults();
let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ wrapActivities: faults.wrap });
});
afterAll(() => system.stop());

it.each(['cancel', 'refunds', 'capture'] as const)(
  'A further capture under way keeps a %s out until it has ended',
  async (route) => {
    const { key, orderId } = plannedOrder();
    const gate = Promise.withResolvers<void>();
    faults.inject(orderId, 'capturePayment', async (effect, { input }) => {
      if (input.generation > 1) await gate.promise;
      return effect();
    });
    await capturedInPart(system, key);
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
  const orders = await Promise.all(Array.from({ length: 12 }, () => capturedInPart(system)));
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
  const orderId = await capturedInPart(system);
  const answers = await Promise.all(
    amounts.map((amountMinor) => insistOn(system, orderId, { route: 'capture', amountMinor })),
  );
  expect(answers.map(({ status }) => status)).toEqual(amounts.map(() => 202));
  await untilUnowned(system, orderId);
  const { ledger } = await proveEnd(system, orderId, 'CONFIRMED');
  const taken = ledger.filter(({ kind }) => kind === 'capture').map(({ amountMinor }) => amountMinor);
  expect(new Set(taken)).toEqual(new Set([1_000, ...amounts]));
  expect(taken).toHaveLength(1 + amounts.length);
  expect(await violations()).toEqual([]);
});

it('Captures at once that together exceed what is left are refused with the request but for the first', async () => {
  const orderId = await capturedInPart(system);
  const answers = await Promise.all(
    [1, 2, 3].map(() => insistOn(system, orderId, { route: 'capture', amountMinor: 3_000 })),
  );
  const told = answers.map(({ body }) => body.code ?? body.decision);
  expect(told.filter((each) => each === 'accepted')).toHaveLength(1);
  expect(told.filter((each) => each === 'amount_exceeds_authorized')).toHaveLength(2);
  await untilUnowned(system, orderId);
  await proveEnd(system, orderId, 'CONFIRMED');
});

it('The rest of an authorization is released by a cancel', async () => {
  const orderId = await capturedInPart(system);
  await giveCommand(system, orderId, { route: 'cancel' });
  await untilStatus(system, orderId, 'CANCELLED');
  const { ledger } = await proveEnd(system, orderId, 'CANCELLED');
  expect(kindsOf(ledger)).toEqual(['authorize 4500', 'capture 1000', 'void 3500', 'refund 1000']);
});

it('The rest of an authorization is released where all that was captured is refunded', async () => {
  const orderId = await capturedInPart(system);
  await giveCommand(system, orderId, { route: 'refunds' });
  await untilStatus(system, orderId, 'REFUNDED');
  const { ledger } = await proveEnd(system, orderId, 'REFUNDED');
  expect(kindsOf(ledger)).toEqual(['authorize 4500', 'capture 1000', 'refund 1000', 'void 3500']);
});

it('The rest of an authorization can be captured after a part was refunded', async () => {
  const orderId = await capturedInPart(system);
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
  const orderId = await authorized(system);
  expect(await giveCommand(system, orderId, { route: 'refunds' })).toMatchObject({
    status: 409,
    body: { code: 'not_captured' },
  });
  await giveCommand(system, orderId, { route: 'capture' });
  await proveEnd(system, orderId, 'CONFIRMED');
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
  const orderId = await authorized(system);
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
  await system.client.workflow.getHandle(orderCommandWorkflowId(orderId, owner?.id ?? '')).terminate();
  expect(await giveCommand(system, orderId, { route: 'cancel' })).toMatchObject({
    status: 409,
    body: { code: 'order_stopped' },
  });
});

async function violations() {
  return (await auditOf(system)).violations;
}
