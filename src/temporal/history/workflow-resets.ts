import { WorkflowFailedError, type Client } from '@temporalio/client';
import type { WorkflowPast } from './workflow-past.ts';

/** The run to reset, and how far. */
type ResetRun = Pick<WorkflowPast, 'workflowId' | 'runId' | 'firstTaskEnd'>;

/** `ALL_ELIGIBLE` and the kinds of messages, by their numbers in Temporal's API. */
const REAPPLY_ALL = 3;
const SIGNALS_AND_UPDATES = [1, 2];

/** Why and how a workflow runs again. */
export interface WorkflowReset {
  /** Written into the history of the new run. */
  readonly reason: string;
  /** Makes a repeated request harmless. */
  readonly requestId: string;
  /** Whether the signals and Updates of the run are given to the new run as well. */
  readonly withMessages: boolean;
}

/**
 * Runs a workflow again from its first workflow task, whether it is open or closed, and ends the present run.
 * @returns the id of the new run.
 */
export async function resetToStart(
  client: Client,
  { workflowId, runId, firstTaskEnd }: ResetRun,
  { reason, requestId, withMessages }: WorkflowReset,
): Promise<string> {
  const { runId: newRunId } = await client.workflowService.resetWorkflowExecution({
    namespace: client.options.namespace,
    workflowExecution: { workflowId, runId },
    reason,
    workflowTaskFinishEventId: firstTaskEnd ?? null,
    requestId,
    resetReapplyType: REAPPLY_ALL,
    resetReapplyExcludeTypes: withMessages ? [] : SIGNALS_AND_UPDATES,
  });
  return newRunId;
}

/** How a run has ended. `died`: failed, terminated or timed out. */
export type RunEnd = { readonly kind: 'completed'; readonly result: unknown } | { readonly kind: 'died' };

/** Waits for the end of one run; rejects when the signal aborts. */
export function runEnd(
  client: Client,
  { workflowId, runId }: { readonly workflowId: string; readonly runId?: string },
  signal: AbortSignal,
): Promise<RunEnd> {
  return client.withAbortSignal(signal, async () => {
    try {
      return { kind: 'completed', result: await client.workflow.getHandle(workflowId, runId).result() };
    } catch (error) {
      if (error instanceof WorkflowFailedError) return { kind: 'died' };
      throw error;
    }
  });
}
