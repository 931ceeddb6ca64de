import { isAtRest, ORDER_STATUSES } from '../../../src/domain/order-status.ts';
import type { Database, Statement } from '../../client.ts';

/** A customer of a tenant: the names that an erasure removes, and the pseudonym that replaces them. */
export interface NamesToErase {
  readonly tenantId: string;
  readonly customerId: string;
  /** The subject that the customer's own tokens have; the customer's id when they have no other. */
  readonly subject: string;
  /** Replaces both. */
  readonly pseudonym: string;
}

/** Takes a customer out of the tenant's orders. */
export interface CustomerErasureRepository {
  /**
   * Erases the customer from up to `limit` orders at rest: contact data, the customer's id, who placed them, and who
   * commanded them and why. Amounts, lines and stock stay. Repeating it is harmless.
   * @returns the number of orders that it has erased the customer from.
   */
  erase(names: NamesToErase, limit: number): Promise<number>;
  /** How many orders have the pseudonym, and how many still have the customer. */
  count(names: NamesToErase): Promise<{ readonly erased: number; readonly left: number }>;
}

/** The workflow of an order that waits for its capture still holds the contact data and will use them. */
const STATUSES_AT_REST = ORDER_STATUSES.filter((status) => isAtRest(status) && status !== 'AWAITING_CAPTURE');

export function createCustomerErasureRepository(db: Database): CustomerErasureRepository {
  return {
    erase: async ({ tenantId, customerId, subject, pseudonym }, limit) => {
      const values = [tenantId, customerId, pseudonym, [customerId, subject], STATUSES_AT_REST, limit];
      const [row] = await db.run<{ erased: number }>(ERASE_CUSTOMER, values);
      return row?.erased ?? 0;
    },
    count: async ({ tenantId, customerId, pseudonym }) => {
      const [row] = await db.run<{ erased: number; left: number }>(COUNT_ORDERS, [tenantId, customerId, pseudonym]);
      return row ?? { erased: 0, left: 0 };
    },
  };
}

/**
 * $1 tenant, $2 customer, $3 pseudonym, $4 the customer's names, $5 statuses at rest, $6 limit. Reasons in words may name
 * anybody, so all of them go; a reason of the system is a code, and stays.
 */
const ERASE_CUSTOMER: Statement = {
  name: 'erase_customer',
  text: `
WITH due AS (
  SELECT order_id FROM orders.orders o
  WHERE tenant_id = $1 AND customer_id = $2 AND status = ANY ($5::text[]) AND owner_command_id IS NULL
    AND NOT EXISTS (SELECT FROM orders.cases c WHERE c.order_id = o.order_id AND c.state = 'open')
  LIMIT $6 FOR NO KEY UPDATE
), erased AS (
  UPDATE orders.orders o SET customer_id = $3, sealed_contact = NULL,
    placed_by = CASE WHEN placed_by = ANY ($4::text[]) THEN $3 ELSE placed_by END
  FROM due WHERE o.order_id = due.order_id RETURNING o.order_id
), commands AS (
  UPDATE orders.order_commands c SET reason = NULL, actor = CASE WHEN actor = ANY ($4::text[]) THEN $3 ELSE actor END
  FROM due WHERE c.order_id = due.order_id AND c.actor <> 'system'
), events AS (
  UPDATE orders.order_events e
  SET data = data - 'reason', actor = CASE WHEN actor = ANY ($4::text[]) THEN $3 ELSE actor END
  FROM due WHERE e.order_id = due.order_id AND e.actor <> 'system'
)
SELECT count(*)::integer AS erased FROM erased`,
};

const COUNT_ORDERS: Statement = {
  name: 'count_orders_of_customer',
  text: `
SELECT count(*) FILTER (WHERE customer_id = $3)::integer AS erased,
  count(*) FILTER (WHERE customer_id = $2)::integer AS "left"
FROM orders.orders WHERE tenant_id = $1 AND customer_id IN ($2, $3)`,
};
