import { PAYMENT_CALL_TIMEOUT_MS, PAYMENT_LOOKUP_TIMEOUT_MS } from '../../domain/payments/payment.ts';
import { paymentBudgetMs, policyOf, stepPolicies, type StepPolicy } from './step-policies.ts';
import { EVENT_PUMP_POLICY, NOTIFICATION_POLICY } from './background-policies.ts';
import { WORKFLOW_TASK_TIMEOUT_MS } from '../contract.ts';
import type { StepLimits } from '../../domain/order-settings.ts';
import { worstCaseMs, type RetrySchedule } from './retry-schedule.ts';

const SECOND = 1_000;
const SECONDS_PER_DAY = 86_400;

/** Values of the configuration that the policies depend on. */
export interface PolicySettings {
  readonly holdTtlSeconds: number;
  readonly stepLimits?: StepLimits;
  /** How consumers retry events, by `consumer/type`. */
  readonly eventRetries?: Readonly<Record<string, EventRetries>>;
  /** Days after which an event leaves the log. */
  readonly eventRetentionDays?: number;
}

/** How a consumer retries events of a type. */
interface EventRetries {
  readonly maxAttempts: number;
  readonly firstWaitSeconds: number;
  readonly longestWaitSeconds: number;
}

/** The work beside the orders that is given up after some time. */
const BACKGROUND: Readonly<Record<string, RetrySchedule>> = { notification: NOTIFICATION_POLICY };

/**
 * Contradictions between the policies and the configuration, in words; empty when there are none. A process with a
 * contradiction must not start.
 */
export function policyContradictions(
  settings: PolicySettings,
  policies: Readonly<Record<string, StepPolicy>> = stepPolicies(settings.stepLimits ?? {}),
  background: Readonly<Record<string, RetrySchedule>> = BACKGROUND,
): string[] {
  return [
    ...holdContradictions(settings),
    ...Object.entries(policies).flatMap(([name, policy]) => stepContradictions(name, policy)),
    ...Object.entries({ ...policies, ...background }).flatMap(([name, policy]) => budgetContradictions(name, policy)),
    ...pumpContradictions(),
    ...Object.entries(settings.eventRetries ?? {}).flatMap(([name, retries]) =>
      eventContradictions(name, retries, settings.eventRetentionDays ?? Number.POSITIVE_INFINITY),
    ),
  ];
}

function holdContradictions({ holdTtlSeconds, stepLimits }: PolicySettings): string[] {
  const commitMs = policyOf('commitStock', stepLimits).budgetMs ?? 0;
  const paymentMs = paymentBudgetMs(stepLimits);
  const neededMs = paymentMs + commitMs;
  if (holdTtlSeconds > seconds(neededMs)) return [];
  return [
    `HOLD_TTL_SECONDS is ${holdTtlSeconds}, but a payment may take ${seconds(paymentMs)} s ` +
      `and the commit after it ${seconds(commitMs)} s: it must be more than ${seconds(neededMs)}`,
  ];
}

function stepContradictions(name: string, policy: StepPolicy): string[] {
  const problems: string[] = [];
  if (policy.localTimeoutMs >= WORKFLOW_TASK_TIMEOUT_MS) {
    problems.push(`${name}: a local try of ${policy.localTimeoutMs} ms does not fit into a workflow task`);
  }
  if (policy.maxAttempts === null && policy.budgetMs === null) {
    problems.push(`${name}: neither attempts nor time are limited, so no case would ever open`);
  }
  const moneyCallsMs = PAYMENT_LOOKUP_TIMEOUT_MS + PAYMENT_CALL_TIMEOUT_MS;
  if (policy.collaborator === 'payment' && moneyCallsMs >= policy.attemptTimeoutMs) {
    problems.push(`${name}: a look-up and a call do not fit into one attempt of ${policy.attemptTimeoutMs} ms`);
  }
  return problems;
}

/** Temporal drops a wait that would end after the budget, and all attempts after it. */
function budgetContradictions(name: string, schedule: RetrySchedule): string[] {
  const { budgetMs } = schedule;
  const neededMs = worstCaseMs(schedule);
  if (budgetMs === null || budgetMs >= neededMs) return [];
  return [`${name}: its waits and attempts may take ${seconds(neededMs)} s, its budget is ${seconds(budgetMs)} s`];
}

function pumpContradictions(): string[] {
  const { roundMs, startToCloseTimeout } = EVENT_PUMP_POLICY;
  if (roundMs < startToCloseTimeout) return [];
  return [
    `event pump: a round of ${seconds(roundMs)} s does not fit into its limit of ${seconds(startToCloseTimeout)} s`,
  ];
}

/** The waits between all attempts in seconds. Each is twice as long as the one before, up to the longest. */
export function waitsOf({ maxAttempts, firstWaitSeconds, longestWaitSeconds }: EventRetries): number[] {
  return Array.from({ length: maxAttempts - 1 }, (_, index) =>
    Math.min(firstWaitSeconds * 2 ** index, longestWaitSeconds),
  );
}

function eventContradictions(name: string, retries: EventRetries, retentionDays: number): string[] {
  const { firstWaitSeconds, longestWaitSeconds, maxAttempts } = retries;
  if (firstWaitSeconds > longestWaitSeconds) {
    return [`events ${name}: the first wait is ${firstWaitSeconds} s, the longest only ${longestWaitSeconds} s`];
  }
  const waits = waitsOf(retries).reduce((sum, wait) => sum + wait, 0);
  if (waits < retentionDays * SECONDS_PER_DAY) return [];
  return [
    `events ${name}: ${maxAttempts} attempts wait ${waits} s, but EVENT_RETENTION_DAYS is ${retentionDays}: an event ` +
      'must be tried to its end before it leaves the log',
  ];
}

function seconds(ms: number): number {
  return Math.ceil(ms / SECOND);
}
