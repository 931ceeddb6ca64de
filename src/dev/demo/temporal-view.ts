import type { Client } from '@temporalio/client';
import { orderWorkflowId } from '../../workflows/contract.ts';

/** A step that failed and is tried again, as the Web UI shows it under "Pending Activities". */
export interface RetriedStep {
  readonly id: string;
  /** The attempt that comes next, or runs now. */
  readonly attempt: number;
  readonly lastError: string;
}

/** Who worked on an order and which steps left its first quick pass. */
export interface OrderTrace {
  /** `pid@host` of the process that took the order's first workflow task. */
  readonly startedBy: string | null;
  /** `pid@host` of the process that completed its last one. */
  readonly finishedBy: string | null;
  /** Ids of the steps that were scheduled as regular, retried activities. */
  readonly retriedSteps: readonly string[];
}

/** What Temporal itself says about an order: what its Web UI shows, read by the same calls. */
export interface TemporalView {
  retriedStep(orderId: string): Promise<RetriedStep | null>;
  trace(orderId: string): Promise<OrderTrace>;
}

/** Creates the view; `signal` ends its questions. */
export function createTemporalView(client: Client, signal: AbortSignal): TemporalView {
  const handleOf = (orderId: string) => client.workflow.getHandle(orderWorkflowId(orderId));
  return {
    retriedStep: async (orderId) => {
      const { raw } = await client.withAbortSignal(signal, () => handleOf(orderId).describe());
      const failed = raw.pendingActivities?.find(({ lastFailure }) => lastFailure?.message != null);
      if (failed === undefined) return null;
      const { activityId, attempt, lastFailure } = failed;
      return { id: activityId ?? '', attempt: attempt ?? 1, lastError: lastFailure?.message ?? '' };
    },
    trace: async (orderId) => {
      const { events } = await client.withAbortSignal(signal, () => handleOf(orderId).fetchHistory());
      const all = events ?? [];
      return {
        startedBy:
          all.find((event) => event.workflowTaskStartedEventAttributes)?.workflowTaskStartedEventAttributes?.identity ??
          null,
        finishedBy:
          all.findLast((event) => event.workflowTaskCompletedEventAttributes)?.workflowTaskCompletedEventAttributes
            ?.identity ?? null,
        retriedSteps: all.flatMap((event) => event.activityTaskScheduledEventAttributes?.activityId ?? []),
      };
    },
  };
}
