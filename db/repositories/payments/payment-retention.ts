import { createOrderRetention, type OrderRetention } from '../order-retention.ts';
import type { Database, Statement } from '../../client.ts';
import { deleteInBatches } from '../../delete-in-batches.ts';

/** What the payment service forgets after a time. */
export interface PaymentRetention {
  /** Attempts, and the states that operations had. */
  readonly history: OrderRetention;
  /** Deletes the reports of providers from before a time that were applied; open ones stay. */
  forgetAppliedNotices(before: Date): Promise<void>;
}

const LIST_OLD_HISTORY: Statement = {
  name: 'list_orders_of_old_payment_history',
  text: `
SELECT order_id AS "orderId" FROM (
  SELECT order_id FROM payments.attempts WHERE at < $1 AND order_id <> ALL ($2::text[]) LIMIT $3
) attempted
UNION
SELECT order_id FROM (
  SELECT order_id FROM payments.operation_changes WHERE at < $1 AND order_id <> ALL ($2::text[]) LIMIT $3
) changed`,
};

/** Calls the function of the migration `0013_retention`, because the history is append-only. */
const FORGET_HISTORY: Statement = {
  name: 'forget_payment_history',
  text: 'SELECT payments.forget_history($1, $2) AS forgotten',
};

const FORGET_NOTICES: Statement = {
  name: 'forget_payment_notices',
  text: `
WITH forgotten AS (
  DELETE FROM payments.payment_notices WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM payments.payment_notices
    WHERE received_at < $1 AND applied_at < $1 AND state = 'APPLIED' LIMIT $2))
  RETURNING 1
)
SELECT count(*)::integer AS forgotten FROM forgotten`,
};

export function createPaymentRetention(db: Database): PaymentRetention {
  return {
    history: createOrderRetention(db, { list: LIST_OLD_HISTORY, forget: FORGET_HISTORY }),
    forgetAppliedNotices: (before) => deleteInBatches(db, FORGET_NOTICES, [before]),
  };
}
