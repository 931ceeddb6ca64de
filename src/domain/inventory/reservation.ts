/**
 * The states of one reserved line. `RELEASED` may be the first state: then it is a tombstone that stops a late hold.
 */
export const RESERVATION_STATES = ['HELD', 'COMMITTED', 'RELEASED', 'EXPIRED'] as const;
export type ReservationState = (typeof RESERVATION_STATES)[number];

/** Why stock figures changed; each change is one row of `stock_movements`. */
export const MOVEMENT_KINDS = ['initial', 'adjustment', 'hold', 'commit', 'release', 'expire', 'restock'] as const;

/**
 * Pieces to which an adjustment may raise one SKU. The database holds nine times as many (2^53 - 1, the largest exact
 * integer), so that returned pieces always fit: no release may fail because a person has restocked.
 */
export const MAX_STOCK_PIECES = 1_000_000_000_000_000;

/** Stock figures of one SKU. */
export interface StockLevel {
  readonly sku: string;
  /** Pieces in the warehouse, held ones included. */
  readonly onHand: number;
  /** Pieces held for open orders. */
  readonly reserved: number;
}
