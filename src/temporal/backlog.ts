import type { Client, Connection } from '@temporalio/client';
import type { BackgroundLoop } from '../runtime/background-loop.ts';
import { createSampler } from '../runtime/sampler.ts';
import { readBacklogAgeOf, readTaskQueue } from './task-queues.ts';

/** Samples in the background how far the workers are behind. */
export interface BacklogMonitor extends BackgroundLoop {
  /** Age in seconds of the oldest order on the task queue; 0 when no order waits or nothing is known. */
  ageSeconds(): number;
}

const SAMPLE_INTERVAL_MS = 2_000;

/**
 * Samples the backlog of the `orders` task queue: workflows that no worker has begun. Eager starts are not on the
 * queue, and with worker versioning only the builds that get new orders count.
 */
export function createBacklogMonitor(client: Client, namespace: string): BacklogMonitor {
  const sampler = createSampler(SAMPLE_INTERVAL_MS, 0, async () => {
    const connection = client.connection as Connection;
    const { ageSeconds, builds } = await readTaskQueue(connection, namespace, { taskQueue: 'orders' });
    // The oldest task may wait for a build that gets no new orders. Then it says nothing about how soon those begin.
    const isOfThem = ageSeconds < 1 || builds.length === 0;
    const age = isOfThem ? ageSeconds : await readBacklogAgeOf(connection, namespace, { taskQueue: 'orders', builds });
    // The limits are whole seconds, so the age is rounded down.
    return Math.floor(age);
  });
  return { ageSeconds: sampler.last, start: sampler.start, stop: sampler.stop };
}
