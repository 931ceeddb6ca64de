/**
 * The largest total of one order in minor units: 100 lines x 1,000 pieces x 10,000,000.00 is 10^14, well below
 * Number.MAX_SAFE_INTEGER (9 x 10^15), so integer arithmetic stays exact.
 */
export const MAX_AMOUNT_MINOR = 100_000_000_000_000;

/**
 * The largest price of one piece in minor units (10,000,000.00 in a two-digit currency); see {@link MAX_AMOUNT_MINOR}.
 */
export const MAX_UNIT_PRICE_MINOR = 1_000_000_000;

/** A line with the unit price that was frozen when its stock was held. */
export interface PricedLine {
  readonly sku: string;
  readonly quantity: number;
  /** Price of one piece in minor units of the order's currency. */
  readonly unitPriceMinor: number;
}

/** Adds up priced lines in minor units; exact within {@link MAX_AMOUNT_MINOR}. */
export function totalOf(lines: readonly PricedLine[]): number {
  return lines.reduce((sum, line) => sum + line.quantity * line.unitPriceMinor, 0);
}
