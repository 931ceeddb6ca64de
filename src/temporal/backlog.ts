import type { Client, Connection } from '@temporalio/client';
import type { BackgroundLoop } from '../runtime/background-loop.ts';
import { createSampler } from '../runtime/sampler.ts';
import { readTaskQueue } from './task-queues.ts';

/** Samples in the background how far the workers are behind. */
export interface BacklogMonitor extends BackgroundLoop {
  /** Age in seconds of the oldest order on the task queue; 0 when no order waits or nothing is known. */
  ageSeconds(): number;
}

const SAMPLE_INTERVAL_MS = 2_000;

/**
 * Samples the backlog of the `orders` task queue: workflows that no worker has begun. Eager starts are not on the
 * queue.
 */
export function createBacklogMonitor(client: Client, namespace: string): BacklogMonitor {
  const sampler = createSampler(SAMPLE_INTERVAL_MS, 0, async () => {
    const { ageSeconds } = await readTaskQueue(client.connection as Connection, namespace, { taskQueue: 'orders' });
    // The limits are whole seconds, so the age is rounded down.
    return Math.floor(ageSeconds);
  });
  return { ageSeconds: sampler.last, start: sampler.start, stop: sampler.stop };
}
