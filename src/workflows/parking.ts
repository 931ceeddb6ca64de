import {
  ApplicationFailure,
  CancellationScope,
  condition,
  patched,
  proxyActivities,
  setCurrentDetails,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { CaseDecision, CaseReport } from '../domain/case.ts';
import {
  actionsOf,
  CASE_BOOKKEEPING,
  HOLD_EXTENSION,
  PERSIST_INTERVAL_MS,
  STEP_POLICIES,
  type StepPolicy,
} from './activity-policies.ts';
import { CASE_KIND, type OrderWorkflowInput } from './contract.ts';

/** A step that could not be done. */
export interface ParkedStep {
  readonly policy: StepPolicy;
  readonly failure: ApplicationFailure;
  readonly input: object;
}

/** Where the steps of one order wait for a person. */
export interface Parking {
  /** Opens a case, then waits for a decision; null when it is simply to be tried again. */
  wait(step: ParkedStep): Promise<CaseDecision | null>;
  /** Closes the step's case. */
  leave(policy: StepPolicy, decision: CaseDecision | null, resolution: string): Promise<void>;
  /** Tries whatever is parked again. */
  resume(): void;
  /** @throws {ApplicationFailure} when the decision is not about a step that is parked here. */
  check(decision: CaseDecision): void;
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
  const parkedAt = new Map<string, StepPolicy>();
  const cases = proxyActivities<Activities>({ ...CASE_BOOKKEEPING, taskQueue: 'orders' });

  const untilDecided = async (policy: StepPolicy, resumed: () => boolean): Promise<void> => {
    // A persisting step also goes on by itself after a pause.
    if (policy.whenSpent === 'persist') await condition(resumed, PERSIST_INTERVAL_MS);
    else if (policy.id === STEP_POLICIES.takePayment.id && patched('extend-hold')) {
      await waitWithHold(order.settings.holdTtlSeconds, resumed, extendHold);
    } else await condition(resumed);
  };

  return {
    wait: async (step) => {
      const { policy } = step;
      const seen = resumes;
      decisions.delete(policy.id);
      const report = reportOf(step);
      upsertSearchAttributes([{ key: CASE_KIND, value: policy.id }]);
      setCurrentDetails(wordsOf(report));
      // Known as parked before its case can be seen, so that a fast operator's decision finds it.
      parkedAt.set(policy.id, policy);
      try {
        // Not given up half-way: a case that is opened after it was resolved would stay open for ever.
        await CancellationScope.nonCancellable(() => cases.openCase({ orderId, tenantId, report }));
        await untilDecided(policy, () => resumes > seen || decisions.has(policy.id));
        return decisions.get(policy.id) ?? null;
      } finally {
        parkedAt.delete(policy.id);
        decisions.delete(policy.id);
      }
    },
    leave: (policy, decision, resolution) =>
      CancellationScope.nonCancellable(async () => {
        upsertSearchAttributes([{ key: CASE_KIND, value: null }]);
        setCurrentDetails('');
        await cases.resolveCase({ orderId, step: policy.id, resolution, actor: decision?.actor ?? 'system' });
      }),
    resume: () => {
      resumes += 1;
    },
    check: (decision) => {
      const policy = parkedAt.get(decision.step);
      if (policy === undefined) throw refusedDecision('not_parked', `no step ${decision.step} is parked`);
      if (!actionsOf(policy).includes(decision.action)) {
        throw refusedDecision('action_not_allowed', `${decision.action} cannot be done about ${decision.step}`);
      }
    },
    resolve: (decision) => {
      decisions.set(decision.step, decision);
    },
  };
}

/** Keeps the stock of an order whose payment is unknown from running out of time, as long as that is bearable. */
async function waitWithHold(
  holdTtlSeconds: number,
  resumed: () => boolean,
  extendHold: () => Promise<void>,
): Promise<void> {
  const pauseMs = Math.ceil(holdTtlSeconds * 1_000 * HOLD_EXTENSION.partOfTtl);
  for (let waitedMs = 0; waitedMs < HOLD_EXTENSION.limitMs; waitedMs += pauseMs) {
    if (await condition(resumed, pauseMs)) return;
    await extendHold();
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
function reportOf({ policy, failure, input }: ParkedStep): CaseReport {
  const { order, sealedContact: _, ...rest } = input as { order?: { request?: object }; sealedContact?: unknown };
  return {
    step: policy.id,
    errorCode: failure.type ?? 'unclassified',
    message: failure.message,
    workflowId: workflowInfo().workflowId,
    input: { ...rest, ...(order?.request === undefined ? {} : { request: order.request }) },
    actions: actionsOf(policy),
  };
}

function refusedDecision(type: string, message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, type);
}
