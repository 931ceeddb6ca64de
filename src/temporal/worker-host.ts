import { existsSync } from 'node:fs';
import type { Logger } from '../runtime/logger.ts';
import { bundleFileOf, bundleWorkflows, type WorkflowBundle } from './bundle-workflows.ts';
import type { HistoryAndWorkflowId } from '@temporalio/client';
import { Worker, type NativeConnection, type WorkerOptions } from '@temporalio/worker';
import { createFastPathActivities, type StepListener } from '../activities/fast-path.ts';
import type { Activities, EventActivities } from '../activities/index.ts';
import {
  correlateLogs,
  rememberStart,
  tellAttempts,
  traceActivities,
  watchFastPath,
  watchSteps,
} from './activity-interceptors.ts';
import { dataConverterOf, sealsFailures } from './sealing/data-converter.ts';
import type { PayloadSealing } from './sealing/payload-codec.ts';
import { createStepMetrics } from './worker-metrics.ts';
import type { TaskQueue } from '../workflows/contract.ts';

/** A build of the workers, and the deployment that it is a version of. */
export interface WorkerBuild {
  readonly name: string;
  readonly buildId: string;
}

/** The parts that a worker process runs. */
export interface WorkerHostOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  /** How payloads are sealed; plain when null. */
  readonly sealing: PayloadSealing | null;
  /** The build that the workers register as; null when they are not versioned. */
  readonly deployment: WorkerBuild | null;
  readonly queues: readonly TaskQueue[];
  readonly activities: Activities;
  /** Needed for the queue `events`. */
  readonly eventActivities: EventActivities | null;
  readonly bundlePath: string;
  /** Connections to the database. The slots depend on it, so that steps never queue for long inside the process. */
  readonly poolSize: number;
  readonly shutdownGraceMs: number;
  readonly logger: Logger;
  /**
   * Called when an order's first fast path is over: it ended, or a step failed and continues as a regular activity.
   */
  readonly onFastPathEnded?: (workflowId: string) => void;
  /** Called after each try of a step. */
  readonly onStep?: StepListener;
}

/** The workers of one process, one per task queue. */
export interface WorkerHost {
  /** Runs until `shutdown`; rejects when a worker fails. */
  run(): Promise<void>;
  /** Stops polling, and lets running steps end within the grace time; `run` resolves afterwards. */
  shutdown(): void;
  /** Resolves when all workers have ended, successfully or not. */
  readonly ended: Promise<void>;
  /** The SDK's state of each worker, by task queue. */
  states(): Readonly<Record<string, string>>;
}

/**
 * Polls at once. At rest fewer would do, because eager starts need none. After an outage a poll takes half a second
 * instead of some milliseconds, and whatever waits comes by polls: with two per activity queue, and one for the tasks of
 * workflows that no worker knows (a fifth of five, as the SDK divides them by itself), two workers on a busy machine
 * took 4 workflow tasks a second from a queue of a thousand. Now half of the workflow polls look at that queue.
 */
const ACTIVITY_POLLS = 5;
const WORKFLOW_POLLS = 16;
const SHARED_QUEUE_POLLS = 0.5;

/**
 * Workflow tasks at a time. Each is an order's whole fast path of 10 to 40 ms of CPU, and must end within the 5 s of a
 * workflow task, even if all of them share one busy core: 64 x 40 ms = 2.6 s. (With 100, a burst on a slow machine
 * reached the limit, started over, and never caught up.) 24 eager orders (EAGER_SLOTS) plus up to 24 whose completion
 * is in flight need a free slot.
 */
const WORKFLOW_TASKS = 64;

/**
 * A dead worker's sticky queue is given up after this time, which is part of the 10 s in which other workers take over
 * its orders.
 */
const STICKY_TIMEOUT = '3s';

/** An order needs no cache once its pass is over; 600 cached workflows fit into about 1 GiB of heap. */
const CACHED_WORKFLOWS = 500;

/**
 * Activities of the queue `events` at a time. Each pump holds a slot for ever, and a single worker must have a slot for
 * every pump: two consumers with up to 256 partitions, the feed, and the maintenance of the log.
 */
const EVENT_ACTIVITIES = 520;

/**
 * Steps of the notification queue wait up to 10 s for other people's servers, and hold no database connection
 * meanwhile. So more of them run at a time than there are connections, and receivers that hang do not block the others.
 */
const NOTIFICATION_SLOTS = 100;

/** The workers of a process. The workflow bundle is built first if it does not exist. */
export async function createWorkerHost(options: WorkerHostOptions): Promise<WorkerHost> {
  const bundle = bundleOf(options);
  if (options.queues.includes('orders') && !existsSync(bundleFileOf(bundle))) {
    options.logger.warn({ bundlePath: bundleFileOf(bundle) }, 'no prebuilt workflow bundle, building one');
    await bundleWorkflows(bundle);
  }
  const count = createStepMetrics();
  const onStep: StepListener = (ended) => {
    count(ended);
    options.onStep?.(ended);
  };
  const workers = await Promise.all(
    options.queues.map((queue) => Worker.create(workerOptions(queue, options, onStep))),
  );
  const ended = Promise.withResolvers<void>();
  const shutdown = (): void => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  return {
    ended: ended.promise,
    shutdown,
    states: () => Object.fromEntries(workers.map((worker) => [worker.options.taskQueue, worker.getState()])),
    run: async () => {
      const runs = workers.map((worker) => worker.run());
      try {
        await Promise.all(runs);
      } finally {
        // A failed worker shuts the others down in order, so that no half of a process goes on.
        shutdown();
        await Promise.allSettled(runs);
        ended.resolve();
      }
    },
  };
}

/** Workflow code, as the settings name it. */
export interface WorkflowCode {
  /** The file of the plain bundle. */
  readonly bundlePath: string;
  readonly sealing: PayloadSealing | null;
}

function bundleOf({ bundlePath, sealing, deployment }: WorkerHostOptions): WorkflowBundle {
  return { path: bundlePath, sealsFailures: sealsFailures(sealing), isVersioned: deployment !== null };
}

/** The file for a replay, in which nothing is said to the server about versions. */
export function fileOf({ bundlePath, sealing }: WorkflowCode): string {
  return bundleFileOf({ path: bundlePath, sealsFailures: sealsFailures(sealing), isVersioned: false });
}

/**
 * Replays histories of workflows on a bundle, as a worker does that continues them.
 * @returns the errors by the id of the workflow; a workflow without one can be continued by that code.
 */
export async function replayOn(
  code: WorkflowCode,
  histories: AsyncIterable<HistoryAndWorkflowId>,
): Promise<ReadonlyMap<string, Error>> {
  const errors = new Map<string, Error>();
  const options = { workflowBundle: { codePath: fileOf(code) }, ...dataConverterOf(code.sealing) };
  const replays = Worker.runReplayHistories(options, histories);
  for await (const { workflowId, error } of replays) if (error !== undefined) errors.set(workflowId, error);
  return errors;
}

function workerOptions(queue: TaskQueue, options: WorkerHostOptions, onStep: StepListener): WorkerOptions {
  const { connection, namespace, sealing, poolSize, shutdownGraceMs } = options;
  const activities =
    queue === 'events'
      ? options.eventActivities
      : { ...options.activities, ...createFastPathActivities(options.activities, onStep) };
  if (activities === null) throw new TypeError('the queue events needs the activities of the event pipeline');
  return {
    connection,
    namespace,
    taskQueue: queue,
    ...dataConverterOf(sealing),
    ...versioningOptions(options.deployment),
    activities,
    maxConcurrentActivityTaskExecutions: slotsOf(queue, poolSize),
    maxConcurrentActivityTaskPolls: ACTIVITY_POLLS,
    maxConcurrentLocalActivityExecutions: 2 * poolSize,
    shutdownGraceTime: shutdownGraceMs,
    // After the grace time a step is abandoned here, and another worker takes it over.
    shutdownForceTime: shutdownGraceMs + 5_000,
    ...(queue === 'orders'
      ? {
          workflowBundle: { codePath: bundleFileOf(bundleOf(options)) },
          maxConcurrentWorkflowTaskExecutions: WORKFLOW_TASKS,
          maxConcurrentWorkflowTaskPolls: WORKFLOW_POLLS,
          nonStickyToStickyPollRatio: SHARED_QUEUE_POLLS,
          maxCachedWorkflows: CACHED_WORKFLOWS,
          stickyQueueScheduleToStartTimeout: STICKY_TIMEOUT,
        }
      : {}),
    interceptors: {
      activity: [
        tellAttempts,
        correlateLogs,
        rememberStart,
        traceActivities,
        watchSteps(onStep),
        ...(options.onFastPathEnded === undefined ? [] : [watchFastPath(options.onFastPathEnded)]),
      ],
    },
  };
}

/** A workflow stays with the build that began it, unless its type moves (src/workflows/versioned.ts). */
function versioningOptions(build: WorkerBuild | null): Pick<WorkerOptions, 'workerDeploymentOptions'> {
  if (build === null) return {};
  const version = { deploymentName: build.name, buildId: build.buildId };
  return {
    workerDeploymentOptions: { version, useWorkerVersioning: true, defaultVersioningBehavior: 'PINNED' },
  };
}

function slotsOf(queue: TaskQueue, poolSize: number): number {
  if (queue === 'events') return EVENT_ACTIVITIES;
  return queue === 'notifications' ? Math.max(poolSize, NOTIFICATION_SLOTS) : poolSize;
}
