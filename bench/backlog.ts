import { Connection } from '@temporalio/client';
import { readTaskQueue, type TaskQueueState } from '../src/temporal/task-queues.ts';
import type { Cleanup } from './cleanup.ts';
import type { Stage } from './environment.ts';
import { sampleEvery, type Sample, type Sampling } from './sampling.ts';

/** What waited at a moment. */
export type BacklogSample = Sample<TaskQueueState>;

/** Asking costs Temporal a millisecond; it counts anew about once a second. */
const INTERVAL_MS = 1_000;

/** Watches a task queue. */
export async function watchBacklog(
  stage: Stage,
  taskQueue: string,
  cleanup: Cleanup,
): Promise<Sampling<TaskQueueState>> {
  // Without its interceptors, one of which would repeat a call after the end of the connection.
  const connection = await Connection.connect({ address: stage.temporalAddress, interceptors: [] });
  const sampling = sampleEvery(INTERVAL_MS, () => readTaskQueue(connection, stage.namespace, taskQueue));
  await cleanup.add(async () => {
    sampling.stop();
    await connection.close();
  });
  return sampling;
}
