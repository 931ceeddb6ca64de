import {
  type ApplicationFailure,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  type ActivityOptions,
} from '@temporalio/workflow';
import type { Activities } from '../../activities/index.ts';
import type { CaseDecision } from '../../domain/case.ts';
import type { FailureCode } from '../../domain/errors.ts';
import { policyOf, type StepName, type StepPolicy } from './step-policies.ts';
import type { OrderWorkflowInput } from '../../domain/accepted-order.ts';
import { detailOf, failureOf, isRetryable, type Outcome } from './outcome.ts';
import type { FirstPass } from '../order/fast-path.ts';
import { createParking, type Parking } from './parking.ts';

type StepInput<Name extends StepName> = Parameters<Activities[Name]>[0];
type StepResult<Name extends StepName> = Awaited<ReturnType<Activities[Name]>>;

/** An operator's way out of a parked step, where its caller knows one. */
export interface Ways<Name extends StepName> {
  /** `retryWith`: the input for the next attempt. */
  readonly patch?: (input: StepInput<Name>, decision: CaseDecision) => Promise<StepInput<Name>>;
  /** A conflict with what is stored is the caller's to judge ({@link StepConflictError}); else it parks. */
  readonly judgesConflicts?: boolean;
  /** `forceResolve`: what counts as the step's answer instead. */
  readonly force?: (decision: CaseDecision) => Promise<StepResult<Name>>;
  /** `skip`: what counts as the answer of a step that is left out. */
  readonly skip?: StepResult<Name>;
}

/** Runs the steps of one order. */
export interface Steps {
  /**
   * Runs a step to its answer: one quick local try, then declared retries as a regular activity that the Web UI
   * shows, then a case. It returns an answer or waits; it throws when it is cancelled from outside, or aborted by an
   * operator ({@link StepAbortedError}), and otherwise only what is a bug.
   */
  run<Name extends StepName>(name: Name, input: StepInput<Name>, ways?: Ways<Name>): Promise<StepResult<Name>>;
  /** Tries the parked step again, if there is one. */
  resume(): void;
  /** @throws {ApplicationFailure} when the decision is not about the case that the workflow is parked on. */
  check(decision: CaseDecision): void;
  /** Carries an operator's decision out. */
  resolve(decision: CaseDecision): void;
}

/** The order is elsewhere, or another command's. */
const CONFLICTS: readonly string[] = ['order_state_conflict', 'order_turn_over'] satisfies FailureCode[];

/** An operator has given a step up: whatever it did is to be undone. */
export class StepAbortedError extends Error {
  readonly step: StepName;
  constructor(step: StepName) {
    super(`an operator has aborted ${step}`);
    this.name = 'StepAbortedError';
    this.step = step;
  }
}

/** The order is not in the state that the step starts from: an earlier run, forgotten since, has moved it on. */
export class StepConflictError extends Error {
  readonly step: StepName;
  constructor(step: StepName) {
    super(`${step} found the order elsewhere`);
    this.name = 'StepConflictError';
    this.step = step;
  }
}

/** Creates the runner of one order's steps; what the first pass has tried is not tried again. */
export function createSteps(
  order: Pick<OrderWorkflowInput, 'orderId' | 'tenantId' | 'settings'>,
  firstPass: Pick<FirstPass, 'take'> | null = null,
): Steps {
  const { orderId, tenantId, settings } = order;
  const { holdTtlSeconds } = settings;
  const parking = createParking(order, () => run('extendHold', { orderId, tenantId, holdTtlSeconds }));

  async function run<Name extends StepName>(
    name: Name,
    input: StepInput<Name>,
    ways: Ways<Name> = {},
  ): Promise<StepResult<Name>> {
    const policy = policyOf(name, settings.stepLimits);
    const { collaborator } = policy;
    const isLocal = collaborator === null || settings.placement[collaborator] === 'local';
    if (!isLocal) return insist({ name, policy, ways, parking }, input, null);
    const { answer, failure } = firstPass?.take(name) ?? (await tryLocally(name, policy, input));
    if (failure === undefined) return answer as StepResult<Name>;
    setCurrentDetails(`Step **${policy.id}** did not succeed at once; it is retried by its policy.`);
    return insist({ name, policy, ways, parking }, input, failure);
  }

  return { run, resume: parking.resume, check: parking.check, resolve: parking.resolve };
}

interface Attempt<Name extends StepName> {
  readonly name: Name;
  readonly policy: StepPolicy;
  readonly ways: Ways<Name>;
  readonly parking: Parking;
}

/** Retries, parks and retries again, until there is an answer or somebody gives the step up. */
async function insist<Name extends StepName>(
  { name, policy, ways, parking }: Attempt<Name>,
  given: StepInput<Name>,
  firstFailure: ApplicationFailure | null,
): Promise<StepResult<Name>> {
  let input = given;
  let failure = firstFailure;
  let attempts = firstFailure === null ? 0 : 1;
  let decision: CaseDecision | null = null;
  let parked = false;
  const leave = async (resolution: string): Promise<void> => {
    if (parked) await parking.leave(policy, decision, resolution);
  };
  try {
    for (;;) {
      if (decision?.action === 'forceResolve' && ways.force !== undefined) {
        const result = await ways.force(decision);
        await leave('forceResolve');
        return result;
      }
      if (decision?.action === 'skip' && ways.skip !== undefined) {
        await leave('skip');
        return ways.skip;
      }
      if (decision?.action === 'abort') throw new StepAbortedError(name);
      if (decision?.action === 'retryWith' && ways.patch !== undefined) input = await ways.patch(input, decision);
      if (failure === null || isRetryable(failure)) {
        try {
          const result = await regular(name, policy)(input);
          await leave('step_succeeded');
          return result;
        } catch (error) {
          failure = failureOf(error);
          attempts += detailOf(failure).attempt;
        }
      }
      if (CONFLICTS.includes(failure.type ?? '') && ways.judgesConflicts === true) throw new StepConflictError(name);
      parked = true;
      decision = await parking.wait({ policy, failure, input, attempts, decision });
      failure = null;
      attempts = 0;
    }
  } catch (error) {
    if (isCancellation(error)) await leave('cancelled');
    if (error instanceof StepAbortedError) await leave('abort');
    if (error instanceof StepConflictError) await leave('conflict');
    throw error;
  }
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
