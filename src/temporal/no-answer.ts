import { isGrpcServiceError, WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import { DeadlineExceededError } from '../runtime/deadline.ts';

/**
 * Whether Temporal has not answered a call, so that its result is unknown: our own time limit, or the connection's
 * error, which some calls of the SDK wrap. Answers of Temporal (not found, exists already) have errors of their own.
 */
export function isNoAnswer(error: unknown): boolean {
  if (error instanceof DeadlineExceededError || error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return true;
  return isGrpcServiceError(error) || (error instanceof Error && isNoAnswer(error.cause));
}
