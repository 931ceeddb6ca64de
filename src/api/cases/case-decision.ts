import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { CaseRecord, CaseRepository } from '../../../db/repositories/orders/case-repository.ts';
import {
  actionOf,
  type DecisionRepository,
  type StoredDecision,
} from '../../../db/repositories/orders/decision-repository.ts';
import type { OrderRepository } from '../../../db/repositories/orders/order-repository.ts';
import type { OperatorActionRepository } from '../../../db/repositories/audit/operator-action-repository.ts';
import { handedOver, type DecisionOutcome, type DecisionState } from '../../domain/case.ts';
import { assertNever } from '../../domain/errors.ts';
import { base32Digest } from '../../domain/ids.ts';
import { activeTraceId, linkTrace } from '../../runtime/tracing/spans.ts';
import { resolveCaseSignal, resolveCaseUpdate } from '../../workflows/contract.ts';
import { deliver } from '../../temporal/calls.ts';
import { notFound, ProblemError } from '../http/problem.ts';
import type { OperatorRequest } from '../operator-log.ts';
import { requireTemporal } from '../temporal-outage.ts';
import type { ResolveCaseBody } from './case-schemas.ts';
import type { TemporalHealth } from '../../temporal/health.ts';

export interface CaseDecisionDeps {
  readonly client: Client;
  readonly orders: Pick<OrderRepository, 'findOwner'>;
  readonly health: TemporalHealth;
  readonly cases: CaseRepository;
  readonly decisions: DecisionRepository;
  readonly actions: OperatorActionRepository;
}

/** A decision's outcome, and the case as it is now. */
export interface DecidedCase {
  readonly outcome: DecisionOutcome;
  readonly case: CaseRecord;
}

/** An operator gets the answer `pending` after this time, and waits 4.5 s in all at most. */
const TELL_WITHIN_MS = 2_000;
const SIGNAL_WITHIN_MS = 1_000;
const END_WITHIN_MS = 1_500;
const POLL_MS = 40;

/**
 * Stores a decision, hands it to the workflow and waits briefly for its result. The answer is the stored state of the
 * decision; a sweep delivers a decision again that is not carried out in time.
 *
 * @throws {ProblemError} `not_found`, `case_stale`, `action_not_allowed`, `second_approver_required`,
 * `idempotency_key_reused`, `unavailable`.
 */
export async function decideCase(
  deps: CaseDecisionDeps,
  { tenantId, actor, idempotencyKey }: OperatorRequest,
  { caseId, body }: { readonly caseId: string; readonly body: ResolveCaseBody },
): Promise<DecidedCase> {
  const found = await deps.cases.findOptional(tenantId, caseId);
  if (found === null) throw notFound('case');
  await linkOrder(deps, found);
  const decisionId = `act_${base32Digest(`${tenantId}\0${caseId}\0${idempotencyKey}`)}`;
  const known = await deps.decisions.findOptional(tenantId, decisionId);
  if (known !== null) return goOn(deps, found, sameAs(known, body));
  checkDecision(found, actor, body);
  requireTemporal(deps.health, 'nothing was changed');
  const { action, patch, evidence, reason, version: caseVersion } = body;
  const isClaimed = await deps.decisions.decide({
    decisionId,
    caseId,
    tenantId,
    caseVersion,
    action,
    patch: patch === undefined ? null : methodOf(patch),
    evidence: evidence ?? null,
    actor,
    reason,
    state: firstStateOf(found, actor, body),
  });
  const stored = await deps.decisions.findOptional(tenantId, decisionId);
  // The decision may be there without a claim, if this request arrived twice at once.
  if (stored === null || (!isClaimed && stored.state === 'refused')) throw stale();
  return goOn(deps, found, sameAs(stored, body));
}

/** Leads from the trace of the request to the order's, in which the decision is carried out. */
async function linkOrder({ orders }: CaseDecisionDeps, { orderId }: CaseRecord): Promise<void> {
  if (activeTraceId() === null) return;
  linkTrace((await orders.findOwner(orderId))?.traceparent ?? null);
}

/**
 * A key belongs to one decision. It stays the same decision when it is repeated about the present state of the case.
 */
function sameAs(stored: StoredDecision, { action, evidence, patch }: ResolveCaseBody): StoredDecision {
  const isSame =
    stored.action === action &&
    stored.evidence === (evidence ?? null) &&
    (stored.patch?.method ?? null) === (patch?.method ?? null);
  if (isSame) return stored;
  throw new ProblemError('idempotency_key_reused', 'this Idempotency-Key belongs to another decision');
}

function methodOf(patch: { readonly method?: string | undefined }): { readonly method?: string } {
  return patch.method === undefined ? {} : { method: patch.method };
}

function isProposal({ proposal }: CaseRecord, actor: string, { action }: ResolveCaseBody): boolean {
  return action === 'forceResolve' && (proposal === null || proposal.actor === actor);
}

function firstStateOf(found: CaseRecord, actor: string, body: ResolveCaseBody): 'proposed' | 'decided' | 'withdrawn' {
  if (body.action === 'withdraw') return 'withdrawn';
  return isProposal(found, actor, body) ? 'proposed' : 'decided';
}

function checkDecision(found: CaseRecord, actor: string, body: ResolveCaseBody): void {
  const { proposal, step, actions } = found;
  const { action, evidence } = body;
  if (found.state !== 'open' || found.version !== body.version) throw stale();
  if (action === 'withdraw' ? proposal === null : !actions.includes(action)) throw notAllowed(action, step);
  if (action === 'forceResolve' && proposal !== null) checkApproval(proposal, { actor, evidence });
}

/** Two people must name the same evidence. With another reference a person corrects his own proposal. */
function checkApproval(
  proposal: Pick<NonNullable<CaseRecord['proposal']>, 'actor' | 'evidence'>,
  { actor, evidence }: { readonly actor: string; readonly evidence: string | undefined },
): void {
  const isSamePerson = proposal.actor === actor;
  const isSameEvidence = proposal.evidence === evidence;
  if (isSamePerson !== isSameEvidence) return;
  const detail = isSamePerson
    ? 'you proposed it: another person must approve'
    : 'the evidence differs from what was proposed; withdraw the proposal if it is wrong';
  throw new ProblemError('second_approver_required', detail);
}

function notAllowed(action: ResolveCaseBody['action'], step: string): ProblemError {
  return new ProblemError('action_not_allowed', `${action} cannot be done about ${step}`);
}

/** Records a decision among the acts of operators, ensures that its workflow gets it, and returns its state. */
async function goOn(deps: CaseDecisionDeps, found: CaseRecord, decision: StoredDecision): Promise<DecidedCase> {
  const { step, errorCode, input } = found;
  await deps.actions.record(actionOf(decision, { step, errorCode, input }));
  let { state } = decision;
  if (state === 'decided' && deps.health.isUp()) {
    const isTaken = await hand(deps, decision, found);
    state = await (isTaken ? untilEnded(deps, decision) : stateOf(deps, decision));
  }
  const outcome = outcomeOf(state);
  const { tenantId, caseId } = decision;
  return { outcome, case: (await deps.cases.findOptional(tenantId, caseId)) ?? found };
}

function outcomeOf(state: DecisionState): DecisionOutcome {
  switch (state) {
    case 'proposed':
      return 'awaiting_second_approver';
    case 'decided':
      return 'pending';
    case 'carried_out':
    case 'failed_again':
    case 'withdrawn':
      return state;
    case 'refused':
      throw stale();
  }
}

/**
 * True when the workflow has the decision. If the workflow refuses the decision, the decision ends, unless it was
 * carried out before.
 */
async function hand(
  deps: CaseDecisionDeps,
  decision: StoredDecision,
  { step, workflowId }: Pick<CaseRecord, 'step' | 'workflowId'>,
): Promise<boolean> {
  const handle = deps.client.workflow.getHandle(workflowId);
  const { decisionId: updateId, action } = decision;
  const args: [ReturnType<typeof handedOver>] = [handedOver(decision, step)];
  const update = () => handle.executeUpdate(resolveCaseUpdate, { args, updateId });
  const told = await deliver(TELL_WITHIN_MS, deps.client, update);
  switch (told.kind) {
    case 'answered':
      return true;
    case 'no_answer':
      // The signal waits in the workflow's history, and the workflow recognizes both as one decision.
      await signal(deps, updateId, () => handle.signal(resolveCaseSignal, ...args));
      return false;
    case 'closed':
      await deps.decisions.refuse(updateId);
      return true;
    case 'refused':
      await deps.decisions.refuse(updateId);
      if (told.type === 'action_not_allowed') throw notAllowed(action, step);
      return true;
    default:
      return assertNever(told);
  }
}

/** If the signal does not reach the workflow, the sweep delivers the decision, unless the workflow is gone. */
async function signal(deps: CaseDecisionDeps, decisionId: string, send: () => Promise<void>): Promise<void> {
  const sent = await deliver(SIGNAL_WITHIN_MS, deps.client, send);
  if (sent.kind === 'closed') await deps.decisions.refuse(decisionId);
}

/** The step that a decision starts ends within moments, or takes much longer. */
async function untilEnded(deps: CaseDecisionDeps, decision: StoredDecision): Promise<DecisionState> {
  const deadline = Date.now() + END_WITHIN_MS;
  for (;;) {
    const state = await stateOf(deps, decision);
    if (state !== 'decided' || Date.now() >= deadline) return state;
    await sleep(POLL_MS);
  }
}

async function stateOf(deps: CaseDecisionDeps, { tenantId, decisionId }: StoredDecision): Promise<DecisionState> {
  return (await deps.decisions.findOptional(tenantId, decisionId))?.state ?? 'decided';
}

function stale(): ProblemError {
  return new ProblemError('case_stale', 'the case is not what it was, or has a decision already; read it again');
}
