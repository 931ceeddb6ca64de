/** A case is open while an order is parked or past a step's budget. */
export const CASE_STATES = ['open', 'resolved'] as const;
export type CaseState = (typeof CASE_STATES)[number];

/** What an open case tells an operator. */
export interface CaseReport {
  /** The step that could not be done, as in the Web UI, for example `take-payment`. */
  readonly step: string;
  /** Stable failure code of the last attempt. */
  readonly errorCode: string;
  /** Message of the last attempt; carries ids, never personal data. */
  readonly message: string;
}
