import { afterAll, beforeAll, expect, it } from 'vitest';
import { orderWorkflowId } from '../../src/workflows/contract.ts';
import { evidenceOf, plannedOrder, proveEnd } from '../support/faults/evidence.ts';
import { createFaults } from '../support/faults/faults.ts';
import { orderBody, startTestSystem, type TestSystem } from '../support/system.ts';

const faults = createFaults();
let system: TestSystem;
/** The same system to its data, in a namespace that knows none of its orders: as after the retention. */
let later: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
  const { DATABASE_URL = '', PAYMENT_GATEWAY_URL = '', SMTP_URL = '' } = system.env;
  later = await startTestSystem({
    wrapActivities: faults.wrap,
    env: { DATABASE_URL, PAYMENT_GATEWAY_URL, SMTP_URL },
  });
});
afterAll(async () => {
  await later.stop();
  await system.stop();
});

it.each([
  { method: 'pm_ok', end: 'CONFIRMED' },
  { method: 'pm_declined', end: 'REJECTED' },
] as const)(
  'A create that is repeated after Temporal has forgotten its workflow ends as DUPLICATE and changes nothing: $end',
  async ({ method, end }) => {
    const { key, orderId } = plannedOrder();
    await system.postOrder({ method }, key);
    const stored = await proveEnd(system, orderId, end);
    const { workflow: _, ...seen } = await system.orderAtRest(orderId);

    expect(await later.postOrder({ method }, key)).toBe(orderId);
    expect(await later.client.workflow.getHandle(orderWorkflowId(orderId)).result()).toMatchObject({
      status: 'DUPLICATE',
    });
    expect(await evidenceOf(system, orderId)).toEqual(stored);
    expect(await later.orderAtRest(orderId)).toMatchObject(seen);
    expect(faults.calls(orderId)).toMatchObject([{ activity: 'openOrder' }]);
    await expect.poll(() => system.mails(orderId)).toHaveLength(end === 'CONFIRMED' ? 1 : 0);
  },
);

it('A create that is repeated after Temporal has forgotten its workflow is answered by the stored row: another body is refused, and the first one stays the first', async () => {
  const { key, orderId } = plannedOrder();
  await system.postOrder({}, key);
  await proveEnd(system, orderId, 'CONFIRMED');
  await system.database.query(`UPDATE orders.orders SET created_at = now() - interval '8 days' WHERE order_id = $1`, [
    orderId,
  ]);
  const post = (quantity: number) =>
    later.request('/v1/orders', {
      method: 'POST',
      headers: { 'idempotency-key': key },
      body: JSON.stringify(orderBody({ quantity })),
    });
  expect(await post(3)).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
  const repeated = await post(2);
  expect(repeated).toMatchObject({ status: 202, body: { id: orderId } });
  expect(repeated.headers.get('idempotency-replayed')).toBe('true');
  expect(await post(3)).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
});

it('A create that is repeated while the order is still open leaves it alone: its own workflow carries it to its end', async () => {
  const { key, orderId } = plannedOrder();
  await system.postOrder({ method: 'pm_down' }, key);
  await expect.poll(async () => (await evidenceOf(system, orderId)).operations).toMatchObject([{ state: 'UNKNOWN' }]);
  await later.postOrder({ method: 'pm_down' }, key);
  expect(await later.client.workflow.getHandle(orderWorkflowId(orderId)).result()).toMatchObject({
    status: 'DUPLICATE',
  });
  expect(await evidenceOf(system, orderId)).toMatchObject({ status: 'PENDING', reservations: [{ state: 'HELD' }] });
  await system.setFaults({ pmDown: false });
  await proveEnd(system, orderId, 'CONFIRMED');
});
