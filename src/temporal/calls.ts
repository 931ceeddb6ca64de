import { isGrpcServiceError, WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import { DeadlineExceededError } from '../runtime/deadline.ts';

/**
 * Whether Temporal has not answered a call, so that what became of it is not known: our own limit, or the connection's
 * error, which some calls of the SDK wrap. What Temporal does answer (not found, exists already) has errors of its own.
 */
export function isNoAnswer(error: unknown): boolean {
  if (error instanceof DeadlineExceededError || error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return true;
  return isGrpcServiceError(error) || (error instanceof Error && isNoAnswer(error.cause));
}
