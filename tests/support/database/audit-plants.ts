import type { InvariantId } from '../../../src/audit/invariants/index.ts';
import { failBefore, givenUp, type Faults } from '../faults/faults.ts';
import type { OrderOverrides } from '../system.ts';

/** How an order becomes one of its kind. */
export interface OrderOfKind {
  readonly order: OrderOverrides;
  readonly fault?: (faults: Faults, orderId: string) => void;
  /** The refund that is requested when the order is sold. */
  readonly refundMinor?: number;
}

/** Orders for everything that can happen to an order. The last three stay in motion. */
export const ORDER_KINDS = {
  sold: { order: {} },
  paidBackInPart: { order: {}, refundMinor: 1_000 },
  declined: { order: { method: 'pm_declined' } },
  outOfStock: { order: { sku: 'SKU-SCARCE', quantity: 6 } },
  unknownSku: { order: { sku: 'SKU-NONE' } },
  refunded: { order: {}, fault: (faults, orderId) => faults.inject(orderId, 'takePayment', givenUp()) },
  // The charge is never sent, and the order is given up: the void is a tombstone.
  voided: {
    order: {},
    fault: (faults, orderId) =>
      faults.inject(orderId, 'takePayment', () =>
        Promise.resolve({ kind: 'declined', declineCode: 'given_up', soft: false }),
      ),
  },
  lostReply: { order: { method: 'pm_lost_reply' } },
  flaky: { order: { method: 'pm_flaky' } },
  softDeclined: { order: { method: 'pm_insufficient_funds' } },
  wrongAmount: { order: { method: 'pm_wrong_amount' } },
  poisoned: {
    order: {},
    fault: (faults, orderId) =>
      faults.inject(orderId, 'commitStock', failBefore(new TypeError('made so by a test'), 99)),
  },
  down: { order: { method: 'pm_down' } },
} as const satisfies Record<string, OrderOfKind>;
export type OrderKind = keyof typeof ORDER_KINDS;

/**
 * One broken rule: the statement that breaks it in an order, and the statement that restores it. `$1` is the order's
 * id.
 */
export interface Plant {
  readonly invariant: InvariantId;
  readonly order: OrderKind;
  readonly plant: readonly string[];
  readonly mend: readonly string[];
  /** The subject of the violation, if it is not the order's id. */
  readonly subject?: string;
}

/** Surrounds statements that a trigger would refuse. */
export const HISTORY_MAY_CHANGE = 'ALTER TABLE orders.order_events DISABLE TRIGGER order_events_append_only';
export const HISTORY_IS_FIXED = 'ALTER TABLE orders.order_events ENABLE TRIGGER order_events_append_only';

function moveEvent(interval: string): string[] {
  const update = `UPDATE orders.order_events SET at = at + interval '${interval}' WHERE order_id = $1 AND seq = 2`;
  return [HISTORY_MAY_CHANGE, update, HISTORY_IS_FIXED];
}

/** Breaks I7 with two plain statements. */
export const VERSION_WITHOUT_EVENT: Plant = {
  invariant: 'I7',
  order: 'sold',
  plant: ['UPDATE orders.orders SET version = version + 1 WHERE order_id = $1'],
  mend: ['UPDATE orders.orders SET version = version - 1 WHERE order_id = $1'],
};

/** At least one plant for every invariant. */
export const PLANTS: Readonly<Record<string, Plant>> = {
  'an order under an id that is not of its key': {
    invariant: 'I1',
    order: 'sold',
    plant: [`UPDATE orders.orders SET idempotency_key = idempotency_key || '!' WHERE order_id = $1`],
    mend: [`UPDATE orders.orders SET idempotency_key = rtrim(idempotency_key, '!') WHERE order_id = $1`],
  },
  'stock on hand that no movement explains': {
    invariant: 'I2',
    order: 'sold',
    subject: 'demo/SKU-0001',
    plant: [`UPDATE inventory.stock SET on_hand = on_hand + 1 WHERE tenant_id = 'demo' AND sku = 'SKU-0001'`],
    mend: [`UPDATE inventory.stock SET on_hand = on_hand - 1 WHERE tenant_id = 'demo' AND sku = 'SKU-0001'`],
  },
  'stock that is reserved for nobody': {
    invariant: 'I2',
    order: 'sold',
    subject: 'demo/SKU-0777',
    plant: [`UPDATE inventory.stock SET reserved = 3 WHERE tenant_id = 'demo' AND sku = 'SKU-0777'`],
    mend: [`UPDATE inventory.stock SET reserved = 0 WHERE tenant_id = 'demo' AND sku = 'SKU-0777'`],
  },
  'a total that is not what was captured': {
    invariant: 'I3',
    order: 'sold',
    plant: ['UPDATE orders.orders SET total_minor = total_minor + 1 WHERE order_id = $1'],
    mend: ['UPDATE orders.orders SET total_minor = total_minor - 1 WHERE order_id = $1'],
  },
  'a balance that is not the sum of its operations': {
    invariant: 'I3',
    order: 'refunded',
    plant: ['UPDATE payments.balances SET refunded_minor = refunded_minor - 1 WHERE order_id = $1'],
    mend: ['UPDATE payments.balances SET refunded_minor = refunded_minor + 1 WHERE order_id = $1'],
  },
  'a charge after the order was rejected': {
    invariant: 'I4',
    order: 'refunded',
    plant: [
      `UPDATE payments.operations SET updated_at = updated_at + interval '1 hour' WHERE order_id = $1 AND kind = 'sale'`,
    ],
    mend: [
      `UPDATE payments.operations SET updated_at = updated_at - interval '1 hour' WHERE order_id = $1 AND kind = 'sale'`,
    ],
  },
  'a rejected order without its tombstone': {
    invariant: 'I5',
    order: 'outOfStock',
    plant: ['DELETE FROM inventory.reservations WHERE order_id = $1'],
    mend: [
      `INSERT INTO inventory.reservations (order_id, sku, tenant_id, quantity, state)
       VALUES ($1, 'SKU-SCARCE', 'demo', 6, 'RELEASED')`,
    ],
  },
  'an operation with another amount than in the ledger': {
    invariant: 'I6',
    order: 'declined',
    plant: ['UPDATE payments.operations SET amount_minor = amount_minor + 1 WHERE order_id = $1'],
    mend: ['UPDATE payments.operations SET amount_minor = amount_minor - 1 WHERE order_id = $1'],
  },
  'a charge in the ledger whose outcome the books call unknown': {
    invariant: 'I6',
    order: 'declined',
    plant: [`UPDATE payments.operations SET state = 'UNKNOWN' WHERE order_id = $1`],
    mend: [`UPDATE payments.operations SET state = 'DECLINED' WHERE order_id = $1`],
  },
  'an operation that the ledger does not have': {
    invariant: 'I6',
    order: 'declined',
    plant: [
      `INSERT INTO payments.operations (key, order_id, tenant_id, kind, generation, amount_minor, currency, state)
       VALUES ($1 || ':sale:2', $1, 'demo', 'sale', 2, 100, 'EUR', 'DECLINED')`,
    ],
    mend: [`DELETE FROM payments.operations WHERE order_id = $1 AND generation = 2`],
  },
  'a version without an event': VERSION_WITHOUT_EVENT,
  'a history that runs backwards': {
    invariant: 'I7',
    order: 'sold',
    plant: moveEvent('-1 hour'),
    mend: moveEvent('1 hour'),
  },
  'a status change after a terminal status': {
    invariant: 'I8',
    order: 'unknownSku',
    plant: [
      'UPDATE orders.orders SET version = version + 1 WHERE order_id = $1',
      `INSERT INTO orders.order_events (order_id, seq, tenant_id, type, from_status, to_status, actor, data)
       SELECT order_id, version, tenant_id, 'order.rejected', 'REJECTED', 'REJECTED', 'test', '{}'
       FROM orders.orders WHERE order_id = $1`,
    ],
    mend: [
      HISTORY_MAY_CHANGE,
      `DELETE FROM orders.order_events WHERE order_id = $1 AND actor = 'test'`,
      HISTORY_IS_FIXED,
      'UPDATE orders.orders SET version = version - 1 WHERE order_id = $1',
    ],
  },
  "a message that carries another tenant's id": {
    invariant: 'I9',
    order: 'sold',
    plant: [`UPDATE notifications.messages SET tenant_id = 'other' WHERE order_id = $1`],
    mend: [`UPDATE notifications.messages SET tenant_id = 'demo' WHERE order_id = $1`],
  },
  'a case that is open for an order at rest': {
    invariant: 'I10',
    order: 'sold',
    plant: [
      `INSERT INTO orders.cases (case_id, order_id, tenant_id, step, error_code, message, fingerprint, attempts, state, version)
       VALUES ('case_test', $1, 'demo', 'take-payment', 'x', 'x', 'x', 1, 'open', 1)`,
    ],
    mend: ['DELETE FROM orders.cases WHERE order_id = $1'],
  },
  'a parked workflow without an open case': {
    invariant: 'I10',
    order: 'wrongAmount',
    plant: [`UPDATE orders.cases SET state = 'resolved', resolved_at = now() WHERE order_id = $1`],
    mend: [`UPDATE orders.cases SET state = 'open', resolved_at = NULL WHERE order_id = $1`],
  },
  'an order that a command owns which nothing carries': {
    invariant: 'I10',
    order: 'sold',
    plant: [`UPDATE orders.orders SET owner_command_id = 'cmd_nobody' WHERE order_id = $1`],
    mend: ['UPDATE orders.orders SET owner_command_id = NULL WHERE order_id = $1'],
  },
  'an accepted refund with another amount than was paid back': {
    invariant: 'I14',
    order: 'paidBackInPart',
    plant: ['UPDATE orders.order_commands SET amount_minor = amount_minor + 1 WHERE order_id = $1'],
    mend: ['UPDATE orders.order_commands SET amount_minor = amount_minor - 1 WHERE order_id = $1'],
  },
  'an accepted command without an effect of its own': {
    invariant: 'I14',
    order: 'paidBackInPart',
    plant: [
      `INSERT INTO orders.order_commands
         (command_id, order_id, tenant_id, kind, request_hash, actor, amount_minor, decision, generation)
       SELECT 'cmd_twin', order_id, tenant_id, kind, request_hash, actor, amount_minor, decision, NULL
       FROM orders.order_commands WHERE order_id = $1`,
    ],
    mend: [`DELETE FROM orders.order_commands WHERE order_id = $1 AND command_id = 'cmd_twin'`],
  },
};

const NEWEST = '(SELECT partition FROM events.raw_events ORDER BY received_at DESC, sequence DESC LIMIT 1)';
const ONE = `(SELECT event_id FROM events.processed_events WHERE consumer = 'analytics' AND partition = ${NEWEST} LIMIT 1)`;

/** The partition that the plants below break. */
export const PLANTED_PARTITION = `SELECT ${NEWEST} AS partition`;

/**
 * The plants in the event log: the broken fact, the invariant, the owner of the figures, and the statements that break
 * and restore it.
 */
export const EVENT_PLANTS: readonly (readonly [string, InvariantId, string, string, string])[] = [
  [
    'a lost end',
    'I12',
    'events',
    `UPDATE events.partitions SET next_sequence = next_sequence + 1 WHERE partition = ${NEWEST}`,
    `UPDATE events.partitions SET next_sequence = next_sequence - 1 WHERE partition = ${NEWEST}`,
  ],
  [
    'an id that leads elsewhere',
    'I12',
    'events',
    `UPDATE events.event_ids SET sequence = -sequence WHERE event_id = ${ONE}`,
    `UPDATE events.event_ids SET sequence = -sequence WHERE sequence < 0`,
  ],
  [
    'an event that nothing became of',
    'I13',
    'analytics',
    `UPDATE events.processed_events SET sequence = -sequence WHERE consumer = 'analytics' AND event_id = ${ONE}`,
    `UPDATE events.processed_events SET sequence = -sequence WHERE sequence < 0`,
  ],
  [
    'an event with two fates',
    'I13',
    'analytics',
    `INSERT INTO events.failed_events SELECT 'analytics', partition, sequence, received_at, tenant_id, event_id, type, key,
         'unclassified', 'made so', 1, properties, now() FROM events.raw_events WHERE event_id = ${ONE}`,
    `DELETE FROM events.failed_events WHERE error_message = 'made so'`,
  ],
];
