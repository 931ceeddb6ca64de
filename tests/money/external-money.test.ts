import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OrderView } from '../../src/api/orders/order-schemas.ts';
import { proveEnd, type Evidence } from '../support/faults/evidence.ts';
import { expectProblem } from '../support/http/problems.ts';
import { giveCommand, moveAtProvider, untilStatus } from '../support/faults/order-actions.ts';
import { auditOf } from '../support/audits.ts';
import { startTestSystem, type Answer, type TestSystem } from '../support/system.ts';

/** The provider of this system reports by itself. */
let reporting: TestSystem;
/** The provider of this system is silent. */
let quiet: TestSystem;

beforeAll(async () => {
  [reporting, quiet] = await Promise.all([startTestSystem({ webhooks: true }), startTestSystem()]);
});
afterAll(async () => {
  await Promise.all([reporting.stop(), quiet.stop()]);
});

/** The part of an order's 45.00 that is paid back in the provider's dashboard, unless a test says otherwise. */
const OUTSIDE_MINOR = 1_800;

async function sold(where: TestSystem): Promise<string> {
  const orderId = await where.postOrder();
  await untilStatus(where, orderId, 'CONFIRMED');
  return orderId;
}

async function refundedOutside(where: TestSystem, amountMinor?: number): Promise<string> {
  const orderId = await sold(where);
  await moveAtProvider(where, 'refund', { chargeKey: `${orderId}:sale:1`, amountMinor });
  return orderId;
}

async function authorized(where: TestSystem): Promise<string> {
  const orderId = await where.postOrder({ body: { payment: { method: 'pm_ok', capture: 'manual' } } });
  await untilStatus(where, orderId, 'AWAITING_CAPTURE');
  return orderId;
}

/** Short forms of an order's operations, for example `refund 1800 external`. */
function operationsOf({ operations }: Evidence): string[] {
  return operations
    .filter(({ state }) => state === 'SUCCEEDED')
    .map(({ key, kind, amountMinor }) => `${kind} ${amountMinor}${key.includes(':external:') ? ' external' : ''}`)
    .toSorted();
}

async function expectCleanAudit(where: TestSystem, orderId: string): Promise<void> {
  const { violations } = await auditOf(where);
  expect(violations.filter(({ subject }) => subject === orderId)).toEqual([]);
}

function reconcile(orderId: string, key: string = randomUUID()): Promise<Answer<{ decision?: string }>> {
  return giveCommand(quiet, orderId, { route: 'payments/reconcile', reason: 'seen in the dashboard', key });
}

it('Money that was refunded at the provider itself is adopted without a person when the provider reports it, and the rest stays refundable', async () => {
  const orderId = await refundedOutside(reporting, OUTSIDE_MINOR);
  await untilStatus(reporting, orderId, 'PARTIALLY_REFUNDED');
  const adopted = await proveEnd(reporting, orderId, 'PARTIALLY_REFUNDED');
  expect(operationsOf(adopted)).toEqual(['refund 1800 external', 'sale 4500']);
  expect(adopted.events.map(({ type }) => type)).toContain('order.refunding_outside');
  expect(await giveCommand(reporting, orderId, { route: 'refunds', amountMinor: 2_701 })).toMatchObject({
    status: 422,
    body: { code: 'amount_exceeds_captured' },
  });
  expect(await giveCommand(reporting, orderId, { route: 'refunds' })).toMatchObject({ status: 202 });
  await untilStatus(reporting, orderId, 'REFUNDED');
  expect(operationsOf(await proveEnd(reporting, orderId, 'REFUNDED'))).toEqual([
    'refund 1800 external',
    'refund 2700',
    'sale 4500',
  ]);
  await expectCleanAudit(reporting, orderId);
});

it('Money that was refunded in whole at the provider itself leaves the order REFUNDED without a case', async () => {
  const orderId = await refundedOutside(reporting);
  await untilStatus(reporting, orderId, 'REFUNDED');
  expect(operationsOf(await proveEnd(reporting, orderId, 'REFUNDED'))).toEqual(['refund 4500 external', 'sale 4500']);
  await expectCleanAudit(reporting, orderId);
});

it('A refund that did not know of money refunded outside is not blocked: the rest is paid back under its key', async () => {
  const orderId = await refundedOutside(quiet, OUTSIDE_MINOR);
  expect(await giveCommand(quiet, orderId, { route: 'refunds' })).toMatchObject({ status: 202 });
  await untilStatus(quiet, orderId, 'REFUNDED');
  const evidence = await proveEnd(quiet, orderId, 'REFUNDED');
  expect(operationsOf(evidence)).toEqual(['refund 1800 external', 'refund 2700', 'sale 4500']);
  expect(evidence.operations.find(({ amountMinor }) => amountMinor === 2_700)?.key).toBe(`${orderId}:refund:1`);
  await expectCleanAudit(quiet, orderId);
});

it('A refund of a part is made as asked for although another part was refunded outside', async () => {
  const orderId = await refundedOutside(quiet, OUTSIDE_MINOR);
  await giveCommand(quiet, orderId, { route: 'refunds', amountMinor: 700 });
  await untilStatus(quiet, orderId, 'PARTIALLY_REFUNDED');
  await giveCommand(quiet, orderId, { route: 'refunds' });
  await untilStatus(quiet, orderId, 'REFUNDED');
  expect(operationsOf(await proveEnd(quiet, orderId, 'REFUNDED'))).toEqual([
    'refund 1800 external',
    'refund 2000',
    'refund 700',
    'sale 4500',
  ]);
});

it('A refund that did not know that all was refunded outside ends without moving anything', async () => {
  const orderId = await refundedOutside(quiet);
  await giveCommand(quiet, orderId, { route: 'refunds' });
  await untilStatus(quiet, orderId, 'REFUNDED');
  expect(operationsOf(await proveEnd(quiet, orderId, 'REFUNDED'))).toEqual(['refund 4500 external', 'sale 4500']);
  await expectCleanAudit(quiet, orderId);
});

it.each([
  ['a part', OUTSIDE_MINOR, ['refund 1800 external', 'refund 2700', 'sale 4500']],
  ['the whole', undefined, ['refund 4500 external', 'sale 4500']],
])(
  'A cancel is not blocked by money refunded outside: when %s was refunded, the rest goes back',
  async (_, amountMinor, moved) => {
    const orderId = await refundedOutside(quiet, amountMinor);
    expect(await giveCommand(quiet, orderId, { route: 'cancel' })).toMatchObject({ body: { decision: 'will_refund' } });
    await untilStatus(quiet, orderId, 'CANCELLED');
    expect(operationsOf(await proveEnd(quiet, orderId, 'CANCELLED'))).toEqual(moved);
    await expectCleanAudit(quiet, orderId);
  },
);

it.each([
  ['before the first capture', true],
  ['after it', false],
])('A refund of everything leaves what was captured outside %s to the next refund', async (_, isBefore) => {
  const orderId = await authorized(quiet);
  const outside = { chargeKey: `${orderId}:authorize:1`, amountMinor: 2_000 };
  if (isBefore) await moveAtProvider(quiet, 'capture', outside);
  await giveCommand(quiet, orderId, { route: 'capture', amountMinor: 1_000 });
  await untilStatus(quiet, orderId, 'CONFIRMED');
  if (!isBefore) await moveAtProvider(quiet, 'capture', outside);
  // The books have 1,000 when this is decided; the release of the rest of the authorization finds 2,000 more.
  await giveCommand(quiet, orderId, { route: 'refunds' });
  await untilStatus(quiet, orderId, 'PARTIALLY_REFUNDED');
  const moved = ['authorize 4500', 'capture 1000', 'capture 2000 external', 'refund 1000', 'void 1500'];
  expect(operationsOf(await proveEnd(quiet, orderId, 'PARTIALLY_REFUNDED'))).toEqual(moved);
  await expectCleanAudit(quiet, orderId);
  await giveCommand(quiet, orderId, { route: 'refunds' });
  await untilStatus(quiet, orderId, 'REFUNDED');
  expect(operationsOf(await proveEnd(quiet, orderId, 'REFUNDED'))).toEqual([...moved, 'refund 2000'].toSorted());
  await expectCleanAudit(quiet, orderId);
});

it('A further capture adopts money that was captured at the provider itself, and takes what is left', async () => {
  const orderId = await authorized(quiet);
  await giveCommand(quiet, orderId, { route: 'capture', amountMinor: 1_000 });
  await untilStatus(quiet, orderId, 'CONFIRMED');
  await moveAtProvider(quiet, 'capture', { chargeKey: `${orderId}:authorize:1`, amountMinor: 2_000 });
  await giveCommand(quiet, orderId, { route: 'capture' });
  const captured = ['authorize 4500', 'capture 1000', 'capture 1500', 'capture 2000 external'];
  await expect
    .poll(async () => operationsOf(await proveEnd(quiet, orderId, 'CONFIRMED').catch(() => NONE)))
    .toEqual(captured);
  await expectCleanAudit(quiet, orderId);
});

it('Money that was captured at the provider itself goes back when the order is cancelled instead', async () => {
  const orderId = await authorized(quiet);
  await moveAtProvider(quiet, 'capture', { chargeKey: `${orderId}:authorize:1` });
  await giveCommand(quiet, orderId, { route: 'cancel' });
  await untilStatus(quiet, orderId, 'CANCELLED');
  expect(operationsOf(await proveEnd(quiet, orderId, 'CANCELLED'))).toEqual([
    'authorize 4500',
    'capture 4500 external',
    'refund 4500',
  ]);
  await expectCleanAudit(quiet, orderId);
});

const NONE: Evidence = {
  status: null,
  totalMinor: null,
  events: [],
  reservations: [],
  movements: [],
  operations: [],
  ledger: [],
  openCases: 0,
  ownerId: null,
};

it('An operator who reconciles an order books what was refunded outside once, however often, and it is written down', async () => {
  const orderId = await refundedOutside(quiet, OUTSIDE_MINOR);
  const key = randomUUID();
  const [first, second] = await Promise.all([reconcile(orderId, key), reconcile(orderId, key)]);
  for (const answer of [first, second]) expect(answer.status).toBe(202);
  await untilStatus(quiet, orderId, 'PARTIALLY_REFUNDED');
  expect(await reconcile(orderId)).toMatchObject({ status: 200, body: { decision: 'books_agree' } });
  expect(operationsOf(await proveEnd(quiet, orderId, 'PARTIALLY_REFUNDED'))).toEqual([
    'refund 1800 external',
    'sale 4500',
  ]);
  const { body } = await quiet.request<{ items: object[] }>(`/v1/orders/${orderId}/timeline`);
  expect(body.items).toContainEqual(expect.objectContaining({ source: 'operator', type: 'order.reconcile' }));
  await expectCleanAudit(quiet, orderId);
});

it('An operator who reconciles an order needs the scope ops:money', async () => {
  const orderId = await sold(quiet);
  const answer = await quiet.request(`/v1/orders/${orderId}/payments/reconcile`, {
    method: 'POST',
    headers: { 'idempotency-key': randomUUID() },
    body: '{}',
    token: await quiet.token('demo', ['orders:read', 'orders:write', 'ops:write']),
  });
  expectProblem(answer, 'forbidden');
});

it('An operator who reconciles an order of another tenant gets a 404', async () => {
  const orderId = await sold(quiet);
  const answer = await quiet.request(`/v1/orders/${orderId}/payments/reconcile`, {
    method: 'POST',
    headers: { 'idempotency-key': randomUUID() },
    body: '{}',
    token: await quiet.token('another'),
  });
  expectProblem(answer, 'not_found');
});

it('An operator who reconciles an order is told to wait while the order awaits its capture', async () => {
  const orderId = await authorized(quiet);
  expectProblem(await reconcile(orderId), 'order_busy');
  expect((await quiet.request<OrderView>(`/v1/orders/${orderId}`)).body.status).toBe('AWAITING_CAPTURE');
});

it('An operator reconciles an order until the books agree when several refunds were made outside', async () => {
  const orderId = await refundedOutside(quiet, 100);
  await moveAtProvider(quiet, 'refund', { chargeKey: `${orderId}:sale:1`, amountMinor: 200 });
  await reconcile(orderId);
  await untilStatus(quiet, orderId, 'PARTIALLY_REFUNDED');
  await moveAtProvider(quiet, 'refund', { chargeKey: `${orderId}:sale:1`, amountMinor: 200 });
  await reconcile(orderId);
  await expect
    .poll(async () => operationsOf(await proveEnd(quiet, orderId, 'PARTIALLY_REFUNDED').catch(() => NONE)))
    .toEqual(['refund 100 external', 'refund 200 external', 'refund 200 external', 'sale 4500']);
  await expectCleanAudit(quiet, orderId);
});
