import { Runtime } from '@temporalio/worker';

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

/** Shows how far this machine's clock is ahead of the database's. */
export function reportClock(aheadMs: number): void {
  const gauge = Runtime.instance().metricMeter.createGauge(
    'order_saga_clock_ahead_seconds',
    'float',
    '',
    "How far the worker's clock is ahead of the database's",
  );
  gauge.set(aheadMs / 1_000);
}

/** Counts an attempt to deliver a webhook by its result. */
export function countWebhookAttempt(outcome: string): void {
  const counter = Runtime.instance().metricMeter.createCounter(
    'webhook_deliveries',
    '',
    'Attempts to deliver a webhook, by outcome',
  );
  counter.add(1, { outcome });
}

/** Counts log lines that could not be written. */
export function countDroppedLogLines(lines: number): void {
  const counter = Runtime.instance().metricMeter.createCounter(
    'log_lines_dropped',
    '',
    'Log lines that could not be written: a full disk, or a reader that stands still',
  );
  counter.add(lines, {});
}

/** Counts a webhook subscription that was disabled, by reason. */
export function countWebhookDisabled(reason: string): void {
  const counter = Runtime.instance().metricMeter.createCounter(
    'webhook_subscriptions_disabled',
    '',
    'Webhook subscriptions that were disabled, by reason',
  );
  counter.add(1, { reason });
}

/** Counts a try to send a text message by its result. */
export function countTextMessage(outcome: string): void {
  const counter = Runtime.instance().metricMeter.createCounter(
    'text_messages',
    '',
    'Tries to send a text message, by outcome',
  );
  counter.add(1, { outcome });
}
