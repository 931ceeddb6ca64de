import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import type { Attributes, Meter } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { TRANSITION_LABELS, transitionLabels, type OrderMoveListener } from '../../domain/order-move.ts';

/** A figure per set of labels. */
export type Figures = Iterable<readonly [number, Attributes]>;

/** What the API counts, and its Prometheus text. */
export interface ApiMetrics {
  requestEnded(request: {
    readonly route: string;
    readonly method: string;
    readonly status: number;
    readonly seconds: number;
  }): void;
  /** Counts a caller without a good token or signature, or without the scope. */
  requestRefused(reason: string): void;
  orderAccepted(replayed: boolean): void;
  orderStarted(dispatch: 'eager' | 'queue'): void;
  /** Counts a status that an order has entered. */
  readonly orderMoved: OrderMoveListener;
  logLinesDropped(lines: number): void;
  /** Adds a figure that is read together with the metrics. */
  observe(name: string, description: string, read: () => number): void;
  /** Adds a figure per set of labels that is read together with the metrics. */
  observeEach(name: string, description: string, read: () => Figures | Promise<Figures>): void;
  /** For parts that count on their own. */
  readonly meter: Meter;
  scrape(): Promise<string>;
}

/** Seconds: accepts take 2-20 ms, long polls up to 30 s. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

interface ApiMetricsOptions {
  readonly serviceName: string;
  /** The reasons whose counters exist from the start. */
  readonly refusalReasons: readonly string[];
}

export function createApiMetrics({ serviceName, refusalReasons }: ApiMetricsOptions): ApiMetrics {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  // Without this, the name would be the path of the program.
  const resource = resourceFromAttributes({ 'service.name': serviceName });
  const serializer = new PrometheusSerializer();
  const meter = new MeterProvider({ resource, readers: [exporter] }).getMeter(serviceName);
  const requests = meter.createHistogram('http_server_request_duration_seconds', {
    description: 'Time to answer, by route template, method and status',
    unit: 's',
    advice: { explicitBucketBoundaries: BUCKETS },
  });
  const refused = meter.createCounter('requests_refused', {
    description: 'Requests without a good token, signature or scope, by what was wrong',
  });
  const accepted = meter.createCounter('orders_accepted', { description: 'Orders answered with 202' });
  const started = meter.createCounter('orders_started', {
    description: 'New orders by the way to their worker: eager (in this process) or queue',
  });
  const dropped = meter.createCounter('log_lines_dropped', {
    description: 'Log lines that could not be written: a full disk, or a reader that stands still',
  });
  const transitions = meter.createCounter('order_transitions', {
    description: 'Statuses that orders have entered, by status and reason',
  });
  // Every series exists from the start: the first count of a series that appears with it is invisible to `rate()`.
  dropped.add(0);
  for (const reason of refusalReasons) refused.add(0, { reason });
  for (const replayed of [true, false]) accepted.add(0, { replayed });
  for (const dispatch of ['eager', 'queue']) started.add(0, { dispatch });
  for (const labels of TRANSITION_LABELS) transitions.add(0, labels);
  return {
    requestEnded: ({ route, method, status, seconds }) => {
      requests.record(seconds, { http_route: route, http_request_method: method, http_response_status_code: status });
    },
    requestRefused: (reason) => refused.add(1, { reason }),
    orderAccepted: (replayed) => accepted.add(1, { replayed }),
    orderStarted: (dispatch) => started.add(1, { dispatch }),
    orderMoved: (move) => transitions.add(1, transitionLabels(move)),
    logLinesDropped: (lines) => dropped.add(lines),
    observe: (name, description, read) => {
      meter.createObservableGauge(name, { description }).addCallback((result) => result.observe(read()));
    },
    observeEach: (name, description, read) => {
      meter.createObservableGauge(name, { description }).addCallback(async (result) => {
        for (const [value, labels] of await read()) result.observe(value, labels);
      });
    },
    meter,
    scrape: async () => serializer.serialize((await exporter.collect()).resourceMetrics),
  };
}
