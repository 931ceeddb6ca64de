import { index, jsonb, pgSchema, text } from 'drizzle-orm/pg-core';
import { instant } from './columns.ts';

/** The acts of operators, which are stored beside the orders. */
export const auditSchema = pgSchema('audit');

/**
 * One row per act of an operator, written before the act. The table is append-only: triggers refuse UPDATE, DELETE and
 * TRUNCATE.
 */
export const operatorActions = auditSchema.table(
  'operator_actions',
  {
    actionId: text('action_id').primaryKey(),
    tenantId: text('tenant_id').notNull(),
    actor: text('actor').notNull(),
    action: text('action').notNull(),
    /** The thing that the act changes: a case, a SKU or a redrive. */
    subject: text('subject').notNull(),
    orderId: text('order_id'),
    reason: text('reason'),
    before: jsonb('before').$type<Record<string, unknown>>(),
    after: jsonb('after').$type<Record<string, unknown>>(),
    at: instant('at').notNull().defaultNow(),
  },
  (table) => [
    index('operator_actions_subject_idx').on(table.tenantId, table.subject),
    index('operator_actions_order_idx').on(table.orderId),
  ],
);
