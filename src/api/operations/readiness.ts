import type { BacklogMonitor } from '../../temporal/backlog.ts';
import { within } from '../../runtime/deadline.ts';
import { TASK_QUEUES, type TaskQueue } from '../../workflows/contract.ts';
import type { TaskQueues, TaskQueueStates } from '../../temporal/task-queues.ts';
import type { TemporalHealth } from '../../temporal/health.ts';

const CHECK_STATES = ['ok', 'degraded', 'down'] as const;

/** State of one dependency, or of all of them. */
export type CheckState = (typeof CHECK_STATES)[number];

/** Answer of `/readyz`. */
export interface Readiness {
  readonly status: CheckState;
  readonly checks: {
    readonly database: CheckState;
    readonly temporal: CheckState;
    readonly paymentGateway: CheckState;
    readonly mail: CheckState;
    readonly backlog: CheckState;
    readonly queues: CheckState;
    readonly clock: CheckState;
  };
  /** Queue by queue; null when Temporal does not answer. */
  readonly queues: Readonly<Record<TaskQueue, QueueReadiness>> | null;
}

/** Whether a task queue is served. */
export interface QueueReadiness {
  readonly status: CheckState;
  readonly pollers: number;
  readonly backlogTasks: number;
  readonly backlogAgeSeconds: number;
}

export interface ReadinessDeps {
  readonly pingDatabase: () => Promise<void>;
  readonly pingPaymentGateway: () => Promise<unknown>;
  readonly pingMail: () => Promise<unknown>;
  readonly temporal: TemporalHealth;
  readonly backlog: BacklogMonitor;
  readonly backlogMaxAgeSeconds: number;
  readonly taskQueues: TaskQueues;
  /** Whether this machine's clock agrees with the database's. */
  readonly clock: { isRight(): boolean };
}

const PING_TIMEOUT_MS = 1_000;

/** Answers are kept this long, so that probes from many sides do not become load. */
const CACHE_MS = 500;

/**
 * The database, Temporal and a wrong clock can make the answer `down`. Without the gateway, the mail server or the
 * workers of a queue, orders are still accepted and wait, so these only degrade it. The backlog degrades it from half
 * of its bound.
 */
export function createReadiness(deps: ReadinessDeps): () => Promise<Readiness> {
  let cached: { readonly at: number; readonly answer: Promise<Readiness> } | null = null;
  return () => {
    const now = performance.now();
    if (cached === null || now - cached.at > CACHE_MS) cached = { at: now, answer: look(deps) };
    return cached.answer;
  };
}

async function look(deps: ReadinessDeps): Promise<Readiness> {
  const answers = async (ping: () => Promise<unknown>): Promise<boolean> =>
    within(PING_TIMEOUT_MS, ping()).then(
      () => true,
      () => false,
    );
  const [database, paymentGateway, mail, states] = await Promise.all([
    answers(deps.pingDatabase),
    answers(deps.pingPaymentGateway),
    answers(deps.pingMail),
    within(PING_TIMEOUT_MS, deps.taskQueues.read()).catch(() => null),
  ]);
  const queues = states === null ? null : queuesOf(states, deps.backlogMaxAgeSeconds / 2);
  const checks: Readiness['checks'] = {
    database: database ? 'ok' : 'down',
    temporal: deps.temporal.isUp() ? 'ok' : 'down',
    paymentGateway: paymentGateway ? 'ok' : 'degraded',
    mail: mail ? 'ok' : 'degraded',
    backlog: deps.backlog.ageSeconds() > deps.backlogMaxAgeSeconds / 2 ? 'degraded' : 'ok',
    queues: queues === null ? 'degraded' : worstOf(Object.values(queues).map(({ status }) => status)),
    clock: deps.clock.isRight() ? 'ok' : 'down',
  };
  return { status: worstOf(Object.values(checks)), checks, queues };
}

function queuesOf(states: TaskQueueStates, degradedFromSeconds: number): NonNullable<Readiness['queues']> {
  const entries = TASK_QUEUES.map((queue) => {
    const { pollers, tasks, ageSeconds } = states[queue];
    const status: CheckState = pollers === 0 || ageSeconds > degradedFromSeconds ? 'degraded' : 'ok';
    return [queue, { status, pollers, backlogTasks: tasks, backlogAgeSeconds: Math.floor(ageSeconds) }] as const;
  });
  return Object.fromEntries(entries) as NonNullable<Readiness['queues']>;
}

function worstOf(states: readonly CheckState[]): CheckState {
  return states.includes('down') ? 'down' : states.includes('degraded') ? 'degraded' : 'ok';
}
