import { Client, type Connection, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';
import { DefaultLogger, makeTelemetryFilterString, NativeConnection, Runtime, type LogLevel } from '@temporalio/worker';
import type { Logger } from '../runtime/logger.ts';
import { openTemporalConnection } from './connection.ts';
import { EVENT_CONSUMERS } from '../domain/event.ts';
import {
  CASE_KIND,
  DECISION_SWEEP_SCHEDULE_ID,
  DECISION_SWEEP_WORKFLOW,
  EVENT_MAINTENANCE_SCHEDULE_ID,
  EVENT_MAINTENANCE_WORKFLOW,
  EVENT_PUMP_WORKFLOW,
  eventPumpWorkflowId,
  COMMAND_SWEEP_SCHEDULE_ID,
  COMMAND_SWEEP_WORKFLOW,
  NOTICE_SWEEP_SCHEDULE_ID,
  NOTICE_SWEEP_WORKFLOW,
  ORDER_FEED_ID,
  ORDER_FEED_WORKFLOW,
  SWEEP_SCHEDULE_ID,
  SWEEP_WORKFLOW,
  WEBHOOK_SWEEP_SCHEDULE_ID,
  WEBHOOK_SWEEP_WORKFLOW,
} from '../workflows/contract.ts';

/** Where Temporal is. */
export interface TemporalOptions {
  readonly address: string;
  readonly namespace: string;
}

/** A client on a plain connection: its deadlines hold, which those of a native connection do not. */
export function createTemporalClient({ address, namespace }: TemporalOptions): Client {
  return new Client({ connection: openTemporalConnection(address), namespace });
}

/** The connection that workers and eager starts share. gzip costs more CPU than it saves between neighbours. */
export function connectNatively({ address }: TemporalOptions): Promise<NativeConnection> {
  return NativeConnection.connect({ address, grpcCompression: { codec: 'none' } });
}

/**
 * Shows a breaker's state beside the worker's own metrics. The meter is asked for each time: the runtime behind it
 * may have been replaced since.
 */
export function reportBreaker(collaborator: string, route: string, isOpen: boolean): void {
  const gauge = Runtime.instance().metricMeter.createGauge(
    'order_saga_circuit_breaker_open',
    'int',
    '',
    'Whether the circuit breaker around a route of a collaborator is open, 1 or 0',
  );
  gauge.set(isOpen ? 1 : 0, { collaborator, route });
}

/** Shows how far this machine's clock is ahead of the database's. */
export function reportClock(aheadMs: number): void {
  const gauge = Runtime.instance().metricMeter.createGauge(
    'order_saga_clock_ahead_seconds',
    'float',
    '',
    "How far the worker's clock is ahead of the database's",
  );
  gauge.set(aheadMs / 1_000);
}

/** Counts an attempt to deliver a webhook, by what came of it. */
export function countWebhookAttempt(outcome: string): void {
  const counter = Runtime.instance().metricMeter.createCounter(
    'webhook_deliveries',
    '',
    'Attempts to deliver a webhook, by outcome',
  );
  counter.add(1, { outcome });
}

/** Counts log lines that could not be written. */
export function countDroppedLogLines(lines: number): void {
  const counter = Runtime.instance().metricMeter.createCounter(
    'log_lines_dropped',
    '',
    'Log lines that could not be written: a full disk, or a reader that stands still',
  );
  counter.add(lines, {});
}

/** Counts a webhook subscription that was disabled, by reason. */
export function countWebhookDisabled(reason: string): void {
  const counter = Runtime.instance().metricMeter.createCounter(
    'webhook_subscriptions_disabled',
    '',
    'Webhook subscriptions that were disabled, by reason',
  );
  counter.add(1, { reason });
}

/** Counts a try to send a text message, by what came of it. */
export function countTextMessage(outcome: string): void {
  const counter = Runtime.instance().metricMeter.createCounter(
    'text_messages',
    '',
    'Tries to send a text message, by outcome',
  );
  counter.add(1, { outcome });
}

/** Latency buckets in seconds around what an order's steps take: 1 ms to a minute. */
const LATENCY_BUCKETS_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60];

/** Finer around what an event may wait (50 ms) and take (100 ms): a percentile is only as good as its bucket. */
const EVENT_BUCKETS_SECONDS = [
  0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2, 0.5, 1, 2, 5, 10, 30, 60,
];

/** Where Prometheus finds the metrics. */
interface MetricsAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Sets up the SDK's native core: logs go to the process's logger, metrics to a Prometheus endpoint, if one
 * is wanted. Once per process, before the first native connection. Signals stay ours: shutdown is ordered.
 */
export function installTemporalRuntime(logger: Logger, metrics: MetricsAddress | null): void {
  Runtime.install({
    shutdownSignals: [],
    logger: new DefaultLogger('INFO', ({ level, message, meta }) => {
      const { error, ...fields } = meta ?? {};
      logger[pinoLevel(level)](error === undefined ? fields : { ...fields, err: error }, message);
    }),
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }) },
      ...(metrics === null ? {} : { metrics: { prometheus: prometheusOptions(metrics) } }),
    },
  });
}

function prometheusOptions({ host, port }: MetricsAddress) {
  return {
    bindAddress: `${host.includes(':') ? `[${host}]` : host}:${port}`,
    countersTotalSuffix: true,
    unitSuffix: true,
    useSecondsForDurations: true,
    histogramBucketOverrides: {
      temporal_workflow_task_schedule_to_start_latency: LATENCY_BUCKETS_SECONDS,
      temporal_workflow_task_execution_latency: LATENCY_BUCKETS_SECONDS,
      temporal_activity_schedule_to_start_latency: LATENCY_BUCKETS_SECONDS,
      temporal_activity_execution_latency: LATENCY_BUCKETS_SECONDS,
      temporal_local_activity_execution_latency: LATENCY_BUCKETS_SECONDS,
      temporal_workflow_endtoend_latency: LATENCY_BUCKETS_SECONDS,
      event_processing_duration: EVENT_BUCKETS_SECONDS,
      events_queue_wait: EVENT_BUCKETS_SECONDS,
    },
  };
}

function pinoLevel(level: LogLevel): 'trace' | 'debug' | 'info' | 'warn' | 'error' {
  return level.toLowerCase() as ReturnType<typeof pinoLevel>;
}

const INDEXED_VALUE_KEYWORD = 2;

/**
 * Registers the search attributes that workflows set, or verifies that they are there: setting an unknown one
 * would fail the workflow task for ever, so a process must not start without them.
 */
export async function ensureSearchAttributes(client: Client, { namespace }: TemporalOptions): Promise<void> {
  const { operatorService } = client.connection as Connection;
  const registered = async (): Promise<boolean> => {
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
    return customAttributes?.[CASE_KIND.name] === INDEXED_VALUE_KEYWORD;
  };
  if (await registered()) return;
  await operatorService
    .addSearchAttributes({ namespace, searchAttributes: { [CASE_KIND.name]: INDEXED_VALUE_KEYWORD } })
    // Another process may have been first; what counts is whether it is there now.
    .catch(() => {});
  if (await registered()) return;
  throw new Error(
    `The search attribute ${CASE_KIND.name} (Keyword) is missing in namespace ${namespace}: ` +
      `temporal operator search-attribute create --namespace ${namespace} --name ${CASE_KIND.name} --type Keyword`,
  );
}

/** Sweeps run this often: an expired hold blocks its pieces, and a notice, command or decision waits, at most that long. */
const SWEEP_INTERVAL = '30s';

/** Webhooks that were lost between their row and their signal wait at most so much longer than a minute. */
const WEBHOOK_SWEEP_INTERVAL = '60s';

/** Creates the schedules of the sweeps unless they exist. A missed run is caught up within a minute or left to the next. */
export async function ensureSweepSchedules(client: Client): Promise<void> {
  await ensureSchedule(client, SWEEP_SCHEDULE_ID, SWEEP_WORKFLOW, SWEEP_INTERVAL);
  await ensureSchedule(client, NOTICE_SWEEP_SCHEDULE_ID, NOTICE_SWEEP_WORKFLOW, SWEEP_INTERVAL);
  await ensureSchedule(client, DECISION_SWEEP_SCHEDULE_ID, DECISION_SWEEP_WORKFLOW, SWEEP_INTERVAL);
  await ensureSchedule(client, WEBHOOK_SWEEP_SCHEDULE_ID, WEBHOOK_SWEEP_WORKFLOW, WEBHOOK_SWEEP_INTERVAL);
  await ensureSchedule(client, COMMAND_SWEEP_SCHEDULE_ID, COMMAND_SWEEP_WORKFLOW, SWEEP_INTERVAL);
}

/** Days are opened some days ahead, so once an hour is often enough. */
const EVENT_MAINTENANCE_INTERVAL = '1h';

/**
 * Starts what keeps the event pipeline going unless it runs: one pump per consumer and partition, the feed of orders,
 * and the schedule that looks after the log.
 */
export async function ensureEventPumps(client: Client, partitions: number): Promise<void> {
  await ensureSchedule(
    client,
    EVENT_MAINTENANCE_SCHEDULE_ID,
    EVENT_MAINTENANCE_WORKFLOW,
    EVENT_MAINTENANCE_INTERVAL,
    true,
  );
  const start = (type: string, workflowId: string, staticSummary: string, args: unknown[] = []) =>
    client.workflow.start(type, {
      workflowId,
      taskQueue: 'orders',
      args,
      staticSummary,
      workflowIdConflictPolicy: 'USE_EXISTING',
    });
  await start(ORDER_FEED_WORKFLOW, ORDER_FEED_ID, 'Moves the transitions of orders into the event log');
  for (const consumer of EVENT_CONSUMERS) {
    for (let partition = 0; partition < partitions; partition += 1) {
      const input = { consumer, partition };
      await start(EVENT_PUMP_WORKFLOW, eventPumpWorkflowId(input), `${consumer} reads partition ${partition}`, [input]);
    }
  }
}

async function ensureSchedule(
  client: Client,
  scheduleId: string,
  workflowType: string,
  every: '30s' | '60s' | '1h',
  triggerImmediately = false,
): Promise<void> {
  try {
    await client.schedule.create({
      scheduleId,
      spec: { intervals: [{ every }] },
      action: { type: 'startWorkflow', workflowType, taskQueue: 'orders', workflowId: scheduleId },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
      state: { triggerImmediately },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
}

/**
 * The lean sandbox is a preload: asked for without it, the process would run with the standard one unnoticed.
 * @throws {Error} that says how to start.
 */
export function requireLeanSandbox(sandbox: 'standard' | 'lean'): void {
  if (sandbox === 'standard' || Symbol.for('order-saga.lean-sandbox') in globalThis) return;
  throw new Error(
    'WORKFLOW_SANDBOX=lean needs the preload lean-sandbox (node --import), as in the scripts of package.json',
  );
}
