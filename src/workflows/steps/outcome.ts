import { ActivityFailure, ApplicationFailure, isCancellation, TimeoutFailure } from '@temporalio/workflow';
import type { FailureDetail } from '../../activities/failure.ts';
import type { StepFailure } from '../../activities/fast-path.ts';

/** What one try came to: an answer (nothing, where there is none to give) or a failure. */
export interface Outcome<Answer> {
  readonly answer?: Answer;
  readonly failure?: ApplicationFailure;
}

/** The outcomes of steps that were tried together before the workflow comes to them one by one. */
export interface FirstPass {
  /**
   * Tries the steps of an order that goes well, where that can be done at once; resolves with whether a payment may have
   * been asked for.
   */
  run(): Promise<boolean>;
  /** What came of a step; null when it was not tried, or was taken before. */
  take(step: string): Outcome<unknown> | null;
}

/**
 * The activity's own failure: a regular activity's comes in an envelope, a local one's as it is. A timeout has no
 * failure of its own; a local one's comes in an envelope the first time, and as it is when the history is replayed.
 */
export function failureOf(error: unknown): ApplicationFailure {
  if (isCancellation(error)) throw error;
  if (error instanceof ApplicationFailure) return error;
  if (error instanceof TimeoutFailure) return timedOut(error);
  if (!(error instanceof ActivityFailure)) throw error;
  if (error.cause instanceof ApplicationFailure) return error.cause;
  return timedOut(error.cause ?? error);
}

function timedOut({ message, cause }: Error): ApplicationFailure {
  const details = cause instanceof ApplicationFailure ? [...(cause.details ?? [])] : [];
  return ApplicationFailure.create({ type: 'timeout', message, nonRetryable: false, details });
}

/** A failure that travelled as data, as its activity threw it. */
export function thrownAs({ type, message, nonRetryable, details }: StepFailure): ApplicationFailure {
  return ApplicationFailure.create({ type, message, nonRetryable, details: [...(details ?? [])] });
}

/** What the activity said about its last attempt; a timeout has it from the attempt before, where there was one. */
export function detailOf(failure: ApplicationFailure): FailureDetail {
  const [detail] = failure.details ?? [];
  return (detail as FailureDetail | undefined) ?? { attempt: 1 };
}

/** Whether a further attempt may succeed. */
export function isRetryable(failure: ApplicationFailure): boolean {
  return failure.nonRetryable !== true;
}
