import type { MetricCounter } from '@temporalio/common';
import { Runtime } from '@temporalio/worker';
import type { HandledEvent } from '../../db/repositories/events/event-consumer-repository.ts';
import type { EventObserver } from '../activities/events/event-pump.ts';
import { EVENT_CONSUMERS, EVENT_FAILURE_CODES, orderOfEvent, topicOf } from '../domain/event.ts';
import { traceIdOf } from '../domain/traceparent.ts';
import type { Logger } from '../runtime/logger.ts';

/** One in this many successful events is logged; all others are logged. */
const SUCCESSES_PER_LINE = 100;

interface EventObserverOptions {
  readonly workerId: string;
  /** The types whose counters exist from the start. */
  readonly types: readonly string[];
}

/** Counts every outcome beside the worker's own metrics, and logs some of them. */
export function createEventObserver(logger: Logger, { workerId, types }: EventObserverOptions): EventObserver {
  const meter = Runtime.instance().metricMeter;
  const processed = meter.createCounter('events_processed', '', 'Events with a result, by consumer and type');
  const failed = meter.createCounter('events_failed', '', 'Events given up, by consumer, type and code');
  const retried = meter.createCounter('events_retried', '', 'Failed tries that will be repeated');
  const latency = meter.createHistogram(
    'event_processing_duration',
    'float',
    'seconds',
    'From acceptance to stored result',
  );
  const waited = meter.createHistogram(
    'events_queue_wait',
    'float',
    'seconds',
    'From acceptance until a worker takes it up',
  );
  for (const consumer of EVENT_CONSUMERS) {
    for (const type of types) processed.add(0, { consumer, type });
    const labels = types.flatMap((type) => EVENT_FAILURE_CODES.map((code) => ({ consumer, type, code })));
    for (const each of labels) [failed, retried].forEach((counter) => counter.add(0, each));
  }
  let successes = 0;
  const count = ({ event, outcome }: HandledEvent, consumer: string): Counted | null => {
    const tags = { consumer, type: topicOf(event.type) };
    if (outcome.kind === 'waiting') return null;
    if (outcome.kind === 'processed') return { counter: processed, tags };
    return { counter: outcome.kind === 'failed' ? failed : retried, tags: { ...tags, code: outcome.code } };
  };
  return ({ consumer, handled, takenAt, storedAt }) => {
    addAll(handled.map((each) => count(each, consumer)));
    for (const { event, outcome } of handled) {
      if (outcome.kind === 'waiting') continue;
      const receivedAt = event.receivedAt.getTime();
      const latencyMs = storedAt - receivedAt;
      if (outcome.kind === 'processed') {
        latency.record(latencyMs / 1_000, { consumer });
        if (event.attempts === 0) waited.record((takenAt - receivedAt) / 1_000, { consumer });
        successes += 1;
        if (successes % SUCCESSES_PER_LINE !== 1) continue;
      }
      const traceId = traceIdOf(event.traceparent);
      const orderId = orderOfEvent(event);
      logger[outcome.kind === 'processed' ? 'info' : 'warn'](
        {
          eventId: event.eventId,
          eventType: event.type,
          tenantId: event.tenantId,
          consumer,
          outcome: outcome.kind,
          ...('code' in outcome ? { errorCode: outcome.code, attempts: outcome.attempts } : {}),
          latencyMs,
          workerId,
          correlationId: event.correlationId,
          ...(traceId === null ? {} : { traceId }),
          ...(orderId === null ? {} : { orderId }),
        },
        'event',
      );
    }
  };
}

interface Counted {
  readonly counter: MetricCounter;
  readonly tags: Readonly<Record<string, string>>;
}

/** Outcomes with the same counter and tags are added at once, because each call goes to native code. */
function addAll(counted: readonly (Counted | null)[]): void {
  const sums = new Map<string, Counted & { count: number }>();
  for (const each of counted) {
    if (each === null) continue;
    const key = `${each.counter.name} ${Object.values(each.tags).join(' ')}`;
    const sum = sums.get(key) ?? { ...each, count: 0 };
    sum.count += 1;
    sums.set(key, sum);
  }
  for (const { counter, tags, count } of sums.values()) counter.add(count, tags);
}
