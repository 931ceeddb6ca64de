import { Runtime } from '@temporalio/worker';
import type { StepListener } from '../activities/fast-path.ts';
import { FAILURE_CODES } from '../domain/errors.ts';
import { TEXT_MESSAGE_OUTCOMES } from '../activities/notifications/notification-activities.ts';
import { WEBHOOK_OUTCOMES } from '../activities/webhooks/webhook-activities.ts';
import { TRANSITION_LABELS, transitionLabels, type OrderMove } from '../domain/order-move.ts';
import { WEBHOOK_DISABLED_REASONS } from '../domain/webhook.ts';
import { STEP_POLICIES } from '../workflows/steps/step-policies.ts';

/** Every step whose tries are counted; a step has the name of its activity. */
export const STEP_NAMES: readonly string[] = [...Object.keys(STEP_POLICIES), 'sendMessage'];

/** Failures that have no code of the domain: the try was late, or its workflow no longer wanted it. */
const OTHER_FAILURES = ['timeout', 'cancelled'] as const;

/** Steps that undo what an earlier step of the same order has done. */
const COMPENSATIONS = new Set<string>(['releaseStock', 'undoPayment'] satisfies (keyof typeof STEP_POLICIES)[]);

/**
 * Makes the counters of steps, with all their series at 0, and returns what counts a try. A step has the same names
 * whether it ran in the fast path, as a local activity or on a queue.
 */
export function createStepMetrics(): StepListener {
  const meter = Runtime.instance().metricMeter;
  const tries = meter.createCounter('order_steps', '', 'Tries of steps of orders, by step and outcome');
  const failures = meter.createCounter('order_step_failures', '', 'Failed tries of steps of orders, by code');
  const undone = meter.createCounter('order_compensations', '', 'Effects of orders that a step has undone, by step');
  const durations = meter.createHistogram(
    'order_step_duration',
    'float',
    'seconds',
    'Time of one try of a step of an order',
  );
  for (const step of STEP_NAMES) for (const outcome of ['done', 'failed']) tries.add(0, { step, outcome });
  for (const code of [...FAILURE_CODES, ...OTHER_FAILURES]) failures.add(0, { code });
  for (const step of COMPENSATIONS) undone.add(0, { step });
  return ({ step, seconds, failure }) => {
    durations.record(seconds, { step });
    tries.add(1, { step, outcome: failure === null ? 'done' : 'failed' });
    if (failure !== null) failures.add(1, { code: failure });
    else if (COMPENSATIONS.has(step)) undone.add(1, { step });
  };
}

/**
 * A counter beside the worker's own metrics. The meter is requested each time, because the runtime behind it may have
 * been replaced.
 */
function counter(name: string, description: string) {
  return (count: number, labels: Readonly<Record<string, string>>): void =>
    Runtime.instance().metricMeter.createCounter(name, '', description).add(count, labels);
}

const transitions = counter('order_transitions', 'Statuses that orders have entered, by status and reason');
const webhookAttempts = counter('webhook_deliveries', 'Attempts to deliver a webhook, by outcome');
const webhooksDisabled = counter(
  'webhook_subscriptions_disabled',
  'Webhook subscriptions that were disabled, by reason',
);
const textMessages = counter('text_messages', 'Tries to send a text message, by outcome');
const archivedOrders = counter('orders_archived', 'Ended orders that were moved out of the hot tables');
const droppedLines = counter(
  'log_lines_dropped',
  'Log lines that could not be written: a full disk, or a reader that stands still',
);

/** The service's objective: 99 of 100 orders are at rest this soon after their accept. */
const AT_REST_WITHIN_SECONDS = 5;

const settled = counter(
  'orders_settled',
  `Orders that are no longer PENDING, by whether that took at most ${AT_REST_WITHIN_SECONDS} s from their accept`,
);

/**
 * Counts a status that an order has entered, and by which reason. The age is that of the workflow which has moved the
 * order: the order's own one, as long as it is PENDING.
 */
export function countTransition(move: Pick<OrderMove, 'from' | 'to' | 'reason'>, ageSeconds: number | null): void {
  transitions(1, transitionLabels(move));
  if (move.from === 'PENDING' && ageSeconds !== null) settled(1, inTime(ageSeconds <= AT_REST_WITHIN_SECONDS));
}

function inTime(is: boolean) {
  return { in_time: String(is) };
}

/** Counters with the series that alerts need exist from the start: a first failure is else invisible to `rate()`. */
export function startWorkerMetrics(): void {
  countDroppedLogLines(0);
  countArchivedOrders(0);
  for (const labels of TRANSITION_LABELS) transitions(0, labels);
  for (const is of [true, false]) settled(0, inTime(is));
  for (const outcome of WEBHOOK_OUTCOMES) countWebhookAttempt(outcome, 0);
  for (const reason of WEBHOOK_DISABLED_REASONS) countWebhookDisabled(reason, 0);
  for (const outcome of TEXT_MESSAGE_OUTCOMES) countTextMessage(outcome, 0);
}

/**
 * Shows a breaker's state beside the worker's own metrics. The meter is requested each time, because the runtime behind
 * it may have been replaced.
 */
export function reportBreaker(collaborator: string, route: string, isOpen: boolean): void {
  const gauge = Runtime.instance().metricMeter.createGauge(
    'order_saga_circuit_breaker_open',
    'int',
    '',
    'Whether the circuit breaker around a route of a collaborator is open, 1 or 0',
  );
  gauge.set(isOpen ? 1 : 0, { collaborator, route });
}

/** Counts an attempt to deliver a webhook by its result. */
export function countWebhookAttempt(outcome: string, count = 1): void {
  webhookAttempts(count, { outcome });
}

/** Counts orders that were moved to the archive. */
export function countArchivedOrders(orders: number): void {
  archivedOrders(orders, {});
}

/** Counts log lines that could not be written. */
export function countDroppedLogLines(lines: number): void {
  droppedLines(lines, {});
}

/** Counts a webhook subscription that was disabled, by reason. */
export function countWebhookDisabled(reason: string, count = 1): void {
  webhooksDisabled(count, { reason });
}

/** Counts a try to send a text message by its result. */
export function countTextMessage(outcome: string, count = 1): void {
  textMessages(count, { outcome });
}
