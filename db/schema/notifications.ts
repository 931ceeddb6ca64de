import { sql } from 'drizzle-orm';
import { bigint, check, index, integer, jsonb, pgSchema, primaryKey, text, unique } from 'drizzle-orm/pg-core';
import {
  MESSAGE_CHANNELS,
  MESSAGE_STATES,
  MESSAGE_TEMPLATES,
  type MessageName,
} from '../../src/domain/notification.ts';
import { OPERATOR_ALERT_KINDS } from '../../src/domain/operator-alert.ts';
import type { SealedText } from '../../src/domain/personal-data/text-sealer.ts';
import {
  STORED_WEBHOOK_URL_MAX,
  WEBHOOK_DELIVERY_STATES,
  WEBHOOK_DISABLED_REASONS,
  WEBHOOK_EVENT_TYPES,
  WEBHOOK_EXCERPT_MAX,
  WEBHOOK_STATES,
} from '../../src/domain/webhook.ts';
import { createdAt, instant, oneOf } from './columns.ts';

/** Messages to customers and webhooks to merchants; the schema of the notification service. */
export const notificationsSchema = pgSchema('notifications');

/** One row per message to a customer. The primary key keeps a customer from being told of the same event twice. */
export const messages = notificationsSchema.table(
  'messages',
  {
    orderId: text('order_id').notNull(),
    /** The column keeps its first name, because workers of the previous version write the template alone into it. */
    name: text('template').$type<MessageName>().notNull(),
    channel: text('channel', { enum: MESSAGE_CHANNELS }).notNull(),
    tenantId: text('tenant_id').notNull(),
    state: text('state', { enum: MESSAGE_STATES }).notNull(),
    attempts: integer('attempts').notNull(),
    lastError: text('last_error'),
    /** The Message-ID of the last further copy that an operator sent; null when there was none. */
    messageId: text('message_id'),
    createdAt: createdAt(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.orderId, table.name, table.channel] }),
    check(
      'messages_template_check',
      sql`${table.name} ~ ${sql.raw(`'^(${MESSAGE_TEMPLATES.join('|')})(\\.[1-9][0-9]*)?$'`)}`,
    ),
    check('messages_channel_check', oneOf(table.channel, MESSAGE_CHANNELS)),
    check('messages_state_check', oneOf(table.state, MESSAGE_STATES)),
    check('messages_attempts_check', sql`attempts >= 1`),
    index('messages_created_idx').using('brin', table.createdAt),
  ],
);

/** Every attempt to send a message, with its result. The table is append-only. */
export const messageAttempts = notificationsSchema.table(
  'message_attempts',
  {
    orderId: text('order_id').notNull(),
    template: text('template').notNull(),
    channel: text('channel', { enum: MESSAGE_CHANNELS }).notNull(),
    /** Numbered per message, further copies included. */
    attempt: integer('attempt').notNull(),
    tenantId: text('tenant_id').notNull(),
    outcome: text('outcome', { enum: MESSAGE_STATES }).notNull(),
    at: instant('at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.orderId, table.template, table.channel, table.attempt] }),
    check('message_attempts_outcome_check', oneOf(table.outcome, MESSAGE_STATES)),
    index('message_attempts_at_idx').using('brin', table.at),
  ],
);

/** A tenant's subscription to the events of its orders. */
export const webhookSubscriptions = notificationsSchema.table(
  'webhook_subscriptions',
  {
    /** Derived from the tenant and the Idempotency-Key, so that a repeated request finds the first subscription. */
    subscriptionId: text('subscription_id').primaryKey(),
    tenantId: text('tenant_id').notNull(),
    requestHash: text('request_hash').notNull(),
    /** May be sealed, see `field-sealer.ts`. */
    url: text('url').notNull(),
    eventTypes: text('event_types').array().notNull(),
    /** The signing secret, sealed; null once the subscription is deleted. */
    sealedSecret: jsonb('sealed_secret').$type<SealedText>(),
    state: text('state', { enum: WEBHOOK_STATES }).notNull(),
    disabledReason: text('disabled_reason', { enum: WEBHOOK_DISABLED_REASONS }),
    disabledAt: instant('disabled_at'),
    /** When the present run of failures began; null since the last success. */
    failingSince: instant('failing_since'),
    createdAt: createdAt(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (table) => [
    check('webhook_subscriptions_state_check', oneOf(table.state, WEBHOOK_STATES)),
    check('webhook_subscriptions_reason_check', oneOf(table.disabledReason, WEBHOOK_DISABLED_REASONS)),
    check('webhook_subscriptions_disabled_check', sql`(state = 'DISABLED') = (disabled_at IS NOT NULL)`),
    check('webhook_subscriptions_secret_check', sql`(state = 'DELETED') = (sealed_secret IS NULL)`),
    check('webhook_subscriptions_url_check', sql`length(url) <= ${sql.raw(String(STORED_WEBHOOK_URL_MAX))}`),
    check(
      'webhook_subscriptions_events_check',
      sql`cardinality(event_types) >= 1 AND event_types <@ ${arrayOf(WEBHOOK_EVENT_TYPES)}`,
    ),
    index('webhook_subscriptions_tenant_idx').on(table.tenantId, table.createdAt, table.subscriptionId),
  ],
);

/** One event for one subscription. If the event is published again, it stays one row and one message. */
export const webhookDeliveries = notificationsSchema.table(
  'webhook_deliveries',
  {
    /** Also the id of the message, `webhook-id`. */
    deliveryId: text('delivery_id').primaryKey(),
    subscriptionId: text('subscription_id')
      .notNull()
      .references(() => webhookSubscriptions.subscriptionId),
    tenantId: text('tenant_id').notNull(),
    /** Grows with every row; the events of a key are delivered in this order. */
    seq: bigint('seq', { mode: 'number' }).generatedAlwaysAsIdentity(),
    eventId: text('event_id').notNull(),
    eventType: text('event_type').notNull(),
    /** The order's id. */
    eventKey: text('event_key').notNull(),
    /** The body that is sent; it has the same bytes at each attempt. */
    body: text('body').notNull(),
    state: text('state', { enum: WEBHOOK_DELIVERY_STATES }).notNull(),
    /** Counted since the event was published or, later, since a redelivery was asked for. */
    attempts: integer('attempts').notNull(),
    lastStatus: integer('last_status'),
    lastError: text('last_error'),
    responseExcerpt: text('response_excerpt'),
    nextAttemptAt: instant('next_attempt_at'),
    deliveredAt: instant('delivered_at'),
    createdAt: createdAt(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (table) => [
    unique('webhook_deliveries_event_key').on(table.subscriptionId, table.eventId),
    check('webhook_deliveries_state_check', oneOf(table.state, WEBHOOK_DELIVERY_STATES)),
    check('webhook_deliveries_attempts_check', sql`attempts >= 0`),
    check('webhook_deliveries_next_check', sql`(state = 'RETRYING') = (next_attempt_at IS NOT NULL)`),
    check('webhook_deliveries_excerpt_check', sql`length(response_excerpt) <= ${sql.raw(String(WEBHOOK_EXCERPT_MAX))}`),
    index('webhook_deliveries_log_idx').on(table.subscriptionId, table.seq),
    index('webhook_deliveries_created_idx').using('brin', table.createdAt),
    index('webhook_deliveries_open_idx')
      .on(table.subscriptionId, table.eventKey, table.seq)
      .where(sql`state IN ('PENDING', 'RETRYING')`),
  ],
);

/**
 * New cases and failed events that operators are told of by mail, one mail for many of them. Rows are written only where
 * such mails are turned on, and stay for two days after their mail.
 */
export const operatorAlerts = notificationsSchema.table(
  'operator_alerts',
  {
    /** The event in the log; it makes a second note of the same event harmless. */
    eventId: text('event_id').primaryKey(),
    kind: text('kind', { enum: OPERATOR_ALERT_KINDS }).notNull(),
    tenantId: text('tenant_id').notNull(),
    /** Step and code of a case, or consumer and code of an event. */
    cause: text('cause').notNull(),
    /** The id of a case; null for an event, because clients choose the ids of events. */
    caseId: text('case_id'),
    /** Events that it stands for; 1 for a case. */
    count: integer('count').notNull(),
    at: instant('at').notNull(),
    /** The mail that tells of it, and when that mail was begun and when the server took it; null before. */
    mailId: text('mail_id'),
    claimedAt: instant('claimed_at'),
    mailedAt: instant('mailed_at'),
  },
  (table) => [
    check('operator_alerts_kind_check', oneOf(table.kind, OPERATOR_ALERT_KINDS)),
    index('operator_alerts_open_idx')
      .on(table.mailId, table.at)
      .where(sql`mailed_at IS NULL`),
    index('operator_alerts_claimed_idx').on(table.claimedAt),
  ],
);

function arrayOf(literals: readonly string[]) {
  return sql.raw(`ARRAY[${literals.map((literal) => `'${literal}'`).join(', ')}]::text[]`);
}
