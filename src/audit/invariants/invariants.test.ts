import { expect, it } from 'vitest';
import type { AuditedEvent, AuditedOperation, SkuFigures } from '../../../db/repositories/audit/audit-repository.ts';
import { orderIdFor } from '../../domain/ids.ts';
import type { OrderStatus } from '../../domain/order-status.ts';
import { externalKey } from '../../domain/payments/payment.ts';
import type { OrderExecution, OrderFacts } from '../facts.ts';
import { ORDER_CHECKS } from './index.ts';
import { checkSkuFigures } from './stock.ts';

const ORDER_ID = orderIdFor('demo', 'key-0001');
const OF_ORDER = { orderId: ORDER_ID, tenantId: 'demo' };
const NOON = Date.parse('2026-01-01T12:00:00Z');

/** A history that leads through the given statuses, with a second between two events. */
function history(...statuses: readonly OrderStatus[]): AuditedEvent[] {
  return statuses.map((to, index) => ({
    ...OF_ORDER,
    seq: index + 1,
    from: statuses[index - 1] ?? null,
    to,
    at: new Date(NOON + index * 1_000),
  }));
}

function operation(kind: AuditedOperation['kind'], change: Partial<AuditedOperation> = {}): AuditedOperation {
  const generation = change.generation ?? 1;
  return {
    ...OF_ORDER,
    key: `${ORDER_ID}:${kind}:${generation}`,
    kind,
    generation,
    amountMinor: 4_500,
    currency: 'EUR',
    state: 'SUCCEEDED',
    providerRef: null,
    updatedAt: new Date(NOON),
    ...change,
  };
}

function execution(change: Partial<OrderExecution> = {}): OrderExecution {
  return { workflowId: `order/${ORDER_ID}`, status: 'COMPLETED', caseKind: null, tenantId: 'demo', ...change };
}

/** A parked or running workflow. */
const OPEN = execution({ status: 'RUNNING' });

interface Sketch {
  /** Statuses that the order went through. */
  readonly path?: readonly OrderStatus[];
  readonly operations?: readonly AuditedOperation[];
  readonly reservation?: 'HELD' | 'COMMITTED' | 'RELEASED' | 'EXPIRED' | null;
  readonly captureMode?: 'automatic' | 'manual';
  /** Price of each of its two pieces. */
  readonly unitPriceMinor?: number;
  readonly changes?: Partial<OrderFacts>;
}

/** An order that is right in every respect except for the sketch; a sold one by default. */
function order(sketch: Sketch = {}): OrderFacts {
  const { path = ['PENDING', 'CONFIRMED'], operations = [operation('sale')], reservation = 'COMMITTED' } = sketch;
  const { unitPriceMinor = 2_250 } = sketch;
  const status = path.at(-1) ?? 'PENDING';
  const succeeded = operations.filter(({ state }) => state === 'SUCCEEDED');
  const sum = (...kinds: string[]): number =>
    succeeded.filter(({ kind }) => kinds.includes(kind)).reduce((total, { amountMinor }) => total + amountMinor, 0);
  const line = { sku: 'SKU-0001', quantity: 2 };
  return {
    orderId: ORDER_ID,
    order: {
      ...OF_ORDER,
      idempotencyKey: 'key-0001',
      status,
      captureMode: sketch.captureMode ?? 'automatic',
      currency: 'EUR',
      totalMinor: 2 * unitPriceMinor,
      version: path.length,
      ownerCommandId: null,
    },
    lines: [line],
    events: history(...path),
    cases: [],
    commands: [],
    reservations: reservation === null ? [] : [{ ...OF_ORDER, ...line, unitPriceMinor, state: reservation }],
    operations,
    balance: {
      ...OF_ORDER,
      authorizedMinor: sum('sale', 'authorize'),
      capturedMinor: sum('sale', 'capture'),
      refundedMinor: sum('refund'),
      voided: succeeded.some(({ kind }) => kind === 'void'),
    },
    messages: [],
    ledger: operations.filter(({ state }) => state === 'SUCCEEDED' || state === 'DECLINED'),
    workflow: execution(),
    commandExecutions: [],
    ...sketch.changes,
  };
}

function broken(facts: OrderFacts): string[] {
  return Object.entries(ORDER_CHECKS).flatMap(([id, check]) => (check(facts).problems.length > 0 ? [id] : []));
}

const AUTHORIZED = operation('authorize');
const VOIDED = operation('void');
const CAPTURED_BY_HAND = [AUTHORIZED, operation('capture', { amountMinor: 2_000 })];
const REFUND = operation('refund');
/** A refund that was made in the provider's dashboard; the provider's ledger has it under its own reference. */
const EXTERNAL = operation('refund', {
  key: externalKey(ORDER_ID, 'refund', 'pay_1'),
  generation: 0,
  amountMinor: 1_800,
  providerRef: 'pay_1',
});
const REST = operation('refund', { amountMinor: 2_700 });
const REFUNDED_PATH: readonly OrderStatus[] = ['PENDING', 'CONFIRMED', 'REFUNDING', 'REFUNDED'];
const PROMISED = {
  ...OF_ORDER,
  commandId: 'cmd_1',
  kind: 'refund',
  decision: 'accepted',
  generation: 1,
  amountMinor: 4_500,
} as const;
const COMMAND = execution({ workflowId: `order-command/${ORDER_ID}/c1`, status: 'RUNNING' });
const WAITING: readonly OrderStatus[] = ['PENDING', 'AWAITING_CAPTURE'];
const OPEN_CASE = { ...OF_ORDER, step: 'take-payment', workflowId: `order/${ORDER_ID}`, state: 'open' } as const;

const NOTICES = [`order-command/${ORDER_ID}/notice-1`, `order-command/${ORDER_ID}/notice-2`] as const;

it.each<[string, Sketch]>([
  ['sold', {}],
  [
    'sold in part, captured by hand',
    { path: [...WAITING, 'CONFIRMED'], operations: CAPTURED_BY_HAND, captureMode: 'manual' },
  ],
  ['sold for nothing', { unitPriceMinor: 0, operations: [operation('sale', { amountMinor: 0, state: 'FAILED' })] }],
  ['sold for nothing, by hand', { unitPriceMinor: 0, operations: [], captureMode: 'manual' }],
  [
    'refunded in part outside, and the rest by a refund that was asked for all of it',
    {
      path: REFUNDED_PATH,
      operations: [operation('sale'), EXTERNAL, REST],
      changes: { ledger: [operation('sale'), { ...EXTERNAL, key: 'pay_1' }, REST], commands: [PROMISED] },
    },
  ],
  ['rejected before any payment', { path: ['PENDING', 'REJECTED'], operations: [], reservation: 'RELEASED' }],
  [
    'rejected by a decline',
    {
      path: ['PENDING', 'REJECTED'],
      operations: [operation('sale', { state: 'DECLINED' })],
      reservation: 'RELEASED',
    },
  ],
  [
    'rejected after its charge was refunded',
    { path: ['PENDING', 'REJECTED'], operations: [operation('sale'), REFUND], reservation: 'EXPIRED' },
  ],
  [
    'cancelled after the sale',
    {
      path: ['PENDING', 'CONFIRMED', 'CANCELLING', 'CANCELLED'],
      operations: [operation('sale'), REFUND],
      reservation: 'RELEASED',
    },
  ],
  [
    'expired',
    {
      path: [...WAITING, 'EXPIRED'],
      operations: [AUTHORIZED, VOIDED],
      reservation: 'RELEASED',
      captureMode: 'manual',
    },
  ],
  [
    'refunded in part',
    {
      path: ['PENDING', 'CONFIRMED', 'REFUNDING', 'PARTIALLY_REFUNDED'],
      operations: [operation('sale'), operation('refund', { amountMinor: 1 })],
    },
  ],
  [
    'refunded in whole',
    { path: ['PENDING', 'CONFIRMED', 'REFUNDING', 'REFUNDED'], operations: [operation('sale'), REFUND] },
  ],
  [
    'waiting for its capture',
    {
      path: WAITING,
      operations: [AUTHORIZED],
      reservation: 'HELD',
      captureMode: 'manual',
      changes: { workflow: OPEN },
    },
  ],
  [
    'being refunded by a command workflow',
    { path: ['PENDING', 'CONFIRMED', 'REFUNDING'], changes: { commandExecutions: [COMMAND] } },
  ],
  [
    'parked',
    {
      path: ['PENDING'],
      operations: [],
      reservation: 'HELD',
      changes: { workflow: { ...OPEN, caseKind: 'take-payment' }, cases: [OPEN_CASE] },
    },
  ],
  [
    'sold, with two reports that are parked at the same step',
    {
      changes: {
        commandExecutions: NOTICES.map((workflowId) =>
          execution({ workflowId, status: 'RUNNING', caseKind: 'judge-notice' }),
        ),
        cases: NOTICES.map((workflowId) => ({ ...OPEN_CASE, step: 'judge-notice', workflowId })),
      },
    },
  ],
  ['sold and forgotten by Temporal', { changes: { workflow: null } }],
  ['sold, and its workflow terminated by a person', { changes: { workflow: execution({ status: 'TERMINATED' }) } }],
  [
    'charged at the provider, not yet in the books',
    {
      path: ['PENDING'],
      operations: [],
      reservation: 'HELD',
      changes: { workflow: OPEN, ledger: [operation('sale')] },
    },
  ],
])('The invariants hold for an order that is %s', (_, sketch) => {
  expect(broken(order(sketch))).toEqual([]);
});

it('The invariants hold for an order that is accepted and has no row yet', () => {
  const unopened = order({ path: [], operations: [], reservation: null });
  expect(broken({ ...unopened, order: null, lines: [], balance: null, workflow: OPEN })).toEqual([]);
});

it.each<[string, string, Sketch]>([
  ['I1', 'rows of an order that does not exist', { changes: { order: null } }],
  [
    'I3',
    'a part captured of what is captured automatically',
    { operations: [operation('sale', { amountMinor: 4_499 })] },
  ],
  ['I3', 'money for what costs nothing', { unitPriceMinor: 0 }],
  ['I3', 'a sale with a refund', { operations: [operation('sale'), operation('refund', { amountMinor: 1 })] }],
  [
    'I3',
    'a whole refund that is called a part',
    { path: ['PENDING', 'CONFIRMED', 'REFUNDING', 'PARTIALLY_REFUNDED'], operations: [operation('sale'), REFUND] },
  ],
  ['I3', 'a rejected order that is still charged', { path: ['PENDING', 'REJECTED'], reservation: 'RELEASED' }],
  [
    'I3',
    'an expired order that is still authorized',
    { path: [...WAITING, 'EXPIRED'], operations: [AUTHORIZED], reservation: 'RELEASED' },
  ],
  [
    'I3',
    'an order that is authorized twice',
    {
      path: WAITING,
      operations: [AUTHORIZED, operation('authorize', { generation: 2 })],
      reservation: 'HELD',
      changes: { workflow: OPEN },
    },
  ],
  ['I3', 'an operation in another currency', { operations: [operation('sale', { currency: 'USD' })] }],
  ['I4', 'a void of captured money', { operations: [operation('sale'), VOIDED] }],
  ['I4', 'stock that is committed and not paid', { path: ['PENDING'], operations: [], changes: { workflow: OPEN } }],
  ['I5', 'a rejected order that holds stock', { path: ['PENDING', 'REJECTED'], operations: [], reservation: 'HELD' }],
  ['I5', 'a sold line that is only held', { reservation: 'HELD' }],
  [
    'I6',
    'a charge in the ledger only',
    { changes: { ledger: [operation('sale'), operation('sale', { generation: 2 })] } },
  ],
  [
    'I6',
    'a refund outside that nobody has adopted',
    { changes: { ledger: [operation('sale'), { ...EXTERNAL, key: 'pay_1' }] } },
  ],
  [
    'I6',
    'an external refund with another amount than the provider says',
    {
      path: REFUNDED_PATH,
      operations: [operation('sale'), EXTERNAL, REST],
      changes: { ledger: [operation('sale'), { ...EXTERNAL, key: 'pay_1', amountMinor: 1_700 }, REST] },
    },
  ],
  [
    'I14',
    'a refund with less than was promised and than was moved outside',
    {
      path: ['PENDING', 'CONFIRMED', 'REFUNDING', 'PARTIALLY_REFUNDED'],
      operations: [operation('sale'), { ...EXTERNAL, amountMinor: 1_700 }, REST],
      changes: {
        ledger: [operation('sale'), { ...EXTERNAL, key: 'pay_1', amountMinor: 1_700 }, REST],
        commands: [PROMISED],
      },
    },
  ],
  [
    'I6',
    'a success in the books only, while the order is in motion',
    { path: ['PENDING'], reservation: 'HELD', changes: { workflow: OPEN, ledger: [] } },
  ],
  [
    'I7',
    'an edge that is not allowed',
    { path: ['PENDING', 'AWAITING_CAPTURE', 'REFUNDING'], changes: { commandExecutions: [COMMAND] } },
  ],
  ['I7', 'a history that leads elsewhere', { changes: { events: history('PENDING', 'AWAITING_CAPTURE') } }],
  ['I7', 'a missing event', { changes: { events: history('PENDING', 'CONFIRMED').slice(1) } }],
  ['I8', 'a change after a terminal status', { path: ['PENDING', 'REJECTED', 'CONFIRMED'] }],
  ['I10', 'sold, and its workflow timed out', { changes: { workflow: execution({ status: 'TIMED_OUT' }) } }],
  ['I9', "a workflow of another tenant's order", { changes: { workflow: execution({ tenantId: 'other' }) } }],
  [
    'I10',
    'an order in motion that Temporal does not know',
    { path: ['PENDING'], operations: [], reservation: 'HELD', changes: { workflow: null } },
  ],
  [
    'I10',
    'an order that awaits its capture and is not watched',
    { path: WAITING, operations: [AUTHORIZED], reservation: 'HELD' },
  ],
  ['I10', 'an order at rest whose workflow is open', { changes: { workflow: OPEN } }],
  ['I10', 'a workflow that failed', { changes: { workflow: execution({ status: 'FAILED' }) } }],
  ['I10', 'an open case that nothing waits in', { changes: { cases: [OPEN_CASE] } }],
  [
    'I10',
    'two cases at a step where only one workflow is parked',
    {
      changes: {
        commandExecutions: [execution({ workflowId: NOTICES[0], status: 'RUNNING', caseKind: 'judge-notice' })],
        cases: NOTICES.map((workflowId) => ({ ...OPEN_CASE, step: 'judge-notice', workflowId })),
      },
    },
  ],
])('%s is broken, and no other, by %s', (invariant, _, sketch) => {
  expect(broken(order(sketch))).toEqual([invariant]);
});

it('I4 is broken by money that moves after the order has ended, but not by a clock that is a little ahead', () => {
  const rejected = (aheadMs: number): OrderFacts =>
    order({
      path: ['PENDING', 'REJECTED'],
      operations: [operation('sale', { updatedAt: new Date(NOON + aheadMs) }), REFUND],
      reservation: 'RELEASED',
    });
  expect(broken(rejected(3_000))).toEqual([]);
  expect(broken(rejected(60_000))).toEqual(['I4']);
});

it('I4 is kept by late money that was given back after it came', () => {
  const at = (aheadMs: number): Date => new Date(NOON + aheadMs);
  const rejected = order({
    path: ['PENDING', 'REJECTED'],
    operations: [operation('sale', { updatedAt: at(60_000) }), { ...REFUND, updatedAt: at(61_000) }],
    reservation: 'RELEASED',
  });
  expect(broken(rejected)).toEqual([]);
});

const sound: SkuFigures = {
  tenantId: 'demo',
  sku: 'SKU-0001',
  onHand: 7,
  reserved: 2,
  movedOnHand: 7,
  movedReserved: 2,
  supplied: 10,
  held: 2,
  committed: 3,
};

it('The figures of a SKU are sound when movements, holds and sales give them', () => {
  expect(checkSkuFigures(sound).problems).toEqual([]);
});

it.each<[string, Partial<SkuFigures>]>([
  ['on hand differs from the movements', { movedOnHand: 8 }],
  ['reserved differs from the movements', { movedReserved: 0 }],
  ['reserved differs from what is held', { held: 1 }],
  ['on hand differs from what was supplied and sold', { committed: 4 }],
  ['more is reserved than there is', { reserved: 8, movedReserved: 8, held: 8 }],
  ['there is no stock row', { onHand: null, reserved: null }],
])('The figures of a SKU break I2 when %s', (_, change) => {
  expect(checkSkuFigures({ ...sound, ...change }).problems).toHaveLength(1);
});
