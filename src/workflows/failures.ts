import { ActivityFailure, ApplicationFailure, isCancellation, TimeoutFailure } from '@temporalio/workflow';
import type { StepFailure } from '../activities/first-pass.ts';

/** What one try came to: an answer (nothing, where there is none to give) or a failure. */
export interface Outcome<Answer> {
  readonly answer?: Answer;
  readonly failure?: ApplicationFailure;
}

/**
 * The activity's own failure: a regular activity's comes in an envelope, a local one's as it is. A timeout has no
 * failure of its own; a local one's comes in an envelope the first time, and as it is when the history is replayed.
 */
export function failureOf(error: unknown): ApplicationFailure {
  if (isCancellation(error)) throw error;
  if (error instanceof ApplicationFailure) return error;
  if (error instanceof TimeoutFailure) return ApplicationFailure.retryable(error.message, 'timeout');
  if (!(error instanceof ActivityFailure)) throw error;
  if (error.cause instanceof ApplicationFailure) return error.cause;
  return ApplicationFailure.retryable(error.cause?.message ?? error.message, 'timeout');
}

/** A failure that travelled as data, as its activity threw it. */
export function thrownAs({ type, message, nonRetryable }: StepFailure): ApplicationFailure {
  return ApplicationFailure.create({ type, message, nonRetryable });
}

/** Whether a further attempt may succeed. */
export function isRetryable(failure: ApplicationFailure): boolean {
  return failure.nonRetryable !== true;
}
