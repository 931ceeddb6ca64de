import { base32Digest } from '../../domain/ids.ts';
import { callWithin, describeWorkflow, ifKnown } from '../../temporal/calls.ts';
import { startRedrive } from '../../temporal/workflow-starts.ts';
import {
  redriveProgressQuery,
  redriveWorkflowId,
  type RedriveProgress,
  type RedriveWorkflowInput,
} from '../../workflows/contract.ts';
import { decideCase, type CaseDecisionDeps, type DecidedCase } from './case-decision.ts';
import { unavailable } from '../http/problem.ts';
import { recordAction, type OperatorRequest } from '../operator-log.ts';
import { requireTaken, requireTemporal } from '../temporal-outage.ts';
import type { ResolveCaseBody } from './case-schemas.ts';

/** Resolves cases for operators. Every act is recorded before it is done. */
export interface CaseResolution {
  /** See {@link decideCase}. */
  resolve(request: OperatorRequest, caseId: string, body: ResolveCaseBody): Promise<DecidedCase>;
  /** Starts a redrive; a repeated key starts no second one. */
  redrive(request: OperatorRequest, cause: RedriveCause): Promise<string>;
  /** The progress; null when the tenant does not have the redrive. */
  findRedrive(tenantId: string, redriveId: string): Promise<RedriveProgress | null>;
}

type RedriveCause = Pick<RedriveWorkflowInput, 'fingerprint' | 'canary' | 'maxPerSecond' | 'reason'>;

const CALL_TIMEOUT_MS = 3_000;

export function createCaseResolution(deps: CaseDecisionDeps): CaseResolution {
  return {
    resolve: (request, caseId, body) => decideCase(deps, request, { caseId, body }),
    redrive: (request, cause) => redrive(deps, request, cause),
    findRedrive: (tenantId, redriveId) => findRedrive(deps, tenantId, redriveId),
  };
}

async function redrive(deps: CaseDecisionDeps, request: OperatorRequest, cause: RedriveCause): Promise<string> {
  requireTemporal(deps.health, 'nothing was started');
  const { tenantId, actor, idempotencyKey } = request;
  const redriveId = `red_${base32Digest(`${tenantId}\0${idempotencyKey}`)}`;
  await recordAction(deps.actions, request, {
    actionId: `act_${redriveId}`,
    action: 'case.redrive',
    subject: redriveId,
    reason: cause.reason,
    after: { ...cause },
  });
  const input = { redriveId, tenantId, actor, ...cause };
  await requireTaken('redrive', startRedrive(deps.client, input, CALL_TIMEOUT_MS));
  return redriveId;
}

async function findRedrive(
  { client }: CaseDecisionDeps,
  tenantId: string,
  redriveId: string,
): Promise<RedriveProgress | null> {
  const workflowId = redriveWorkflowId(redriveId);
  const ask = () => client.workflow.getHandle(workflowId).query(redriveProgressQuery);
  try {
    const found = await callWithin(CALL_TIMEOUT_MS, client, () => describeWorkflow(client, workflowId));
    if (found?.memo?.['tenantId'] !== tenantId) return null;
    return await ifKnown(callWithin(CALL_TIMEOUT_MS, client, ask));
  } catch {
    throw unavailable('the redrive cannot be read now');
  }
}
