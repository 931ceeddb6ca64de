import { sql } from 'drizzle-orm';
import {
  bigserial,
  check,
  char,
  index,
  integer,
  jsonb,
  pgSchema,
  primaryKey,
  text,
  uniqueIndex,
  bigint,
} from 'drizzle-orm/pg-core';
import {
  CASE_EVENT_TYPES,
  CASE_STATES,
  DECISION_STATES,
  DESK_ACTIONS,
  type AnswerMismatch,
  type CaseAction,
  type CasePatch,
} from '../../src/domain/case.ts';
import { COMMAND_DECISIONS, COMMAND_KINDS } from '../../src/domain/command.ts';
import type { SealedContact } from '../../src/domain/personal-data/contact-sealer.ts';
import type { RejectionDetails, Refusal } from '../../src/domain/order.ts';
import { ORDER_STATUSES, REJECTION_REASONS } from '../../src/domain/order-status.ts';
import { CAPTURE_MODES } from '../../src/domain/payments/payment.ts';
import { createdAt, instant, minorUnits, oneOf } from './columns.ts';

/** A resolution by evidence that the first of two operators has proposed. */
export interface CaseProposal {
  readonly actor: string;
  readonly evidence: string;
  readonly reason: string;
}

/** Orders, their history and their cases; the schema of the order service. */
export const ordersSchema = pgSchema('orders');

/** One row per accepted order. `version` counts its events: `order_events.seq` runs from 1 to `version`. */
export const orders = ordersSchema.table(
  'orders',
  {
    orderId: text('order_id').primaryKey(),
    tenantId: text('tenant_id').notNull(),
    idempotencyKey: text('idempotency_key').notNull(),
    requestHash: text('request_hash').notNull(),
    /**
     * The run id of the workflow's first execution. It tells the order's own workflow from a later one with the same
     * id.
     */
    firstExecutionRunId: text('first_execution_run_id').notNull(),
    correlationId: text('correlation_id').notNull(),
    /** The W3C `traceparent` of the request that made the order; null when the order is not traced. */
    traceparent: text('traceparent'),
    customerId: text('customer_id').notNull(),
    /** The subject of the token that placed the order; null in orders of earlier versions. */
    placedBy: text('placed_by'),
    sealedContact: jsonb('sealed_contact').$type<SealedContact>(),
    currency: char('currency', { length: 3 }).notNull(),
    paymentMethod: text('payment_method').notNull(),
    captureMode: text('capture_mode', { enum: CAPTURE_MODES }).notNull(),
    expectedTotalMinor: minorUnits('expected_total_minor'),
    reference: text('reference'),
    status: text('status', { enum: ORDER_STATUSES }).notNull(),
    /** The decision to reject, which is stored before effects are undone. */
    refusal: jsonb('refusal').$type<Refusal>(),
    reason: text('reason', { enum: REJECTION_REASONS }),
    reasonDetails: jsonb('reason_details').$type<RejectionDetails>(),
    totalMinor: minorUnits('total_minor'),
    version: integer('version').notNull(),
    /** The command that owns the order; no other command moves the order's money meanwhile. */
    ownerCommandId: text('owner_command_id'),
    /**
     * Numbers drawn so far, under the lock of this row, for captures and for refunds (including cancels and returns).
     */
    captureCount: integer('capture_count').notNull().default(0),
    refundCount: integer('refund_count').notNull().default(0),
    /** Start of the cancel window. */
    confirmedAt: instant('confirmed_at'),
    /** Manual capture: when the authorization is given back unless something was captured. */
    captureBy: instant('capture_by'),
    createdAt: createdAt(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (table) => [
    uniqueIndex('orders_tenant_key_idx').on(table.tenantId, table.idempotencyKey),
    index('orders_tenant_created_idx').on(table.tenantId, table.createdAt.desc(), table.orderId.desc()),
    index('orders_tenant_customer_idx').on(table.tenantId, table.customerId, table.createdAt.desc()),
    index('orders_tenant_placed_by_idx')
      .on(table.tenantId, table.placedBy, table.createdAt.desc(), table.orderId.desc())
      .where(sql`placed_by is not null`),
    index('orders_tenant_reference_idx')
      .on(table.tenantId, table.reference)
      .where(sql`reference is not null`),
    index('orders_in_motion_idx')
      .on(table.createdAt)
      .where(sql`status in ('PENDING', 'CANCELLING', 'REFUNDING')`),
    // The index is over a column that never changes. An index over a changing column would make every update of an
    // order slower.
    index('orders_owned_idx')
      .on(table.orderId)
      .where(sql`owner_command_id is not null`),
    check('orders_status_check', oneOf(table.status, ORDER_STATUSES)),
    check('orders_reason_check', oneOf(table.reason, REJECTION_REASONS)),
    check('orders_capture_mode_check', oneOf(table.captureMode, CAPTURE_MODES)),
    check(
      'orders_rejected_has_reason_check',
      sql`(status = 'REJECTED') = (reason is not null) or status in ('CANCELLED', 'EXPIRED')`,
    ),
    check('orders_confirmed_has_total_check', sql`status <> 'CONFIRMED' or total_minor is not null`),
    check('orders_version_check', sql`version >= 1`),
  ],
);

/** The lines as ordered. Their prices are stored with the reservation that froze them. */
export const orderLines = ordersSchema.table(
  'order_lines',
  {
    orderId: text('order_id').notNull(),
    sku: text('sku').notNull(),
    quantity: integer('quantity').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.orderId, table.sku] }),
    check('order_lines_quantity_check', sql`quantity between 1 and 1000`),
  ],
);

/**
 * The history of an order. The table is append-only: a trigger refuses DELETE, and every UPDATE but the erasure of who
 * acted and why.
 */
export const orderEvents = ordersSchema.table(
  'order_events',
  {
    orderId: text('order_id').notNull(),
    seq: integer('seq').notNull(),
    /** Position in the log of all orders, for readers that follow it. */
    position: bigserial('position', { mode: 'number' }).notNull(),
    tenantId: text('tenant_id').notNull(),
    type: text('type').notNull(),
    fromStatus: text('from_status', { enum: ORDER_STATUSES }),
    toStatus: text('to_status', { enum: ORDER_STATUSES }),
    actor: text('actor').notNull(),
    data: jsonb('data').$type<Record<string, unknown>>().notNull(),
    at: instant('at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.orderId, table.seq] }),
    check('order_events_from_check', oneOf(table.fromStatus, ORDER_STATUSES)),
    check('order_events_to_check', oneOf(table.toStatus, ORDER_STATUSES)),
  ],
);

/**
 * Transitions that the event stream does not have yet. A trigger on `order_events` adds them, and the feed removes
 * them. (A cursor over `position` would skip rows that commit late.)
 */
export const eventOutbox = ordersSchema.table('event_outbox', {
  position: bigint('position', { mode: 'number' }).primaryKey(),
  orderId: text('order_id').notNull(),
  seq: integer('seq').notNull(),
});

/**
 * Cases that were opened or resolved, with the facts of that moment, which the event stream does not have yet. Triggers
 * on `cases` add them in the transaction of the change, and the feed removes them.
 */
export const caseOutbox = ordersSchema.table('case_outbox', {
  /** From the sequence of `order_events`, so that the events of an order keep their order. */
  position: bigint('position', { mode: 'number' }).primaryKey(),
  type: text('type', { enum: CASE_EVENT_TYPES }).notNull(),
  caseId: text('case_id').notNull(),
  orderId: text('order_id').notNull(),
  tenantId: text('tenant_id').notNull(),
  step: text('step').notNull(),
  errorCode: text('error_code').notNull(),
  attempts: integer('attempts').notNull(),
  resolution: text('resolution'),
  traceId: text('trace_id'),
  at: instant('at').notNull().defaultNow(),
});

/** What clients asked of an order, and the answers. The same command gets the same answer for ever. */
export const orderCommands = ordersSchema.table(
  'order_commands',
  {
    commandId: text('command_id').primaryKey(),
    orderId: text('order_id').notNull(),
    tenantId: text('tenant_id').notNull(),
    kind: text('kind', { enum: COMMAND_KINDS }).notNull(),
    requestHash: text('request_hash').notNull(),
    actor: text('actor').notNull(),
    reason: text('reason'),
    amountMinor: minorUnits('amount_minor'),
    decision: text('decision', { enum: COMMAND_DECISIONS }).notNull(),
    /** The number of the refund or capture within the order, if it was allowed; part of the key at the provider. */
    generation: integer('generation'),
    /**
     * The order's version when the command became its owner; a later owner has a higher one. Null when the command
     * never owned the order.
     */
    turn: integer('turn'),
    answeredAt: instant('answered_at').notNull().defaultNow(),
  },
  (table) => [
    index('order_commands_order_idx').on(table.orderId),
    index('order_commands_answered_idx').on(table.tenantId, table.answeredAt.desc(), table.commandId.desc()),
    // One effect at the provider belongs to one command. Captures have numbers of their own; all other commands pay
    // money back.
    uniqueIndex('order_commands_generation_idx')
      .on(table.orderId, sql`(kind = 'capture')`, table.generation)
      .where(sql`generation is not null`),
    check('order_commands_kind_check', oneOf(table.kind, COMMAND_KINDS)),
    check('order_commands_decision_check', oneOf(table.decision, COMMAND_DECISIONS)),
    check('order_commands_amount_check', sql`amount_minor > 0`),
  ],
);

/** Orders that wait for a person, with what is known about the failure. */
export const cases = ordersSchema.table(
  'cases',
  {
    caseId: text('case_id').primaryKey(),
    orderId: text('order_id').notNull(),
    tenantId: text('tenant_id').notNull(),
    /**
     * The name of the step. While a case of another workflow is open at the same step, it is the step, `@`, and the
     * workflow.
     */
    step: text('step').notNull(),
    stepName: text('step_name')
      .notNull()
      .generatedAlwaysAs(sql`split_part(step, '@', 1)`),
    errorCode: text('error_code').notNull(),
    message: text('message').notNull(),
    /** Made from the step and the code: failures of one cause share a fingerprint. */
    fingerprint: text('fingerprint').notNull(),
    /** How often the step was tried. */
    attempts: integer('attempts').notNull(),
    /** The fields in which the provider's last answer differed from what was expected. */
    mismatch: jsonb('mismatch').$type<AnswerMismatch>(),
    state: text('state', { enum: CASE_STATES }).notNull(),
    resolution: text('resolution'),
    /** The workflow that is parked. */
    workflowId: text('workflow_id').notNull().default(''),
    /** The trace in which the case was opened; null when the order is not traced. */
    traceId: text('trace_id'),
    /** The input of the step without personal data. */
    input: jsonb('input').$type<Record<string, unknown>>().notNull().default({}),
    actions: jsonb('actions').$type<CaseAction[]>().notNull().default([]),
    /** The person who works on the case: the last operator that acted. */
    owner: text('owner'),
    /** A resolution by evidence that waits for a second operator. */
    proposal: jsonb('proposal').$type<CaseProposal>(),
    /**
     * The version that a decision must name. Acts of people and the end of the case raise it; tries of the system do
     * not.
     */
    version: integer('version').notNull(),
    openedAt: instant('opened_at').notNull().defaultNow(),
    lastSeenAt: instant('last_seen_at').notNull().defaultNow(),
    resolvedAt: instant('resolved_at'),
  },
  (table) => [
    uniqueIndex('cases_one_open_per_workflow_idx')
      .on(table.orderId, table.stepName, table.workflowId)
      .where(sql`state = 'open'`),
    // Workers of earlier versions find an open case by this index.
    uniqueIndex('cases_one_open_per_step_idx')
      .on(table.orderId, table.step)
      .where(sql`state = 'open'`),
    index('cases_fingerprint_idx')
      .on(table.tenantId, table.fingerprint)
      .where(sql`state = 'open'`),
    index('cases_tenant_state_idx').on(table.tenantId, table.state, table.openedAt.desc()),
    check('cases_state_check', oneOf(table.state, CASE_STATES)),
    check('cases_resolved_check', sql`(state = 'resolved') = (resolved_at is not null)`),
    check('cases_attempts_check', sql`attempts >= 1`),
  ],
);

/**
 * Decisions of operators about cases. A row is written before the decision is carried out, and ends with its result.
 */
export const caseDecisions = ordersSchema.table(
  'case_decisions',
  {
    decisionId: text('decision_id').primaryKey(),
    caseId: text('case_id').notNull(),
    orderId: text('order_id').notNull(),
    tenantId: text('tenant_id').notNull(),
    /** The version of the case that the operator saw. */
    caseVersion: integer('case_version').notNull(),
    action: text('action', { enum: DESK_ACTIONS }).notNull(),
    patch: jsonb('patch').$type<CasePatch>(),
    evidence: text('evidence'),
    actor: text('actor').notNull(),
    reason: text('reason').notNull(),
    state: text('state', { enum: DECISION_STATES }).notNull(),
    /** How often the sweep has delivered the decision to the workflow. */
    deliveries: integer('deliveries').notNull().default(0),
    /** When the sweep delivers the decision, unless it has ended. */
    dueAt: instant('due_at').notNull(),
    decidedAt: instant('decided_at').notNull().defaultNow(),
    endedAt: instant('ended_at'),
  },
  (table) => [
    uniqueIndex('case_decisions_one_on_its_way_idx')
      .on(table.caseId)
      .where(sql`state = 'decided'`),
    index('case_decisions_case_idx').on(table.caseId),
    index('case_decisions_due_idx')
      .on(table.dueAt)
      .where(sql`state in ('decided', 'proposed')`),
    check('case_decisions_action_check', oneOf(table.action, DESK_ACTIONS)),
    check('case_decisions_state_check', oneOf(table.state, DECISION_STATES)),
    check('case_decisions_ended_check', sql`(state in ('decided', 'proposed')) = (ended_at is null)`),
  ],
);

/** Points taken per tenant and time window; written by the rate limiter only. */
export const rateLimits = ordersSchema.table('rate_limits', {
  key: text('key').primaryKey(),
  points: integer('points').notNull().default(0),
  expire: bigint('expire', { mode: 'number' }),
});
