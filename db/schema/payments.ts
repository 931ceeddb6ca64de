import { sql } from 'drizzle-orm';
import { boolean, char, check, index, integer, pgSchema, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { PAYMENT_KINDS, PAYMENT_OPERATION_STATES } from '../../src/domain/payment.ts';
import { createdAt, instant, minorUnits, oneOf } from './columns.ts';

/** What was asked of the payment provider; the schema of the payment service. */
export const paymentsSchema = pgSchema('payments');

/** One row per effect asked of the provider, under the same key as at the provider. */
export const operations = paymentsSchema.table(
  'operations',
  {
    /** `orderId:kind:generation`. */
    key: text('key').primaryKey(),
    orderId: text('order_id').notNull(),
    tenantId: text('tenant_id').notNull(),
    kind: text('kind', { enum: PAYMENT_KINDS }).notNull(),
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
    uniqueIndex('operations_generation_idx').on(table.orderId, table.kind, table.generation),
    index('operations_unknown_idx')
      .on(table.updatedAt)
      .where(sql`state = 'UNKNOWN'`),
    check('operations_kind_check', oneOf(table.kind, PAYMENT_KINDS)),
    check('operations_state_check', oneOf(table.state, PAYMENT_OPERATION_STATES)),
    check('operations_amount_check', sql`amount_minor >= 0`),
    check('operations_generation_check', sql`generation >= 1`),
  ],
);

/** Sums of the successful operations of one order; kept by a trigger on `operations`, never by hand. */
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
