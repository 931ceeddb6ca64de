import {
  type ApplicationFailure,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  type ActivityOptions,
} from '@temporalio/workflow';
import type { Activities } from '../../activities/index.ts';
import type { CaseDecision } from '../../domain/case.ts';
import type { FailureCode } from '../../domain/errors.ts';
import { showDetails } from './current-details.ts';
import { policyOf, type StepName, type StepPolicy } from './step-policies.ts';
import { waitingSummaryOf } from './step-summary.ts';
import type { OrderWorkflowInput } from '../../domain/accepted-order.ts';
import { detailOf, failureOf, isRetryable, type FastPath, type Outcome } from './outcome.ts';
import type { StepInProgress, StepReports } from './step-reports.ts';
import { TELL_ATTEMPT, toldAnswerOf } from './told-answer.ts';
import type { Parking } from './parking.ts';

type StepInput<Name extends StepName> = Parameters<Activities[Name]>[0];
type StepResult<Name extends StepName> = Awaited<ReturnType<Activities[Name]>>;

/**
 * What follows when a step finds the order in another state: the caller compares it with the stored order, or a case
 * opens.
 */
export type OnConflict = 'throw' | 'park';

/** How the caller of a step handles its failures. */
export interface Recovery<Name extends StepName> {
  /** `throw`: the conflict is thrown as {@link StepConflictError}. */
  readonly onConflict?: OnConflict;
  /** `retryWith`: the input for the next attempt. */
  readonly patch?: (input: StepInput<Name>, decision: CaseDecision) => Promise<StepInput<Name>>;
  /** `forceResolve`: what counts as the step's answer instead. */
  readonly force?: (decision: CaseDecision) => Promise<StepResult<Name>>;
  /** `skip`: what counts as the answer of a skipped step. */
  readonly skip?: StepResult<Name>;
  /** Called when the local try has ended, or when there is none; not called when the fast path has tried the step. */
  readonly onTried?: () => void;
}

/** Runs the steps of one order. */
export interface Steps {
  /**
   * Runs a step to its answer: first a quick local try, then declared retries as a regular activity that the Web UI
   * shows, then a case. It returns an answer or waits. It throws only when it is cancelled from outside, aborted by an
   * operator ({@link StepAbortedError}), finds a conflict ({@link StepConflictError}), or meets a bug.
   */
  run<Name extends StepName>(name: Name, input: StepInput<Name>, recovery?: Recovery<Name>): Promise<StepResult<Name>>;
  /** Whether the fast path has tried the step, so that `run` does not try it locally. */
  isTried(name: StepName): boolean;
  /** Tries the parked step again, if there is one. */
  resume(): void;
  /**
   * Checks that a decision is about the case that the workflow is parked on.
   * @throws {ApplicationFailure} when it is not.
   */
  check(decision: CaseDecision): void;
  /** Carries out an operator's decision. */
  resolve(decision: CaseDecision): void;
}

/** The order is in another state, or another command owns it. */
const CONFLICTS: readonly string[] = ['order_state_conflict', 'order_turn_over'] satisfies FailureCode[];

/** An operator has aborted a step: all effects of the order must be undone. */
export class StepAbortedError extends Error {
  readonly step: StepName;
  constructor(step: StepName) {
    super(`an operator has aborted ${step}`);
    this.name = 'StepAbortedError';
    this.step = step;
  }
}

/** The order is not in the state that the step starts from: an earlier run, which was forgotten, has moved it on. */
export class StepConflictError extends Error {
  readonly step: StepName;
  constructor(step: StepName) {
    super(`${step} found the order elsewhere`);
    this.name = 'StepConflictError';
    this.step = step;
  }
}

/** What the steps of one workflow share. */
interface StepParts {
  readonly parking: Parking;
  readonly reports: StepReports;
  /** Absent in workflows without a fast path. */
  readonly fastPath?: Pick<FastPath, 'has' | 'take'>;
}

/** A step that the fast path has tried is not tried again. */
export function createSteps(
  order: Pick<OrderWorkflowInput, 'orderId' | 'tenantId' | 'settings'>,
  { parking, reports, fastPath }: StepParts,
): Steps {
  const { orderId, tenantId, settings } = order;
  const { holdTtlSeconds } = settings;
  const extendHold = () => run('extendHold', { orderId, tenantId, holdTtlSeconds });

  async function run<Name extends StepName>(
    name: Name,
    input: StepInput<Name>,
    recovery: Recovery<Name> = {},
  ): Promise<StepResult<Name>> {
    const policy = policyOf(name, settings.stepLimits);
    const taken = fastPath?.take(name) ?? null;
    const report = reports.begin(policy.id, taken?.timed);
    try {
      const answer = await runToEnd({ name, policy, recovery, parking, extendHold, report }, input, taken);
      report.answered(answer);
      return answer;
    } catch (error) {
      report.threw(error);
      throw error;
    }
  }

  async function runToEnd<Name extends StepName>(
    step: Step<Name>,
    input: StepInput<Name>,
    taken: Outcome<unknown> | null,
  ): Promise<StepResult<Name>> {
    const { name, policy, recovery, report } = step;
    const { collaborator } = policy;
    const isLocal = collaborator === null || settings.placement[collaborator] === 'local';
    if (!isLocal) {
      recovery.onTried?.();
      return insist(step, { input, failure: null, attempts: 0, decision: null });
    }
    const { answer, failure } = taken ?? (await tryLocally(name, policy, input).finally(() => recovery.onTried?.()));
    report.tried(1, failure?.type ?? undefined);
    if (failure === undefined) return answer as StepResult<Name>;
    showDetails(order, `Step **${policy.id}** did not succeed at once; it is retried by its policy.`);
    return insist(step, { input, failure, attempts: 1, decision: null });
  }

  const isTried = (name: StepName): boolean => fastPath?.has(name) === true;
  return { run, isTried, resume: parking.resume, check: parking.check, resolve: parking.resolve };
}

interface Step<Name extends StepName> {
  readonly name: Name;
  readonly policy: StepPolicy;
  readonly recovery: Recovery<Name>;
  readonly parking: Parking;
  readonly extendHold: () => Promise<void>;
  readonly report: StepInProgress;
}

/** The state of a step: the input of its next try, and the result of the last one. */
interface Progress<Name extends StepName> {
  readonly input: StepInput<Name>;
  /** Null when the step was not tried since the last decision. */
  readonly failure: ApplicationFailure | null;
  readonly attempts: number;
  /** An operator's decision, which the next try follows. */
  readonly decision: CaseDecision | null;
}

/** The answer of a step, and how its case ends if it has one. */
interface Answered<Name extends StepName> {
  readonly answer: StepResult<Name>;
  readonly resolution: string;
}

/** Retries, parks and retries again, until the step has an answer or is given up. */
async function insist<Name extends StepName>(step: Step<Name>, first: Progress<Name>): Promise<StepResult<Name>> {
  const { name, policy, recovery, parking, extendHold, report } = step;
  let progress = first;
  let isParked = false;
  const leave = async (resolution: string): Promise<void> => {
    if (isParked) await parking.leave(policy, progress.decision, resolution);
  };
  try {
    for (;;) {
      const tried = (await followDecision(step, progress)) ?? (await tryRegularly(step, progress));
      if ('resolution' in tried) {
        await leave(tried.resolution);
        return tried.answer;
      }
      const isConflict = CONFLICTS.includes(tried.failure.type ?? '');
      if (isConflict && recovery.onConflict === 'throw') throw new StepConflictError(name);
      isParked = true;
      report.parked();
      const decision = await parking.wait({ policy, extendHold, ...tried });
      progress = { input: tried.input, failure: null, attempts: 0, decision };
    }
  } catch (error) {
    const resolution = resolutionOf(error);
    if (resolution !== null) await leave(resolution);
    throw error;
  }
}

/** Carries out a decision that replaces a try; null when the step is to be tried. */
async function followDecision<Name extends StepName>(
  { name, recovery }: Step<Name>,
  { decision }: Progress<Name>,
): Promise<Answered<Name> | null> {
  const { force, skip } = recovery;
  if (decision?.action === 'forceResolve' && force !== undefined) {
    return { answer: await force(decision), resolution: 'forceResolve' };
  }
  if (decision?.action === 'skip' && skip !== undefined) return { answer: skip, resolution: 'skip' };
  if (decision?.action === 'abort') throw new StepAbortedError(name);
  return null;
}

/**
 * Tries the step as a regular activity, with all the attempts of its policy. After a final failure the step is not
 * tried again.
 */
async function tryRegularly<Name extends StepName>(
  { name, policy, recovery, report }: Step<Name>,
  progress: Progress<Name>,
): Promise<Answered<Name> | Failed<Name>> {
  const { failure, attempts, decision } = progress;
  const isPatched = decision?.action === 'retryWith' && recovery.patch !== undefined;
  const input = isPatched ? await recovery.patch(progress.input, decision) : progress.input;
  if (failure !== null && !isRetryable(failure)) return { input, failure, attempts, decision };
  try {
    const { toldAttempt, answer } = toldAnswerOf(await regular(name, policy, failure)(input));
    report.tried(toldAttempt);
    return { answer: answer as StepResult<Name>, resolution: 'step_succeeded' };
  } catch (error) {
    const last = failureOf(error);
    report.tried(detailOf(last).attempt, last.type ?? undefined);
    return { input, failure: last, attempts: attempts + detailOf(last).attempt, decision };
  }
}

type Failed<Name extends StepName> = Progress<Name> & { readonly failure: ApplicationFailure };

/** How the case ends when its step is given up; null when the workflow fails and the case stays open. */
function resolutionOf(error: unknown): string | null {
  if (isCancellation(error)) return 'cancelled';
  if (error instanceof StepAbortedError) return 'abort';
  return error instanceof StepConflictError ? 'conflict' : null;
}

async function tryLocally<Name extends StepName>(
  name: Name,
  policy: StepPolicy,
  input: StepInput<Name>,
): Promise<Outcome<StepResult<Name>>> {
  const activities = proxyLocalActivities<Activities>({
    startToCloseTimeout: policy.localTimeoutMs,
    retry: { maximumAttempts: 1 },
    summary: policy.summary,
  });
  const run = activities[name] as unknown as (input: StepInput<Name>) => Promise<StepResult<Name>>;
  try {
    return { answer: await run(input) };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}

function regular<Name extends StepName>(
  name: Name,
  policy: StepPolicy,
  failure: ApplicationFailure | null,
): (input: StepInput<Name>) => Promise<unknown> {
  const activities = proxyActivities<Activities>(regularOptions(policy, failure));
  const run = activities[name] as unknown as (input: StepInput<Name>, wish: typeof TELL_ATTEMPT) => Promise<unknown>;
  return (input) => run(input, TELL_ATTEMPT);
}

function regularOptions(policy: StepPolicy, failure: ApplicationFailure | null): ActivityOptions {
  return {
    activityId: policy.id,
    summary: waitingSummaryOf(policy, failure?.type ?? null),
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
