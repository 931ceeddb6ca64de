import type { ReservationState } from '../../../src/domain/inventory/reservation.ts';
import type { Statement } from '../../client.ts';

// Statements name the hot reservations (`ONLY`), because an order is brought back from the archive before its stock moves. With
// the archive in it, the planner would expect more lines, and read the whole stock instead of theirs.

/**
 * Adds the pieces in `held` to the hold of their stock rows, which `offered` has locked, and records the movements. It
 * is written as an upsert although every row exists, because an upsert finds each row by its key, where an UPDATE with
 * a join reads the whole stock of a tenant while the table is small. Both figures are computed from the locked version
 * of the row. The statement's snapshot may be older: it would miss pieces that were given back while the statement
 * waited for the lock.
 */
const RAISED = `raised AS (
  INSERT INTO inventory.stock (tenant_id, sku, on_hand, reserved)
  SELECT $2, held.sku, offered.on_hand, offered.reserved + held.quantity FROM held JOIN offered ON offered.sku = held.sku
  ON CONFLICT (tenant_id, sku) DO UPDATE SET on_hand = excluded.on_hand, reserved = excluded.reserved
), noted AS (
  INSERT INTO inventory.stock_movements (tenant_id, sku, kind, on_hand_delta, reserved_delta, order_id, actor)
  SELECT $2, sku, 'hold', 0, quantity, $1, 'system' FROM held
)`;

/**
 * Holds all lines or none. `offered` locks the stock rows in SKU order and sees their newest version. The whole hold is
 * refused unless every SKU exists, is sold in the order's currency and has enough pieces left, and the total is the
 * expected one; the caller reads the reason from the offers. The one-row limits make the server look each SKU up by its
 * key, because a join reads the whole catalog of a tenant until the tables are analyzed, and always when they are
 * small.
 */
export const HOLD_STOCK: Statement = {
  name: 'hold_stock',
  text: `
WITH wanted AS (
  SELECT sku, quantity FROM jsonb_to_recordset($3::jsonb) AS line (sku text, quantity integer)
), offered AS (
  SELECT w.sku, s.on_hand, s.reserved, s.on_hand - s.reserved AS available, w.quantity, p.price_minor, p.currency
  FROM (SELECT sku, quantity FROM wanted ORDER BY sku) w
  CROSS JOIN LATERAL (
    SELECT on_hand, reserved FROM inventory.stock WHERE tenant_id = $2 AND sku = w.sku LIMIT 1 FOR NO KEY UPDATE
  ) s
  CROSS JOIN LATERAL (
    SELECT price_minor, currency FROM inventory.products WHERE tenant_id = $2 AND sku = w.sku LIMIT 1
  ) p
), verdict AS (
  SELECT count(*) = (SELECT count(*) FROM wanted)
    AND bool_and(available >= quantity AND currency = $4)
    AND ($5::bigint IS NULL OR sum(quantity * price_minor) = $5) AS holdable
  FROM offered
), held AS (
  INSERT INTO inventory.reservations (order_id, sku, tenant_id, quantity, unit_price_minor, state, expires_at)
  SELECT $1, sku, $2, quantity, price_minor, 'HELD', now() + make_interval(secs => $6)
  FROM offered, verdict WHERE holdable
  ON CONFLICT (order_id, sku) DO NOTHING
  RETURNING sku, quantity
), ${RAISED}
SELECT offered.sku, offered.quantity, offered.available, offered.price_minor AS "unitPriceMinor", offered.currency,
  EXISTS (SELECT FROM held) AS held
FROM offered`,
};

/**
 * Does for expired lines what HOLD_STOCK does, at the prices that were frozen then. The reservations are locked too: a
 * second attempt that waited for the first finds them HELD, and does not count its own pieces as missing.
 */
export const RETAKE_EXPIRED: Statement = {
  name: 'retake_expired',
  text: `
WITH offered AS (
  SELECT s.sku, s.on_hand, s.reserved, s.on_hand - s.reserved AS available, r.quantity
  FROM inventory.stock s
  JOIN ONLY inventory.reservations r ON r.tenant_id = s.tenant_id AND r.sku = s.sku
  WHERE r.order_id = $1 AND r.tenant_id = $2 AND r.state = 'EXPIRED'
  ORDER BY s.sku
  FOR NO KEY UPDATE OF s, r
), verdict AS (
  SELECT bool_and(available >= quantity) AS holdable FROM offered
), held AS (
  UPDATE ONLY inventory.reservations r
  SET state = 'HELD', expires_at = now() + make_interval(secs => $3), updated_at = now()
  FROM verdict WHERE holdable AND r.order_id = $1 AND r.state = 'EXPIRED'
  RETURNING r.sku, r.quantity
), ${RAISED}
SELECT offered.sku, offered.quantity AS requested, offered.available, EXISTS (SELECT FROM held) AS held FROM offered`,
};

/** HELD lines of one order become COMMITTED: the pieces leave both the stock on hand and the hold. */
export const COMMIT_HELD = endHold('commit_held', {
  state: 'COMMITTED',
  kind: 'commit',
  onHandDelta: '-quantity',
  guard: 'true',
});

/** HELD lines of one order become EXPIRED when their time is up: the hold is given back. */
export const EXPIRE_HELD = endHold('expire_held', {
  state: 'EXPIRED',
  kind: 'expire',
  onHandDelta: '0',
  guard: 'r.expires_at < now()',
});

/** Makes a hold longer and never shorter. A hold that the sweep has ended meanwhile stays EXPIRED. */
export const EXTEND_HOLD: Statement = {
  name: 'extend_hold',
  text: `
UPDATE ONLY inventory.reservations
SET expires_at = greatest(expires_at, now() + make_interval(secs => $2)), updated_at = now()
WHERE order_id = $1 AND state = 'HELD' RETURNING sku`,
};

/** Locks the stock rows of some SKUs in order. */
export const LOCK_STOCK: Statement = {
  name: 'lock_stock',
  text: `SELECT sku FROM inventory.stock WHERE tenant_id = $1 AND sku = ANY ($2::text[]) ORDER BY sku FOR NO KEY UPDATE`,
};

/** A cancel or a return may be of an archived order, whose lines then come back. */
export const RESTORE_LINES: Statement = {
  name: 'restore_lines',
  text: `
SELECT inventory.restore_orders(ARRAY[$1::text]) WHERE EXISTS (
  SELECT FROM inventory.reservations WHERE order_id = $1 AND tableoid <> 'inventory.reservations'::regclass)`,
};

/**
 * Expects the stock rows to be locked. Pieces of HELD lines leave the hold, and pieces of COMMITTED lines go back on
 * the shelf.
 */
export const RELEASE_RESERVATIONS: Statement = {
  name: 'release_reservations',
  text: `
WITH tombstones AS (
  INSERT INTO inventory.reservations (order_id, sku, tenant_id, quantity, state)
  SELECT $1, sku, $2, quantity, 'RELEASED'
  FROM jsonb_to_recordset($3::jsonb) AS line (sku text, quantity integer)
  ON CONFLICT (order_id, sku) DO NOTHING
), before AS (
  SELECT sku, quantity, state FROM ONLY inventory.reservations
  WHERE order_id = $1 AND state IN ('HELD', 'COMMITTED') ORDER BY sku FOR NO KEY UPDATE
), released AS (
  UPDATE ONLY inventory.reservations r SET state = 'RELEASED', expires_at = NULL, updated_at = now()
  FROM before WHERE r.order_id = $1 AND r.sku = before.sku
), returned AS (
  UPDATE inventory.stock s
  SET reserved = s.reserved - CASE before.state WHEN 'HELD' THEN before.quantity ELSE 0 END,
    on_hand = s.on_hand + CASE before.state WHEN 'COMMITTED' THEN before.quantity ELSE 0 END
  FROM before WHERE s.tenant_id = $2 AND s.sku = before.sku
)
INSERT INTO inventory.stock_movements (tenant_id, sku, kind, on_hand_delta, reserved_delta, order_id, actor)
SELECT $2, sku, CASE state WHEN 'HELD' THEN 'release' ELSE 'restock' END,
  CASE state WHEN 'COMMITTED' THEN quantity ELSE 0 END, CASE state WHEN 'HELD' THEN -quantity ELSE 0 END, $1, 'system'
FROM before`,
};

/**
 * The locks on the stock rows put an order's movements in sequence, so their numbers tell in which order they happened.
 */
export const LIST_MOVEMENTS: Statement = {
  name: 'list_movements',
  text: `
SELECT sku, kind, on_hand_delta AS "onHandDelta", reserved_delta AS "reservedDelta", actor, at
FROM inventory.stock_movements WHERE tenant_id = $1 AND order_id = $2 ORDER BY movement_id`,
};

/** How a hold ends; the last two fields are SQL. */
interface HoldEnd {
  readonly state: ReservationState;
  readonly kind: 'commit' | 'expire';
  readonly onHandDelta: string;
  readonly guard: string;
}

function endHold(name: string, { state, kind, onHandDelta, guard }: HoldEnd): Statement {
  return {
    name,
    // Counting the rows makes the server take all locks, in SKU order, before the first row changes.
    text: `
WITH locked AS (
  SELECT s.sku FROM inventory.stock s
  JOIN ONLY inventory.reservations r ON r.tenant_id = s.tenant_id AND r.sku = s.sku
  WHERE r.order_id = $1 AND r.tenant_id = $2
  ORDER BY s.sku
  FOR NO KEY UPDATE OF s
), ended AS (
  UPDATE ONLY inventory.reservations r SET state = '${state}', expires_at = NULL, updated_at = now()
  WHERE r.order_id = $1 AND r.tenant_id = $2 AND r.state = 'HELD' AND ${guard}
    AND (SELECT count(*) FROM locked) > 0
  RETURNING r.sku, r.quantity
), figures AS (
  UPDATE inventory.stock s SET on_hand = s.on_hand + (${onHandDelta}), reserved = s.reserved - quantity
  FROM ended WHERE s.tenant_id = $2 AND s.sku = ended.sku
), noted AS (
  INSERT INTO inventory.stock_movements (tenant_id, sku, kind, on_hand_delta, reserved_delta, order_id, actor)
  SELECT $2, sku, '${kind}', ${onHandDelta}, -quantity, $1, 'system' FROM ended
)
SELECT count(*)::integer AS lines FROM ended`,
  };
}
