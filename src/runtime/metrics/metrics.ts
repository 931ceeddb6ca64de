import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import type { Attributes, Meter } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import type { ProcessFigure } from './process-figures.ts';

/** A figure per set of labels. */
export type Figures = Iterable<readonly [number, Attributes]>;

/** The metrics of one process, except those that the worker counts beside Temporal's SDK. */
export interface Metrics {
  /** `order-saga-worker`: the name of the process for everyone outside. */
  readonly serviceName: string;
  /** For parts that count on their own. */
  readonly meter: Meter;
  /** Adds a figure that is read together with the metrics. */
  observe(name: string, description: string, read: () => number): void;
  /** Adds a figure per set of labels that is read together with the metrics. */
  observeEach(name: string, description: string, read: () => Figures | Promise<Figures>): void;
  /** Adds figures of the process. */
  observeProcess(figures: readonly ProcessFigure[]): void;
  /** The Prometheus text. */
  scrape(): Promise<string>;
}

/** Made once in a process, because a metric is declared once in its text. */
export function createMetrics(serviceName: string): Metrics {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  // Without this, the name would be the path of the program.
  const resource = resourceFromAttributes({ 'service.name': serviceName });
  const serializer = new PrometheusSerializer();
  const meter = new MeterProvider({ resource, readers: [exporter] }).getMeter(serviceName);
  const observeEach: Metrics['observeEach'] = (name, description, read) => {
    meter.createObservableGauge(name, { description }).addCallback(async (result) => {
      for (const [value, labels] of await read()) result.observe(value, labels);
    });
  };
  return {
    serviceName,
    meter,
    observe: (name, description, read) => observeEach(name, description, () => [[read(), {}]]),
    observeEach,
    observeProcess: (figures) => {
      for (const { kind, name, description, read } of figures) {
        if (kind === 'gauge') observeEach(name, description, read);
        else {
          const counter = meter.createObservableCounter(name, { description });
          counter.addCallback((result) => read().forEach(([value, labels]) => result.observe(value, labels)));
        }
      }
    },
    scrape: async () => serializer.serialize((await exporter.collect()).resourceMetrics),
  };
}
