import {
  ApplicationFailure,
  CancellationScope,
  condition,
  patched,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../../activities/index.ts';
import type { CaseAction, CaseDecision, CaseReport } from '../../domain/case.ts';
import {
  actionsOf,
  CASE_BOOKKEEPING,
  HOLD_EXTENSION,
  persistPauseMs,
  STEP_POLICIES,
  type StepPolicy,
} from './step-policies.ts';
import { CASE_KIND, resolveCaseSignal } from '../contract.ts';
import type { OrderWorkflowInput } from '../../domain/accepted-order.ts';
import { detailOf } from './outcome.ts';

/** A step that could not be done. */
export interface ParkedStep {
  readonly policy: StepPolicy;
  readonly failure: ApplicationFailure;
  readonly input: object;
  /** How often it was tried since it was parked the last time. */
  readonly attempts: number;
  /** What it was tried by; null when it was by itself. */
  readonly decision: CaseDecision | null;
}

/** A step with an open case: it waits, or is being tried again. */
interface Parked {
  readonly actions: readonly CaseAction[];
  /** Null until its case is open, and in histories of earlier versions. */
  readonly caseId: string | null;
  /** When it was parked first. */
  readonly sinceMs: number;
  /** What the Web UI shows. */
  readonly words: string;
}

/** Where the steps of one order wait for a person. */
export interface Parking {
  /** Opens a case, then waits for a decision, which may have come already; null when it is simply to be tried again. */
  wait(step: ParkedStep): Promise<CaseDecision | null>;
  /** Closes the step's case. */
  leave(policy: StepPolicy, decision: CaseDecision | null, resolution: string): Promise<void>;
  /** Tries whatever is parked again. */
  resume(): void;
  /** @throws {ApplicationFailure} when the decision is not about a case that is open here. */
  check(decision: CaseDecision): void;
  /** Takes a decision, once; the same one may be delivered again. */
  resolve(decision: CaseDecision): void;
}

/** Creates the parking of one order; `extendHold` makes its hold longer. */
export function createParking(
  order: Pick<OrderWorkflowInput, 'orderId' | 'tenantId' | 'settings'>,
  extendHold: () => Promise<void>,
): Parking {
  const { orderId, tenantId } = order;
  let resumes = 0;
  const decisions = new Map<string, CaseDecision>();
  const takenIds = new Set<string>();
  /** The outermost first: one step may park while another does what an operator has asked for. */
  const parked = new Map<string, Parked>();
  const cases = proxyActivities<Activities>({ ...CASE_BOOKKEEPING, taskQueue: 'orders' });

  const untilDecided = async (policy: StepPolicy, sinceMs: number, resumed: () => boolean): Promise<void> => {
    // A persisting step also goes on by itself after a pause.
    if (policy.whenSpent === 'persist') await condition(resumed, persistPauseMs(Date.now() - sinceMs));
    else if (policy.id === STEP_POLICIES.takePayment.id && patched('extend-hold')) {
      await waitWithHold({ holdTtlSeconds: order.settings.holdTtlSeconds, sinceMs, extendHold }, resumed);
    } else await condition(resumed);
  };
  /** The Web UI and the search show the innermost step. */
  const show = (): void => {
    const [step = null, at = null] = [...parked.entries()].at(-1) ?? [];
    upsertSearchAttributes([{ key: CASE_KIND, value: step }]);
    setCurrentDetails(at?.words ?? '');
  };

  const isTaken = ({ decisionId = '' }: CaseDecision): boolean => takenIds.has(decisionId);
  const take = (decision: CaseDecision): void => {
    if (isTaken(decision)) return;
    if (decision.decisionId !== undefined) takenIds.add(decision.decisionId);
    decisions.set(decision.step, decision);
  };
  // Nobody hears of a signal that is refused: a decision that is not carried out is delivered again.
  setHandler(resolveCaseSignal, (decision) => {
    if (obstacleTo(decision, parked) === null) take(decision);
  });

  return {
    wait: async (step) => {
      const { policy } = step;
      const seen = resumes;
      const report = reportOf(step);
      const { caseId = null, sinceMs = Date.now() } = parked.get(policy.id) ?? {};
      const at: Parked = { actions: report.actions, caseId, sinceMs, words: wordsOf(report) };
      // Known as parked before its case can be seen, so that a fast operator's decision finds it.
      parked.set(policy.id, at);
      show();
      try {
        // Not given up half-way: a case that is opened after it was resolved would stay open for ever.
        const opened = await CancellationScope.nonCancellable(() => cases.openCase({ orderId, tenantId, report }));
        // Earlier versions answered nothing.
        parked.set(policy.id, { ...at, caseId: (opened as typeof opened | undefined)?.caseId ?? null });
        const early = decisions.get(policy.id);
        if (early !== undefined && obstacleTo(early, parked) !== null) decisions.delete(policy.id);
        await untilDecided(policy, at.sinceMs, () => resumes > seen || decisions.has(policy.id));
        return decisions.get(policy.id) ?? null;
      } finally {
        decisions.delete(policy.id);
      }
    },
    leave: (policy, decision, resolution) =>
      CancellationScope.nonCancellable(async () => {
        parked.delete(policy.id);
        show();
        await cases.resolveCase({ orderId, step: policy.id, resolution, actor: decision?.actor ?? 'system' });
      }),
    resume: () => {
      resumes += 1;
    },
    check: (decision) => {
      const obstacle = isTaken(decision) ? null : obstacleTo(decision, parked);
      if (obstacle !== null) throw obstacle;
    },
    resolve: take,
  };
}

/** Why a decision cannot be taken; null when it can. */
function obstacleTo(
  { step, caseId, action }: CaseDecision,
  parked: ReadonlyMap<string, Parked>,
): ApplicationFailure | null {
  const at = parked.get(step);
  if (at === undefined || (at.caseId !== null && at.caseId !== caseId)) {
    return refusedDecision('not_parked', `no step ${step} is parked by the case ${caseId}`);
  }
  if (at.actions.includes(action)) return null;
  return refusedDecision('action_not_allowed', `${action} cannot be done about ${step}`);
}

/** Keeps the stock of an order whose payment is unknown from running out of time, as long as that is bearable. */
async function waitWithHold(
  hold: { readonly holdTtlSeconds: number; readonly sinceMs: number; readonly extendHold: () => Promise<void> },
  resumed: () => boolean,
): Promise<void> {
  const pauseMs = Math.ceil(hold.holdTtlSeconds * 1_000 * HOLD_EXTENSION.partOfTtl);
  // Counted from when it was first parked: tries in vain must not make it longer.
  while (Date.now() - hold.sinceMs < HOLD_EXTENSION.limitMs) {
    if (await condition(resumed, pauseMs)) return;
    await hold.extendHold();
  }
  await condition(resumed);
}

function wordsOf({ step, errorCode, message, actions }: CaseReport): string {
  return (
    `Parked at step **${step}**: \`${errorCode}\`, ${message}.\n\n` +
    `What can be done: ${actions.join(', ')} (API: \`POST /v1/cases/{id}/resolve\`), ` +
    'or the signal `resumeOrder` to try the step again.'
  );
}

/** What the case tells, without what only the provider and the customer should see. */
function reportOf({ policy, failure, input, attempts, decision }: ParkedStep): CaseReport {
  const { order, sealedContact: _, ...rest } = input as { order?: { request?: object }; sealedContact?: unknown };
  const errorCode = failure.type ?? 'unclassified';
  return {
    step: policy.id,
    errorCode,
    message: failure.message,
    attempts: Math.max(1, attempts),
    mismatch: detailOf(failure).mismatch ?? null,
    decisionId: decision?.decisionId ?? null,
    workflowId: workflowInfo().workflowId,
    input: { ...rest, ...(order?.request === undefined ? {} : { request: order.request }) },
    actions: actionsOf(policy, errorCode),
  };
}

function refusedDecision(type: string, message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, type);
}
