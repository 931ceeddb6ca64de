import type { OrderFacts } from '../facts.ts';

/** What one check found in one order or SKU. */
export interface Finding {
  /** How many things were checked; 0 when the invariant does not apply. */
  readonly checked: number;
  /** One sentence per broken rule; ids and figures, never personal data. */
  readonly problems: readonly string[];
}

/** A pure check of one order. */
export type OrderCheck = (facts: OrderFacts) => Finding;

/** The invariant does not apply here. */
export const NOT_APPLICABLE: Finding = { checked: 0, problems: [] };
