import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { NOTICE_WORKFLOW, noticeWorkflowId } from '../../src/workflows/contract.ts';
import type { NoticeWorkflowInput } from '../../src/domain/payments/payment-notice.ts';
import { proveEnd } from '../support/faults/evidence.ts';
import { giveCommand, storeNotice, untilStatus } from '../support/faults/order-actions.ts';
import { orderBody, startTestSystem, type TestSystem } from '../support/system.ts';

/** API and worker run on a machine whose clock is 90 minutes ahead; database and Temporal have their own. */
const AHEAD_MS = 90 * 60_000;
let system: TestSystem;

beforeAll(async () => {
  const rightNow = Date.now.bind(Date);
  vi.spyOn(Date, 'now').mockImplementation(() => rightNow() + AHEAD_MS);
  system = await startTestSystem();
});
afterAll(async () => {
  await system.stop();
  vi.restoreAllMocks();
});

it('A worker whose clock is ahead is not ready, and says why', async () => {
  await expect
    .poll(() => system.request('/readyz'))
    .toMatchObject({ status: 503, body: { status: 'down', checks: { database: 'ok', clock: 'down' } } });
});

it('A worker whose clock is ahead waits no longer for a payment than others', async () => {
  const orderId = await system.postOrder({ method: 'pm_flaky' });
  // Refused twice: at once, and after it; the third attempt comes 1 s later. By its own clock the wait would be 10 min.
  const { ledger } = await proveEnd(system, orderId, 'CONFIRMED');
  expect(ledger).toHaveLength(1);
});

it('A worker whose clock is ahead keeps an authorization for as long as the provider does', async () => {
  const { payment } = orderBody();
  const orderId = await system.postOrder({ body: { payment: { ...payment, capture: 'manual' } } });
  await untilStatus(system, orderId, 'AWAITING_CAPTURE');
  const [row] = await system.database.query<{ days: number }>(
    'SELECT extract(epoch FROM capture_by - now())::float8 / 86400 AS days FROM orders.orders WHERE order_id = $1',
    [orderId],
  );
  expect(row?.days).toBeGreaterThan(5.99);
  expect(row?.days).toBeLessThanOrEqual(6);
  await giveCommand(system, orderId, { route: 'cancel' });
  await untilStatus(system, orderId, 'CANCELLED');
});

it('A worker whose clock is ahead takes no young report for one that nobody looked at for an hour', async () => {
  await system.setFaults({ down: true });
  const orderId = await system.postOrder();
  // A report of an order that is not there yet is the sweep's.
  await untilStatus(system, orderId, 'PENDING');
  const key = `${orderId}:sale:1`;
  const eventId = `evt_${orderId}`;
  await storeNotice(system, { provider: 'simulator', eventId, kind: 'charge_succeeded', orderId, key });
  // As the sweep does: on a busy machine the order does not wait for its provider yet when it is asked first.
  const outcome = async () => {
    await startNotice(orderId, eventId);
    return system.database.query('SELECT outcome FROM payments.payment_notices WHERE event_id = $1', [eventId]);
  };
  await expect.poll(outcome).toEqual([{ outcome: 'looked_up' }]);
  expect(await system.database.query('SELECT FROM orders.cases WHERE order_id = $1', [orderId])).toEqual([]);
  await system.setFaults({ down: false });
  await untilStatus(system, orderId, 'CONFIRMED');
});

async function startNotice(orderId: string, eventId: string): Promise<void> {
  const input: NoticeWorkflowInput = {
    notice: { provider: 'simulator', eventId },
    orderId,
    tenantId: 'demo',
    correlationId: orderId,
    settings: system.config.orderSettings,
  };
  const workflowId = noticeWorkflowId(orderId, input.notice);
  await system.client.workflow.start(NOTICE_WORKFLOW, {
    workflowId,
    workflowIdConflictPolicy: 'USE_EXISTING',
    taskQueue: 'orders',
    args: [input],
  });
}
