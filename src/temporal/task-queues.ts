import type { Client, Connection } from '@temporalio/client';
import { TASK_QUEUES, type TaskQueue } from '../workflows/contract.ts';
import { shareReads } from '../runtime/shared-read.ts';
import { callWithin } from './calls.ts';
import type { WorkerBuild } from './worker-host.ts';

/** The state of a task queue in Temporal's matching service. */
export interface TaskQueueState {
  /** Workers that poll the queue for new work; with worker versioning, those of the builds that get it. */
  readonly pollers: number;
  /** Tasks that no worker has begun; tasks of a workflow that a worker has cached are on that worker's own queue. */
  readonly tasks: number;
  /** Age of the oldest task; 0 when there is none. */
  readonly ageSeconds: number;
  /** Tasks that came in, and tasks that were handed to a worker, each per second of the last half minute. */
  readonly addedPerSecond: number;
  readonly dispatchedPerSecond: number;
  /** The builds that get new work: the current one, and one that is ramped up; empty without worker versioning. */
  readonly builds: readonly WorkerBuild[];
}

/** The kinds of tasks in a queue, of workflows or of activities. The numbers are Temporal's. */
export const QUEUE_TYPES = { workflow: 1, activity: 2 } as const;
export type QueueType = keyof typeof QUEUE_TYPES;

/** The kinds of tasks that the service has in a queue: all workflows are in that of the orders. */
function typesIn(queue: TaskQueue): readonly QueueType[] {
  return queue === 'orders' ? ['workflow', 'activity'] : ['activity'];
}

const ANSWER_WITHIN_MS = 1_500;

/**
 * A poll that finds nothing ends after 60 s and is repeated at once, so a worker that has not polled for longer is
 * gone. Temporal itself remembers a worker for 5 minutes.
 */
const POLLED_WITHIN_MS = 75_000;

/** A poll that is under way would have taken any task that waits for longer than this. */
const TAKEN_WITHIN_MS = 5_000;

/**
 * Reads the state of one queue.
 * @throws the call's error, or that it took too long.
 */
export async function readTaskQueue(
  connection: Connection,
  namespace: string,
  { taskQueue, type = 'workflow' }: { readonly taskQueue: string; readonly type?: QueueType },
): Promise<TaskQueueState> {
  const { stats, pollers, versioningInfo } = await callWithin(ANSWER_WITHIN_MS, connection, () =>
    connection.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: QUEUE_TYPES[type],
      reportStats: true,
    }),
  );
  const { tasks, ageSeconds } = backlogOf(stats);
  const builds = buildsOf(versioningInfo);
  // With worker versioning, the oldest task may wait for a build that gets no new work and does not run.
  const oldestTaskMs = builds.length === 0 ? ageSeconds * 1_000 : 0;
  const polling = (pollers ?? [])
    .filter(({ deploymentOptions }) => takesNewWork(deploymentOptions, builds))
    .map(({ lastAccessTime }) => Date.now() - secondsOf(lastAccessTime) * 1_000)
    .filter((silentMs) => isPolling(silentMs, oldestTaskMs));
  return {
    pollers: polling.length,
    tasks,
    ageSeconds,
    builds,
    addedPerSecond: stats?.tasksAddRate ?? 0,
    dispatchedPerSecond: stats?.tasksDispatchRate ?? 0,
  };
}

/**
 * The age in seconds of the oldest task of a queue for workflows that waits for one of these builds; 0 when none does.
 * It is a question to Temporal for each build, and each costs more than that for the queue.
 * @throws the call's error, or that it took too long.
 */
export async function readBacklogAgeOf(
  connection: Connection,
  namespace: string,
  { taskQueue, builds }: { readonly taskQueue: string; readonly builds: readonly WorkerBuild[] },
): Promise<number> {
  const ages = builds.map(async ({ name: deploymentName, buildId }) => {
    const { versionTaskQueues } = await callWithin(ANSWER_WITHIN_MS, connection, () =>
      connection.workflowService.describeWorkerDeploymentVersion({
        namespace,
        deploymentVersion: { deploymentName, buildId },
        reportTaskQueueStats: true,
      }),
    );
    const found = versionTaskQueues?.find(({ name, type }) => name === taskQueue && type === QUEUE_TYPES.workflow);
    return backlogOf(found?.stats).ageSeconds;
  });
  return Math.max(0, ...(await Promise.all(ages)));
}

/**
 * The task queues of which somebody takes new work now, and for which no worker of a build has registered: `orders
 * (workflow)`. Temporal refuses such a build itself, unless the present workers are unversioned. Then it accepts a build
 * of which one queue has registered, and the next orders still go to the unversioned workers of the others.
 * @throws the call's error; gRPC's `NOT_FOUND` when no worker of the build has registered at all.
 */
export async function unservedQueues(
  connection: Connection,
  namespace: string,
  build: { readonly deploymentName: string; readonly buildId: string },
): Promise<readonly string[]> {
  const { versionTaskQueues } = await connection.workflowService.describeWorkerDeploymentVersion({
    namespace,
    deploymentVersion: build,
  });
  const kinds = TASK_QUEUES.flatMap((taskQueue) => typesIn(taskQueue).map((type) => ({ taskQueue, type })));
  const unregistered = kinds.filter(
    ({ taskQueue, type }) =>
      !(versionTaskQueues ?? []).some((found) => found.name === taskQueue && found.type === QUEUE_TYPES[type]),
  );
  const served = await Promise.all(unregistered.map((kind) => readTaskQueue(connection, namespace, kind)));
  return unregistered.flatMap(({ taskQueue, type }, index) =>
    (served[index]?.pollers ?? 0) > 0 ? [`${taskQueue} (${type})`] : [],
  );
}

interface BacklogStats {
  readonly approximateBacklogCount?: unknown;
  readonly approximateBacklogAge?: Seconds | null;
}

/** When no task is left, the server still reports the age of the last one. */
function backlogOf(stats: BacklogStats | null | undefined): Pick<TaskQueueState, 'tasks' | 'ageSeconds'> {
  const tasks = Number(stats?.approximateBacklogCount ?? 0);
  return { tasks, ageSeconds: tasks === 0 ? 0 : secondsOf(stats?.approximateBacklogAge) };
}

interface BuildName {
  readonly deploymentName?: string | null;
  readonly buildId?: string | null;
}

interface Routing {
  readonly currentDeploymentVersion?: BuildName | null;
  readonly rampingDeploymentVersion?: BuildName | null;
  readonly rampingVersionPercentage?: number | null;
}

function buildsOf(routing: Routing | null | undefined): WorkerBuild[] {
  const ramping = (routing?.rampingVersionPercentage ?? 0) > 0 ? routing?.rampingDeploymentVersion : null;
  return [routing?.currentDeploymentVersion, ramping].flatMap((build) =>
    build?.buildId ? [{ name: build.deploymentName ?? '', buildId: build.buildId }] : [],
  );
}

/** Temporal's number for the mode of a worker that is versioned. */
const VERSIONED = 2;

function takesNewWork(
  poller: (BuildName & { readonly workerVersioningMode?: number | null }) | null | undefined,
  builds: readonly WorkerBuild[],
): boolean {
  const isVersioned = poller?.workerVersioningMode === VERSIONED;
  if (builds.length === 0) return !isVersioned;
  return (
    isVersioned && builds.some(({ name, buildId }) => poller?.deploymentName === name && poller.buildId === buildId)
  );
}

/** A worker that polled before the oldest task arrived, and has not taken that task since, no longer polls. */
function isPolling(silentMs: number, oldestTaskMs: number): boolean {
  if (silentMs > POLLED_WITHIN_MS) return false;
  return oldestTaskMs < TAKEN_WITHIN_MS || silentMs < oldestTaskMs;
}

interface Seconds {
  readonly seconds?: unknown;
  readonly nanos?: number | null;
}

function secondsOf(time: Seconds | null | undefined): number {
  return Number(time?.seconds ?? 0) + (time?.nanos ?? 0) / 1e9;
}

/** The state of every task queue. */
export type TaskQueueStates = Readonly<Record<TaskQueue, TaskQueueState>>;

/** Reads all task queues of the service; callers that ask at about the same time share one read. */
export interface TaskQueues {
  /** Null when Temporal does not answer. */
  read(): Promise<TaskQueueStates | null>;
}

/** The queues are read only on request, so a system at rest pays nothing for it. */
export function createTaskQueues(client: Client, namespace: string): TaskQueues {
  const stateOf = async (namespace: string, queue: TaskQueue): Promise<readonly [TaskQueue, TaskQueueState]> => {
    const connection = client.connection as Connection;
    const states = await Promise.all(
      typesIn(queue).map((type) => readTaskQueue(connection, namespace, { taskQueue: queue, type })),
    );
    return [queue, states.reduce(worse)];
  };
  const read = shareReads(async (of: string): Promise<TaskQueueStates | null> => {
    try {
      return Object.fromEntries(await Promise.all(TASK_QUEUES.map((queue) => stateOf(of, queue)))) as TaskQueueStates;
    } catch {
      return null;
    }
  });
  return { read: () => read(namespace) };
}

/** A queue with both types needs workers for each. */
function worse(one: TaskQueueState, other: TaskQueueState): TaskQueueState {
  return {
    pollers: Math.min(one.pollers, other.pollers),
    tasks: one.tasks + other.tasks,
    ageSeconds: Math.max(one.ageSeconds, other.ageSeconds),
    addedPerSecond: one.addedPerSecond + other.addedPerSecond,
    dispatchedPerSecond: one.dispatchedPerSecond + other.dispatchedPerSecond,
    builds: one.builds,
  };
}
