import type {
  ConsumerProgress,
  EventControlRepository,
} from '../../../db/repositories/events/event-control-repository.ts';
import { createSampler, type Sampler } from '../../runtime/sampler.ts';

/** The position of every consumer of events in every partition. */
export type EventMonitor = Sampler<readonly ConsumerProgress[]>;

/** As often as metrics are usually scraped; the statement takes some milliseconds. */
const SAMPLE_INTERVAL_MS = 5_000;

/** Samples the lag of every consumer in every partition. */
export function createEventMonitor(control: Pick<EventControlRepository, 'progress'>): EventMonitor {
  return createSampler<readonly ConsumerProgress[]>(SAMPLE_INTERVAL_MS, [], () => control.progress());
}
