import type { CountAndAge } from '../../db/repositories/audit/service-figures.ts';
import type { ConsumerProgress } from '../../db/repositories/events/event-control-repository.ts';
import type { CaseMonitor } from '../api/cases/case-monitor.ts';
import type { EventMonitor, EventOutcomeMonitor } from '../api/events/event-monitor.ts';
import type { ApiMetrics } from '../api/http/metrics.ts';
import type { DependencyMonitor } from '../api/operations/dependency-monitor.ts';
import type { ServiceMonitor } from '../api/operations/service-monitor.ts';
import type { CommandMonitor } from '../api/orders/command-monitor.ts';
import type { EagerSlots } from '../api/orders/eager-slots.ts';
import { ORDER_CHECKS } from '../audit/invariants/index.ts';
import type { AuditMonitor } from '../audit/latest-audit.ts';
import type { BacklogMonitor } from '../temporal/backlog.ts';
import type { TemporalHealth } from '../temporal/health.ts';
import type { TaskQueues, TaskQueueState } from '../temporal/task-queues.ts';

/** Figures of this process and of what it watches. */
export function observeState(
  metrics: ApiMetrics,
  state: {
    readonly health: TemporalHealth;
    readonly backlog: BacklogMonitor;
    readonly cases: CaseMonitor;
    readonly owned: CommandMonitor;
    readonly eventProgress: EventMonitor;
    readonly eager: { readonly slots: EagerSlots } | null;
  },
): void {
  metrics.observe('temporal_up', 'Whether Temporal answers, 1 or 0', () => (state.health.isUp() ? 1 : 0));
  metrics.observe('orders_backlog_age_seconds', 'Age of the oldest order on the task queue', state.backlog.ageSeconds);
  metrics.observe('cases_open', 'Orders that wait for a person', () => state.cases.last().open);
  metrics.observe('cases_oldest_age_seconds', 'Age of the oldest open case', () => state.cases.last().oldestSeconds);
  metrics.observe(
    'order_commands_open',
    'Commands that own an order and have not ended',
    () => state.owned.last().count,
  );
  metrics.observe(
    'order_commands_quiet_seconds',
    'How long nothing has happened to the order of an open command, at most',
    () => state.owned.last().oldestSeconds,
  );
  const eventFigures = (figureOf: (progress: ConsumerProgress) => number) => () =>
    state.eventProgress
      .last()
      .map((found) => [figureOf(found), { consumer: found.consumer, partition: found.partition }] as const);
  metrics.observeEach(
    'events_lag',
    'Events that a consumer has not dealt with, by partition',
    eventFigures(({ head, sequence }) => Math.max(0, head - sequence)),
  );
  metrics.observeEach(
    'events_oldest_age_seconds',
    'How long the next event of a consumer has waited, by partition',
    eventFigures(({ oldestSeconds }) => oldestSeconds),
  );
  const { eager } = state;
  if (eager !== null) metrics.observe('eager_slots_in_use', 'Orders in their fast path', eager.slots.inUse);
}

/** The queues are read when the metrics are. */
export function observeQueues(metrics: ApiMetrics, taskQueues: TaskQueues): void {
  const figures = (figureOf: (state: TaskQueueState) => number) => async () =>
    Object.entries((await taskQueues.read()) ?? {}).map(([queue, state]) => [figureOf(state), { queue }] as const);
  metrics.observeEach(
    'task_queue_pollers',
    'Workers that poll a task queue',
    figures(({ pollers }) => pollers),
  );
  metrics.observeEach(
    'task_queue_backlog_tasks',
    'Tasks of a queue that no worker has begun',
    figures(({ tasks }) => tasks),
  );
  metrics.observeEach(
    'task_queue_backlog_age_seconds',
    'Age of the oldest task of a queue that no worker has begun',
    figures(({ ageSeconds }) => ageSeconds),
  );
  metrics.observeEach(
    'task_queue_added_per_second',
    'Tasks that came into a queue, in the last half minute; tasks that a worker took at once count, too',
    figures(({ addedPerSecond }) => addedPerSecond),
  );
  metrics.observeEach(
    'task_queue_dispatched_per_second',
    'Tasks of a queue that were handed to a worker, in the last half minute',
    figures(({ dispatchedPerSecond }) => dispatchedPerSecond),
  );
}

/** What the databases say about all tenants. It is sampled, so a scrape waits for no statement. */
export function observeService(
  metrics: ApiMetrics,
  {
    service,
    eventOutcomes,
    dependencies,
  }: {
    readonly service: ServiceMonitor;
    readonly eventOutcomes: EventOutcomeMonitor;
    readonly dependencies: DependencyMonitor;
  },
): void {
  const countAndAge = (name: string, what: string, read: () => CountAndAge): void => {
    metrics.observe(name, what, () => read().count);
    metrics.observe(`${name}_oldest_age_seconds`, `Age of the oldest: ${what}`, () => read().oldestSeconds);
  };
  metrics.observeEach('orders_in_motion', 'Orders that something is being done for, by status', () =>
    service.last().orders.map(({ status, count }) => [count, { status }]),
  );
  metrics.observeEach('orders_in_motion_oldest_age_seconds', 'Age of the oldest order in motion, by status', () =>
    service.last().orders.map(({ status, oldestSeconds }) => [oldestSeconds, { status }]),
  );
  metrics.observe('stock_holds', 'Lines that hold stock for an order', () => service.last().holds.count);
  metrics.observe(
    'stock_holds_overdue_seconds',
    'For how long the hold that expired first has not been released',
    () => service.last().holds.overdueSeconds,
  );
  countAndAge(
    'payments_unknown',
    'Operations whose outcome the provider has not told',
    () => service.last().unknownPayments,
  );
  countAndAge('money_owed_orders', 'Orders whose money has to be given back', () => service.last().owedMoney);
  const currencies = new Set<string>();
  metrics.observeEach('money_owed_minor', 'Money that has to be given back, in minor units, by currency', () => {
    const { byCurrency } = service.last().owedMoney;
    for (const currency of Object.keys(byCurrency)) currencies.add(currency);
    return [...currencies].map((currency) => [byCurrency[currency] ?? 0, { currency }] as const);
  });
  countAndAge(
    'webhook_deliveries_open',
    'Webhooks that have not arrived and are not given up',
    () => service.last().webhooks,
  );
  metrics.observeEach(
    'events_unfinished',
    'Events that a consumer retries or has given up, by consumer and state',
    () =>
      eventOutcomes
        .last()
        .flatMap(({ consumer, retrying, failed }) => [
          [retrying, { consumer, state: 'retrying' }] as const,
          [failed, { consumer, state: 'failed' }] as const,
        ]),
  );
  metrics.observeEach('dependency_up', 'Whether a dependency answers, 1 or 0', () =>
    Object.entries(dependencies.last()).map(([dependency, isUp]) => [isUp ? 1 : 0, { dependency }] as const),
  );
}

/** What the last scheduled audit found. Without an audit nothing is found, and no time passes. */
export function observeAudit(
  metrics: ApiMetrics,
  audit: AuditMonitor,
  { intervalMinutes }: { readonly intervalMinutes: number },
): void {
  const startedAt = Date.now();
  metrics.observeEach('audit_violations', 'Broken rules that the last scheduled audit found, by invariant', () =>
    Object.keys(ORDER_CHECKS).map((invariant) => [audit.last()?.result.violations[invariant] ?? 0, { invariant }]),
  );
  metrics.observe(
    'audit_orders',
    'Orders that the last scheduled audit looked at',
    () => audit.last()?.result.orders ?? 0,
  );
  metrics.observe('audit_age_seconds', 'Time since the last scheduled audit ended, or since the start', () =>
    intervalMinutes === 0 ? 0 : Math.max(0, Date.now() - (audit.last()?.endedAt.getTime() ?? startedAt)) / 1_000,
  );
}
