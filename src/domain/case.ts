/** A case is open while its order is parked or past a step's budget. */
export const CASE_STATES = ['open', 'resolved'] as const;
export type CaseState = (typeof CASE_STATES)[number];

/** The events about a case. */
export const CASE_EVENT_TYPES = ['case.opened', 'case.resolved'] as const;
export type CaseEventType = (typeof CASE_EVENT_TYPES)[number];

/** A case that was opened or resolved, with the facts of that moment, which is not in the event stream yet. */
export interface UnpublishedCaseChange {
  readonly position: number;
  readonly type: CaseEventType;
  readonly caseId: string;
  /** The order's id, or the stand-in of a report that has no order. */
  readonly orderId: string;
  readonly tenantId: string;
  readonly step: string;
  readonly errorCode: string;
  readonly attempts: number;
  /** How it ended; null for a case that was opened. */
  readonly resolution: string | null;
  readonly traceId: string | null;
  readonly at: Date;
  /** Null when the order has no row. */
  readonly correlationId: string | null;
  readonly traceparent: string | null;
}

/** What a workflow can do about a case. */
export const CASE_ACTIONS = ['retry', 'retryWith', 'skip', 'abort', 'forceResolve'] as const;
export type CaseAction = (typeof CASE_ACTIONS)[number];

/** What an operator may do about a case; `withdraw` takes back a proposal that waits for a second person. */
export const DESK_ACTIONS = [...CASE_ACTIONS, 'withdraw'] as const;
export type DecisionAction = (typeof DESK_ACTIONS)[number];

/**
 * States of an operator's decision. `proposed`: a second person has to approve it. `decided`: it is on its way to the
 * workflow. The others are final: `carried_out`; `failed_again`: the step was tried and the case is still open;
 * `withdrawn`; `refused`: the case had ended in another way, or its workflow is gone.
 */
export const DECISION_STATES = ['proposed', 'decided', 'carried_out', 'failed_again', 'withdrawn', 'refused'] as const;
export type DecisionState = (typeof DECISION_STATES)[number];

/** The result of a decision, as operators see it. */
export const DECISION_OUTCOMES = [
  'carried_out',
  'failed_again',
  'awaiting_second_approver',
  'withdrawn',
  'pending',
] as const;
export type DecisionOutcome = (typeof DECISION_OUTCOMES)[number];

/**
 * The API delivers a decision itself, within seconds. The sweep delivers it after 30 s, and then after 1, 2, 4 ... 60
 * min. The pauses grow because a step may be tried for a quarter of an hour before its workflow takes the decision, and
 * each delivery adds to the workflow's history.
 */
export const DECISION_DELIVERY = { firstAfterSeconds: 30, longestPauseSeconds: 3_600 } as const;

/** The field in which a provider's answer differed; amounts are in minor units. */
export interface AnswerMismatch {
  readonly field: string;
  readonly expected: string | number;
  /** Null when the answer does not contain the field. */
  readonly found: string | number | null;
}

/** The content of an open case for operators. */
export interface CaseReport {
  /** The step that failed, named as in the Web UI, for example `take-payment`. */
  readonly step: string;
  /** Stable failure code of the last attempt. */
  readonly errorCode: string;
  /** Message of the last attempt; it contains ids, never personal data. */
  readonly message: string;
  /** Tries of the step since its last report. It is absent in reports of earlier versions, and then means one try. */
  readonly attempts?: number;
  /** The field in which the provider's answer differed, if that is the reason of the case. */
  readonly mismatch?: AnswerMismatch | null;
  /** The decision that made the step try again, and fail again. */
  readonly decisionId?: string | null;
  /** The workflow that is parked. */
  readonly workflowId: string;
  /** The input of the step without personal data. */
  readonly input: Readonly<Record<string, unknown>>;
  /** The actions that operators can choose. */
  readonly actions: readonly CaseAction[];
}

/** An operator's decision on its way to the parked workflow. */
export interface CaseDecision {
  /**
   * The workflow takes the decision once, even if it is delivered several times; absent in decisions of earlier
   * versions.
   */
  readonly decisionId?: string;
  readonly caseId: string;
  /** The step that was parked when the operator decided; a decision for another step is refused. */
  readonly step: string;
  readonly action: CaseAction;
  /** `retryWith`: fields that replace those of the step's input. */
  readonly patch: CasePatch | null;
  readonly actor: string;
  readonly reason: string;
  /** `forceResolve`: the proof that the effect happened outside, for example a bank's reference. */
  readonly evidence: string | null;
}

/** An operator's decision as it is stored. */
export interface OperatorDecision extends Omit<CaseDecision, 'action' | 'step'> {
  readonly decisionId: string;
  readonly action: DecisionAction;
}

/** The form in which a workflow gets a stored decision about a case at a step. A withdrawal is never delivered. */
export function handedOver(decision: OperatorDecision, step: string): CaseDecision & { readonly decisionId: string } {
  const { decisionId, caseId, action, patch, actor, reason, evidence } = decision;
  return { decisionId, caseId, step, action: action as CaseAction, patch, actor, reason, evidence };
}

/** The part of a step's input that may be changed: the payment method. The amount is frozen with the prices. */
export interface CasePatch {
  readonly method?: string;
}
