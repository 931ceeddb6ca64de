import { and, eq, sql } from 'drizzle-orm';
import type { MessageChannel, MessageState, MessageTemplate } from '../../src/domain/notification.ts';
import type { Database } from '../client.ts';
import { messages } from '../schema/notifications.ts';

/** Which message to whom; unique per order. */
export interface MessageKey {
  readonly orderId: string;
  readonly template: MessageTemplate;
  readonly channel: MessageChannel;
}

/** The messages of orders and how far they got. */
export interface MessageRepository {
  findOptionalState(key: MessageKey): Promise<MessageState | null>;
  /** Notes one attempt and its result; SENT never changes. */
  record(key: MessageKey, tenantId: string, state: MessageState, lastError: string | null): Promise<void>;
}

/** Creates the repository over the `notifications` schema. */
export function createMessageRepository(db: Database): MessageRepository {
  return {
    findOptionalState: async (key) => {
      const [row] = await db.query((orm) =>
        orm
          .select({ state: messages.state })
          .from(messages)
          .where(
            and(
              eq(messages.orderId, key.orderId),
              eq(messages.template, key.template),
              eq(messages.channel, key.channel),
            ),
          ),
      );
      return row?.state ?? null;
    },
    record: async (key, tenantId, state, lastError) => {
      await db.query((orm) =>
        orm
          .insert(messages)
          .values({ ...key, tenantId, state, attempts: 1, lastError })
          .onConflictDoUpdate({
            target: [messages.orderId, messages.template, messages.channel],
            set: { state, lastError, attempts: sql`${messages.attempts} + 1`, updatedAt: sql`now()` },
            setWhere: sql`${messages.state} <> 'SENT'`,
          }),
      );
    },
  };
}
