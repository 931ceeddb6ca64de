import { DefaultLogger, makeTelemetryFilterString, Runtime, type LogEntry, type LogLevel } from '@temporalio/worker';
import type { Logger } from '../runtime/logger.ts';
import { outsideTraces } from '../runtime/tracing/spans.ts';

/** Latency buckets in seconds for the steps of an order: 1 ms to a minute. */
const LATENCY_BUCKETS_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60];

/**
 * Buckets that are finer around the times that an event may wait (50 ms) and take (100 ms), because a percentile is
 * only as good as its bucket.
 */
const EVENT_BUCKETS_SECONDS = [
  0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2, 0.5, 1, 2, 5, 10, 30, 60,
];

/** Where Prometheus finds the metrics, and the label `service_name` that each of them carries. */
interface WorkerMetricsOptions {
  readonly host: string;
  readonly port: number;
  readonly serviceName: string;
}

/**
 * Sets up the SDK's native core: logs go to the process's logger, metrics to a Prometheus endpoint, if one is
 * configured. It runs once per process, before the first native connection. The process handles signals itself, because
 * it stops its parts in order.
 */
export function installTemporalRuntime(logger: Logger, metrics: WorkerMetricsOptions | null): void {
  Runtime.install({
    shutdownSignals: [],
    logger: new DefaultLogger('INFO', forwardTo(logger)),
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }) },
      ...(metrics === null ? {} : { metrics: metricsOptions(metrics) }),
    },
  });
}

function metricsOptions({ serviceName, ...address }: WorkerMetricsOptions) {
  return {
    // Without this, the name would be that of the SDK's core.
    attachServiceName: false,
    globalTags: { service_name: serviceName },
    prometheus: prometheusOptions(address),
  };
}

function prometheusOptions({ host, port }: Omit<WorkerMetricsOptions, 'serviceName'>) {
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
      order_step_duration: LATENCY_BUCKETS_SECONDS,
      event_processing_duration: EVENT_BUCKETS_SECONDS,
      events_queue_wait: EVENT_BUCKETS_SECONDS,
    },
  };
}

const ORDER_IN_WORKFLOW = /\/(ord_[a-z2-7]{26})(?:\/|$)/;

/**
 * Writes the lines of the SDK, and of workflows and activities, by the process's logger. The ids of workflows that work
 * for an order contain its id, so these lines carry it.
 */
export function forwardTo(
  logger: Pick<Logger, 'trace' | 'debug' | 'info' | 'warn' | 'error'>,
): (entry: LogEntry) => void {
  return ({ level, message, meta }) => {
    const { error, ...fields } = meta ?? {};
    const { workflowId } = fields as { workflowId?: unknown };
    const orderId = typeof workflowId === 'string' ? ORDER_IN_WORKFLOW.exec(workflowId)?.[1] : undefined;
    const line = {
      ...(orderId === undefined ? {} : { orderId }),
      ...fields,
      ...(error === undefined ? {} : { err: error }),
    };
    // The SDK gathers lines, so the trace that is current now is another's; a line names its own.
    outsideTraces(() => logger[pinoLevel(level)](line, message));
  };
}

function pinoLevel(level: LogLevel): 'trace' | 'debug' | 'info' | 'warn' | 'error' {
  return level.toLowerCase() as ReturnType<typeof pinoLevel>;
}

/**
 * Ensures that the preload of the lean sandbox is active when it is configured; without it the process would silently
 * use the standard sandbox.
 * @throws {Error} that says how to start the process.
 */
export function requireLeanSandbox(sandbox: 'standard' | 'lean'): void {
  if (sandbox === 'standard' || Symbol.for('order-saga.lean-sandbox') in globalThis) return;
  throw new Error(
    'WORKFLOW_SANDBOX=lean needs the preload lean-sandbox (node --import), as in the scripts of package.json',
  );
}
