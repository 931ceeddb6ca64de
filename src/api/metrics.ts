import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';

/** What the API counts, and its Prometheus text. */
export interface ApiMetrics {
  requestEnded(route: string, method: string, status: number, seconds: number): void;
  orderAccepted(replayed: boolean): void;
  /** Adds a figure that is read when the metrics are. */
  observe(name: string, description: string, read: () => number): void;
  scrape(): Promise<string>;
}

/** Seconds: accepts take 2-20 ms, long polls up to 30 s. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Creates the metrics of one API process. */
export function createApiMetrics(): ApiMetrics {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const serializer = new PrometheusSerializer();
  const meter = new MeterProvider({ readers: [exporter] }).getMeter('order-saga-api');
  const requests = meter.createHistogram('http_server_request_duration', {
    description: 'Time to answer, by route template, method and status',
    unit: 's',
    advice: { explicitBucketBoundaries: BUCKETS },
  });
  const accepted = meter.createCounter('orders_accepted', { description: 'Orders answered with 202' });
  return {
    requestEnded: (route, method, status, seconds) => {
      requests.record(seconds, { http_route: route, http_request_method: method, http_response_status_code: status });
    },
    orderAccepted: (replayed) => accepted.add(1, { replayed }),
    observe: (name, description, read) => {
      meter.createObservableGauge(name, { description }).addCallback((result) => result.observe(read()));
    },
    scrape: async () => serializer.serialize((await exporter.collect()).resourceMetrics),
  };
}
