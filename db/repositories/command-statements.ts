import type { Statement } from '../client.ts';

/**
 * Decides a command in one statement: moves the status if it allows the command, notes the event, and stores the answer
 * under the command's id. A command that was decided before changes nothing and keeps its answer.
 *
 * $1 command id, $2 order, $3 tenant, $4 kind, $5 request hash, $6 actor, $7 reason, $8 amount, $9 statuses it starts
 * from, $10 status it leads to, $11 event type, $12 decision when it is allowed, $13 decision otherwise, $14 seconds
 * since the confirmation within which it is allowed (null: any), $15 version the order must have (null: any), $16 whether
 * an order that was sold decides nothing.
 */
export const DECIDE_COMMAND: Statement = {
  name: 'decide_command',
  text: `
WITH before AS (
  SELECT order_id, status, version, confirmed_at FROM orders.orders
  WHERE order_id = $2 AND tenant_id = $3 FOR NO KEY UPDATE
), fresh AS (
  SELECT before.* FROM before WHERE NOT EXISTS (SELECT FROM orders.order_commands WHERE command_id = $1)
    AND (NOT $16::boolean OR before.confirmed_at IS NULL)
), moved AS (
  UPDATE orders.orders o SET status = $10, version = o.version + 1, updated_at = now()
  FROM fresh
  WHERE o.order_id = fresh.order_id AND fresh.status = ANY ($9::text[])
    AND ($14::integer IS NULL OR fresh.confirmed_at IS NULL OR fresh.confirmed_at > now() - make_interval(secs => $14))
    AND ($15::integer IS NULL OR fresh.version = $15)
  RETURNING o.order_id, o.tenant_id, o.version, fresh.status AS from_status
), event AS (
  INSERT INTO orders.order_events (order_id, seq, tenant_id, type, from_status, to_status, actor, data)
  SELECT order_id, version, tenant_id, $11, from_status, $10, $6,
    jsonb_strip_nulls(jsonb_build_object('commandId', $1::text, 'reason', $7::text, 'amountMinor', $8::bigint))
  FROM moved
), answered AS (
  INSERT INTO orders.order_commands
    (command_id, order_id, tenant_id, kind, request_hash, actor, reason, amount_minor, decision, generation)
  SELECT $1, order_id, $3, $4, $5, $6, $7, $8,
    CASE WHEN EXISTS (SELECT FROM moved) OR fresh.status = $10 THEN $12 ELSE $13 END,
    CASE WHEN EXISTS (SELECT FROM moved) OR ($4 = 'capture' AND fresh.status = $10) THEN 1 + (
      SELECT count(*)::integer FROM orders.order_commands c
      WHERE c.order_id = $2 AND c.generation IS NOT NULL AND (c.kind = 'capture') = ($4 = 'capture')
    ) END
  FROM fresh
  -- A stale version is no answer: the caller looks again.
  WHERE $15::integer IS NULL OR fresh.version = $15
  ON CONFLICT (command_id) DO NOTHING
  RETURNING decision, generation
)
SELECT decision, generation FROM answered`,
};

/** How a command was answered. */
export const FIND_COMMAND: Statement = {
  name: 'find_command',
  text: `
SELECT command_id AS "commandId", kind, request_hash AS "requestHash", decision, amount_minor AS "amountMinor", generation
FROM orders.order_commands WHERE command_id = $1 AND tenant_id = $2`,
};

/** All commands of an order, oldest answer first. */
export const LIST_COMMANDS: Statement = {
  name: 'list_commands',
  text: `
SELECT command_id AS "commandId", kind, request_hash AS "requestHash", decision, amount_minor AS "amountMinor",
  generation, actor, reason
FROM orders.order_commands WHERE tenant_id = $1 AND order_id = $2 ORDER BY answered_at, command_id`,
};

/** Stores an answer that needs no change of the order; the first one stays. */
export const ANSWER_COMMAND: Statement = {
  name: 'answer_command',
  text: `
INSERT INTO orders.order_commands
  (command_id, order_id, tenant_id, kind, request_hash, actor, reason, amount_minor, decision)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (command_id) DO NOTHING`,
};
