import { EVENT_TYPE_NAMES, findEventType } from '../../events/event-types.ts';
import type { ApiMetrics } from '../http/metrics.ts';

/** What the API did with an event that arrived. */
const EVENT_RECEPTIONS = ['accepted', 'duplicate', 'refused'] as const;
export type EventReception = (typeof EVENT_RECEPTIONS)[number];

const UNKNOWN_TYPE = 'unknown';

/** What the API counts about events. */
export interface EventMetrics {
  /** Counts an event by the first word of its type; a type that is not known counts as `unknown`. */
  received(type: unknown, outcome: EventReception): void;
  appended(events: number, seconds: number): void;
}

export function createEventMetrics({ meter }: Pick<ApiMetrics, 'meter'>): EventMetrics {
  const received = meter.createCounter('events_received', { description: 'Events that came, by type and outcome' });
  for (const type of [...EVENT_TYPE_NAMES, UNKNOWN_TYPE]) {
    for (const outcome of EVENT_RECEPTIONS) received.add(0, { type, outcome });
  }
  const sizes = meter.createHistogram('events_append_size', {
    description: 'Events of one append to the log',
    advice: { explicitBucketBoundaries: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000] },
  });
  const durations = meter.createHistogram('events_append_duration_seconds', {
    description: 'Time of one append to the log, with its commit',
    unit: 's',
    advice: { explicitBucketBoundaries: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 4] },
  });
  return {
    received: (type, outcome) => received.add(1, { type: rootOf(type), outcome }),
    appended: (events, seconds) => {
      sizes.record(events);
      durations.record(seconds);
    },
  };
}

function rootOf(type: unknown): string {
  return (typeof type === 'string' ? findEventType(type)?.name : undefined) ?? UNKNOWN_TYPE;
}
