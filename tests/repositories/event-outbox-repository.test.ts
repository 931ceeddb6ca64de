import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCommandRepository } from '../../db/repositories/orders/command-repository.ts';
import { createEventOutboxRepository } from '../../db/repositories/orders/event-outbox-repository.ts';
import { createOrderRepository, type OrderRepository } from '../../db/repositories/orders/order-repository.ts';
import type { OrderStatus } from '../../src/domain/order-status.ts';
import { createTestDatabase, type TestDatabase } from '../support/database/database.ts';
import { freshId, newOrder } from './fixtures.ts';

let database: TestDatabase;
let orders: OrderRepository;
beforeAll(async () => {
  database = await createTestDatabase();
  orders = createOrderRepository(database.databases.orders);
});
afterAll(() => database.close());

async function opened(): Promise<string> {
  const order = newOrder();
  await orders.open(order);
  return order.orderId;
}

function move(orderId: string, to: OrderStatus, totalMinor?: number) {
  const eventType = `order.${to.toLowerCase()}`;
  return orders.transition({
    orderId,
    to,
    eventType,
    actor: 'system',
    ...(totalMinor === undefined ? {} : { totalMinor }),
  });
}

/** What the stream gets about an order when nobody has read it before. */
async function toldOf(orderId: string) {
  const unpublished = await createEventOutboxRepository(database.databases.orders).list(1_000);
  return unpublished
    .filter((transition) => transition.orderId === orderId)
    .map(({ from, to, totalMinor, reason }) => ({ from, to, totalMinor, reason }));
}

it('A transition that is read late tells no reason that came after it', async () => {
  const orderId = await opened();
  const refusal = { reason: 'payment_declined', details: { declineCode: 'do_not_honor' } } as const;
  await orders.recordRefusal(orderId, refusal);
  await orders.transition({ orderId, to: 'REJECTED', eventType: 'order.rejected', actor: 'system', refusal });

  expect(await toldOf(orderId)).toEqual([
    { from: null, to: 'PENDING', totalMinor: null, reason: null },
    { from: 'PENDING', to: 'REJECTED', totalMinor: null, reason: 'payment_declined' },
  ]);
});

it('A transition that is read late tells the total from the event on that fixed it', async () => {
  const orderId = await opened();
  await move(orderId, 'AWAITING_CAPTURE', 4_500);
  await move(orderId, 'CONFIRMED');
  await move(orderId, 'REFUNDING');

  expect(await toldOf(orderId)).toEqual([
    { from: null, to: 'PENDING', totalMinor: null, reason: null },
    { from: 'PENDING', to: 'AWAITING_CAPTURE', totalMinor: 4_500, reason: null },
    { from: 'AWAITING_CAPTURE', to: 'CONFIRMED', totalMinor: 4_500, reason: null },
    { from: 'CONFIRMED', to: 'REFUNDING', totalMinor: 4_500, reason: null },
  ]);
});

it('A transition that is read late keeps what a person wrote about a command out of the reason', async () => {
  const orderId = await opened();
  const commandId = freshId('cmd');
  const command = {
    commandId,
    orderId,
    tenantId: 'demo',
    kind: 'cancel',
    requestHash: 'hash',
    actor: 'ada',
  } as const;
  await createCommandRepository(database.databases.orders).decide(
    { ...command, reason: 'payment_declined', amountMinor: null },
    { kind: 'apply', name: 'cancel_before_payment' },
  );
  await orders.transition({
    orderId,
    to: 'CANCELLED',
    eventType: 'order.cancelled',
    actor: 'system',
    ownerId: commandId,
  });

  expect(await toldOf(orderId)).toMatchObject([
    { to: 'PENDING' },
    { to: 'CANCELLING', reason: null },
    { to: 'CANCELLED', reason: null },
  ]);
});
