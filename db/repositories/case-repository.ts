import type { CaseAction, CaseReport, CaseState } from '../../src/domain/case.ts';
import type { Database } from '../client.ts';
import type { CaseProposal } from '../schema/orders.ts';
import {
  CASE_AGE,
  CASE_PROGRESS,
  CLAIM_CASE,
  FIND_CASE,
  LIST_CASES,
  LIST_CAUSE,
  OPEN_CASE,
  RESOLVE_CASE,
} from './case-statements.ts';

/** A failure that an order waits on. */
export interface OpenCase extends CaseReport {
  readonly caseId: string;
  readonly orderId: string;
  readonly tenantId: string;
}

/** A case as stored. */
export interface CaseRecord extends Omit<OpenCase, 'input' | 'actions'> {
  readonly fingerprint: string;
  readonly attempts: number;
  readonly state: CaseState;
  readonly resolution: string | null;
  readonly input: Record<string, unknown>;
  readonly actions: CaseAction[];
  readonly owner: string | null;
  readonly proposal: CaseProposal | null;
  readonly version: number;
  readonly openedAt: Date;
  readonly lastSeenAt: Date;
  readonly resolvedAt: Date | null;
}

/** Filters and page of a list of cases, newest first. */
export interface CaseListQuery {
  readonly tenantId: string;
  readonly state?: CaseState | undefined;
  readonly step?: string | undefined;
  readonly errorCode?: string | undefined;
  readonly fingerprint?: string | undefined;
  readonly orderId?: string | undefined;
  readonly before?: { readonly openedAt: Date; readonly caseId: string } | undefined;
  readonly limit: number;
}

/** An open case of one cause, as far as a redrive needs it. */
export interface CauseCase {
  readonly caseId: string;
  readonly workflowId: string;
  readonly step: string;
  readonly attempts: number;
}

/** Cases: one open at most per order and step. */
export interface CaseRepository {
  /** Opens a case or, if one is open for the step, counts another failure; with its order event. */
  open(report: OpenCase): Promise<{ readonly caseId: string }>;
  /** Closes the step's open case with an order event; harmless when there is none. */
  resolve(orderId: string, step: string, resolution: string, actor: string): Promise<void>;
  findOptional(tenantId: string, caseId: string): Promise<CaseRecord | null>;
  list(query: CaseListQuery): Promise<CaseRecord[]>;
  /**
   * Takes an open case at the version its operator saw; null when somebody else was first, or it is resolved.
   * A proposal stays with the case until it is resolved or another one takes its place.
   */
  claim(
    seen: { readonly tenantId: string; readonly caseId: string; readonly version: number },
    actor: string,
    proposal: CaseProposal | null,
  ): Promise<CaseRecord | null>;
  /** Open cases with a fingerprint, oldest first. */
  listCause(tenantId: string, fingerprint: string, limit: number): Promise<CauseCase[]>;
  progress(caseIds: readonly string[]): Promise<{ caseId: string; state: CaseState; attempts: number }[]>;
  age(): Promise<{ readonly open: number; readonly oldestSeconds: number }>;
}

/** Failures of one cause share their fingerprint. */
function fingerprintOf(report: Pick<CaseReport, 'step' | 'errorCode'>): string {
  return `${report.step}/${report.errorCode}`;
}

/** Creates the repository over the `orders` schema. */
export function createCaseRepository(db: Database): CaseRepository {
  return {
    open: async (report) => {
      const { caseId, orderId, tenantId, step, errorCode, message, workflowId, input, actions } = report;
      const [row] = await db.run<{ caseId: string }>(OPEN_CASE, [
        caseId,
        orderId,
        tenantId,
        step,
        errorCode,
        message,
        fingerprintOf(report),
        workflowId,
        JSON.stringify(input),
        JSON.stringify(actions),
      ]);
      return { caseId: row?.caseId ?? caseId };
    },
    resolve: async (orderId, step, resolution, actor) => {
      await db.run(RESOLVE_CASE, [orderId, step, resolution, actor]);
    },
    findOptional: async (tenantId, caseId) => {
      const [row] = await db.run<CaseRecord>(FIND_CASE, [tenantId, caseId]);
      return row ?? null;
    },
    list: ({ tenantId, state, step, errorCode, fingerprint, orderId, before, limit }) =>
      db.run<CaseRecord>(LIST_CASES, [
        tenantId,
        state ?? null,
        step ?? null,
        errorCode ?? null,
        fingerprint ?? null,
        orderId ?? null,
        before?.openedAt ?? null,
        before?.caseId ?? null,
        limit,
      ]),
    claim: async ({ tenantId, caseId, version }, actor, proposal) => {
      const stored = proposal === null ? null : JSON.stringify(proposal);
      const [row] = await db.run<CaseRecord>(CLAIM_CASE, [tenantId, caseId, version, actor, stored]);
      return row ?? null;
    },
    listCause: (tenantId, fingerprint, limit) => db.run<CauseCase>(LIST_CAUSE, [tenantId, fingerprint, limit]),
    progress: (caseIds) => db.run(CASE_PROGRESS, [[...caseIds]]),
    age: async () => {
      const [row] = await db.run<{ open: number; oldestSeconds: number }>(CASE_AGE, []);
      return row ?? { open: 0, oldestSeconds: 0 };
    },
  };
}
