import { createOrderRetention, type OrderRetention } from '../order-retention.ts';
import type { Database, Statement } from '../../client.ts';
import { deleteInBatches } from '../../delete-in-batches.ts';

/** What the notification service forgets after a time. */
export interface NotificationRetention {
  readonly messages: OrderRetention;
  /** Deletes webhooks that were deleted before a time and have no delivery left; their Idempotency-Keys are free then. */
  forgetDeletedWebhooks(before: Date): Promise<void>;
}

const LIST_OLD_MESSAGES: Statement = {
  name: 'list_orders_of_old_messages',
  text: `
SELECT DISTINCT order_id AS "orderId" FROM (
  SELECT order_id FROM notifications.messages
  WHERE created_at < $1 AND state IN ('SENT', 'GAVE_UP') AND order_id <> ALL ($2::text[]) LIMIT $3
) old`,
};

/** Calls the function of the migration `0011_retention`, because attempts are append-only. */
const FORGET_MESSAGES: Statement = {
  name: 'forget_messages',
  text: 'SELECT notifications.forget_messages($1, $2) AS forgotten',
};

const FORGET_DELETED_WEBHOOKS: Statement = {
  name: 'forget_deleted_webhooks',
  text: `
WITH forgotten AS (
  DELETE FROM notifications.webhook_subscriptions WHERE subscription_id = ANY (ARRAY(
    SELECT subscription_id FROM notifications.webhook_subscriptions s
    WHERE state = 'DELETED' AND updated_at < $1
      AND NOT EXISTS (SELECT FROM notifications.webhook_deliveries d WHERE d.subscription_id = s.subscription_id)
    LIMIT $2))
  RETURNING 1
)
SELECT count(*)::integer AS forgotten FROM forgotten`,
};

export function createNotificationRetention(db: Database): NotificationRetention {
  return {
    messages: createOrderRetention(db, { list: LIST_OLD_MESSAGES, forget: FORGET_MESSAGES }),
    forgetDeletedWebhooks: (before) => deleteInBatches(db, FORGET_DELETED_WEBHOOKS, [before]),
  };
}
