import type { Statement } from '../../client.ts';

/**
 * The order's row with everything that a decision on a command needs; it stays locked until the transaction ends. The
 * row may be in the archive.
 */
export const LOCK_ORDER: Statement = {
  name: 'lock_order',
  text: `
SELECT status, version, confirmed_at IS NOT NULL AS "wasSold", owner_command_id AS "ownerId",
  extract(epoch FROM now() - confirmed_at)::float8 AS "soldForSeconds",
  refusal IS NOT NULL AND status IN ('PENDING', 'AWAITING_CAPTURE') AS "isGivenUp",
  coalesce(total_minor = 0, false) AS "isFree",
  capture_count AS "captureCount", refund_count AS "refundCount",
  tableoid <> 'orders.orders'::regclass AS "isArchived"
FROM orders.orders WHERE order_id = $1 AND tenant_id = $2 FOR NO KEY UPDATE`,
};

/** Brings an archived order back to the hot tables. */
export const RESTORE_ORDER: Statement = {
  name: 'restore_order',
  text: 'SELECT orders.restore_orders(ARRAY[$1::text])',
};

/**
 * Makes the command the owner of the locked order, and writes status, event and answer in one statement.
 *
 * $1 command id, $2 order, $3 tenant, $4 kind, $5 request hash, $6 actor, $7 reason, $8 amount, $9 status, $10 event
 * type, $11 decision, $12 generation, $13 and $14 the numbers of captures and refunds drawn so far, $15 and $16 the
 * event's edge.
 */
export const OWN_ORDER: Statement = {
  name: 'own_order',
  text: `
WITH owned AS (
  UPDATE orders.orders SET status = $9, owner_command_id = $1, capture_count = $13, refund_count = $14,
    version = version + 1, updated_at = now()
  WHERE order_id = $2 RETURNING order_id, tenant_id, correlation_id, version
), event AS (
  INSERT INTO orders.order_events (order_id, seq, tenant_id, type, from_status, to_status, actor, data)
  SELECT order_id, version, tenant_id, $10, $15, $16, $6, jsonb_strip_nulls(jsonb_build_object(
    'commandId', $1::text, 'reason', $7::text, 'amountMinor', $8::bigint, 'generation', $12::integer))
  FROM owned
), answered AS (
  INSERT INTO orders.order_commands
    (command_id, order_id, tenant_id, kind, request_hash, actor, reason, amount_minor, decision, generation, turn)
  SELECT $1, $2, $3, $4, $5, $6, $7, $8, $11, $12, version FROM owned
)
SELECT version AS turn, correlation_id AS "correlationId" FROM owned`,
};

/**
 * Ends the command's ownership and writes the event that tells how the command ended; no row when the command does not
 * own the order.
 */
export const RELEASE_ORDER: Statement = {
  name: 'release_order',
  text: `
WITH released AS (
  UPDATE orders.orders SET owner_command_id = NULL, version = version + 1, updated_at = now()
  WHERE order_id = $1 AND owner_command_id = $2 RETURNING order_id, tenant_id, version
)
INSERT INTO orders.order_events (order_id, seq, tenant_id, type, from_status, to_status, actor, data)
SELECT order_id, version, tenant_id, $3, NULL, NULL, 'system', $4::jsonb FROM released RETURNING seq`,
};

const COMMAND = `c.command_id AS "commandId", c.kind, c.request_hash AS "requestHash", c.decision,
  c.amount_minor AS "amountMinor", c.generation, c.turn`;

/** The stored answer to a command. */
export const FIND_COMMAND: Statement = {
  name: 'find_command',
  text: `SELECT ${COMMAND} FROM orders.order_commands c WHERE c.command_id = $1 AND c.tenant_id = $2`,
};

/** All commands of an order, oldest answer first. */
export const LIST_COMMANDS: Statement = {
  name: 'list_commands',
  text: `
SELECT ${COMMAND}, c.actor, c.reason, c.answered_at AS "answeredAt"
FROM orders.order_commands c WHERE c.tenant_id = $1 AND c.order_id = $2 ORDER BY c.answered_at, c.command_id`,
};

/** Stores an answer that does not change the order; the first answer stays. */
export const ANSWER_COMMAND: Statement = {
  name: 'answer_command',
  text: `
INSERT INTO orders.order_commands
  (command_id, order_id, tenant_id, kind, request_hash, actor, reason, amount_minor, decision)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (command_id) DO NOTHING`,
};

/** Commands whose order has been quiet for $1 seconds: the next $3 after the order $2. */
export const LIST_OWNED: Statement = {
  name: 'list_owned',
  text: `
SELECT ${COMMAND}, c.actor, c.reason, c.order_id AS "orderId", c.tenant_id AS "tenantId",
  extract(epoch FROM now() - o.updated_at)::float8 AS "quietSeconds"
FROM orders.orders o JOIN orders.order_commands c ON c.command_id = o.owner_command_id
WHERE o.owner_command_id IS NOT NULL AND o.order_id > $2 AND o.updated_at < now() - make_interval(secs => $1)
ORDER BY o.order_id LIMIT $3`,
};

/** How many commands own an order, and how long the quietest of these orders has been quiet. */
export const OLDEST_OWNED: Statement = {
  name: 'oldest_owned',
  text: `
SELECT count(*)::integer AS count, coalesce(extract(epoch FROM now() - min(updated_at)), 0)::float8 AS "oldestSeconds"
FROM orders.orders WHERE owner_command_id IS NOT NULL`,
};
