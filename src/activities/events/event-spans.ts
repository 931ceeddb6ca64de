import type { HandledEvent } from '../../../db/repositories/events/event-consumer-repository.ts';
import { recordSpan } from '../../runtime/tracing/spans.ts';

/** The events that a pump has handled at once; times are milliseconds since the epoch. */
export interface HandledBatch {
  readonly consumer: string;
  readonly handled: readonly HandledEvent[];
  /** When the pump read the events. */
  readonly takenAt: number;
  /** When their outcomes were stored. */
  readonly storedAt: number;
}

/**
 * Records what a consumer made of a batch: one span in each trace that has events in it, because the events of one
 * request share a trace. An event that is tried again gets a span for each try.
 */
export function recordEventSpans({ consumer, handled, takenAt, storedAt }: HandledBatch): void {
  const traced = handled.filter(({ event, outcome }) => event.traceparent != null && outcome.kind !== 'waiting');
  if (traced.length === 0) return;
  const byTrace = Map.groupBy(traced, ({ event }) => event.traceparent ?? '');
  for (const [traceparent, events] of byTrace) {
    const attributes = { 'messaging.batch.message_count': events.length, 'messaging.consumer.group.name': consumer };
    recordSpan(traceparent, {
      name: `process ${consumer}`,
      kind: 'CONSUMER',
      attributes,
      startTime: takenAt,
      endTime: storedAt,
      errorType: firstFailureOf(events),
    });
  }
}

function firstFailureOf(events: readonly HandledEvent[]): string | undefined {
  return events.map(({ outcome }) => ('code' in outcome ? outcome.code : undefined)).find((code) => code !== undefined);
}
