import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';

/** Figures of a process, read when the metrics are. */
interface ProcessFigures {
  readonly isReady: () => boolean;
  readonly loopDelayMs: () => number;
}

/** The Prometheus text of a process's own figures. */
export function createProcessMetrics({ isReady, loopDelayMs }: ProcessFigures): () => Promise<string> {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  // The scrape's other texts say which program it is.
  const serializer = new PrometheusSerializer('', false, undefined, true, true);
  const meter = new MeterProvider({ readers: [exporter] }).getMeter('order-saga-process');
  meter
    .createObservableGauge('process_ready', { description: 'Whether the process takes work, 1 or 0' })
    .addCallback((result) => result.observe(isReady() ? 1 : 0));
  meter
    .createObservableGauge('process_event_loop_delay_seconds', {
      description: 'How late the event loop came to its work, at most in the last second',
    })
    .addCallback((result) => result.observe(loopDelayMs() / 1_000));
  return async () => serializer.serialize((await exporter.collect()).resourceMetrics);
}
