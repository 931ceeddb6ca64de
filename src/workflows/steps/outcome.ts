import { ActivityFailure, ApplicationFailure, isCancellation, TimeoutFailure } from '@temporalio/workflow';
import type { FailureDetail } from '../../activities/failure.ts';
import type { StepFailure } from '../../activities/fast-path.ts';
import type { TimedTry } from './step-reports.ts';

/** The result of one try: an answer (or nothing, for a step without one) or a failure. */
export interface Outcome<Answer> {
  readonly answer?: Answer;
  readonly failure?: ApplicationFailure;
  /** When the fast path has tried it. */
  readonly timed?: TimedTry;
}

/** The outcomes of steps that the fast path has tried before the workflow reaches them one by one. */
export interface FastPath {
  /**
   * Tries the steps of an order for which nothing goes wrong, if they can be done at once. Resolves with whether a
   * payment may have been asked for.
   */
  run(): Promise<boolean>;
  /** Whether there is an outcome of a step to be taken. */
  has(step: string): boolean;
  /** The outcome of a step; null when it was not tried, or was taken before. */
  take(step: string): Outcome<unknown> | null;
}

/**
 * The activity's own failure. A regular activity's failure is wrapped; a local activity's is not. A timeout has no
 * failure of its own; a local activity's timeout is wrapped at first, and is not wrapped when the history is replayed.
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

/** Turns a failure that traveled as data back into the error that its activity threw. */
export function thrownAs({ type, message, nonRetryable, details }: StepFailure): ApplicationFailure {
  return ApplicationFailure.create({ type, message, nonRetryable, details: [...(details ?? [])] });
}

/**
 * The detail that the activity gave about its last attempt; for a timeout, the detail of the attempt before, if there
 * was one.
 */
export function detailOf(failure: ApplicationFailure): FailureDetail {
  const [detail] = failure.details ?? [];
  return (detail as FailureDetail | undefined) ?? { attempt: 1 };
}

/** Whether a further attempt may succeed. */
export function isRetryable(failure: ApplicationFailure): boolean {
  return failure.nonRetryable !== true;
}
