import { EVENT_CONSUMERS } from '../../domain/event.ts';
import type {
  ConsumerProgress,
  EventControlRepository,
  OutcomeCounts,
} from '../../../db/repositories/events/event-control-repository.ts';
import { createSampler, type Sampler } from '../../runtime/sampler.ts';

/** The position of every consumer of events in every partition. */
export type EventMonitor = Sampler<readonly ConsumerProgress[]>;

/** As often as metrics are usually scraped; the statement takes some milliseconds. */
const SAMPLE_INTERVAL_MS = 5_000;

const AT_THE_HEAD = { sequence: 0, head: 0, processed: 0, oldestSeconds: 0, updatedAt: null };

/** Samples the lag of every consumer in every partition. Until the first sample no consumer is behind. */
export function createEventMonitor(
  control: Pick<EventControlRepository, 'progress'>,
  partitions: number,
): EventMonitor {
  const none = EVENT_CONSUMERS.flatMap((consumer) =>
    Array.from({ length: partitions }, (_, partition) => ({ consumer, partition, ...AT_THE_HEAD })),
  );
  return createSampler<readonly ConsumerProgress[]>(SAMPLE_INTERVAL_MS, none, () => control.progress());
}

/** How many events each consumer retries, and how many it has given up. */
export type EventOutcomeMonitor = Sampler<readonly OutcomeCounts[]>;

/** Counting takes up to some 10 ms where 100,000 events have failed, so it is done as rarely as an alert allows. */
const OUTCOME_INTERVAL_MS = 15_000;

/** Samples the events that are not finished. Until the first sample every consumer has none. */
export function createEventOutcomeMonitor(control: Pick<EventControlRepository, 'counts'>): EventOutcomeMonitor {
  const none = EVENT_CONSUMERS.map((consumer) => ({ consumer, retrying: 0, failed: 0 }));
  return createSampler<readonly OutcomeCounts[]>(OUTCOME_INTERVAL_MS, none, () => control.counts());
}
