import type { Statement } from '../../client.ts';

/** One select over the three forms of scope. */
export interface ScopedStatement {
  /** `$1` is an array of order ids. */
  readonly byIds: Statement;
  /** Rows after order `$1`. */
  readonly after: Statement;
  /** Rows after order `$1` and up to order `$2`. */
  readonly between: Statement;
}

/** The first statement of a transaction: all later statements see the database as it is at the next statement. */
export const SNAPSHOT: Statement = {
  name: 'audit_snapshot',
  text: 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY',
};

const ORDER_COLUMNS = `order_id AS "orderId", tenant_id AS "tenantId", idempotency_key AS "idempotencyKey", status,
  capture_mode AS "captureMode", currency, total_minor AS "totalMinor", version, owner_command_id AS "ownerCommandId"`;

/** The orders that follow an id. The number of orders sets the size of a chunk of the audit. */
export const ORDERS_PAGE: Statement = {
  name: 'audit_orders_page',
  text: `SELECT ${ORDER_COLUMNS} FROM orders.orders WHERE order_id > $1 ORDER BY order_id LIMIT $2`,
};

/** Ids alone, for a walk through all orders. */
export const ORDER_IDS: Statement = {
  name: 'audit_order_ids',
  text: `SELECT order_id AS "orderId" FROM orders.orders WHERE order_id > $1 ORDER BY order_id LIMIT $2`,
};

/** Statuses and totals. */
export const ORDERS = scoped('audit_orders', `SELECT ${ORDER_COLUMNS} FROM orders.orders`);

/** The lines as ordered. */
export const LINES = scoped('audit_lines', `SELECT order_id AS "orderId", sku, quantity FROM orders.order_lines`);

/** Histories, oldest first. */
export const EVENTS = scoped(
  'audit_events',
  `SELECT order_id AS "orderId", tenant_id AS "tenantId", seq, from_status AS "from", to_status AS "to", at
   FROM orders.order_events`,
  'order_id, seq',
);

/** At most `$2` of the SKUs that some orders name. */
export const SKUS_OF_ORDERS: Statement = {
  name: 'audit_skus_of_orders',
  text: `
SELECT DISTINCT o.tenant_id AS "tenantId", l.sku
FROM orders.orders o JOIN orders.order_lines l ON l.order_id = o.order_id
WHERE o.order_id = ANY ($1::text[]) LIMIT $2`,
};

/** What clients asked of orders after these were accepted. */
export const COMMANDS = scoped(
  'audit_commands',
  `SELECT order_id AS "orderId", tenant_id AS "tenantId", command_id AS "commandId", kind, decision, generation,
     amount_minor AS "amountMinor"
   FROM orders.order_commands`,
);

/** Open and resolved cases; the order of a case may have no row. */
export const CASES = scoped(
  'audit_cases',
  `SELECT order_id AS "orderId", tenant_id AS "tenantId", step_name AS step, workflow_id AS "workflowId", state
   FROM orders.cases`,
);

/** Reserved lines and tombstones. */
export const RESERVATIONS = scoped(
  'audit_reservations',
  `SELECT order_id AS "orderId", tenant_id AS "tenantId", sku, quantity, unit_price_minor AS "unitPriceMinor", state
   FROM inventory.reservations`,
);

/** Effects that were asked of the payment provider. */
export const OPERATIONS = scoped(
  'audit_operations',
  `SELECT order_id AS "orderId", tenant_id AS "tenantId", key, kind, generation, amount_minor AS "amountMinor", currency,
     state, provider_ref AS "providerRef", updated_at AS "updatedAt"
   FROM payments.operations`,
);

/** The sums that the trigger keeps. */
export const BALANCES = scoped(
  'audit_balances',
  `SELECT order_id AS "orderId", tenant_id AS "tenantId", authorized_minor AS "authorizedMinor",
     captured_minor AS "capturedMinor", refunded_minor AS "refundedMinor", voided
   FROM payments.balances`,
);

/** Which orders and tenants the messages belong to. */
export const MESSAGES = scoped(
  'audit_messages',
  `SELECT order_id AS "orderId", tenant_id AS "tenantId" FROM notifications.messages`,
);

/**
 * Reads the hot movements and reservations once, in one snapshot, with the closing entries of the archived ones. A SKU
 * that is in only one of them has a row, too. The closing entries are compared with the archived rows apart.
 */
export const SKU_FIGURES: Statement = {
  name: 'audit_sku_figures',
  text: `
WITH moved AS (
  SELECT tenant_id, sku, sum(on_hand_delta)::bigint AS on_hand, sum(reserved_delta)::bigint AS reserved,
    (sum(on_hand_delta) FILTER (WHERE kind IN ('initial', 'adjustment')))::bigint AS supplied
  FROM ONLY inventory.stock_movements GROUP BY tenant_id, sku
), claimed AS (
  SELECT tenant_id, sku, sum(quantity) FILTER (WHERE state = 'HELD') AS held,
    sum(quantity) FILTER (WHERE state = 'COMMITTED') AS committed
  FROM ONLY inventory.reservations WHERE state IN ('HELD', 'COMMITTED') GROUP BY tenant_id, sku
)
SELECT tenant_id AS "tenantId", sku, s.on_hand AS "onHand", s.reserved,
  coalesce(m.on_hand, 0) + coalesce(a.on_hand_delta, 0) AS "movedOnHand",
  coalesce(m.reserved, 0) + coalesce(a.reserved_delta, 0) AS "movedReserved",
  coalesce(m.supplied, 0) AS supplied, coalesce(c.held, 0) AS held,
  coalesce(c.committed, 0) + coalesce(a.committed, 0) AS committed
FROM inventory.stock s
FULL JOIN moved m USING (tenant_id, sku)
FULL JOIN claimed c USING (tenant_id, sku)
FULL JOIN inventory.archived_stock a USING (tenant_id, sku)`,
};

/** SKUs whose closing entry differs from the sums of the archived rows; the first 1,000 of them. */
export const CLOSING_DIFFERENCES: Statement = {
  name: 'audit_closing_differences',
  text: `
WITH moved AS (
  SELECT tenant_id, sku, sum(on_hand_delta) AS on_hand, sum(reserved_delta) AS reserved
  FROM inventory.stock_movements WHERE tableoid <> 'inventory.stock_movements'::regclass GROUP BY tenant_id, sku
), sold AS (
  SELECT tenant_id, sku, sum(quantity) AS pieces FROM inventory.reservations
  WHERE tableoid <> 'inventory.reservations'::regclass AND state = 'COMMITTED' GROUP BY tenant_id, sku
), compared AS (
  SELECT tenant_id, sku,
    ARRAY[coalesce(a.on_hand_delta, 0), coalesce(a.reserved_delta, 0), coalesce(a.committed, 0)] AS entry,
    ARRAY[coalesce(m.on_hand, 0), coalesce(m.reserved, 0), coalesce(s.pieces, 0)]::bigint[] AS sums
  FROM inventory.archived_stock a
  FULL JOIN moved m USING (tenant_id, sku)
  FULL JOIN sold s USING (tenant_id, sku)
)
SELECT tenant_id AS "tenantId", sku, array_to_string(entry, ', ') AS entry, array_to_string(sums, ', ') AS sums
FROM compared WHERE entry <> sums ORDER BY tenant_id, sku LIMIT 1000`,
};

/** Orders that are both among the hot ones and in the archive; the first 1,000 of them. */
export const DOUBLED_ORDERS: Statement = {
  name: 'audit_doubled_orders',
  text: `
SELECT o.order_id AS "orderId" FROM ONLY orders.orders o
WHERE EXISTS (SELECT FROM orders.orders a WHERE a.order_id = o.order_id AND a.tableoid <> o.tableoid)
ORDER BY o.order_id LIMIT 1000`,
};

/**
 * The stock figures of some SKUs (`$1` tenants, `$2` SKUs) beside the sums of their movements: the hot ones, and the
 * closing entry of the archived ones. A SKU with more than `$3`
 * movements is left out, so that no SKU makes the statement long.
 */
export const MOVED_FIGURES: Statement = {
  name: 'audit_moved_figures',
  text: `
SELECT w.tenant_id AS "tenantId", w.sku, s.on_hand AS "onHand", s.reserved, m.on_hand AS "movedOnHand",
  m.reserved AS "movedReserved"
FROM unnest($1::text[], $2::text[]) AS w (tenant_id, sku)
LEFT JOIN inventory.stock s ON s.tenant_id = w.tenant_id AND s.sku = w.sku
CROSS JOIN LATERAL (
  SELECT count(*) AS movements, coalesce(sum(n.on_hand_delta), 0)::bigint AS on_hand,
    coalesce(sum(n.reserved_delta), 0)::bigint AS reserved
  FROM (
    (SELECT on_hand_delta, reserved_delta FROM ONLY inventory.stock_movements
     WHERE tenant_id = w.tenant_id AND sku = w.sku LIMIT $3::integer + 1)
    UNION ALL
    SELECT on_hand_delta, reserved_delta FROM inventory.archived_stock WHERE tenant_id = w.tenant_id AND sku = w.sku
  ) n
) m
WHERE m.movements <= $3::integer + 1 AND (s.sku IS NOT NULL OR m.movements > 0)`,
};

/** Movements under another tenant than that of their reservation; the first 1,000 of them. */
export const STRAY_MOVEMENTS: Statement = {
  name: 'audit_stray_movements',
  text: `
SELECT m.order_id AS "orderId", m.sku, m.tenant_id AS "movementTenantId", r.tenant_id AS "reservationTenantId"
FROM inventory.stock_movements m
JOIN inventory.reservations r ON r.order_id = m.order_id AND r.sku = m.sku
WHERE r.tenant_id <> m.tenant_id
ORDER BY m.movement_id LIMIT 1000`,
};

function scoped(name: string, select: string, orderBy = 'order_id'): ScopedStatement {
  const statement = (form: string, condition: string): Statement => ({
    name: `${name}_${form}`,
    text: `${select} WHERE ${condition} ORDER BY ${orderBy}`,
  });
  return {
    byIds: statement('by_ids', 'order_id = ANY ($1::text[])'),
    after: statement('after', 'order_id > $1'),
    between: statement('between', 'order_id > $1 AND order_id <= $2'),
  };
}
