import type { Client, Connection } from '@temporalio/client';
import { callWithin } from './temporal-health.ts';

/** How far the workers are behind, sampled in the background. */
export interface BacklogMonitor {
  /** Age in seconds of the oldest order that waits on the task queue; 0 when none does or nothing is known. */
  ageSeconds(): number;
  start(): void;
  stop(): void;
}

const SAMPLE_INTERVAL_MS = 2_000;
const SAMPLE_TIMEOUT_MS = 1_500;
const WORKFLOW_QUEUE_TYPE = 1;

/** Samples the backlog of the `orders` task queue. */
export function createBacklogMonitor(client: Client, namespace: string): BacklogMonitor {
  let age = 0;
  let timer: NodeJS.Timeout | null = null;
  const sample = async (): Promise<void> => {
    const { workflowService } = client.connection as Connection;
    const { stats } = await callWithin(SAMPLE_TIMEOUT_MS, client, () =>
      workflowService.describeTaskQueue({
        namespace,
        taskQueue: { name: 'orders' },
        taskQueueType: WORKFLOW_QUEUE_TYPE,
        reportStats: true,
      }),
    );
    const seconds = Number(stats?.approximateBacklogAge?.seconds ?? 0);
    age = Number(stats?.approximateBacklogCount ?? 0) > 0 ? seconds : 0;
  };
  const loop = async (): Promise<void> => {
    // A sample that fails keeps the last one: Temporal being away is told by its own health check.
    await sample().catch(() => {});
    if (timer !== null) timer = setTimeout(() => void loop(), SAMPLE_INTERVAL_MS).unref();
  };
  return {
    ageSeconds: () => age,
    start: () => {
      timer ??= setTimeout(() => void loop(), 0).unref();
    },
    stop: () => {
      if (timer !== null) clearTimeout(timer);
      timer = null;
    },
  };
}
