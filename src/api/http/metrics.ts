import { TRANSITION_LABELS, transitionLabels, type OrderMoveListener } from '../../domain/order-move.ts';
import type { Metrics } from '../../runtime/metrics/metrics.ts';

/** What the API counts, beside the figures of its process. */
export interface ApiMetrics extends Metrics {
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
}

/** Where orders are posted. */
const ORDERS_ROUTE = '/v1/orders';

/** Seconds: accepts take 2-20 ms, long polls up to 30 s. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

interface ApiMetricsOptions {
  /** The reasons whose counters exist from the start. */
  readonly refusalReasons: readonly string[];
}

export function createApiMetrics(metrics: Metrics, { refusalReasons }: ApiMetricsOptions): ApiMetrics {
  const { meter } = metrics;
  const requests = meter.createHistogram('http_server_request_duration_seconds', {
    description: 'Time to answer, by route template, method and status',
    unit: 's',
    advice: { explicitBucketBoundaries: BUCKETS },
  });
  const posted = meter.createCounter('orders_posted', {
    description: 'Posted orders, by the kind of the answer: 2xx, 4xx or 5xx',
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
  for (const answer of ['2xx', '4xx', '5xx']) posted.add(0, { answer });
  for (const reason of refusalReasons) refused.add(0, { reason });
  for (const replayed of [true, false]) accepted.add(0, { replayed });
  for (const dispatch of ['eager', 'queue']) started.add(0, { dispatch });
  for (const labels of TRANSITION_LABELS) transitions.add(0, labels);
  return {
    ...metrics,
    requestEnded: ({ route, method, status, seconds }) => {
      requests.record(seconds, { http_route: route, http_request_method: method, http_response_status_code: status });
      if (method === 'POST' && route === ORDERS_ROUTE) posted.add(1, { answer: `${Math.floor(status / 100)}xx` });
    },
    requestRefused: (reason) => refused.add(1, { reason }),
    orderAccepted: (replayed) => accepted.add(1, { replayed }),
    orderStarted: (dispatch) => started.add(1, { dispatch }),
    orderMoved: (move) => transitions.add(1, transitionLabels(move)),
    logLinesDropped: (lines) => dropped.add(lines),
  };
}
