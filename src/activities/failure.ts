import { activityInfo, ApplicationFailure, asyncLocalStorage } from '@temporalio/activity';
import { ApplicationFailureCategory } from '@temporalio/common';
import type { AnswerMismatch } from '../domain/case.ts';
import { OrderSagaError, PaymentMismatchError, WebhookUndeliveredError, type FailureCode } from '../domain/errors.ts';
import { PAYMENT_RETRY_DELAYS_MS, PAYMENT_RETRY_JITTER, PAYMENT_RETRY_POLICY } from '../domain/payments/payment.ts';

/** What a later attempt of the same step can change about a failure. */
export type RetryClass =
  /** The failure passes by itself: the step's policy retries it. */
  | 'transient'
  /** No retry can succeed: the order is parked at once. */
  | 'permanent'
  /** The effect may have happened: it is looked up before another try, with growing waits. */
  | 'unknown_outcome';

/** The only place that says how each failure is retried. */
export const RETRY_CLASSES = {
  database_unavailable: 'transient',
  database_contract: 'permanent',
  order_state_conflict: 'permanent',
  payment_outcome_unknown: 'unknown_outcome',
  payment_gateway_open: 'unknown_outcome',
  payment_mismatch: 'permanent',
  payment_contract: 'permanent',
  authorization_gone: 'permanent',
  order_turn_over: 'permanent',
  refund_refused: 'permanent',
  notice_unmatched: 'permanent',
  notice_unexpected: 'permanent',
  mail_unavailable: 'transient',
  mail_gateway_open: 'transient',
  mail_rejected: 'permanent',
  sms_unavailable: 'transient',
  sms_gateway_open: 'transient',
  sms_rejected: 'permanent',
  webhook_undelivered: 'transient',
  contact_unreadable: 'permanent',
  event_pump_fenced: 'transient',
  unclassified: 'permanent',
} as const satisfies Record<FailureCode, RetryClass>;

/** What a failure tells its workflow beside type and message. It is the failure's first and only detail. */
export interface FailureDetail {
  /** The number of the attempt, counted from 1. */
  readonly attempt: number;
  /** The fields in which the provider's answer differed. */
  readonly mismatch?: AnswerMismatch;
}

/**
 * Turns any error of an activity into a failure that tells Temporal whether to retry. Messages contain ids and codes
 * only. The text of an unclassified error stays in the worker's log, because it may repeat customer data.
 */
export function toFailure(error: unknown): ApplicationFailure {
  if (error instanceof ApplicationFailure) return error;
  if (!(error instanceof OrderSagaError)) {
    const name = error instanceof Error ? error.name : typeof error;
    return ApplicationFailure.create({
      type: 'unclassified',
      message: `${name} (see the worker's log)`,
      nonRetryable: true,
      details: [detailOf(error)],
    });
  }
  const retryClass = RETRY_CLASSES[error.code];
  return ApplicationFailure.create({
    type: error.code,
    message: error.message,
    nonRetryable: retryClass === 'permanent',
    details: [detailOf(error)],
    ...(retryClass === 'unknown_outcome' ? paymentRetryDelay(activityInfo()) : {}),
    ...(error instanceof WebhookUndeliveredError ? { nextRetryDelay: Math.round(error.retryInMs) } : {}),
    ...(retryClass === 'permanent' ? {} : { category: ApplicationFailureCategory.BENIGN }),
  });
}

function detailOf(error: unknown): FailureDetail {
  const attempt = asyncLocalStorage.getStore()?.info.attempt ?? 1;
  return error instanceof PaymentMismatchError ? { attempt, mismatch: error.mismatch } : { attempt };
}

/**
 * The next wait of a money step, as its code names it. Nothing when the activity has another retry policy than the code
 * gave it (a person changed it by Temporal's update-options): a named wait would go before that policy.
 */
function paymentRetryDelay(info: ReturnType<typeof activityInfo>): { readonly nextRetryDelay?: number } {
  return hasPolicyOfTheCode(info) ? { nextRetryDelay: paymentRetryDelayMs(info) } : {};
}

/** Whether the activity's waits are those of PAYMENT_RETRY_POLICY. A local activity and an old server name no policy. */
function hasPolicyOfTheCode({ retryPolicy, isLocal }: ReturnType<typeof activityInfo>): boolean {
  if (isLocal || retryPolicy === undefined) return true;
  const { initialInterval, backoffCoefficient, maximumInterval } = PAYMENT_RETRY_POLICY;
  return (
    retryPolicy.initialInterval === initialInterval &&
    retryPolicy.backoffCoefficient === backoffCoefficient &&
    retryPolicy.maximumInterval === maximumInterval
  );
}

/** Times of an attempt by Temporal's clock, because a worker's own clock may be wrong. */
type AttemptTimes = Pick<
  ReturnType<typeof activityInfo>,
  'scheduledTimestampMs' | 'currentAttemptScheduledTimestampMs' | 'scheduleToCloseTimeoutMs' | 'startToCloseTimeoutMs'
>;

const SHORTEST_DELAY_MS = Math.min(...PAYMENT_RETRY_DELAYS_MS);
const LONGEST_DELAY_MS = Math.max(...PAYMENT_RETRY_DELAYS_MS);

/**
 * The next wait of the payment schedule. It depends on the time since the step began and not on the attempt's number,
 * because attempts that the circuit breaker kept back must not use up the schedule. A wait that is longer than the rest
 * of the budget is shortened, so that the budget is used to its end. Past the schedule the longest wait exceeds the
 * rest, which ends the step at once.
 */
export function paymentRetryDelayMs(times: AttemptTimes = activityInfo(), luck: () => number = Math.random): number {
  const { scheduledTimestampMs, currentAttemptScheduledTimestampMs, scheduleToCloseTimeoutMs } = times;
  const elapsedMs = currentAttemptScheduledTimestampMs - scheduledTimestampMs;
  // Both this attempt and the one after the wait may take up to their time limit.
  const leftMs = scheduleToCloseTimeoutMs - elapsedMs - 2 * times.startToCloseTimeoutMs;
  let passedMs = 0;
  for (const delayMs of PAYMENT_RETRY_DELAYS_MS) {
    passedMs += delayMs;
    if (elapsedMs >= passedMs) continue;
    const wantedMs = Math.round(delayMs * (1 + PAYMENT_RETRY_JITTER * luck()));
    return leftMs >= SHORTEST_DELAY_MS ? Math.min(wantedMs, leftMs) : wantedMs;
  }
  return LONGEST_DELAY_MS;
}
