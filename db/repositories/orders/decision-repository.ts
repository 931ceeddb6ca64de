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

/** What an operator has decided about a case. */
export interface NewDecision extends OperatorDecision {
  readonly tenantId: string;
  /** Of the case as the operator saw it. */
  readonly caseVersion: number;
  readonly state: Extract<DecisionState, 'proposed' | 'decided' | 'withdrawn'>;
}

/** A decision as stored. */
export interface StoredDecision extends Omit<NewDecision, 'state'> {
  readonly orderId: string;
  readonly state: DecisionState;
}

/** A decision with where it has to go. */
export interface DueDecision extends StoredDecision {
  readonly step: string;
  readonly workflowId: string;
}

/** Decisions of operators: as durable as the commands of clients. They end with their case: see `CaseRepository`. */
export interface DecisionRepository {
  findOptional(tenantId: string, decisionId: string): Promise<StoredDecision | null>;
  /**
   * Stores a decision and takes the case at the version its operator saw; false when somebody else was first, another
   * decision is on its way, or the case is resolved.
   */
  decide(decision: NewDecision): Promise<boolean>;
  /** Harmless when it has ended. */
  refuse(decisionId: string): Promise<void>;
  /** Decisions that were not carried out in time; each call postpones the next delivery of those it returns. */
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

/** The record of a decision among the acts of operators, with what its operator saw of the case. */
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
