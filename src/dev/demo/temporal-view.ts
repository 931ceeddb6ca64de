import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { orderWorkflowId } from '../../workflows/contract.ts';

/** A step that failed and is tried again, as the Web UI shows it under "Pending Activities". */
export interface RetriedStep {
  readonly id: string;
  /** The attempt that comes next or runs now. */
  readonly attempt: number;
  readonly lastError: string;
}

/** The processes that worked on an order, and the steps that left its first quick pass. */
interface OrderTrace {
  /** `pid@host` of the process that took the order's first workflow task. */
  readonly startedBy: string | null;
  /** `pid@host` of the process that completed its last one. */
  readonly finishedBy: string | null;
  /** Ids of the steps that were scheduled as regular, retried activities. */
  readonly retriedSteps: readonly string[];
}

/** Temporal's own view of an order: the content of its Web UI, read by the same calls. */
export interface TemporalView {
  retriedStep(orderId: string): Promise<RetriedStep | null>;
  /** Waits until the order's workflow is closed: its last task is reported a moment after the order is at rest. */
  trace(orderId: string): Promise<OrderTrace>;
}

/** How long a workflow may be open after its order is at rest: one workflow task is lost and repeated, twice. */
const CLOSE_LIMIT_MS = 10_000;

const LOOK_MS = 50;

/** `signal` ends all questions to Temporal. */
export function createTemporalView(client: Client, signal: AbortSignal): TemporalView {
  const handleOf = (orderId: string) => client.workflow.getHandle(orderWorkflowId(orderId));
  const describe = (orderId: string) => client.withAbortSignal(signal, () => handleOf(orderId).describe());

  return {
    retriedStep: async (orderId) => {
      const { raw } = await describe(orderId);
      const failed = raw.pendingActivities?.find(({ lastFailure }) => lastFailure?.message != null);
      if (failed === undefined) return null;
      const { activityId, attempt, lastFailure } = failed;
      return { id: activityId ?? '', attempt: attempt ?? 1, lastError: lastFailure?.message ?? '' };
    },
    trace: async (orderId) => {
      const deadline = Date.now() + CLOSE_LIMIT_MS;
      while ((await describe(orderId)).status.name === 'RUNNING' && Date.now() < deadline) {
        await sleep(LOOK_MS, undefined, { signal });
      }
      const { events } = await client.withAbortSignal(signal, () => handleOf(orderId).fetchHistory());
      const all = events ?? [];
      const starts = all.map((event) => event.workflowTaskStartedEventAttributes?.identity ?? null);
      const ends = all.map((event) => event.workflowTaskCompletedEventAttributes?.identity ?? null);
      return {
        startedBy: starts.find((identity) => identity !== null) ?? null,
        finishedBy: ends.findLast((identity) => identity !== null) ?? null,
        retriedSteps: all.flatMap((event) => event.activityTaskScheduledEventAttributes?.activityId ?? []),
      };
    },
  };
}
