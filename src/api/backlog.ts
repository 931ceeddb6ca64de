import type { Client, Connection } from '@temporalio/client';
import { createBackgroundLoop, type BackgroundLoop } from './background-loop.ts';
import { callWithin } from '../domain/deadline.ts';

/** How far the workers are behind, sampled in the background. */
export interface BacklogMonitor extends BackgroundLoop {
  /** Age in seconds of the oldest order that waits on the task queue; 0 when none does or nothing is known. */
  ageSeconds(): number;
}

const SAMPLE_INTERVAL_MS = 2_000;
const SAMPLE_TIMEOUT_MS = 1_500;
const WORKFLOW_QUEUE_TYPE = 1;

/** Samples the backlog of the `orders` task queue. */
export function createBacklogMonitor(client: Client, namespace: string): BacklogMonitor {
  let age = 0;
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
  // A sample that fails keeps the last one: Temporal being away is told by its own health check.
  const loop = createBackgroundLoop(SAMPLE_INTERVAL_MS, () => sample().catch(() => {}));
  return {
    ageSeconds: () => age,
    ...loop,
  };
}
