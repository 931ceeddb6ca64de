import type { Client, Connection } from '@temporalio/client';
import { createBackgroundLoop, type BackgroundLoop } from '../runtime/background-loop.ts';
import { readTaskQueue } from './task-queues.ts';

/** How far the workers are behind, sampled in the background. */
export interface BacklogMonitor extends BackgroundLoop {
  /** Age in seconds of the oldest order that waits on the task queue; 0 when none does or nothing is known. */
  ageSeconds(): number;
}

const SAMPLE_INTERVAL_MS = 2_000;

/**
 * Samples the backlog of the `orders` task queue: workflows that no worker has begun. An eager start needs no queue.
 */
export function createBacklogMonitor(client: Client, namespace: string): BacklogMonitor {
  let age = 0;
  const sample = async (): Promise<void> => {
    const { ageSeconds } = await readTaskQueue(client.connection as Connection, namespace, 'orders');
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
