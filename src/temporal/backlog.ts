import type { Client, Connection } from '@temporalio/client';
import type { BackgroundLoop } from '../runtime/background-loop.ts';
import { createSampler } from '../runtime/sampler.ts';
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
  const sampler = createSampler(SAMPLE_INTERVAL_MS, 0, async () => {
    const { ageSeconds } = await readTaskQueue(client.connection as Connection, namespace, 'orders');
    // Limits are whole seconds.
    return Math.floor(ageSeconds);
  });
  return { ageSeconds: sampler.last, start: sampler.start, stop: sampler.stop };
}
