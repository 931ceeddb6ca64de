import type { MessageChannel, MessageName, MessageState, MessageTemplate } from '../../../src/domain/notification.ts';
import type { Database, Statement } from '../../client.ts';

/** Which message goes to which customer; unique per order. */
export interface MessageKey {
  readonly orderId: string;
  readonly name: MessageName;
  readonly channel: MessageChannel;
}

/** A message as stored. */
export interface MessageRecord {
  readonly template: MessageTemplate;
  /** The number of the refund or the capture that the message is about; 1 for a message that is sent only once. */
  readonly occurrence: number;
  readonly channel: MessageChannel;
  readonly state: MessageState;
  readonly attempts: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** One attempt to send a message. An attempt is never changed. */
export interface MessageAttempt {
  readonly template: MessageTemplate;
  readonly occurrence: number;
  readonly channel: MessageChannel;
  /** Numbered from 1, further copies included. */
  readonly attempt: number;
  readonly outcome: MessageState;
  readonly at: Date;
}

/** The result of an attempt to send a message. */
export interface RecordedAttempt {
  readonly tenantId: string;
  readonly state: MessageState;
  readonly lastError: string | null;
  /** Message-ID of the further copy; null for the message that the order itself sends. */
  readonly copyId: string | null;
}

/** The messages of orders, and whether they were sent. */
export interface MessageRepository {
  /**
   * The state of a message, and the Message-ID of the last copy that somebody asked for; null when the order does not
   * have the message.
   */
  findOptional(key: MessageKey): Promise<{ readonly state: MessageState; readonly messageId: string | null } | null>;
  listByOrder(tenantId: string, orderId: string): Promise<MessageRecord[]>;
  /** The attempts, oldest first. */
  listAttempts(tenantId: string, orderId: string): Promise<MessageAttempt[]>;
  /** Stores one attempt and its result; SENT stays SENT. A further copy is told apart by its Message-ID. */
  record(key: MessageKey, attempt: RecordedAttempt): Promise<void>;
}

export function createMessageRepository(db: Database): MessageRepository {
  return {
    findOptional: async ({ orderId, name, channel }) => {
      const [row] = await db.run<{ state: MessageState; messageId: string | null }>(FIND_MESSAGE, [
        orderId,
        name,
        channel,
      ]);
      return row ?? null;
    },
    listByOrder: (tenantId, orderId) => db.run<MessageRecord>(LIST_MESSAGES, [tenantId, orderId]),
    listAttempts: (tenantId, orderId) => db.run<MessageAttempt>(LIST_ATTEMPTS, [tenantId, orderId]),
    record: async ({ orderId, name, channel }, { tenantId, state, lastError, copyId }) => {
      if (copyId !== null) await db.run(RESTORE_MESSAGES, [orderId]);
      await db.run(RECORD_MESSAGE, [orderId, name, channel, tenantId, state, lastError, copyId]);
    },
  };
}

const FIND_MESSAGE: Statement = {
  name: 'find_message',
  text: `SELECT state, message_id AS "messageId" FROM notifications.messages
WHERE order_id = $1 AND template = $2 AND channel = $3`,
};

/** A message's name, split into its parts. */
const NAME = `split_part(template, '.', 1) AS template,
  coalesce(nullif(split_part(template, '.', 2), '')::integer, 1) AS occurrence`;

const LIST_MESSAGES: Statement = {
  name: 'list_messages',
  text: `
SELECT ${NAME}, channel, state, attempts, created_at AS "createdAt", updated_at AS "updatedAt"
FROM notifications.messages WHERE tenant_id = $1 AND order_id = $2 ORDER BY created_at, template, occurrence, channel`,
};

const LIST_ATTEMPTS: Statement = {
  name: 'list_message_attempts',
  text: `
SELECT ${NAME}, channel, attempt, outcome, at FROM notifications.message_attempts
WHERE tenant_id = $1 AND order_id = $2 ORDER BY at, template, occurrence, channel, attempt`,
};

/** A further copy may be of an archived order, whose messages then come back. */
const RESTORE_MESSAGES: Statement = {
  name: 'restore_messages',
  text: `
SELECT notifications.restore_orders(ARRAY[$1::text]) WHERE EXISTS (
  SELECT FROM notifications.messages WHERE order_id = $1 AND tableoid <> 'notifications.messages'::regclass)`,
};

const RECORD_MESSAGE: Statement = {
  name: 'record_message',
  text: `
WITH stored AS (
  INSERT INTO notifications.messages AS m
    (order_id, template, channel, tenant_id, state, attempts, last_error, message_id)
  VALUES ($1, $2, $3, $4, $5, 1, $6, CASE WHEN $5 = 'SENT' THEN $7::text END)
  ON CONFLICT (order_id, template, channel) DO UPDATE
  SET state = CASE WHEN m.state = 'SENT' THEN m.state ELSE excluded.state END,
    last_error = excluded.last_error, message_id = coalesce(excluded.message_id, m.message_id),
    attempts = m.attempts + 1, updated_at = now()
  WHERE m.state <> 'SENT' OR ($7::text IS NOT NULL AND m.message_id IS DISTINCT FROM $7)
  RETURNING order_id, template, channel, attempts, tenant_id
)
INSERT INTO notifications.message_attempts (order_id, template, channel, attempt, tenant_id, outcome)
SELECT order_id, template, channel, attempts, tenant_id, $5 FROM stored`,
};
