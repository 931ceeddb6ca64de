import { sql } from 'drizzle-orm';
import { bigserial, boolean, char, check, index, integer, pgSchema, primaryKey, text } from 'drizzle-orm/pg-core';
import { PAYMENT_KINDS, PAYMENT_OPERATION_STATES } from '../../src/domain/payments/payment.ts';
import { PAYMENT_ATTEMPT_OUTCOMES, PAYMENT_CALLS } from '../../src/domain/payments/payment-attempt.ts';
import {
  NOTICE_OUTCOMES,
  NOTICE_STATES,
  PAYMENT_NOTICE_KINDS,
  PAYMENT_PROVIDERS,
} from '../../src/domain/payments/payment-notice.ts';
import { createdAt, instant, minorUnits, oneOf, preciseInstant } from './columns.ts';

/** Effects that were asked of the payment provider; the schema of the payment service. */
export const paymentsSchema = pgSchema('payments');

/** One row per effect asked of the provider, under the key that the provider has for it. */
export const operations = paymentsSchema.table(
  'operations',
  {
    /**
     * `orderId:kind:generation`, or `orderId:kind:external:providerRef` for an operation that was made at the provider
     * itself.
     */
    key: text('key').primaryKey(),
    orderId: text('order_id').notNull(),
    tenantId: text('tenant_id').notNull(),
    kind: text('kind', { enum: PAYMENT_KINDS }).notNull(),
    /** Numbered from 1; 0 for an operation that was made at the provider itself. */
    generation: integer('generation').notNull(),
    amountMinor: minorUnits('amount_minor').notNull(),
    currency: char('currency', { length: 3 }).notNull(),
    state: text('state', { enum: PAYMENT_OPERATION_STATES }).notNull(),
    declineCode: text('decline_code'),
    providerRef: text('provider_ref'),
    createdAt: createdAt(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (table) => [
    // The index is not UNIQUE, because the key already is, and ON CONFLICT resolves conflicts of one index only.
    index('operations_order_idx').on(table.orderId, table.kind, table.generation),
    check(
      'operations_key_check',
      sql`key = order_id || ':' || kind || ':' || case when generation > 0 then generation::text else 'external:' || provider_ref end`,
    ),
    check(
      'operations_external_check',
      sql`generation > 0 or (kind in ('capture', 'refund') and state = 'SUCCEEDED' and provider_ref is not null)`,
    ),
    index('operations_charge_ref_idx')
      .on(table.providerRef)
      .where(sql`kind in ('sale', 'authorize')`),
    index('operations_unknown_idx')
      .on(table.updatedAt)
      .where(sql`state = 'UNKNOWN'`),
    check('operations_kind_check', oneOf(table.kind, PAYMENT_KINDS)),
    check('operations_state_check', oneOf(table.state, PAYMENT_OPERATION_STATES)),
    check('operations_amount_check', sql`amount_minor >= 0`),
    check('operations_generation_check', sql`generation >= 0`),
  ],
);

/** Sums of the successful operations of one order. A trigger on `operations` keeps them; nothing else writes them. */
export const balances = paymentsSchema.table(
  'balances',
  {
    orderId: text('order_id').primaryKey(),
    tenantId: text('tenant_id').notNull(),
    authorizedMinor: minorUnits('authorized_minor').notNull().default(0),
    capturedMinor: minorUnits('captured_minor').notNull().default(0),
    refundedMinor: minorUnits('refunded_minor').notNull().default(0),
    voided: boolean('voided').notNull().default(false),
  },
  () => [
    check(
      'balances_order_check',
      sql`0 <= refunded_minor and refunded_minor <= captured_minor and captured_minor <= authorized_minor`,
    ),
  ],
);

/**
 * The latest turn that has moved an order's money. A command proves by it that it still owns the order, before it sends
 * a request and before it records the result. The turn is the order's version at the command's decision.
 */
export const turns = paymentsSchema.table('turns', {
  orderId: text('order_id').primaryKey(),
  turn: integer('turn').notNull(),
  commandId: text('command_id').notNull(),
});
/** Every call to the provider, including calls that took no money. The table is append-only. */
export const attempts = paymentsSchema.table(
  'attempts',
  {
    orderId: text('order_id').notNull(),
    attemptId: text('attempt_id').notNull(),
    /** Grows in the order in which the attempts were stored. */
    position: bigserial('position', { mode: 'number' }).notNull(),
    tenantId: text('tenant_id').notNull(),
    key: text('key').notNull(),
    kind: text('kind', { enum: PAYMENT_KINDS }).notNull(),
    generation: integer('generation').notNull(),
    call: text('call', { enum: PAYMENT_CALLS }).notNull(),
    amountMinor: minorUnits('amount_minor'),
    currency: char('currency', { length: 3 }).notNull(),
    method: text('method'),
    outcome: text('outcome', { enum: PAYMENT_ATTEMPT_OUTCOMES }).notNull(),
    code: text('code'),
    providerRef: text('provider_ref'),
    step: text('step').notNull(),
    durationMs: integer('duration_ms').notNull(),
    /** When the answer came, or the call was given up. */
    at: preciseInstant('at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.orderId, table.attemptId] }),
    check('attempts_key_check', sql`key = order_id || ':' || kind || ':' || generation`),
    check('attempts_call_check', oneOf(table.call, PAYMENT_CALLS)),
    check('attempts_outcome_check', oneOf(table.outcome, PAYMENT_ATTEMPT_OUTCOMES)),
    index('attempts_at_idx').using('brin', table.at),
  ],
);

/** Every state that an operation has had. The table is append-only; a trigger on `operations` writes it. */
export const operationChanges = paymentsSchema.table(
  'operation_changes',
  {
    orderId: text('order_id').notNull(),
    position: bigserial('position', { mode: 'number' }).notNull(),
    tenantId: text('tenant_id').notNull(),
    key: text('key').notNull(),
    kind: text('kind', { enum: PAYMENT_KINDS }).notNull(),
    generation: integer('generation').notNull(),
    state: text('state', { enum: PAYMENT_OPERATION_STATES }).notNull(),
    amountMinor: minorUnits('amount_minor').notNull(),
    currency: char('currency', { length: 3 }).notNull(),
    declineCode: text('decline_code'),
    providerRef: text('provider_ref'),
    at: preciseInstant('at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.orderId, table.position] }),
    index('operation_changes_at_idx').using('brin', table.at),
  ],
);

/**
 * Reports that providers sent by webhook: one row per event of the provider, even if the event is delivered several
 * times.
 */
export const paymentNotices = paymentsSchema.table(
  'payment_notices',
  {
    provider: text('provider', { enum: PAYMENT_PROVIDERS }).notNull(),
    eventId: text('event_id').notNull(),
    kind: text('kind', { enum: PAYMENT_NOTICE_KINDS }).notNull(),
    /** The order id that the provider reported; the order need not exist. */
    orderId: text('order_id'),
    key: text('key'),
    /** The provider's reference of the charge, which matches reports without an order id of ours. */
    chargeRef: text('charge_ref'),
    /** The provider's reference of the capture or refund, by which an adopted operation is recognized. */
    movementRef: text('movement_ref'),
    amountMinor: minorUnits('amount_minor'),
    currency: text('currency'),
    occurredAt: instant('occurred_at').notNull(),
    receivedAt: instant('received_at').notNull().defaultNow(),
    state: text('state', { enum: NOTICE_STATES }).notNull().default('RECEIVED'),
    outcome: text('outcome', { enum: NOTICE_OUTCOMES }),
    appliedAt: instant('applied_at'),
  },
  (table) => [
    primaryKey({ columns: [table.provider, table.eventId] }),
    index('payment_notices_order_idx').on(table.orderId),
    index('payment_notices_key_idx').on(table.key),
    index('payment_notices_received_idx')
      .on(table.receivedAt)
      .where(sql`state = 'RECEIVED'`),
    index('payment_notices_arrived_idx').using('brin', table.receivedAt),
    check('payment_notices_provider_check', oneOf(table.provider, PAYMENT_PROVIDERS)),
    check('payment_notices_kind_check', oneOf(table.kind, PAYMENT_NOTICE_KINDS)),
    check('payment_notices_state_check', oneOf(table.state, NOTICE_STATES)),
    check('payment_notices_outcome_check', oneOf(table.outcome, NOTICE_OUTCOMES)),
    check(
      'payment_notices_applied_check',
      sql`(state = 'APPLIED') = (outcome is not null) and (outcome is null) = (applied_at is null)`,
    ),
  ],
);

/**
 * Steps whose last attempt had no answer from the provider; they are woken when it answers again. A row is deleted when
 * its step has an answer, and is no evidence of anything.
 */
export const waitingSteps = paymentsSchema.table(
  'waiting_steps',
  {
    workflowId: text('workflow_id').notNull(),
    /** The name of the step in the Web UI, for example `take-payment`. */
    step: text('step').notNull(),
    /** What the step waits for together with other steps: the activity, and the route of a charge to the provider. */
    route: text('route').notNull(),
    failedAt: preciseInstant('failed_at').notNull().defaultNow(),
    /** How often the step was woken in vain since the provider was last known to be away. */
    wakes: integer('wakes').notNull().default(0),
    wokenAt: preciseInstant('woken_at'),
    /** When the step may be woken next. */
    dueAt: preciseInstant('due_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.workflowId, table.step] }),
    index('waiting_steps_due_idx').on(table.dueAt),
    index('waiting_steps_route_idx').on(table.route),
  ],
);
