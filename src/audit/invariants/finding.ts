import type { OrderFacts } from '../facts.ts';

/** What one check found in one order or SKU. */
export interface Finding {
  /** How many things were looked at; 0 when the invariant says nothing about this one. */
  readonly checked: number;
  /** One sentence per broken rule; ids and figures, never personal data. */
  readonly problems: readonly string[];
}

/** A pure check of one order. */
export type OrderCheck = (facts: OrderFacts) => Finding;

/** The invariant says nothing here. */
export const NOT_APPLICABLE: Finding = { checked: 0, problems: [] };
