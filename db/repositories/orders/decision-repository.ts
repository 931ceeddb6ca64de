import type { DecisionState, OperatorDecision } from '../../../src/domain/case.ts';
import type { Database } from '../../client.ts';
import type { OperatorAction } from '../audit/operator-action-repository.ts';
import {
  DECIDE,
  END_LEFT_DECISIONS,
  FIND_DECISION,
  REFUSE_DECISION,
  TAKE_DUE_DECISIONS,
} from './decision-statements.ts';

/** A decision of an operator about a case. */
export interface NewDecision extends OperatorDecision {
  readonly tenantId: string;
  /** The version of the case that the operator saw. */
  readonly caseVersion: number;
  readonly state: Extract<DecisionState, 'proposed' | 'decided' | 'withdrawn'>;
}

/** A decision as stored. */
export interface StoredDecision extends Omit<NewDecision, 'state'> {
  readonly orderId: string;
  readonly state: DecisionState;
}

/** A decision and the workflow that must get it. */
export interface DueDecision extends StoredDecision {
  readonly step: string;
  readonly workflowId: string;
}

/**
 * Decisions of operators, which are as durable as the commands of clients. A decision ends together with its case: see
 * `CaseRepository`.
 */
export interface DecisionRepository {
  findOptional(tenantId: string, decisionId: string): Promise<StoredDecision | null>;
  /**
   * Stores a decision and takes the case at the version that its operator saw. False when another operator was first,
   * another decision is on its way, or the case is resolved.
   */
  decide(decision: NewDecision): Promise<boolean>;
  /** Refuses a decision; harmless when it has ended. */
  refuse(decisionId: string): Promise<void>;
  /**
   * Decisions that were not carried out in time. Each call postpones the next delivery of the decisions that it
   * returns.
   */
  takeDue(limit: number): Promise<DueDecision[]>;
}

export function createDecisionRepository(db: Database): DecisionRepository {
  return {
    findOptional: async (tenantId, decisionId) => {
      const [row] = await db.run<StoredDecision>(FIND_DECISION, [tenantId, decisionId]);
      return row ?? null;
    },
    decide: async ({ decisionId, tenantId, caseId, caseVersion, actor, action, patch, evidence, reason, state }) => {
      const stored = patch === null ? null : JSON.stringify(patch);
      const values = [tenantId, caseId, caseVersion, actor, decisionId, action, stored, evidence, reason, state];
      return (await db.run(DECIDE, values)).length > 0;
    },
    refuse: async (decisionId) => {
      await db.run(REFUSE_DECISION, [decisionId]);
    },
    takeDue: async (limit) => {
      await db.run(END_LEFT_DECISIONS, []);
      return db.run<DueDecision>(TAKE_DUE_DECISIONS, [limit]);
    },
  };
}

/** The record of a decision among the acts of operators, with the state of the case that the operator saw. */
export function actionOf(decision: StoredDecision, seen: Readonly<Record<string, unknown>>): OperatorAction {
  const { decisionId: actionId, tenantId, actor, caseId: subject, orderId, reason } = decision;
  const { action, caseVersion, patch, evidence } = decision;
  return {
    actionId,
    tenantId,
    actor,
    action: `case.${decision.state === 'proposed' ? 'propose' : action}`,
    subject,
    orderId,
    reason,
    before: { ...seen, version: caseVersion },
    after: { patch, evidence },
  };
}
