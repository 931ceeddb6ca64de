import type { CaseRepository, CauseCase } from '../../db/repositories/case-repository.ts';
import type { CaseReport, CaseState } from '../domain/case.ts';
import { randomId } from '../domain/ids.ts';

/** Steps on cases, and what a redrive looks at. */
export function createCaseActivities({ cases }: { readonly cases: CaseRepository }) {
  return {
    /**
     * Effect: an open case for a step, or one more failure counted on it. Key: one open case per order and step.
     * Outcomes: done. Failures: database, retried without end. Undo: `resolveCase`.
     */
    async openCase(input: { orderId: string; tenantId: string; report: CaseReport }): Promise<void> {
      const { orderId, tenantId, report } = input;
      await cases.open({ caseId: randomId('case'), orderId, tenantId, ...report });
    },

    /**
     * Effect: closes the step's open case. Key: order and step. Outcomes: done, also when none is open.
     * Failures: database, retried without end. Undo: none.
     */
    async resolveCase(input: { orderId: string; step: string; resolution: string; actor: string }): Promise<void> {
      await cases.resolve(input.orderId, input.step, input.resolution, input.actor);
    },

    /** Effect: none. Outcomes: open cases of one cause, oldest first. Failures: database, retryable. */
    async listCause(input: { tenantId: string; fingerprint: string; limit: number }): Promise<CauseCase[]> {
      return cases.listCause(input.tenantId, input.fingerprint, input.limit);
    },

    /** Effect: none. Outcomes: state and failures of some cases. Failures: database, retryable. */
    async readCases(input: {
      caseIds: readonly string[];
    }): Promise<{ caseId: string; state: CaseState; attempts: number }[]> {
      return cases.progress(input.caseIds);
    },
  };
}
