import {
  ApplicationFailure,
  isGrpcServiceError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  type Client,
  type WorkflowExecutionDescription,
} from '@temporalio/client';
import { DeadlineExceededError, within } from '../runtime/deadline.ts';

/** The part of Temporal's client, or of its connection, that a call with a limit needs. */
export interface DeadlineClient {
  withDeadline<Result>(deadline: number, call: () => Promise<Result>): Promise<Result>;
}

/**
 * Calls Temporal over a plain connection within a time limit, which also ends the SDK's own retries. Otherwise they
 * would go on for a minute, so an order that was refused with 503 could still start when Temporal comes back.
 */
export function callWithin<Result>(
  limitMs: number,
  client: DeadlineClient,
  call: () => Promise<Result>,
): Promise<Result> {
  return within(limitMs, client.withDeadline(Date.now() + limitMs, call));
}

/**
 * Whether Temporal has not answered a call, so that its result is unknown: our own time limit, or the connection's
 * error, which some calls of the SDK wrap. Answers of Temporal (not found, exists already) have errors of their own.
 */
export function isNoAnswer(error: unknown): boolean {
  if (error instanceof DeadlineExceededError || error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return true;
  return isGrpcServiceError(error) || (error instanceof Error && isNoAnswer(error.cause));
}

/**
 * gRPC codes that mean "not now": cancelled (including a frozen server's timeout), deadline, exhausted, unavailable.
 */
const NOT_NOW = new Set([1, 4, 8, 14]);

/**
 * Whether the connection says that Temporal cannot take a call now. Every other gRPC code means that the caller has a
 * bug.
 */
export function isNotNow(error: unknown): boolean {
  if (isGrpcServiceError(error)) return NOT_NOW.has(error.code);
  const cause = error instanceof Error ? error.cause : undefined;
  return cause !== undefined && isNotNow(cause);
}

/** The answer of a call about one workflow; null when Temporal does not know the workflow. */
export async function ifKnown<Result>(call: Promise<Result>): Promise<Result | null> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

/** Describes the newest run of a workflow; null when Temporal does not know the workflow. */
export function describeWorkflow(
  client: Pick<Client, 'workflow'>,
  workflowId: string,
): Promise<WorkflowExecutionDescription | null> {
  return ifKnown(client.workflow.getHandle(workflowId).describe());
}

/**
 * The result of delivering an Update or a signal. `refused`: the workflow's validator refused the Update, with the
 * reason in the type of the failure, or the workflow ended while it had the Update. `closed`: the workflow has ended,
 * or never existed. `no_answer`: no worker, or not even Temporal, answered in time, so the delivery may still arrive.
 */
export type Delivery<Reply> =
  | { readonly kind: 'answered'; readonly reply: Reply }
  | { readonly kind: 'refused'; readonly type: string | null }
  | { readonly kind: 'closed' }
  | { readonly kind: 'no_answer' };

/** Delivers an Update or a signal to a workflow within a time limit. */
export async function deliver<Reply>(
  limitMs: number,
  client: DeadlineClient,
  call: () => Promise<Reply>,
): Promise<Delivery<Reply>> {
  try {
    return { kind: 'answered', reply: await callWithin(limitMs, client, call) };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { kind: 'closed' };
    if (error instanceof WorkflowUpdateFailedError) return { kind: 'refused', type: failureTypeOf(error) };
    // The server may also have dropped the Update because the workflow's task was refused.
    if (isNoAnswer(error)) return { kind: 'no_answer' };
    throw error;
  }
}

function failureTypeOf({ cause }: WorkflowUpdateFailedError): string | null {
  return cause instanceof ApplicationFailure ? (cause.type ?? null) : null;
}
