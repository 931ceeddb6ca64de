import { PAYMENT_CALL_TIMEOUT_MS, PAYMENT_LOOKUP_TIMEOUT_MS } from '../domain/payment.ts';
import { paymentBudgetMs, STEP_POLICIES, type StepPolicy } from './activity-policies.ts';
import { EVENT_PUMP_POLICY, NOTIFICATION_POLICY } from './background-policies.ts';
import { WORKFLOW_TASK_TIMEOUT_MS } from './contract.ts';
import { worstCaseMs, type RetrySchedule } from './retry-schedule.ts';

const SECOND = 1_000;

/** Values from the configuration that the policies depend on. */
export interface PolicySettings {
  readonly holdTtlSeconds: number;
}

/** The work beside the orders that is given up after some time. */
const BACKGROUND: Readonly<Record<string, RetrySchedule>> = { notification: NOTIFICATION_POLICY };

/**
 * Contradictions between the policies and the configuration, in words; empty when there are none.
 * A process that finds one must not start.
 */
export function policyContradictions(
  settings: PolicySettings,
  policies: Readonly<Record<string, StepPolicy>> = STEP_POLICIES,
  background: Readonly<Record<string, RetrySchedule>> = BACKGROUND,
): string[] {
  return [
    ...holdContradictions(settings),
    ...Object.entries(policies).flatMap(([name, policy]) => stepContradictions(name, policy)),
    ...Object.entries({ ...policies, ...background }).flatMap(([name, policy]) => budgetContradictions(name, policy)),
    ...pumpContradictions(),
  ];
}

function holdContradictions({ holdTtlSeconds }: PolicySettings): string[] {
  const commitMs = STEP_POLICIES.commitStock.budgetMs;
  const neededMs = paymentBudgetMs() + commitMs;
  if (holdTtlSeconds > seconds(neededMs)) return [];
  return [
    `HOLD_TTL_SECONDS is ${holdTtlSeconds}, but a payment may take ${seconds(paymentBudgetMs())} s ` +
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

/** Temporal drops a wait that would end after the budget, and with it everything that was to follow. */
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

function seconds(ms: number): number {
  return Math.ceil(ms / SECOND);
}
