import { afterAll, beforeAll, expect, it } from 'vitest';
import { createOrderRepository } from '../../db/repositories/orders/order-repository.ts';
import { createContactSealer } from '../../src/domain/personal-data/contact-sealer.ts';
import { PaymentOutcomeUnknownError } from '../../src/domain/errors.ts';
import { messageIdFor, type MessageName } from '../../src/domain/notification.ts';
import type { OrderStatus } from '../../src/domain/order-status.ts';
import {
  cancelOrderSignal,
  ORDER_WORKFLOW,
  orderWorkflowId,
  resumeOrderSignal,
  orderCommandWorkflowId,
} from '../../src/workflows/contract.ts';
import type { OrderWorkflowInput } from '../../src/domain/accepted-order.ts';
import { plannedOrder, proveEnd } from '../support/faults/evidence.ts';
import { afterEffect, createFaults, failBefore, type Fault } from '../support/faults/faults.ts';
import { giveCommand, untilStatus } from '../support/faults/order-actions.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

const faults = createFaults();
let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ wrapActivities: faults.wrap });
});
afterAll(() => system.stop());

/** Waits for the mails of an order with these message names, oldest first. */
async function untilTold(orderId: string, ...names: MessageName[]): Promise<string[]> {
  const ids = async (): Promise<string[]> => (await system.mails(orderId)).map(({ messageId }) => messageId);
  await expect.poll(async () => (await ids()).toReversed()).toEqual(names.map((name) => messageIdFor(orderId, name)));
  return (await system.mails(orderId)).map(({ text }) => text).toReversed();
}

async function sold(): Promise<string> {
  const orderId = await system.postOrder();
  await untilStatus(system, orderId, 'CONFIRMED');
  await untilTold(orderId, 'order-confirmed');
  return orderId;
}

async function give(
  orderId: string,
  route: 'capture' | 'refunds',
  { amountMinor, end }: { amountMinor: number | null; end: OrderStatus },
): Promise<void> {
  const { status } = await giveCommand(system, orderId, { route, ...(amountMinor === null ? {} : { amountMinor }) });
  expect(status).toBe(202);
  await untilStatus(system, orderId, end);
}

/** The calls with these numbers seem to succeed and send nothing, as if the worker died in them. */
function unsent(...numbers: number[]): Fault<'sendMessage'> {
  return (effect, { number }) => (numbers.includes(number) ? Promise.resolve() : effect());
}

/**
 * The server refuses the completion of a workflow task that has not seen a signal: the task's work is forgotten, and
 * done again.
 */
function dropTask(workflowId: string): Promise<void> {
  return system.client.workflow.getHandle(workflowId).signal(resumeOrderSignal);
}

it('The reference tells the customer nothing but the reference', async () => {
  const references = ['cart\r\n\r\n991', 'cart-991 https://evil.example/pay'];
  const texts = references.map(async (reference) => {
    const orderId = await system.postOrder({ body: { reference } });
    const [text = ''] = await untilTold(orderId, 'order-confirmed');
    return text;
  });
  const [broken, linked] = await Promise.all(texts);
  expect(broken).toContain('Your reference: cart 991');
  expect(linked).not.toMatch(/reference|evil/);
});

it('The customer is told of every refund once, each with its own amount', async () => {
  const orderId = await sold();
  await give(orderId, 'refunds', { amountMinor: 1_000, end: 'PARTIALLY_REFUNDED' });
  await untilTold(orderId, 'order-confirmed', 'order-refunded');
  await give(orderId, 'refunds', { amountMinor: 1_250, end: 'PARTIALLY_REFUNDED' });
  await untilTold(orderId, 'order-confirmed', 'order-refunded', 'order-refunded.2');
  await give(orderId, 'refunds', { amountMinor: null, end: 'REFUNDED' });
  const [, ...refunds] = await untilTold(
    orderId,
    'order-confirmed',
    'order-refunded',
    'order-refunded.2',
    'order-refunded.3',
  );
  expect(refunds.map((text) => /€[\d.]+/.exec(text)?.[0])).toEqual(['€10.00', '€12.50', '€22.50']);
  const { body } = await system.request(`/v1/orders/${orderId}/receipt`);
  expect(JSON.stringify(body)).toContain(`${orderId}/order-refunded.3/email`);
});

it('The customer is told of every further capture', async () => {
  const orderId = await system.postOrder({ body: { payment: { method: 'pm_ok', capture: 'manual' } } });
  await untilStatus(system, orderId, 'AWAITING_CAPTURE');
  await give(orderId, 'capture', { amountMinor: 1_000, end: 'CONFIRMED' });
  await untilTold(orderId, 'order-confirmed');
  await give(orderId, 'capture', { amountMinor: 2_000, end: 'CONFIRMED' });
  await untilTold(orderId, 'order-confirmed', 'order-captured.2');
  await give(orderId, 'capture', { amountMinor: null, end: 'CONFIRMED' });
  const [, ...captures] = await untilTold(orderId, 'order-confirmed', 'order-captured.2', 'order-captured.3');
  expect(captures.map((text) => /€[\d.]+/.exec(text)?.[0])).toEqual(['€20.00', '€15.00']);
});

it('A task that was forgotten still tells the customer what was paid back in a refund of all that was left', async () => {
  const orderId = await sold();
  // The first of its two calls was the confirmation.
  faults.inject(orderId, 'sendMessage', unsent(2));
  faults.inject(
    orderId,
    'refundPayment',
    afterEffect(async () => dropTask(await commandWorkflowIdOf(orderId))),
  );
  await give(orderId, 'refunds', { amountMinor: null, end: 'REFUNDED' });
  const [, refund] = await untilTold(orderId, 'order-confirmed', 'order-refunded');
  expect(refund).toContain('€45.00');
  expect(faults.calls(orderId, 'refundPayment').length).toBeGreaterThan(1);
});

it('A task that was forgotten still tells the customer of a refund when another one has begun meanwhile', async () => {
  const orderId = await sold();
  faults.inject(orderId, 'sendMessage', unsent(2));
  faults.inject(
    orderId,
    'closeCommand',
    afterEffect(async () => dropTask(await commandWorkflowIdOf(orderId))),
  );
  faults.inject(orderId, 'decideCommand', async (effect, { number }) => {
    if (number === 2) {
      await give(orderId, 'refunds', { amountMinor: 500, end: 'PARTIALLY_REFUNDED' });
      await untilTold(orderId, 'order-confirmed', 'order-refunded.2');
    }
    return effect();
  });
  await give(orderId, 'refunds', { amountMinor: 1_000, end: 'PARTIALLY_REFUNDED' });
  const [, second, first] = await untilTold(orderId, 'order-confirmed', 'order-refunded.2', 'order-refunded');
  expect(first).toContain('€10.00');
  expect(second).toContain('€5.00');
});

it('A task that was forgotten still tells the customer both of the order and of its refund meanwhile', async () => {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'sendMessage', unsent(1));
  faults.inject(
    orderId,
    'confirmOrder',
    afterEffect(() => dropTask(orderWorkflowId(orderId))),
  );
  const refunded = Promise.withResolvers<void>();
  faults.inject(orderId, 'openOrder', async (effect, { number }) => {
    if (number === 2)
      give(orderId, 'refunds', { amountMinor: null, end: 'REFUNDED' }).then(refunded.resolve, refunded.reject);
    if (number > 1) await refunded.promise;
    return effect();
  });
  await system.postOrder({}, key);
  await untilTold(orderId, 'order-refunded', 'order-confirmed');
  expect((await proveEnd(system, orderId, 'REFUNDED')).events.at(-1)).toMatchObject({ to: 'REFUNDED' });
});

it('A task that was forgotten still tells the customer that the order was cancelled', async () => {
  const { orderId } = plannedOrder();
  faults.inject(orderId, 'sendMessage', unsent(1));
  faults.inject(
    orderId,
    'closeCommand',
    afterEffect(() => dropTask(orderWorkflowId(orderId))),
  );
  await startWithCancel(orderId);
  await untilTold(orderId, 'order-cancelled');
  await proveEnd(system, orderId, 'CANCELLED');
  expect(faults.calls(orderId, 'openOrder').length).toBeGreaterThan(1);
});

it('A task that was forgotten still tells the customer of the sale before the cancel', async () => {
  const { key, orderId } = plannedOrder();
  faults.inject(
    orderId,
    'takePayment',
    failBefore(new PaymentOutcomeUnknownError(orderId, 'made so by a test'), 1_000),
  );
  await system.postOrder({}, key);
  await expect.poll(() => faults.calls(orderId, 'takePayment').length).toBeGreaterThan(1);
  await createOrderRepository(system.database.databases.orders).transition({
    orderId,
    to: 'CONFIRMED',
    eventType: 'order.confirmed',
    actor: 'system',
    totalMinor: 4_500,
  });
  const command = { commandId: `cmd_${orderId}`, requestHash: '', actor: 'ada', reason: null };
  await system.client.workflow.getHandle(orderWorkflowId(orderId)).signal(cancelOrderSignal, command);
  const [confirmation] = await untilTold(orderId, 'order-confirmed', 'order-cancelled');
  expect(confirmation).toContain('€45.00');
});

async function commandWorkflowIdOf(orderId: string): Promise<string> {
  const [row] = await system.database.query<{ id: string }>(
    'SELECT command_id AS id FROM orders.order_commands WHERE order_id = $1',
    [orderId],
  );
  return orderCommandWorkflowId(orderId, row?.id ?? '');
}

/** The cancel arrives before the first task, so the task goes step by step and cancels the order. */
async function startWithCancel(orderId: string): Promise<void> {
  const contact = { email: 'ada@example.com', phone: null };
  const input: OrderWorkflowInput = {
    orderId,
    tenantId: 'demo',
    idempotencyKey: orderId,
    requestHash: orderId,
    correlationId: orderId,
    request: {
      customerId: 'cust_42',
      currency: 'EUR',
      lines: [{ sku: 'SKU-0001', quantity: 2 }],
      paymentMethod: 'pm_ok',
      captureMode: 'automatic',
      expectedTotalMinor: null,
      reference: null,
    },
    sealedContact: createContactSealer(system.config.contactKeys).seal(orderId, contact),
    settings: system.config.orderSettings,
  };
  await system.client.workflow.signalWithStart(ORDER_WORKFLOW, {
    workflowId: orderWorkflowId(orderId),
    taskQueue: 'orders',
    args: [input],
    signal: cancelOrderSignal,
    signalArgs: [{ commandId: `cmd_${orderId}`, requestHash: '', actor: 'ada', reason: null }],
  });
}
