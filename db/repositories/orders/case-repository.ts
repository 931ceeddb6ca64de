import type { AnswerMismatch, CaseAction, CaseReport, CaseState } from '../../../src/domain/case.ts';
import { DatabaseContractError } from '../../../src/domain/errors.ts';
import { acrossTenants } from '../../../src/runtime/tenants/tenant-reach.ts';
import type { Database } from '../../client.ts';
import type { CaseProposal } from '../../schema/orders.ts';
import {
  CASE_AGE,
  CASE_PROGRESS,
  FIND_CASE,
  LIST_CASES,
  LIST_CAUSE,
  LIST_LEFT,
  LIST_PARKED,
  OPEN_CASE,
  RESOLVE_CASE,
} from './case-statements.ts';

/** A failure that holds up an order. */
export interface OpenCase extends CaseReport {
  readonly caseId: string;
  readonly orderId: string;
  readonly tenantId: string;
  /** The trace in which it is opened; null when the order is not traced. */
  readonly traceId?: string | null;
}

/** A case as stored. */
export interface CaseRecord extends Omit<OpenCase, 'input' | 'actions' | 'decisionId' | 'traceId'> {
  readonly fingerprint: string;
  readonly mismatch: AnswerMismatch | null;
  readonly attempts: number;
  readonly state: CaseState;
  readonly resolution: string | null;
  readonly input: Record<string, unknown>;
  readonly actions: CaseAction[];
  /** The trace in which it was opened; null when its order is not traced. */
  readonly traceId: string | null;
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

/** An open case with the fields that a redrive needs. */
export interface CauseCase {
  readonly caseId: string;
  readonly workflowId: string;
  readonly step: string;
  readonly attempts: number;
}

/** The step at which a workflow is parked. */
export type CasePlace = Pick<OpenCase, 'orderId' | 'step' | 'workflowId'>;

/** Cases of orders. Each step of a workflow has one open case at most. */
export interface CaseRepository {
  /**
   * Opens a case and writes its order event. If the workflow has an open case at the step, further attempts are counted
   * on that case.
   */
  open(report: OpenCase): Promise<{ readonly caseId: string }>;
  /** Closes the open case of a workflow's step and writes an order event; harmless when no case is open. */
  resolve(place: CasePlace, resolution: string, actor: string): Promise<void>;
  /**
   * Closes every case that is open in a workflow, after `step` has moved the order on: an earlier run of the workflow,
   * which was reset or terminated, may have left cases at other steps. A decision about such a case is refused.
   */
  resolveLeft(place: CasePlace): Promise<void>;
  findOptional(tenantId: string, caseId: string): Promise<CaseRecord | null>;
  list(query: CaseListQuery): Promise<CaseRecord[]>;
  /** Open cases with a fingerprint, oldest first. */
  listCause(tenantId: string, fingerprint: string, limit: number): Promise<CauseCase[]>;
  progress(caseIds: readonly string[]): Promise<{ caseId: string; state: CaseState; attempts: number }[]>;
  /** Which of these orders have an open case. A case counts even if its order has no row. */
  listParked(orderIds: readonly string[]): Promise<Set<string>>;
  age(): Promise<{ readonly open: number; readonly oldestSeconds: number }>;
}

/** Failures of one cause share a fingerprint. */
function fingerprintOf(report: Pick<CaseReport, 'step' | 'errorCode'>): string {
  return `${report.step}/${report.errorCode}`;
}

export function createCaseRepository(db: Database): CaseRepository {
  const resolve: CaseRepository['resolve'] = async ({ orderId, step, workflowId }, resolution, actor) => {
    await db.run(RESOLVE_CASE, [orderId, step, resolution, actor, workflowId]);
  };
  return {
    open: (report) => open(db, report),
    resolve,
    resolveLeft: async ({ orderId, step, workflowId }) => {
      const left = await db.run<{ step: string; actor: string }>(LIST_LEFT, [orderId, workflowId]);
      for (const { step: at, actor } of left) {
        const place = { orderId, step: at, workflowId };
        if (at === step) await resolve(place, 'step_succeeded', actor);
        else await resolve(place, 'order_moved_on', 'system');
      }
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
    listCause: (tenantId, fingerprint, limit) => db.run<CauseCase>(LIST_CAUSE, [tenantId, fingerprint, limit]),
    progress: (caseIds) => db.run(CASE_PROGRESS, [[...caseIds]]),
    listParked: async (orderIds) => {
      if (orderIds.length === 0) return new Set();
      const parked = await db.run<{ orderId: string }>(LIST_PARKED, [[...orderIds]]);
      return new Set(parked.map(({ orderId }) => orderId));
    },
    age: async () => {
      const [row] = await acrossTenants(() => db.run<{ open: number; oldestSeconds: number }>(CASE_AGE, []));
      return row ?? { open: 0, oldestSeconds: 0 };
    },
  };
}

async function open(db: Database, report: OpenCase): Promise<{ readonly caseId: string }> {
  const { caseId, orderId, tenantId, step, errorCode, message, workflowId, input, actions } = report;
  const { attempts = 1, mismatch = null, decisionId = null, traceId = null } = report;
  const values = [
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
    attempts,
    mismatch === null ? null : JSON.stringify(mismatch),
    decisionId,
    traceId,
  ];
  const run = () => db.run<{ caseId: string }>(OPEN_CASE, values);
  // Another workflow has opened its case at the same step meanwhile; the second run of the statement sees that case.
  const [row] = await run().catch((error: unknown) => {
    if (error instanceof DatabaseContractError && error.constraint === ONE_PER_STEP) return run();
    throw error;
  });
  return { caseId: row?.caseId ?? caseId };
}

const ONE_PER_STEP = 'cases_one_open_per_step_idx';
