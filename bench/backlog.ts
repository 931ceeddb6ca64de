import { Connection } from '@temporalio/client';
import { readTaskQueue, type TaskQueueState } from '../src/temporal/task-queues.ts';
import type { Cleanup } from './cleanup.ts';
import type { Stage } from './environment.ts';
import { sampleEvery, type Sample, type Sampling } from './sampling.ts';

/** The tasks that waited at one moment. */
export type BacklogSample = Sample<TaskQueueState>;

/** One question costs Temporal a millisecond; Temporal counts about once a second. */
const INTERVAL_MS = 1_000;

const NOTHING_TO_WATCH: Sampling<TaskQueueState> = { stop: () => [] };

/** Watches a task queue; a system without one (null) has no samples. */
export async function watchBacklog(
  stage: Stage,
  taskQueue: string | null,
  cleanup: Cleanup,
): Promise<Sampling<TaskQueueState>> {
  if (taskQueue === null) return NOTHING_TO_WATCH;
  // The client has no interceptors, because one of them would repeat a call after the connection was closed.
  const connection = await Connection.connect({ address: stage.temporalAddress, interceptors: [] });
  const sampling = sampleEvery(INTERVAL_MS, () => readTaskQueue(connection, stage.namespace, { taskQueue }));
  await cleanup.add(async () => {
    sampling.stop();
    await connection.close();
  });
  return sampling;
}
