import {
  ApplicationFailure,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  type Client,
} from '@temporalio/client';
import type { CaseRecord, CaseRepository } from '../../db/repositories/case-repository.ts';
import type { OperatorActionRepository } from '../../db/repositories/operator-action-repository.ts';
import type { CaseDecision } from '../domain/case.ts';
import { base32Digest } from '../domain/ids.ts';
import {
  REDRIVE_WORKFLOW,
  redriveProgressQuery,
  redriveWorkflowId,
  resolveCaseUpdate,
  type RedriveProgress,
  type RedriveWorkflowInput,
} from '../workflows/contract.ts';
import { isNoAnswer } from './no-answer.ts';
import { ProblemError, unavailable } from './problem.ts';
import type { ResolveCaseBody } from './schemas/case.ts';
import { callWithin } from '../domain/deadline.ts';
import type { TemporalHealth } from './temporal-health.ts';

/** What working on cases needs. */
export interface CaseDeskDeps {
  readonly client: Client;
  readonly health: TemporalHealth;
  readonly cases: CaseRepository;
  readonly actions: OperatorActionRepository;
}

/** An operator's request. */
export interface OperatorRequest {
  readonly tenantId: string;
  readonly actor: string;
  readonly idempotencyKey: string;
}

/** What became of a decision. */
export interface DeskOutcome {
  readonly outcome: 'carried_out' | 'awaiting_second_approver' | 'pending';
  readonly case: CaseRecord;
}

/** Where operators resolve cases. Every act is written down before it is done. */
export interface CaseDesk {
  /** @throws {ProblemError} `not_found`, `case_stale`, `action_not_allowed`, `second_approver_required`, `unavailable`. */
  resolve(request: OperatorRequest, caseId: string, body: ResolveCaseBody): Promise<DeskOutcome>;
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
export function createCaseDesk(deps: CaseDeskDeps): CaseDesk {
  return {
    resolve: (request, caseId, body) => resolve(deps, request, caseId, body),
    redrive: (request, cause) => redrive(deps, request, cause),
    findRedrive: (tenantId, redriveId) => findRedrive(deps, tenantId, redriveId),
  };
}

async function resolve(
  deps: CaseDeskDeps,
  request: OperatorRequest,
  caseId: string,
  body: ResolveCaseBody,
): Promise<DeskOutcome> {
  const { tenantId, actor } = request;
  const found = await deps.cases.findOptional(tenantId, caseId);
  if (found === null) throw new ProblemError('not_found', 'there is no such case');
  const actionId = `act_${base32Digest(`${tenantId}\0${caseId}\0${body.version}\0${request.idempotencyKey}`)}`;
  // The answer to this decision was lost on its way: it stands.
  if (await deps.actions.exists(actionId)) return { outcome: outcomeOf(found), case: found };
  checkDecision(found, actor, body);
  if (!deps.health.isUp()) throw unavailable('Temporal does not answer; nothing was changed');

  const isProposal = body.action === 'forceResolve' && found.proposal === null;
  const evidence = body.evidence ?? null;
  const proposal = isProposal && evidence !== null ? { actor, evidence, reason: body.reason } : null;
  const claimed = await deps.cases.claim({ tenantId, caseId, version: body.version }, actor, proposal);
  if (claimed === null) throw stale();
  await deps.actions.record({
    actionId,
    tenantId,
    actor,
    subject: caseId,
    orderId: claimed.orderId,
    reason: body.reason,
    action: isProposal ? 'case.propose' : `case.${body.action}`,
    before: {
      step: claimed.step,
      errorCode: claimed.errorCode,
      version: body.version,
      input: claimed.input,
    },
    after: {
      patch: body.patch ?? null,
      evidence,
    },
  });
  if (isProposal) return { outcome: 'awaiting_second_approver', case: claimed };

  const { step, workflowId } = claimed;
  const decision: CaseDecision = {
    caseId,
    step,
    action: body.action,
    actor,
    reason: body.reason,
    evidence,
    patch: body.patch === undefined ? null : methodOf(body.patch),
  };
  const outcome = await tell(deps, workflowId, actionId, decision);
  return { outcome, case: (await deps.cases.findOptional(tenantId, caseId)) ?? claimed };
}

function methodOf(patch: { readonly method?: string | undefined }): { readonly method?: string } {
  return patch.method === undefined ? {} : { method: patch.method };
}

function outcomeOf({ state, proposal }: CaseRecord): DeskOutcome['outcome'] {
  return state === 'open' && proposal !== null ? 'awaiting_second_approver' : 'carried_out';
}

function checkDecision(found: CaseRecord, actor: string, body: ResolveCaseBody): void {
  if (found.state !== 'open' || found.version !== body.version) throw stale();
  if (!found.actions.includes(body.action)) {
    throw new ProblemError('action_not_allowed', `${body.action} cannot be done about ${found.step}`);
  }
  if (body.action !== 'forceResolve' || found.proposal === null) return;
  if (found.proposal.actor === actor) {
    throw new ProblemError('second_approver_required', 'you proposed it: another person must approve');
  }
  if (found.proposal.evidence !== body.evidence) {
    throw new ProblemError('second_approver_required', 'the evidence differs from what was proposed');
  }
}

/** The workflow refuses what is not about the case it is parked on. */
async function tell(
  deps: CaseDeskDeps,
  workflowId: string,
  updateId: string,
  decision: CaseDecision,
): Promise<'carried_out' | 'pending'> {
  const handle = deps.client.workflow.getHandle(workflowId);
  try {
    await callWithin(CALL_TIMEOUT_MS, deps.client, () =>
      handle.executeUpdate(resolveCaseUpdate, { args: [decision], updateId }),
    );
    return 'carried_out';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw stale();
    if (error instanceof WorkflowUpdateFailedError) {
      if (error.cause instanceof ApplicationFailure && error.cause.type === 'action_not_allowed') {
        throw new ProblemError('action_not_allowed', error.cause.message);
      }
      throw stale();
    }
    if (isNoAnswer(error)) return 'pending';
    throw error;
  }
}

async function redrive(
  deps: CaseDeskDeps,
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

async function findRedrive(deps: CaseDeskDeps, tenantId: string, redriveId: string): Promise<RedriveProgress | null> {
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

function stale(): ProblemError {
  return new ProblemError('case_stale', 'the case is not what it was; read it again');
}
