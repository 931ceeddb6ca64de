import { context, diag, DiagLogLevel, propagation, trace } from '@opentelemetry/api';
import { keepPartsWhole } from './whole-parts.ts';

/** Where spans are sent, and of how many traces. */
interface TracingSettings {
  /** The collector's base address; spans go to `/v1/traces` below it. */
  readonly endpoint: string;
  /** The share of the traces beginning here that is recorded, from 0 to 1. */
  readonly ratio: number;
}

/** A process's tracing. */
interface Tracing {
  /** Sends what is left, but waits no longer for the collector than a stopping process can. */
  stop(): Promise<void>;
}

/**
 * Spans that wait for the collector, some seconds' worth at full sampling. When it hangs or is away, further spans are
 * dropped, and nothing waits.
 */
const WAITING_MAX = 4_096;

/** Spans of one post, each of some 500 bytes. */
const POST_MAX = 512;

/** How long spans wait for others before they are sent. */
const SEND_EVERY_MS = 2_000;

/** A collector beside the process answers in milliseconds. */
const POST_WITHIN_MS = 5_000;

/** The last spans of a process, which waits for a hanging collector no longer. */
const STOP_WITHIN_MS = 1_000;

/** While the collector is away or hangs, it is told once a minute. */
const COMPLAIN_EVERY_MS = 60_000;

/**
 * Sets OpenTelemetry up for the process, or leaves its no-op in place when no endpoint is configured. The packages are
 * loaded only here, because a process without tracing has no use for them.
 * @param onRefused Called when the collector does not take spans, at most once a minute.
 */
export async function startTracing(
  settings: TracingSettings | null,
  { service, onRefused }: { readonly service: string; readonly onRefused: () => void },
): Promise<Tracing> {
  if (settings === null) return { stop: async () => {} };
  const provider = await createProvider(settings, service);
  const { AsyncLocalStorageContextManager } = await import('@opentelemetry/context-async-hooks');
  const { W3CTraceContextPropagator } = await import('@opentelemetry/core');
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  reportFailures(onRefused);
  return {
    stop: async () => {
      const limit = Promise.withResolvers<void>();
      const timer = setTimeout(limit.resolve, STOP_WITHIN_MS);
      await Promise.race([provider.shutdown().catch(() => {}), limit.promise]);
      clearTimeout(timer);
    },
  };
}

async function createProvider({ endpoint, ratio }: TracingSettings, service: string) {
  const { BatchSpanProcessor, ParentBasedSampler, TraceIdRatioBasedSampler, TracerProvider } =
    await import('@opentelemetry/sdk-trace');
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
  const { resourceFromAttributes } = await import('@opentelemetry/resources');
  const url = `${endpoint.replace(/\/$/, '')}/v1/traces`;
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: POST_WITHIN_MS });
  const batches = new BatchSpanProcessor({
    exporter,
    maxQueueSize: WAITING_MAX,
    maxExportBatchSize: POST_MAX,
    scheduledDelayMillis: SEND_EVERY_MS,
    exportTimeoutMillis: POST_WITHIN_MS,
  });
  return new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': service, 'process.pid': process.pid }),
    // The root decides for the whole trace; every other process follows.
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
    spanProcessors: [keepPartsWhole(batches)],
  });
}

function reportFailures(onRefused: () => void): void {
  let complainedAt = -Infinity;
  const complain = (): void => {
    if (performance.now() - complainedAt < COMPLAIN_EVERY_MS) return;
    complainedAt = performance.now();
    onRefused();
  };
  const ignore = (): void => {};
  diag.setLogger(
    { error: complain, warn: complain, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}
