import { isAtRest, ORDER_STATUSES } from '../../../src/domain/order-status.ts';
import type { Database, Statement } from '../../client.ts';
import { deleteInBatches } from '../../delete-in-batches.ts';

/** Orders of which nothing is left to do, and their cases. */
export interface EndedOrders {
  /** Which of some orders have ended, and have not changed since a time. An order without a row is none of them. */
  listEnded(orderIds: readonly string[], before: Date): Promise<string[]>;
  /** Deletes the resolved cases of such orders from before a time, with their decisions. */
  forgetCases(before: Date): Promise<void>;
}

const ENDED = ORDER_STATUSES.filter((status) => isAtRest(status) && status !== 'AWAITING_CAPTURE');

/** The order `o` has ended before `$1`: no workflow, command or person works on it. */
export const HAS_ENDED = `o.status IN (${ENDED.map((status) => `'${status}'`).join(', ')}) AND o.updated_at < $1
  AND o.owner_command_id IS NULL
  AND NOT EXISTS (SELECT FROM orders.cases open WHERE open.order_id = o.order_id AND open.state = 'open')`;

const LIST_ENDED: Statement = {
  name: 'list_ended_orders',
  text: `SELECT o.order_id AS "orderId" FROM orders.orders o WHERE o.order_id = ANY ($2::text[]) AND ${HAS_ENDED}`,
};

const FORGET_CASES: Statement = {
  name: 'forget_cases',
  text: `
WITH old AS MATERIALIZED (
  SELECT c.case_id FROM orders.cases c JOIN orders.orders o ON o.order_id = c.order_id
  WHERE c.state = 'resolved' AND c.resolved_at < $1 AND ${HAS_ENDED}
    AND NOT EXISTS (SELECT FROM orders.case_decisions d
      WHERE d.case_id = c.case_id AND (d.ended_at IS NULL OR d.ended_at >= $1))
  LIMIT $2 FOR UPDATE OF c SKIP LOCKED
), decided AS (
  DELETE FROM orders.case_decisions d USING old WHERE d.case_id = old.case_id
), forgotten AS (
  DELETE FROM orders.cases c USING old WHERE c.case_id = old.case_id RETURNING 1
)
SELECT count(*)::integer AS forgotten FROM forgotten`,
};

export function createEndedOrders(db: Database): EndedOrders {
  return {
    listEnded: async (orderIds, before) => {
      const rows = await db.run<{ orderId: string }>(LIST_ENDED, [before, [...orderIds]]);
      return rows.map(({ orderId }) => orderId);
    },
    forgetCases: (before) => deleteInBatches(db, FORGET_CASES, [before]),
  };
}
