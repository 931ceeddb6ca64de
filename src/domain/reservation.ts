/** States of one reserved line. `RELEASED` may be the first state: a tombstone that stops a late reserve. */
export const RESERVATION_STATES = ['HELD', 'COMMITTED', 'RELEASED', 'EXPIRED'] as const;
export type ReservationState = (typeof RESERVATION_STATES)[number];

/** Why stock figures changed; one `stock_movements` row each. */
export const MOVEMENT_KINDS = ['initial', 'adjustment', 'hold', 'commit', 'release', 'expire', 'restock'] as const;

/**
 * Pieces that an adjustment may fill one SKU up to. The database holds nine times as many (2^53 - 1, what a number counts
 * exactly), so that what was sold and comes back always finds room: no release may fail because somebody restocked.
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
