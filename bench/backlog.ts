import { Connection } from '@temporalio/client';
import type { Cleanup } from './cleanup.ts';
import type { Stage } from './environment.ts';
import { sampleEvery, type Sample, type Sampling } from './sampling.ts';

/**
 * Workflow tasks on the shared queue, as Temporal's matching service counts them: orders that no worker has begun. Later
 * tasks of an order are on its worker's own queue, and an eager start needs no queue.
 */
interface Backlog {
  readonly tasks: number;
  /** Of the oldest one. */
  readonly ageSeconds: number;
}

/** What waited at a moment. */
export type BacklogSample = Sample<Backlog>;

/** Asking costs Temporal a millisecond; it counts anew about once a second. */
const INTERVAL_MS = 1_000;
const ANSWER_WITHIN_MS = 1_500;

const WORKFLOW_QUEUE_TYPE = 1;

/** Watches a task queue by `describeTaskQueue`. */
export async function watchBacklog(stage: Stage, taskQueue: string, cleanup: Cleanup): Promise<Sampling<Backlog>> {
  // Without its interceptors, one of which would repeat a call after the end of the connection.
  const connection = await Connection.connect({ address: stage.temporalAddress, interceptors: [] });
  const ask = () =>
    connection.workflowService.describeTaskQueue({
      namespace: stage.namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: WORKFLOW_QUEUE_TYPE,
      reportStats: true,
    });
  const sampling = sampleEvery(INTERVAL_MS, async () => {
    const { stats } = await connection.withDeadline(Date.now() + ANSWER_WITHIN_MS, ask);
    const tasks = Number(stats?.approximateBacklogCount ?? 0);
    const { seconds, nanos } = stats?.approximateBacklogAge ?? {};
    // The age is that of the last task when none is left.
    return { tasks, ageSeconds: tasks === 0 ? 0 : Number(seconds ?? 0) + (nanos ?? 0) / 1e9 };
  });
  await cleanup.add(async () => {
    await sampling.stop();
    await connection.close();
  });
  return sampling;
}
