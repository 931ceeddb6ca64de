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

/**
 * Workflow tasks on a shared queue, as Temporal's matching service counts them: workflows that no worker has begun. Later
 * tasks of a workflow are on its worker's own queue, and an eager start needs no queue.
 */
export interface Backlog {
  readonly tasks: number;
  /** Of the oldest one; 0 when there is none. */
  readonly ageSeconds: number;
}

/** Reads the backlog of a task queue. @throws what the call throws, or that it took too long. */
export async function readBacklog(connection: Connection, namespace: string, taskQueue: string): Promise<Backlog> {
  const { stats } = await callWithin(SAMPLE_TIMEOUT_MS, connection, () =>
    connection.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: WORKFLOW_QUEUE_TYPE,
      reportStats: true,
    }),
  );
  const tasks = Number(stats?.approximateBacklogCount ?? 0);
  const { seconds, nanos } = stats?.approximateBacklogAge ?? {};
  // The age is that of the last task when none is left.
  return { tasks, ageSeconds: tasks === 0 ? 0 : Number(seconds ?? 0) + (nanos ?? 0) / 1e9 };
}

/** Samples the backlog of the `orders` task queue. */
export function createBacklogMonitor(client: Client, namespace: string): BacklogMonitor {
  let age = 0;
  const sample = async (): Promise<void> => {
    const { ageSeconds } = await readBacklog(client.connection as Connection, namespace, 'orders');
    // Limits are whole seconds.
    age = Math.floor(ageSeconds);
  };
  // A sample that fails keeps the last one: Temporal being away is told by its own health check.
  const loop = createBackgroundLoop(SAMPLE_INTERVAL_MS, () => sample().catch(() => {}));
  return {
    ageSeconds: () => age,
    ...loop,
  };
}
