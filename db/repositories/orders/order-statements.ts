import type { Statement } from '../../client.ts';

/**
 * Each step of an order runs single SQL statements: each is its own transaction, costs one round trip and one commit,
 * and holds its row locks only while it runs.
 */

const OPEN_CASE = `
  (SELECT jsonb_build_object('caseId', c.case_id, 'step', c.step_name, 'errorCode', c.error_code, 'openedAt', c.opened_at)
     FROM orders.cases c WHERE c.order_id = o.order_id AND c.state = 'open' ORDER BY c.opened_at LIMIT 1)`;

const LINES = `
  (SELECT jsonb_agg(jsonb_build_object('sku', l.sku, 'quantity', l.quantity) ORDER BY l.sku)
     FROM orders.order_lines l WHERE l.order_id = o.order_id)`;

const UNDER_WAY = `
  coalesce((SELECT a.amount_minor FROM orders.orders owned JOIN orders.order_commands a ON a.command_id = owned.owner_command_id
     WHERE owned.order_id = o.order_id AND a.kind = 'capture'), 0)`;

/** Writes row, lines and first event; writes nothing when the order exists, here or in the archive. */
export const OPEN_ORDER: Statement = {
  name: 'open_order',
  text: `
WITH opened AS (
  INSERT INTO orders.orders (order_id, tenant_id, idempotency_key, request_hash, first_execution_run_id,
    correlation_id, customer_id, sealed_contact, currency, payment_method, capture_mode, expected_total_minor,
    reference, traceparent, placed_by, status, version)
  SELECT $1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, $10, $11, $12, $13, $15, $16, 'PENDING', 1
  WHERE NOT EXISTS (SELECT FROM orders.orders WHERE order_id = $1)
  ON CONFLICT DO NOTHING
  RETURNING order_id, tenant_id
), lines AS (
  INSERT INTO orders.order_lines (order_id, sku, quantity)
  SELECT opened.order_id, line.sku, line.quantity
  FROM opened, jsonb_to_recordset($14::jsonb) AS line (sku text, quantity integer)
), event AS (
  INSERT INTO orders.order_events (order_id, seq, tenant_id, type, from_status, to_status, actor, data)
  SELECT order_id, 1, tenant_id, 'order.opened', NULL, 'PENDING', 'system', '{}'::jsonb FROM opened
)
SELECT EXISTS (SELECT FROM opened) AS created`,
};

/**
 * Stores the decision that an authorized order expires, writes its event, and ends the ownership of $2 (null: no
 * command owns the order). There is no row when the decision exists already, another command owns the order, or the
 * order has moved on.
 */
export const RECORD_EXPIRY: Statement = {
  name: 'record_expiry',
  text: `
WITH expiring AS (
  UPDATE orders.orders SET refusal = $3::jsonb, owner_command_id = NULL, version = version + 1, updated_at = now()
  WHERE order_id = $1 AND status = 'AWAITING_CAPTURE' AND refusal IS NULL AND owner_command_id IS NOT DISTINCT FROM $2
  RETURNING order_id, tenant_id, version, refusal
), event AS (
  INSERT INTO orders.order_events (order_id, seq, tenant_id, type, from_status, to_status, actor, data)
  SELECT order_id, version, tenant_id, 'order.expiring', NULL, NULL, 'system',
    jsonb_strip_nulls(jsonb_build_object('commandId', $2::text)) FROM expiring
)
SELECT version FROM expiring`,
};

/**
 * Stores the first decision to reject and its event; no row when a decision exists already or the order has moved on.
 */
export const RECORD_REFUSAL: Statement = {
  name: 'record_refusal',
  text: `
WITH refused AS (
  UPDATE orders.orders SET refusal = $2::jsonb, version = version + 1, updated_at = now()
  WHERE order_id = $1 AND status = 'PENDING' AND refusal IS NULL
  RETURNING order_id, tenant_id, version, refusal
), event AS (
  INSERT INTO orders.order_events (order_id, seq, tenant_id, type, from_status, to_status, actor, data)
  SELECT order_id, version, tenant_id, 'order.refused', NULL, NULL, 'system', refusal FROM refused
)
SELECT refusal FROM refused`,
};

/**
 * Changes the status if it is the expected one, and writes the event; `version` is the event's sequence number, so
 * there can be no gap. Only the command that owns the order ($11, null: no command does) may change the status, and
 * afterwards no command owns the order.
 */
export const TRANSITION_ORDER: Statement = {
  name: 'transition_order',
  text: `
WITH before AS (
  SELECT order_id, status, owner_command_id FROM orders.orders WHERE order_id = $1 FOR NO KEY UPDATE
), moved AS (
  UPDATE orders.orders o
  SET status = $3, confirmed_at = CASE WHEN $3 = 'CONFIRMED' THEN coalesce(o.confirmed_at, now()) ELSE o.confirmed_at END,
    capture_by = coalesce(now() + $10::float8 * interval '1 millisecond', o.capture_by),
    total_minor = coalesce($4, o.total_minor), reason = coalesce($5, o.reason),
    reason_details = coalesce($6::jsonb, o.reason_details), owner_command_id = NULL, version = o.version + 1,
    updated_at = now()
  FROM before
  WHERE o.order_id = before.order_id AND before.status = ANY ($2::text[])
    AND before.owner_command_id IS NOT DISTINCT FROM $11
  RETURNING o.order_id, o.tenant_id, o.correlation_id, o.version, o.capture_by, before.status AS from_status,
    o.status AS to_status
), event AS (
  INSERT INTO orders.order_events (order_id, seq, tenant_id, type, from_status, to_status, actor, data)
  SELECT order_id, version, tenant_id, $7, from_status, to_status, $8, $9::jsonb FROM moved
)
SELECT version, capture_by AS "captureBy", tenant_id AS "tenantId", correlation_id AS "correlationId", from_status AS "from",
  EXISTS (SELECT FROM orders.cases WHERE order_id = $1 AND workflow_id = $12 AND state = 'open') AS "mayLeaveCases"
FROM moved`,
};

/** One order of one tenant with its lines and its open case. */
export const FIND_ORDER: Statement = {
  name: 'find_order',
  text: `
SELECT o.order_id AS "orderId", o.tenant_id AS "tenantId", o.request_hash AS "requestHash",
  o.correlation_id AS "correlationId", o.traceparent, o.customer_id AS "customerId", o.currency,
  o.payment_method AS "paymentMethod", o.reference, o.status, o.reason, o.reason_details AS "reasonDetails",
  o.total_minor AS "totalMinor", o.version, o.capture_mode AS "captureMode", o.sealed_contact AS "sealedContact",
  o.refusal, o.confirmed_at AS "confirmedAt", o.owner_command_id AS "ownerCommandId",
  o.capture_by AS "captureBy", o.created_at AS "createdAt", o.updated_at AS "updatedAt",
  ${LINES} AS lines, ${OPEN_CASE} AS attention, ${UNDER_WAY} AS "captureUnderWayMinor"
FROM orders.orders o WHERE o.tenant_id = $1 AND o.order_id = $2`,
};

/** Who placed an order. */
export const FIND_PLACER: Statement = {
  name: 'find_placer',
  text: `SELECT placed_by AS "placedBy" FROM orders.orders WHERE tenant_id = $1 AND order_id = $2`,
};

/** The command that owns an order; no row when none does. */
export const FIND_OWNERSHIP: Statement = {
  name: 'find_ownership',
  text: `
SELECT c.command_id AS "commandId", c.kind, c.turn, c.generation, c.amount_minor AS "amountMinor"
FROM orders.orders o JOIN orders.order_commands c ON c.command_id = o.owner_command_id WHERE o.order_id = $1`,
};

/** The tenants of the given orders, over all tenants. */
export const FIND_OWNERS: Statement = {
  name: 'find_owners',
  text: `
SELECT order_id AS "orderId", tenant_id AS "tenantId", correlation_id AS "correlationId", traceparent, currency,
  status,
  owner_command_id IS NOT NULL AS "isOwned"
FROM orders.orders WHERE order_id = ANY ($1::text[])`,
};

/** The request hashes of those orders ($1 tenants, $2 ids) that were opened $3 seconds ago or earlier. */
export const EARLIER_HASHES: Statement = {
  name: 'earlier_hashes',
  text: `
SELECT w.ordinal, o.request_hash AS "requestHash"
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (tenant_id, order_id, ordinal)
CROSS JOIN LATERAL (
  SELECT request_hash, created_at FROM orders.orders WHERE tenant_id = w.tenant_id AND order_id = w.order_id LIMIT 1
) o
WHERE o.created_at < now() - make_interval(secs => $3)`,
};

/** Status and open case of one order, for long polls. */
export const ORDER_IN_SHORT: Statement = {
  name: 'order_in_short',
  text: `
SELECT o.status, o.request_hash AS "requestHash",
  EXISTS (SELECT FROM orders.cases c WHERE c.order_id = o.order_id AND c.state = 'open') AS attention
FROM orders.orders o WHERE o.tenant_id = $1 AND o.order_id = $2`,
};

/** The same for several orders. The limit makes the server look each order up by its key. */
export const ORDERS_IN_SHORT: Statement = {
  name: 'orders_in_short',
  text: `
SELECT w.ordinal, o.status,
  EXISTS (SELECT FROM orders.cases c WHERE c.order_id = o.order_id AND c.state = 'open') AS attention
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (tenant_id, order_id, ordinal)
CROSS JOIN LATERAL (
  SELECT order_id, status FROM orders.orders WHERE tenant_id = w.tenant_id AND order_id = w.order_id LIMIT 1
) o`,
};

/** Lines and open cases of a page of orders. */
export const LIST_LINES: Statement = {
  name: 'list_lines',
  text: `
SELECT o.order_id AS "orderId", ${LINES} AS lines, ${OPEN_CASE} AS attention,
  ${UNDER_WAY} AS "captureUnderWayMinor"
FROM unnest($1::text[]) AS o (order_id)`,
};
