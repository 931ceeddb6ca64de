import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { giveCommand, untilStatus } from '../support/step-ways.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';
import { startReceiver, subscribe, type WebhookReceiver } from '../support/webhook-receiver.ts';

let system: TestSystem;
let receiver: WebhookReceiver;
beforeAll(async () => {
  system = await startTestSystem({ events: true });
  receiver = await startReceiver();
  await subscribe(system, receiver.url, ['order.captured', 'order.refunding', 'order.partially_refunded']);
});
afterAll(async () => {
  receiver.close();
  await system.stop();
});

function received(orderId: string): { type: string; data: Record<string, unknown> }[] {
  return receiver.received
    .filter((message) => message.orderId === orderId)
    .map(({ body }) => JSON.parse(body) as { type: string; data: Record<string, unknown> });
}

/** An event of an order as the end of a command writes it. */
async function write(orderId: string, event: { type: string; from?: string; to?: string; data: object }) {
  const { type, from = null, to = null, data } = event;
  await system.database.query(
    `WITH moved AS (
       UPDATE orders.orders SET version = version + 1, status = coalesce($3, status) WHERE order_id = $1
       RETURNING order_id, version, tenant_id)
     INSERT INTO orders.order_events (order_id, seq, tenant_id, type, from_status, to_status, actor, data)
     SELECT order_id, version, tenant_id, $2, $4, $3, 'system', $5::jsonb FROM moved`,
    [orderId, type, to, from, JSON.stringify(data)],
  );
}

async function sold(): Promise<string> {
  const orderId = await system.postOrder();
  await untilStatus(system, orderId, 'CONFIRMED');
  return orderId;
}

describe('a webhook', () => {
  it('about a refund that was accepted tells its amount', async () => {
    const orderId = await sold();
    await giveCommand(system, orderId, 'refunds', { amountMinor: 1_000, reason: 'broken' });
    await expect
      .poll(() => received(orderId).at(0))
      .toMatchObject({
        type: 'order.refunding',
        data: { amountMinor: 1_000, reason: null, totalMinor: 4_500 },
      });
    expect(JSON.stringify(received(orderId))).not.toContain('broken');
  });

  it('about a refund tells its amount and what was refunded by then', async () => {
    const orderId = await sold();
    const data = { commandId: 'cmd_1', amountMinor: 1_000, capturedMinor: 4_500, refundedMinor: 1_700 };
    await write(orderId, { type: 'order.partially_refunded', from: 'REFUNDING', to: 'PARTIALLY_REFUNDED', data });
    const { commandId: _, ...amounts } = data;
    await expect.poll(() => received(orderId)).toMatchObject([{ type: 'order.partially_refunded', data: amounts }]);
    expect(received(orderId)[0]?.data).not.toHaveProperty('commandId');
  });

  it('about a further capture tells its amount, and the status in which it came', async () => {
    const orderId = await sold();
    const amounts = { amountMinor: 2_000, capturedMinor: 3_000 };
    await write(orderId, { type: 'order.captured', data: { generation: 2, ...amounts } });
    await write(orderId, { type: 'order.partially_refunded', from: 'REFUNDING', to: 'PARTIALLY_REFUNDED', data: {} });
    await expect
      .poll(() => received(orderId))
      .toMatchObject([
        { type: 'order.captured', data: { status: 'CONFIRMED', previousStatus: 'CONFIRMED', ...amounts } },
        { type: 'order.partially_refunded' },
      ]);
    const [captured, refunded] = received(orderId);
    expect(captured?.data).not.toHaveProperty('refundedMinor');
    expect(refunded?.data).not.toHaveProperty('amountMinor');
    const categories = (): Promise<object[]> =>
      system.database.query(
        `SELECT category FROM events.processed_events WHERE consumer = 'analytics' AND event_id = $1`,
        [`order-saga:${orderId}.3`],
      );
    await expect.poll(categories).toEqual([{ category: 'captured' }]);
  });
});
