import type { Client, Connection } from '@temporalio/client';
import { TASK_QUEUES, type TaskQueue } from '../workflows/contract.ts';
import { shareReads } from '../runtime/shared-read.ts';
import { callWithin } from './calls.ts';

/** The state of a task queue in Temporal's matching service. */
export interface TaskQueueState {
  /** Workers that poll the queue. */
  readonly pollers: number;
  /** Tasks that no worker has begun; tasks of a workflow that a worker has cached are on that worker's own queue. */
  readonly tasks: number;
  /** Age of the oldest task; 0 when there is none. */
  readonly ageSeconds: number;
  /** Tasks that came in, and tasks that were handed to a worker, each per second of the last half minute. */
  readonly addedPerSecond: number;
  readonly dispatchedPerSecond: number;
}

/** The kinds of tasks in a queue, of workflows or of activities. The numbers are Temporal's. */
export const QUEUE_TYPES = { workflow: 1, activity: 2 } as const;
export type QueueType = keyof typeof QUEUE_TYPES;

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
  const { stats, pollers } = await callWithin(ANSWER_WITHIN_MS, connection, () =>
    connection.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: QUEUE_TYPES[type],
      reportStats: true,
    }),
  );
  const tasks = Number(stats?.approximateBacklogCount ?? 0);
  // When no task is left, the server still reports the age of the last one.
  const ageSeconds = tasks === 0 ? 0 : secondsOf(stats?.approximateBacklogAge);
  const silences = (pollers ?? []).map(({ lastAccessTime }) => Date.now() - secondsOf(lastAccessTime) * 1_000);
  return {
    pollers: silences.filter((silentMs) => isPolling(silentMs, ageSeconds * 1_000)).length,
    tasks,
    ageSeconds,
    addedPerSecond: stats?.tasksAddRate ?? 0,
    dispatchedPerSecond: stats?.tasksDispatchRate ?? 0,
  };
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
    const types: QueueType[] = queue === 'orders' ? ['workflow', 'activity'] : ['activity'];
    const connection = client.connection as Connection;
    const states = await Promise.all(
      types.map((type) => readTaskQueue(connection, namespace, { taskQueue: queue, type })),
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
  };
}
