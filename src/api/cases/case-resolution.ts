import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import { callWithin } from '../../runtime/deadline.ts';
import { base32Digest } from '../../domain/ids.ts';
import {
  REDRIVE_WORKFLOW,
  redriveProgressQuery,
  redriveWorkflowId,
  type RedriveProgress,
  type RedriveWorkflowInput,
} from '../../workflows/contract.ts';
import { decideCase, type CaseDecisionDeps, type DecidedCase, type OperatorRequest } from './case-decision.ts';
import { unavailable } from '../http/problem.ts';
import type { ResolveCaseBody } from './case-schemas.ts';

/** Where operators resolve cases. Every act is written down before it is done. */
export interface CaseDesk {
  /** See {@link decideCase}. */
  resolve(request: OperatorRequest, caseId: string, body: ResolveCaseBody): Promise<DecidedCase>;
  /** Starts a redrive; the same key starts one. */
  redrive(
    request: OperatorRequest,
    cause: Pick<RedriveWorkflowInput, 'fingerprint' | 'canary' | 'maxPerSecond' | 'reason'>,
  ): Promise<string>;
  /** Null when the tenant has no such redrive. */
  findRedrive(tenantId: string, redriveId: string): Promise<RedriveProgress | null>;
}

const CALL_TIMEOUT_MS = 3_000;

/** Creates the desk. */
export function createCaseDesk(deps: CaseDecisionDeps): CaseDesk {
  return {
    resolve: (request, caseId, body) => decideCase(deps, request, caseId, body),
    redrive: (request, cause) => redrive(deps, request, cause),
    findRedrive: (tenantId, redriveId) => findRedrive(deps, tenantId, redriveId),
  };
}

async function redrive(
  deps: CaseDecisionDeps,
  { tenantId, actor, idempotencyKey }: OperatorRequest,
  cause: Pick<RedriveWorkflowInput, 'fingerprint' | 'canary' | 'maxPerSecond' | 'reason'>,
): Promise<string> {
  if (!deps.health.isUp()) throw unavailable('Temporal does not answer; nothing was started');
  const redriveId = `red_${base32Digest(`${tenantId}\0${idempotencyKey}`)}`;
  await deps.actions.record({
    actionId: `act_${redriveId}`,
    tenantId,
    actor,
    action: 'case.redrive',
    subject: redriveId,
    orderId: null,
    reason: cause.reason,
    before: null,
    after: { ...cause },
  });
  const start = () =>
    deps.client.workflow.start(REDRIVE_WORKFLOW, {
      workflowId: redriveWorkflowId(redriveId),
      taskQueue: 'orders',
      args: [{ redriveId, tenantId, actor, ...cause }],
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
      memo: { tenantId },
      staticSummary: `Redrive of ${cause.fingerprint}`,
    });
  try {
    await callWithin(CALL_TIMEOUT_MS, deps.client, start);
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) {
      throw unavailable('Temporal did not take the redrive; repeat with the same Idempotency-Key');
    }
  }
  return redriveId;
}

async function findRedrive(
  deps: CaseDecisionDeps,
  tenantId: string,
  redriveId: string,
): Promise<RedriveProgress | null> {
  const handle = deps.client.workflow.getHandle(redriveWorkflowId(redriveId));
  try {
    const { memo } = await callWithin(CALL_TIMEOUT_MS, deps.client, () => handle.describe());
    if (memo?.['tenantId'] !== tenantId) return null;
    return await callWithin(CALL_TIMEOUT_MS, deps.client, () => handle.query(redriveProgressQuery));
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw unavailable('the redrive cannot be read now');
  }
}
