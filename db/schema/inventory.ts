import { sql } from 'drizzle-orm';
import { bigserial, char, check, index, integer, pgSchema, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { MOVEMENT_KINDS, RESERVATION_STATES } from '../../src/domain/inventory/reservation.ts';
import { createdAt, instant, minorUnits, oneOf, pieces } from './columns.ts';

/** Products, stock and reservations; the schema of the inventory service. */
export const inventorySchema = pgSchema('inventory');

/** What a tenant sells and for how much. */
export const products = inventorySchema.table(
  'products',
  {
    tenantId: text('tenant_id').notNull(),
    sku: text('sku').notNull(),
    name: text('name').notNull(),
    priceMinor: minorUnits('price_minor').notNull(),
    currency: char('currency', { length: 3 }).notNull(),
    createdAt: createdAt(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.sku] }),
    check('products_price_check', sql`price_minor between 0 and 1000000000`),
  ],
);

/** Stock figures. The CHECK makes overselling impossible, even if the code is wrong. */
export const stock = inventorySchema.table(
  'stock',
  {
    tenantId: text('tenant_id').notNull(),
    sku: text('sku').notNull(),
    onHand: pieces('on_hand').notNull(),
    reserved: pieces('reserved').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.sku] }),
    check('stock_reserved_check', sql`0 <= reserved and reserved <= on_hand`),
    check('stock_on_hand_check', sql`on_hand <= ${sql.raw(String(Number.MAX_SAFE_INTEGER))}`),
  ],
);

/**
 * One row per order and SKU. A `RELEASED` row without a price is a tombstone: the order gave up before its hold
 * arrived, and a late hold finds the primary key taken.
 */
export const reservations = inventorySchema.table(
  'reservations',
  {
    orderId: text('order_id').notNull(),
    sku: text('sku').notNull(),
    tenantId: text('tenant_id').notNull(),
    quantity: integer('quantity').notNull(),
    unitPriceMinor: minorUnits('unit_price_minor'),
    state: text('state', { enum: RESERVATION_STATES }).notNull(),
    expiresAt: instant('expires_at'),
    createdAt: createdAt(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.orderId, table.sku] }),
    // Selects the same rows as `state = 'HELD'`. It is written differently, so that statements about the HELD lines of
    // one order do not use this index: before the table is analyzed, the server would read the whole index for each
    // order.
    index('reservations_expiry_idx')
      .on(table.expiresAt)
      .where(sql`expires_at is not null`),
    check('reservations_state_check', oneOf(table.state, RESERVATION_STATES)),
    check('reservations_quantity_check', sql`quantity between 1 and 1000`),
    check('reservations_held_check', sql`state <> 'HELD' or (expires_at is not null and unit_price_minor is not null)`),
    check('reservations_committed_check', sql`state <> 'COMMITTED' or unit_price_minor is not null`),
  ],
);

/** Every change of a stock figure, so that the figures can be recomputed. The table is append-only. */
export const stockMovements = inventorySchema.table(
  'stock_movements',
  {
    movementId: bigserial('movement_id', { mode: 'number' }).primaryKey(),
    tenantId: text('tenant_id').notNull(),
    sku: text('sku').notNull(),
    kind: text('kind', { enum: MOVEMENT_KINDS }).notNull(),
    onHandDelta: pieces('on_hand_delta').notNull(),
    reservedDelta: pieces('reserved_delta').notNull(),
    orderId: text('order_id'),
    /** The idempotency key of an adjustment; empty for movements of an order, which the order's own key protects. */
    idempotencyKey: text('idempotency_key'),
    reason: text('reason'),
    actor: text('actor').notNull(),
    at: instant('at').notNull().defaultNow(),
  },
  (table) => [
    index('stock_movements_sku_idx').on(table.tenantId, table.sku),
    index('stock_movements_order_idx')
      .on(table.orderId)
      .where(sql`order_id is not null`),
    uniqueIndex('stock_movements_key_idx')
      .on(table.tenantId, table.idempotencyKey)
      .where(sql`idempotency_key is not null`),
    check('stock_movements_kind_check', oneOf(table.kind, MOVEMENT_KINDS)),
  ],
);

/**
 * What the archived movements of a SKU come to, and the pieces of archived COMMITTED lines, so that the hot rows and this
 * row together give the stock figures. `archive_orders` and `restore_orders` keep it; nothing else writes it.
 */
export const archivedStock = inventorySchema.table(
  'archived_stock',
  {
    tenantId: text('tenant_id').notNull(),
    sku: text('sku').notNull(),
    onHandDelta: pieces('on_hand_delta').notNull(),
    reservedDelta: pieces('reserved_delta').notNull(),
    committed: pieces('committed').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.sku] })],
);
