import { sql } from 'drizzle-orm';
import { check, integer, pgSchema, primaryKey, text } from 'drizzle-orm/pg-core';
import { MESSAGE_CHANNELS, MESSAGE_STATES, MESSAGE_TEMPLATES } from '../../src/domain/notification.ts';
import { createdAt, instant, oneOf } from './columns.ts';

/** Messages to customers; the schema of the notification service. */
export const notificationsSchema = pgSchema('notifications');

/** One row per message to a customer; the primary key keeps an order from being told the same thing twice. */
export const messages = notificationsSchema.table(
  'messages',
  {
    orderId: text('order_id').notNull(),
    template: text('template', { enum: MESSAGE_TEMPLATES }).notNull(),
    channel: text('channel', { enum: MESSAGE_CHANNELS }).notNull(),
    tenantId: text('tenant_id').notNull(),
    state: text('state', { enum: MESSAGE_STATES }).notNull(),
    attempts: integer('attempts').notNull(),
    lastError: text('last_error'),
    createdAt: createdAt(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.orderId, table.template, table.channel] }),
    check('messages_template_check', oneOf(table.template, MESSAGE_TEMPLATES)),
    check('messages_channel_check', oneOf(table.channel, MESSAGE_CHANNELS)),
    check('messages_state_check', oneOf(table.state, MESSAGE_STATES)),
    check('messages_attempts_check', sql`attempts >= 1`),
  ],
);
