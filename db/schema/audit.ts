import { index, integer, jsonb, pgSchema, primaryKey, text } from 'drizzle-orm/pg-core';
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
    /** The request that the act came by first; null for acts of tools, and of earlier versions. */
    requestId: text('request_id'),
    reason: text('reason'),
    before: jsonb('before').$type<Record<string, unknown>>(),
    after: jsonb('after').$type<Record<string, unknown>>(),
    at: instant('at').notNull().defaultNow(),
  },
  (table) => [
    index('operator_actions_subject_idx').on(table.tenantId, table.subject),
    index('operator_actions_order_idx').on(table.orderId),
    index('operator_actions_at_idx').on(table.tenantId, table.at.desc(), table.actionId.desc()),
  ],
);

/**
 * The answers to the requests that acts came by, written before they are sent. An act without one was interrupted, or was
 * not done by a request. The table is append-only, like the acts.
 */
export const operatorOutcomes = auditSchema.table(
  'operator_outcomes',
  {
    /** An act, or a command of an order. */
    actionId: text('action_id').notNull(),
    requestId: text('request_id').notNull(),
    tenantId: text('tenant_id').notNull(),
    /** HTTP status. */
    status: integer('status').notNull(),
    /** The code of the problem that was answered; null for a success. */
    code: text('code'),
    /** What was done, in numbers. */
    counts: jsonb('counts').$type<Record<string, number>>(),
    at: instant('at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.actionId, table.requestId] })],
);
