import {
  ActivityFailure,
  ApplicationFailure,
  condition,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  TimeoutFailure,
  upsertSearchAttributes,
  type ActivityOptions,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { CaseReport } from '../domain/case.ts';
import {
  CASE_BOOKKEEPING,
  PERSIST_INTERVAL_MS,
  STEP_POLICIES,
  type StepName,
  type StepPolicy,
} from './activity-policies.ts';
import { CASE_KIND, type OrderWorkflowInput } from './contract.ts';

type StepInput<Name extends StepName> = Parameters<Activities[Name]>[0];
type StepResult<Name extends StepName> = Awaited<ReturnType<Activities[Name]>>;

/** Runs the steps of one order. */
export interface Steps {
  /**
   * Runs a step to its answer: one quick local try, then declared retries as a regular activity that the Web UI
   * shows, then a case. It returns an answer or waits; it throws only what is a bug.
   */
  run<Name extends StepName>(name: Name, input: StepInput<Name>): Promise<StepResult<Name>>;
  /** Tries the parked step again, if there is one. */
  resume(): void;
}

/** Creates the runner of one order's steps. */
export function createSteps(order: Pick<OrderWorkflowInput, 'orderId' | 'tenantId' | 'settings'>): Steps {
  let resumes = 0;
  const cases = proxyActivities<Activities>({ ...CASE_BOOKKEEPING, taskQueue: 'orders' });

  async function run<Name extends StepName>(name: Name, input: StepInput<Name>): Promise<StepResult<Name>> {
    const policy: StepPolicy = STEP_POLICIES[name];
    const local = await tryLocally(name, policy, input);
    if (local.done) return local.result;
    let failure = local.failure;
    let parked = false;
    for (;;) {
      if (failure === null || isRetryable(failure)) {
        try {
          const result = await regular(name, policy)(input);
          if (parked) await leaveCase(policy);
          return result;
        } catch (error) {
          failure = failureOf(error);
        }
      }
      parked = true;
      await waitForDecision(policy, failure);
      failure = null;
    }
  }

  async function tryLocally<Name extends StepName>(
    name: Name,
    policy: StepPolicy,
    input: StepInput<Name>,
  ): Promise<{ done: true; result: StepResult<Name> } | { done: false; failure: ApplicationFailure | null }> {
    const { collaborator } = policy;
    if (collaborator !== null && order.settings.placement[collaborator] === 'queue')
      return { done: false, failure: null };
    try {
      return { done: true, result: await local(name, policy)(input) };
    } catch (error) {
      setCurrentDetails(`Step **${policy.id}** did not succeed at once; it is retried by its policy.`);
      return { done: false, failure: failureOf(error) };
    }
  }

  /** Opens a case, then waits for a resume; a persisting step also goes on by itself after a pause. */
  async function waitForDecision(policy: StepPolicy, failure: ApplicationFailure): Promise<void> {
    const seen = resumes;
    const report: CaseReport = { step: policy.id, errorCode: failure.type ?? 'unclassified', message: failure.message };
    upsertSearchAttributes([{ key: CASE_KIND, value: policy.id }]);
    setCurrentDetails(
      `Parked at step **${policy.id}**: \`${report.errorCode}\`, ${report.message}.\n\n` +
        'When the cause is mended, send the signal `resumeOrder` to try the step again.',
    );
    await cases.openCase({ orderId: order.orderId, tenantId: order.tenantId, report });
    const resumed = (): boolean => resumes > seen;
    if (policy.whenSpent === 'park') await condition(resumed);
    else await condition(resumed, PERSIST_INTERVAL_MS);
  }

  async function leaveCase(policy: StepPolicy): Promise<void> {
    upsertSearchAttributes([{ key: CASE_KIND, value: null }]);
    setCurrentDetails('');
    await cases.resolveCase({ orderId: order.orderId, step: policy.id, resolution: 'step_succeeded', actor: 'system' });
  }

  return {
    run,
    resume: () => {
      resumes += 1;
    },
  };
}

function local<Name extends StepName>(
  name: Name,
  policy: StepPolicy,
): (input: StepInput<Name>) => Promise<StepResult<Name>> {
  const activities = proxyLocalActivities<Activities>({
    startToCloseTimeout: policy.localTimeoutMs,
    retry: { maximumAttempts: 1 },
    summary: policy.summary,
  });
  return activities[name] as unknown as (input: StepInput<Name>) => Promise<StepResult<Name>>;
}

function regular<Name extends StepName>(
  name: Name,
  policy: StepPolicy,
): (input: StepInput<Name>) => Promise<StepResult<Name>> {
  const activities = proxyActivities<Activities>(regularOptions(policy));
  return activities[name] as unknown as (input: StepInput<Name>) => Promise<StepResult<Name>>;
}

function regularOptions(policy: StepPolicy): ActivityOptions {
  return {
    activityId: policy.id,
    summary: policy.summary,
    taskQueue: policy.queue,
    startToCloseTimeout: policy.attemptTimeoutMs,
    ...(policy.budgetMs === null ? {} : { scheduleToCloseTimeout: policy.budgetMs }),
    retry: {
      initialInterval: policy.firstDelayMs,
      backoffCoefficient: policy.backoff,
      maximumInterval: policy.maxDelayMs,
      ...(policy.maxAttempts === null ? {} : { maximumAttempts: policy.maxAttempts }),
    },
  };
}

/**
 * The activity's own failure: a regular activity's comes in an envelope, a local one's as it is. A timeout has no
 * failure of its own; a local one's comes in an envelope the first time, and as it is when the history is replayed.
 */
export function failureOf(error: unknown): ApplicationFailure {
  if (error instanceof ApplicationFailure) return error;
  if (error instanceof TimeoutFailure) return ApplicationFailure.retryable(error.message, 'timeout');
  if (!(error instanceof ActivityFailure)) throw error;
  if (error.cause instanceof ApplicationFailure) return error.cause;
  return ApplicationFailure.retryable(error.cause?.message ?? error.message, 'timeout');
}

function isRetryable(failure: ApplicationFailure): boolean {
  return failure.nonRetryable !== true;
}
