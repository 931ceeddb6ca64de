import { and, asc, eq, gt } from 'drizzle-orm';
import { DatabaseContractError } from '../../../src/domain/errors.ts';
import type { Offer } from '../../../src/domain/inventory/offer.ts';
import type { OrderLine } from '../../../src/domain/order.ts';
import { MAX_STOCK_PIECES, type StockLevel } from '../../../src/domain/inventory/reservation.ts';
import type { Database, Statement } from '../../client.ts';
import { products, stock } from '../../schema/inventory.ts';

/** A thing that a tenant sells. */
export interface Product {
  readonly sku: string;
  readonly name: string;
  readonly priceMinor: number;
  readonly currency: string;
}

/** A change of the stock on hand, which a person or another system made. */
export interface StockAdjustment {
  readonly tenantId: string;
  readonly sku: string;
  /** Pieces that are added, or taken away when negative. */
  readonly delta: number;
  readonly reason: string;
  readonly actor: string;
  readonly idempotencyKey: string;
}

/** How an adjustment ended. */
export type AdjustmentResult =
  | { readonly kind: 'adjusted'; readonly level: StockLevel; readonly replayed: boolean }
  | { readonly kind: 'below_zero' | 'below_reserved' | 'above_maximum'; readonly level: StockLevel }
  | { readonly kind: 'key_reused' }
  | { readonly kind: 'unknown_sku' };

/** Products, prices and stock figures of a tenant. */
export interface CatalogRepository {
  /** The products sorted by SKU; `after` is the last SKU of the previous page. */
  listProducts(tenantId: string, after: string | null, limit: number): Promise<Product[]>;
  /** Creates or changes a product. A new product has no stock. */
  putProduct(tenantId: string, product: Product): Promise<{ readonly created: boolean }>;
  findOptionalStock(tenantId: string, sku: string): Promise<StockLevel | null>;
  /** Price and stock of the lines whose SKU exists; nothing is held. */
  listOffers(tenantId: string, lines: readonly OrderLine[]): Promise<Offer[]>;
  /** Adjusts the stock in one transaction. An idempotency key changes the stock once. */
  adjustStock(adjustment: StockAdjustment): Promise<AdjustmentResult>;
  /** Adds products with an initial stock, and leaves SKUs that exist untouched. Returns how many products are new. */
  seed(tenantId: string, entries: readonly (Product & { readonly onHand: number })[]): Promise<number>;
}

export function createCatalogRepository(db: Database): CatalogRepository {
  return {
    listProducts: (tenantId, after, limit) =>
      db.query((orm) =>
        orm
          .select({
            sku: products.sku,
            name: products.name,
            priceMinor: products.priceMinor,
            currency: products.currency,
          })
          .from(products)
          .where(and(eq(products.tenantId, tenantId), after === null ? undefined : gt(products.sku, after)))
          .orderBy(asc(products.sku))
          .limit(limit),
      ),
    putProduct: async (tenantId, product) => {
      const [row] = await db.run<{ created: boolean }>(PUT_PRODUCT, [
        tenantId,
        product.sku,
        product.name,
        product.priceMinor,
        product.currency,
      ]);
      return { created: row?.created ?? false };
    },
    findOptionalStock: (tenantId, sku) => findStock(db, tenantId, sku),
    listOffers: (tenantId, lines) => db.run<Offer>(LIST_OFFERS, [tenantId, JSON.stringify(lines)]),
    adjustStock: (adjustment) => adjustStock(db, adjustment).catch(keyReusedOrRethrow),
    seed: async (tenantId, entries) => {
      const [row] = await db.run<{ added: number }>(SEED_PRODUCTS, [tenantId, JSON.stringify(entries)]);
      return row?.added ?? 0;
    },
  };
}

async function findStock(db: Database, tenantId: string, sku: string): Promise<StockLevel | null> {
  const [row] = await db.query((orm) =>
    orm
      .select({ sku: stock.sku, onHand: stock.onHand, reserved: stock.reserved })
      .from(stock)
      .where(and(eq(stock.tenantId, tenantId), eq(stock.sku, sku))),
  );
  return row ?? null;
}

type EarlierAdjustment = Pick<StockAdjustment, 'sku' | 'delta' | 'reason'>;

async function adjustStock(db: Database, adjustment: StockAdjustment): Promise<AdjustmentResult> {
  const { tenantId, sku, delta, reason, actor, idempotencyKey } = adjustment;
  return db.transaction(async (tx): Promise<AdjustmentResult> => {
    const [level] = await tx.run<StockLevel>(LOCK_LEVEL, [tenantId, sku]);
    if (level === undefined) return { kind: 'unknown_sku' };
    const [earlier] = await tx.run<EarlierAdjustment>(FIND_ADJUSTMENT, [tenantId, idempotencyKey]);
    if (earlier !== undefined) {
      const same = earlier.sku === sku && earlier.delta === delta && earlier.reason === reason;
      return same ? { kind: 'adjusted', level, replayed: true } : { kind: 'key_reused' };
    }
    if (level.onHand + delta < 0) return { kind: 'below_zero', level };
    if (level.onHand + delta < level.reserved) return { kind: 'below_reserved', level };
    if (delta > 0 && level.onHand + delta > MAX_STOCK_PIECES) return { kind: 'above_maximum', level };
    await tx.run(APPLY_ADJUSTMENT, [tenantId, sku, delta, reason, actor, idempotencyKey]);
    return { kind: 'adjusted', level: { ...level, onHand: level.onHand + delta }, replayed: false };
  });
}

/**
 * The row lock makes uses of one key on one SKU wait for each other. If one key is used for two SKUs at once, the
 * unique index refuses the second use.
 */
function keyReusedOrRethrow(error: unknown): AdjustmentResult {
  if (error instanceof DatabaseContractError && error.constraint === 'stock_movements_key_idx') {
    return { kind: 'key_reused' };
  }
  throw error;
}

const LOCK_LEVEL: Statement = {
  name: 'lock_level',
  text: `SELECT sku, on_hand AS "onHand", reserved FROM inventory.stock WHERE tenant_id = $1 AND sku = $2 FOR NO KEY UPDATE`,
};

const FIND_ADJUSTMENT: Statement = {
  name: 'find_adjustment',
  text: `SELECT sku, on_hand_delta AS delta, reason FROM inventory.stock_movements WHERE tenant_id = $1 AND idempotency_key = $2`,
};

const APPLY_ADJUSTMENT: Statement = {
  name: 'apply_adjustment',
  text: `
WITH changed AS (
  UPDATE inventory.stock SET on_hand = on_hand + $3::bigint WHERE tenant_id = $1 AND sku = $2
)
INSERT INTO inventory.stock_movements
  (tenant_id, sku, kind, on_hand_delta, reserved_delta, reason, actor, idempotency_key)
VALUES ($1, $2, 'adjustment', $3::bigint, 0, $4, $5, $6)`,
};

const PUT_PRODUCT: Statement = {
  name: 'put_product',
  // xmax is 0 on a row that this statement has inserted.
  text: `
WITH put AS (
  INSERT INTO inventory.products (tenant_id, sku, name, price_minor, currency) VALUES ($1, $2, $3, $4, $5)
  ON CONFLICT (tenant_id, sku) DO UPDATE
    SET name = excluded.name, price_minor = excluded.price_minor, currency = excluded.currency, updated_at = now()
  RETURNING (xmax = 0) AS created
), stocked AS (
  INSERT INTO inventory.stock (tenant_id, sku, on_hand, reserved) VALUES ($1, $2, 0, 0) ON CONFLICT DO NOTHING
)
SELECT created FROM put`,
};

const SEED_PRODUCTS: Statement = {
  name: 'seed_products',
  text: `
WITH entry AS (
  SELECT * FROM jsonb_to_recordset($2::jsonb)
    AS entry (sku text, name text, "priceMinor" bigint, currency text, "onHand" bigint)
), product AS (
  INSERT INTO inventory.products (tenant_id, sku, name, price_minor, currency)
  SELECT $1, sku, name, "priceMinor", currency FROM entry
  ON CONFLICT DO NOTHING
), stocked AS (
  INSERT INTO inventory.stock (tenant_id, sku, on_hand, reserved) SELECT $1, sku, "onHand", 0 FROM entry
  ON CONFLICT DO NOTHING RETURNING sku, on_hand
), noted AS (
  INSERT INTO inventory.stock_movements (tenant_id, sku, kind, on_hand_delta, reserved_delta, actor)
  SELECT $1, sku, 'initial', on_hand, 0, 'seed' FROM stocked
)
SELECT count(*)::integer AS added FROM stocked`,
};

const LIST_OFFERS: Statement = {
  name: 'list_offers',
  text: `
SELECT s.sku, w.quantity, s.on_hand - s.reserved AS available, p.price_minor AS "unitPriceMinor", p.currency
FROM jsonb_to_recordset($2::jsonb) AS w (sku text, quantity integer)
JOIN inventory.stock s ON s.tenant_id = $1 AND s.sku = w.sku
JOIN inventory.products p ON p.tenant_id = s.tenant_id AND p.sku = s.sku
ORDER BY s.sku`,
};
