import type { Database, Statement } from '../../db/client.ts';

/** The figures of a SKU that do not follow from each other. */
export interface BrokenStock {
  readonly tenantId: string;
  readonly sku: string;
  readonly onHand: number;
  readonly reserved: number;
  /** What its movements add up to. */
  readonly movedOnHand: number;
  readonly movedReserved: number;
  /** Pieces of its HELD lines. */
  readonly held: number;
}

/** One statement sees one snapshot, so figures, movements and holds are of one moment. */
const BROKEN_STOCK: Statement = {
  name: 'chaos_broken_stock',
  text: `
SELECT * FROM (
  SELECT s.tenant_id AS "tenantId", s.sku, s.on_hand::float8 AS "onHand", s.reserved::float8 AS reserved,
    coalesce(m.on_hand, 0)::float8 AS "movedOnHand", coalesce(m.reserved, 0)::float8 AS "movedReserved",
    coalesce(h.held, 0)::float8 AS held
  FROM inventory.stock s
  LEFT JOIN (
    SELECT tenant_id, sku, sum(on_hand_delta) AS on_hand, sum(reserved_delta) AS reserved
    FROM inventory.stock_movements GROUP BY tenant_id, sku
  ) m ON m.tenant_id = s.tenant_id AND m.sku = s.sku
  LEFT JOIN (
    SELECT tenant_id, sku, sum(quantity) AS held FROM inventory.reservations WHERE state = 'HELD' GROUP BY tenant_id, sku
  ) h ON h.tenant_id = s.tenant_id AND h.sku = s.sku
) figures
WHERE NOT (0 <= reserved AND reserved <= "onHand" AND "onHand" = "movedOnHand" AND reserved = "movedReserved"
  AND reserved = held)`,
};

/** The SKUs whose figures are broken at this moment; none in a sound system. */
export function readBrokenStock(database: Database): Promise<BrokenStock[]> {
  return database.run<BrokenStock>(BROKEN_STOCK, []);
}

/** The same in a sentence. */
export function describeBroken(broken: BrokenStock): { readonly subject: string; readonly message: string } {
  const { tenantId, sku, onHand, reserved, movedOnHand, movedReserved, held } = broken;
  return {
    subject: `${tenantId}/${sku}`,
    message: `on hand ${onHand} (moved ${movedOnHand}), reserved ${reserved} (moved ${movedReserved}, held ${held})`,
  };
}
