import {
  ApplicationFailure,
  CancellationScope,
  condition,
  patched,
  proxyActivities,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../../activities/index.ts';
import type { CaseDecision, CaseReport } from '../../domain/case.ts';
import {
  actionsOf,
  CASE_BOOKKEEPING,
  HOLD_EXTENSION,
  persistPauseMs,
  STEP_POLICIES,
  type StepPolicy,
} from './step-policies.ts';
import { resolveCaseSignal } from '../contract.ts';
import { CASE_KIND } from '../search-attributes.ts';
import type { OrderWorkflowInput } from '../../domain/accepted-order.ts';
import { consolePage, showDetails } from './current-details.ts';
import { detailOf } from './outcome.ts';

/** A step that has failed for good or has spent its budget. */
export interface ParkedStep {
  readonly policy: StepPolicy;
  readonly failure: ApplicationFailure;
  readonly input: object;
  /** Tries since the step was last parked. */
  readonly attempts: number;
  /** The decision that the last try followed; null when no decision had asked for it. */
  readonly decision: CaseDecision | null;
  /** Extends the order's hold. */
  readonly extendHold: () => Promise<void>;
}

/** A step with an open case, which waits or is being tried again. */
interface Parked {
  readonly report: CaseReport;
  /** Null until the case is open, and in histories of earlier versions. */
  readonly caseId: string | null;
  /** When the step was first parked. */
  readonly sinceMs: number;
}

/** Parks the steps of one order until a person decides. */
export interface Parking {
  /**
   * Opens a case, then waits for a decision, which may have arrived already. Null when the step is simply to be tried
   * again.
   */
  wait(step: ParkedStep): Promise<CaseDecision | null>;
  /** Closes the step's case. */
  leave(policy: StepPolicy, decision: CaseDecision | null, resolution: string): Promise<void>;
  /** Tries every parked step again. */
  resume(): void;
  /**
   * Checks that a decision is about a case that is open in this workflow.
   * @throws {ApplicationFailure} when it is not.
   */
  check(decision: CaseDecision): void;
  /** Takes a decision once, even if it is delivered again. */
  resolve(decision: CaseDecision): void;
}

/** The order whose steps are parked. */
type ParkingOrder = Pick<OrderWorkflowInput, 'orderId' | 'tenantId' | 'settings'>;

/** The activities that write cases. */
function openCaseBook(): Pick<Activities, 'openCase' | 'resolveCase'> {
  const named = (summary: string) => proxyActivities<Activities>({ ...CASE_BOOKKEEPING, taskQueue: 'orders', summary });
  const { openCase } = named('Open the case: waits for the database of orders');
  const { resolveCase } = named('Close the case: waits for the database of orders');
  return { openCase, resolveCase };
}

export function createParking(order: ParkingOrder): Parking {
  const { orderId, tenantId } = order;
  const { holdTtlSeconds } = order.settings;
  let resumes = 0;
  const decisions = new Map<string, CaseDecision>();
  const takenIds = new Set<string>();
  /** The outermost step comes first: a step may park while another step follows an operator's decision. */
  const parked = new Map<string, Parked>();
  const book = openCaseBook();

  const innermost = () => [...parked.entries()].at(-1) ?? null;
  const describe = (): void => {
    const [, at] = innermost() ?? [];
    showDetails(order, at === undefined ? 'No step is parked any more.' : wordsOf(order, at));
  };
  const show = (): void => {
    const [step] = innermost() ?? [null];
    upsertSearchAttributes([{ key: CASE_KIND, value: step }]);
    describe();
  };

  const isTaken = ({ decisionId = '' }: CaseDecision): boolean => takenIds.has(decisionId);
  const take = (decision: CaseDecision): void => {
    if (isTaken(decision)) return;
    if (decision.decisionId !== undefined) takenIds.add(decision.decisionId);
    decisions.set(decision.step, decision);
  };
  // The refusal of a signal reaches nobody, so a decision that is not carried out is delivered again.
  setHandler(resolveCaseSignal, (decision) => {
    if (obstacleTo(decision, parked) === null) take(decision);
  });

  return {
    wait: async (step) => {
      const { policy } = step;
      const seen = resumes;
      const report = reportOf(step);
      const { caseId = null, sinceMs = Date.now() } = parked.get(policy.id) ?? {};
      const at: Parked = { report, caseId, sinceMs };
      // The step counts as parked before its case is visible, so that a fast operator's decision finds it.
      parked.set(policy.id, at);
      show();
      try {
        // The call must not be interrupted, because a case that is opened after it was resolved would stay open for
        // ever.
        const opened = await CancellationScope.nonCancellable(() => book.openCase({ orderId, tenantId, report }));
        // The activity had no answer in earlier versions.
        parked.set(policy.id, { ...at, caseId: (opened as typeof opened | undefined)?.caseId ?? null });
        describe();
        const early = decisions.get(policy.id);
        if (early !== undefined && obstacleTo(early, parked) !== null) decisions.delete(policy.id);
        const isResumed = () => resumes > seen || decisions.has(policy.id);
        await untilDecided(step, { holdTtlSeconds, sinceMs }, isResumed);
        return decisions.get(policy.id) ?? null;
      } finally {
        decisions.delete(policy.id);
      }
    },
    leave: (policy, decision, resolution) =>
      CancellationScope.nonCancellable(async () => {
        parked.delete(policy.id);
        show();
        await book.resolveCase({ orderId, step: policy.id, resolution, actor: decision?.actor ?? 'system' });
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

/** Waits until a person decides. A persisting step also continues by itself after a pause. */
async function untilDecided(
  { policy, extendHold }: ParkedStep,
  { holdTtlSeconds, sinceMs }: { readonly holdTtlSeconds: number; readonly sinceMs: number },
  isResumed: () => boolean,
): Promise<void> {
  if (policy.whenSpent === 'persist') {
    const pauseMs = persistPauseMs(Date.now() - sinceMs);
    await condition(isResumed, pauseMs, { summary: `Parked: the next round of ${policy.id}` });
  } else if (policy.id === STEP_POLICIES.takePayment.id && patched('extend-hold')) {
    await waitWithHold({ holdTtlSeconds, sinceMs, extendHold }, isResumed);
  } else await condition(isResumed);
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
  if (at.report.actions.includes(action)) return null;
  return refusedDecision('action_not_allowed', `${action} cannot be done about ${step}`);
}

/** Extends the hold of an order whose payment is unknown, within the limit. */
async function waitWithHold(
  hold: { readonly holdTtlSeconds: number; readonly sinceMs: number; readonly extendHold: () => Promise<void> },
  resumed: () => boolean,
): Promise<void> {
  const pauseMs = Math.ceil(hold.holdTtlSeconds * 1_000 * HOLD_EXTENSION.partOfTtl);
  // The time counts from the first parking, so that vain tries do not make it longer.
  while (Date.now() - hold.sinceMs < HOLD_EXTENSION.limitMs) {
    if (await condition(resumed, pauseMs, { summary: 'Parked: hold the stock longer' })) return;
    await hold.extendHold();
  }
  await condition(resumed);
}

/** What the Web UI shows about a parked step. */
function wordsOf(order: ParkingOrder, { report, caseId }: Parked): string {
  const { step, errorCode, message, actions } = report;
  const url = caseId === null ? null : consolePage(order, `cases/${caseId}`);
  const named = url === null ? (caseId ?? 'being opened') : `[${caseId}](${url})`;
  return (
    `Parked at step **${step}**: \`${errorCode}\`, ${message}.\n\n` +
    `Case: ${named}. ` +
    `What can be done: ${actions.join(', ')} (API: \`POST /v1/cases/${caseId ?? '{id}'}/resolve\`), ` +
    'or the signal `resumeOrder` to try the step again.'
  );
}

/** The content of the case, without data that only the provider and the customer may see. */
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
