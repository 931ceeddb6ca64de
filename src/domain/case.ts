/** A case is open while an order is parked or past a step's budget. */
export const CASE_STATES = ['open', 'resolved'] as const;
export type CaseState = (typeof CASE_STATES)[number];

/** What an operator may do about a case. */
export const CASE_ACTIONS = ['retry', 'retryWith', 'skip', 'abort', 'forceResolve'] as const;
export type CaseAction = (typeof CASE_ACTIONS)[number];

/** What an open case tells an operator. */
export interface CaseReport {
  /** The step that could not be done, as in the Web UI, for example `take-payment`. */
  readonly step: string;
  /** Stable failure code of the last attempt. */
  readonly errorCode: string;
  /** Message of the last attempt; carries ids, never personal data. */
  readonly message: string;
  /** The workflow that is parked. */
  readonly workflowId: string;
  /** What the step was asked to do, free of personal data. */
  readonly input: Readonly<Record<string, unknown>>;
  /** What can be done about it. */
  readonly actions: readonly CaseAction[];
}

/** An operator's decision on its way to the parked workflow. */
export interface CaseDecision {
  readonly caseId: string;
  /** The step that is parked, as the operator saw it; a decision for another one is refused. */
  readonly step: string;
  readonly action: CaseAction;
  /** `retryWith`: fields of the step's input to replace. */
  readonly patch: CasePatch | null;
  readonly actor: string;
  readonly reason: string;
  /** `forceResolve`: what proves that the effect happened outside, for example a bank's reference. */
  readonly evidence: string | null;
}

/** What may be changed of a step's input: another payment method. The amount is frozen with the prices. */
export interface CasePatch {
  readonly method?: string;
}
