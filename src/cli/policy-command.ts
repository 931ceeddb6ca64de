import { eventRetryTable } from '../events/event-retries.ts';
import type { EventRetryPolicy } from '../events/event-type.ts';
import { stepPolicies, type StepPolicy } from '../workflows/steps/step-policies.ts';
import { NOTIFICATION_POLICY } from '../workflows/steps/background-policies.ts';
import { waitsOf } from '../workflows/steps/policy-check.ts';
import { growingDelaysOf, type RetrySchedule } from '../workflows/steps/retry-schedule.ts';
import type { SystemTools } from './system-commands.ts';
import type { Tables } from './table.ts';

/**
 * Prints the retries of every step and event under the settings of this environment.
 * @returns 0.
 */
export function showPolicies({ config, options, terminal, tables }: SystemTools): Promise<number> {
  const steps = Object.values(stepPolicies(config.orderSettings.stepLimits ?? {}));
  const policies = {
    steps: steps.map(stepFigures),
    notification: scheduleFigures(NOTIFICATION_POLICY),
    events: Object.entries(eventRetryTable(config.events.retries)).map(eventFigures),
  };
  terminal.print(options.json === true ? JSON.stringify(policies, null, 2) : textOf(policies, tables));
  return Promise.resolve(0);
}

function stepFigures(policy: StepPolicy) {
  return {
    step: policy.id,
    localTrySeconds: policy.localTimeoutMs / 1_000,
    ...scheduleFigures(policy),
    maxAttempts: policy.maxAttempts,
    whenSpent: policy.whenSpent,
  };
}

function scheduleFigures(schedule: RetrySchedule) {
  return {
    attemptSeconds: schedule.attemptTimeoutMs / 1_000,
    waitsSeconds: (schedule.namedDelays?.delaysMs ?? growingDelaysOf(schedule)).map((ms) => ms / 1_000),
    budgetSeconds: schedule.budgetMs === null ? null : schedule.budgetMs / 1_000,
  };
}

function eventFigures([name, policy]: [string, EventRetryPolicy]) {
  return { name, ...policy, waitsSeconds: waitsOf(policy).reduce((sum, wait) => sum + wait, 0) };
}

interface Policies {
  readonly steps: readonly ReturnType<typeof stepFigures>[];
  readonly notification: ReturnType<typeof scheduleFigures>;
  readonly events: readonly ReturnType<typeof eventFigures>[];
}

function textOf({ steps, notification, events }: Policies, { table }: Tables): string {
  const schedule = ({ attemptSeconds, waitsSeconds, budgetSeconds }: ReturnType<typeof scheduleFigures>) => [
    `${attemptSeconds} s`,
    `${waitsSeconds[0]} to ${waitsSeconds.at(-1)} s`,
    budgetSeconds === null ? null : `${budgetSeconds} s`,
  ];
  const stepRows = steps.map((step) => [
    step.step,
    `${step.localTrySeconds} s`,
    ...schedule(step),
    step.maxAttempts,
    step.whenSpent,
  ]);
  const messageRow = ['(message)', `${NOTIFICATION_POLICY.localTimeoutMs / 1_000} s`, ...schedule(notification)];
  const eventRows = events.map((event) => [
    event.name,
    event.maxAttempts,
    `${event.firstWaitSeconds} s`,
    `${event.longestWaitSeconds} s`,
    `${event.waitsSeconds} s`,
  ]);
  return [
    table(
      ['step', 'local try', 'attempt', 'waits', 'budget', 'attempts', 'when spent'],
      [...stepRows, [...messageRow, null, 'given up']],
    ),
    table(['consumer/type', 'attempts', 'first wait', 'longest wait', 'waits in all'], eventRows),
  ].join('\n\n');
}
