import { Runtime } from '@temporalio/worker';
import type { EventObserver } from './activities/event-pump.ts';
import { topicOf } from './domain/event.ts';
import type { Logger } from './logger.ts';

/** Of the events that went well, one in so many is logged; those that did not, all. */
const SUCCESSES_PER_LINE = 100;

/** Counts every outcome beside the worker's own metrics, and logs a line of it. */
export function createEventObserver(logger: Logger, workerId: string): EventObserver {
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
  let successes = 0;
  return ({ consumer, event, outcome, waitedMs, latencyMs }) => {
    const tags = { consumer, type: topicOf(event.type) };
    if (outcome.kind === 'waiting') return;
    if (outcome.kind === 'processed') {
      processed.add(1, tags);
      latency.record(latencyMs / 1_000, { consumer });
      if (event.attempts === 0) waited.record(waitedMs / 1_000, { consumer });
      successes += 1;
      if (successes % SUCCESSES_PER_LINE !== 1) return;
    } else {
      (outcome.kind === 'failed' ? failed : retried).add(1, { ...tags, code: outcome.code });
    }
    logger[outcome.kind === 'processed' ? 'info' : 'warn'](
      {
        event_id: event.eventId,
        type: event.type,
        consumer,
        outcome: outcome.kind,
        ...('code' in outcome ? { code: outcome.code, attempts: outcome.attempts } : {}),
        latency_ms: latencyMs,
        worker_id: workerId,
        correlation_id: event.correlationId,
      },
      'event',
    );
  };
}
