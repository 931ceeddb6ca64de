import { Connection } from '@temporalio/client';
import type { Cleanup } from './cleanup.ts';
import type { Stage } from './environment.ts';
import { sampleEvery, type Sample, type Sampling } from './sampling.ts';

/** Workflow tasks that wait for a worker, as Temporal's matching service counts them. */
interface Backlog {
  readonly tasks: number;
  /** Of the oldest one. */
  readonly ageSeconds: number;
}

/** What waited at a moment. */
export type BacklogSample = Sample<Backlog>;

/** Asking costs Temporal a millisecond; it counts anew about once a second. */
const INTERVAL_MS = 1_000;

const WORKFLOW_QUEUE_TYPE = 1;

/** Watches a task queue by `describeTaskQueue`. */
export async function watchBacklog(stage: Stage, taskQueue: string, cleanup: Cleanup): Promise<Sampling<Backlog>> {
  const connection = await Connection.connect({ address: stage.temporalAddress });
  await cleanup.add(() => connection.close());
  return sampleEvery(INTERVAL_MS, async () => {
    const { stats } = await connection.workflowService.describeTaskQueue({
      namespace: stage.namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: WORKFLOW_QUEUE_TYPE,
      reportStats: true,
    });
    const { seconds, nanos } = stats?.approximateBacklogAge ?? {};
    return {
      tasks: Number(stats?.approximateBacklogCount ?? 0),
      ageSeconds: Number(seconds ?? 0) + (nanos ?? 0) / 1e9,
    };
  });
}
