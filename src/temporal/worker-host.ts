import { existsSync } from 'node:fs';
import type { Logger } from '../runtime/logger.ts';
import { bundleWorkflows } from './bundle-workflows.ts';
import { Worker, type NativeConnection, type WorkerOptions } from '@temporalio/worker';
import { createFirstPass } from '../activities/fast-path.ts';
import type { Activities, EventActivities } from '../activities/index.ts';
import { correlateLogs, watchLocalPass } from './activity-interceptors.ts';
import type { TaskQueue } from '../workflows/contract.ts';

/** What a worker process runs. */
export interface WorkerHostOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly queues: readonly TaskQueue[];
  readonly activities: Activities;
  /** Needed for the queue `events`. */
  readonly eventActivities: EventActivities | null;
  readonly bundlePath: string;
  /** Connections to the database; slots follow from it, so that steps never queue for long inside the process. */
  readonly poolSize: number;
  readonly shutdownGraceMs: number;
  readonly logger: Logger;
  /** Told when an order's first local pass is over: it ended, or a step failed and goes on as a regular activity. */
  readonly onLocalPassEnded?: (workflowId: string) => void;
}

/** The workers of one process, one per task queue. */
export interface WorkerHost {
  /** Runs until `shutdown`; rejects when a worker fails. */
  run(): Promise<void>;
  /** Stops polling, lets running steps end within the grace time. `run` resolves afterwards. */
  shutdown(): void;
  /** Resolves when all workers have ended, well or not. */
  readonly ended: Promise<void>;
}

/**
 * Pollers per activity queue: retried steps are the exception, two long polls fetch hundreds a second.
 * Workflow tasks: eager starts bypass polling, the rest is mostly sticky.
 */
const ACTIVITY_POLLS = 2;
const WORKFLOW_POLLS = 5;

/**
 * Workflow tasks at a time. Each is an order's whole local pass, 10 to 40 ms of CPU, and must end within the 5 s of a
 * workflow task even when all of them share one busy core: 64 x 40 ms = 2.6 s. With 100 a burst on a slow machine ran
 * into the limit, started over, and never caught up. Eager orders (EAGER_SLOTS, 24, and as many whose completion is under way) must find a free one.
 */
const WORKFLOW_TASKS = 64;

/** A dead worker's sticky queue is given up after this; part of the 10 s in which its orders go on elsewhere. */
const STICKY_TIMEOUT = '3s';

/** An order needs no cache once its pass is over; 600 cached workflows fit into about 1 GiB of heap. */
const CACHED_WORKFLOWS = 500;

/**
 * Activities of the queue `events` at a time: each pump holds a place for ever, and one worker that is left alone must
 * have one for every pump: two consumers of up to 256 partitions, the feed, and the maintenance of the log.
 */
const EVENT_ACTIVITIES = 520;

/**
 * Steps of the notification queue wait for other people's servers, up to 10 s each, and hold no database connection
 * meanwhile: more of them than connections run at a time, so that receivers that hang keep nobody else waiting.
 */
const NOTIFICATION_SLOTS = 100;

/** Creates the workers of a process; the workflow bundle is built first if it is not there. */
export async function createWorkerHost(options: WorkerHostOptions): Promise<WorkerHost> {
  if (options.queues.includes('orders') && !existsSync(options.bundlePath)) {
    options.logger.warn({ bundlePath: options.bundlePath }, 'no prebuilt workflow bundle, building one');
    await bundleWorkflows(options.bundlePath);
  }
  const workers = await Promise.all(options.queues.map((queue) => Worker.create(workerOptions(queue, options))));
  const ended = Promise.withResolvers<void>();
  const shutdown = (): void => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  return {
    ended: ended.promise,
    shutdown,
    run: async () => {
      const runs = workers.map((worker) => worker.run());
      try {
        await Promise.all(runs);
      } finally {
        // One worker that failed takes the others down in order, instead of leaving them half a process.
        shutdown();
        await Promise.allSettled(runs);
        ended.resolve();
      }
    },
  };
}

function workerOptions(queue: TaskQueue, options: WorkerHostOptions): WorkerOptions {
  const { connection, namespace, bundlePath, poolSize, shutdownGraceMs } = options;
  const activities =
    queue === 'events' ? options.eventActivities : { ...options.activities, ...createFirstPass(options.activities) };
  if (activities === null) throw new TypeError('the queue events needs the activities of the event pipeline');
  return {
    connection,
    namespace,
    taskQueue: queue,
    activities,
    maxConcurrentActivityTaskExecutions: slotsOf(queue, poolSize),
    maxConcurrentActivityTaskPolls: ACTIVITY_POLLS,
    maxConcurrentLocalActivityExecutions: 2 * poolSize,
    shutdownGraceTime: shutdownGraceMs,
    // Past the grace time a step is given up here and taken over by another worker.
    shutdownForceTime: shutdownGraceMs + 5_000,
    ...(queue === 'orders'
      ? {
          workflowBundle: { codePath: bundlePath },
          maxConcurrentWorkflowTaskExecutions: WORKFLOW_TASKS,
          maxConcurrentWorkflowTaskPolls: WORKFLOW_POLLS,
          maxCachedWorkflows: CACHED_WORKFLOWS,
          stickyQueueScheduleToStartTimeout: STICKY_TIMEOUT,
        }
      : {}),
    interceptors: {
      activity: [
        correlateLogs,
        ...(options.onLocalPassEnded === undefined ? [] : [watchLocalPass(options.onLocalPassEnded)]),
      ],
    },
  };
}

function slotsOf(queue: TaskQueue, poolSize: number): number {
  if (queue === 'events') return EVENT_ACTIVITIES;
  return queue === 'notifications' ? Math.max(poolSize, NOTIFICATION_SLOTS) : poolSize;
}
