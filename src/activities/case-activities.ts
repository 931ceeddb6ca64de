import type { CaseRepository, CauseCase } from '../../db/repositories/orders/case-repository.ts';
import { actionOf, type DecisionRepository } from '../../db/repositories/orders/decision-repository.ts';
import type { OperatorActionRepository } from '../../db/repositories/audit/operator-action-repository.ts';
import { handedOver, type CaseReport, type CaseState } from '../domain/case.ts';
import { randomId } from '../domain/ids.ts';
import { traceIdOf } from '../domain/traceparent.ts';
import { activeTrace } from '../runtime/tracing/spans.ts';
import { callingWorkflowId } from './left-cases.ts';

export interface CaseActivityDeps {
  readonly cases: CaseRepository;
  readonly decisions: DecisionRepository;
  readonly actions: OperatorActionRepository;
}

/** A decision and the workflow that must get it. */
interface DueDecision {
  readonly workflowId: string;
  readonly decision: ReturnType<typeof handedOver>;
}

/** Steps on cases and decisions, and the reads of a redrive. */
export function createCaseActivities({ cases, decisions, actions }: CaseActivityDeps) {
  return {
    /**
     * Effect: opens a case for a step, or counts further attempts on the open one; the decision that made the step try
     * again is marked as failed again.
     * Key: one open case per order, step and workflow.
     * Outcomes: the case.
     * Failures: database, retried without end.
     * Undo: `resolveCase`.
     */
    async openCase(input: {
      orderId: string;
      tenantId: string;
      report: CaseReport;
    }): Promise<{ readonly caseId: string }> {
      const { orderId, tenantId, report } = input;
      const traceId = traceIdOf(activeTrace().traceparent);
      return cases.open({ caseId: randomId('case'), orderId, tenantId, traceId, ...report });
    },

    /**
     * Effect: closes the open case at a step of the calling workflow, and ends the decisions about the case.
     * Key: order, step and workflow.
     * Outcomes: done; also if no case is open.
     * Failures: database, retried without end.
     * Undo: none.
     */
    async resolveCase(input: { orderId: string; step: string; resolution: string; actor: string }): Promise<void> {
      const { orderId, step, resolution, actor } = input;
      await cases.resolve({ orderId, step, workflowId: callingWorkflowId() }, resolution, actor);
    },

    /**
     * Effect: takes decisions that were not carried out in time; each is postponed to its next delivery.
     * Key: the decision.
     * Outcomes: the decisions, each with the workflow that must get it.
     * Failures: database, retryable.
     * Undo: none.
     */
    async takeDueDecisions({ limit }: { limit: number }): Promise<DueDecision[]> {
      const due = await decisions.takeDue(limit);
      // A crash may have come between a decision and its record in the operators' log.
      for (const { step, workflowId: _, ...decision } of due) await actions.record(actionOf(decision, { step }));
      return due.map(({ step, workflowId, ...decision }) => ({ workflowId, decision: handedOver(decision, step) }));
    },

    /**
     * Effect: refuses a decision whose workflow is gone.
     * Key: the decision.
     * Outcomes: done; also if the decision has ended.
     * Failures: database, retryable.
     * Undo: none.
     */
    async refuseDecision({ decisionId }: { decisionId: string }): Promise<void> {
      await decisions.refuse(decisionId);
    },

    /**
     * Effect: none.
     * Outcomes: open cases of one cause, oldest first.
     * Failures: database, retryable.
     */
    async listCause(input: { tenantId: string; fingerprint: string; limit: number }): Promise<CauseCase[]> {
      return cases.listCause(input.tenantId, input.fingerprint, input.limit);
    },

    /**
     * Effect: none.
     * Outcomes: state and failures of the given cases.
     * Failures: database, retryable.
     */
    async readCases(input: {
      caseIds: readonly string[];
    }): Promise<{ caseId: string; state: CaseState; attempts: number }[]> {
      return cases.progress(input.caseIds);
    },
  };
}
