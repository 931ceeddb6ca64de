/** A case is open while an order is parked or past a step's budget. */
export const CASE_STATES = ['open', 'resolved'] as const;
export type CaseState = (typeof CASE_STATES)[number];

/** What a workflow can do about a case. */
export const CASE_ACTIONS = ['retry', 'retryWith', 'skip', 'abort', 'forceResolve'] as const;
export type CaseAction = (typeof CASE_ACTIONS)[number];

/** What an operator may do about a case; `withdraw` takes back a proposal that waits for a second person. */
export const DESK_ACTIONS = [...CASE_ACTIONS, 'withdraw'] as const;
export type DeskAction = (typeof DESK_ACTIONS)[number];

/**
 * What becomes of an operator's decision. `proposed`: a second person has to approve it; `decided`: on its way to the
 * workflow. Ends: `carried_out`; `failed_again`: the step was tried and the case is still open; `withdrawn`; `refused`:
 * the case ended in another way before, or its workflow is gone.
 */
export const DECISION_STATES = ['proposed', 'decided', 'carried_out', 'failed_again', 'withdrawn', 'refused'] as const;
export type DecisionState = (typeof DECISION_STATES)[number];

/** What operators are told of a decision. */
export const DECISION_OUTCOMES = [
  'carried_out',
  'failed_again',
  'awaiting_second_approver',
  'withdrawn',
  'pending',
] as const;
export type DecisionOutcome = (typeof DECISION_OUTCOMES)[number];

/**
 * The API hands a decision over itself, within seconds. The sweep does it after 30 s, then after 1, 2, 4 ... 60 min: a step
 * may be tried for a quarter of an hour before its workflow takes the decision, and each time adds to its history.
 */
export const DECISION_DELIVERY = { firstAfterSeconds: 30, longestPauseSeconds: 3_600 } as const;

/** What a provider's answer differed in; amounts in minor units. */
export interface AnswerMismatch {
  readonly field: string;
  readonly expected: string | number;
  /** Null when the answer does not say. */
  readonly found: string | number | null;
}

/** What an open case tells an operator. */
export interface CaseReport {
  /** The step that could not be done, as in the Web UI, for example `take-payment`. */
  readonly step: string;
  /** Stable failure code of the last attempt. */
  readonly errorCode: string;
  /** Message of the last attempt; carries ids, never personal data. */
  readonly message: string;
  /** How often the step was tried since the last report of it; absent in reports of earlier versions: once. */
  readonly attempts?: number;
  /** What the provider's answer differed in, where that is why. */
  readonly mismatch?: AnswerMismatch | null;
  /** The decision that the step was tried by, and failed again. */
  readonly decisionId?: string | null;
  /** The workflow that is parked. */
  readonly workflowId: string;
  /** What the step was asked to do, free of personal data. */
  readonly input: Readonly<Record<string, unknown>>;
  /** What can be done about it. */
  readonly actions: readonly CaseAction[];
}

/** An operator's decision on its way to the parked workflow. */
export interface CaseDecision {
  /** The workflow takes it once, however often it is delivered; absent in decisions of earlier versions. */
  readonly decisionId?: string;
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

/** An operator's decision as it is stored. */
export interface OperatorDecision extends Omit<CaseDecision, 'action' | 'step'> {
  readonly decisionId: string;
  readonly action: DeskAction;
}

/** What the workflow hears of a stored decision about a case at a step; a withdrawal is never on its way. */
export function handedOver(decision: OperatorDecision, step: string): CaseDecision & { readonly decisionId: string } {
  const { decisionId, caseId, action, patch, actor, reason, evidence } = decision;
  return { decisionId, caseId, step, action: action as CaseAction, patch, actor, reason, evidence };
}

/** What may be changed of a step's input: another payment method. The amount is frozen with the prices. */
export interface CasePatch {
  readonly method?: string;
}
