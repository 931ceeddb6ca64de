import type {
  ConsumerProgress,
  EventControlRepository,
} from '../../../db/repositories/events/event-control-repository.ts';
import { createBackgroundLoop, type BackgroundLoop } from '../../runtime/background-loop.ts';

/** How far the consumers of events are, sampled in the background for the metrics. */
export interface EventMonitor extends BackgroundLoop {
  progress(this: void): readonly ConsumerProgress[];
}

/** As often as metrics are usually scraped; the statement takes some milliseconds. */
const SAMPLE_INTERVAL_MS = 5_000;

/** Samples the lag of every consumer in every partition. */
export function createEventMonitor(control: Pick<EventControlRepository, 'progress'>): EventMonitor {
  let last: readonly ConsumerProgress[] = [];
  const sample = async (): Promise<void> => {
    // A sample that fails keeps the last one: PostgreSQL being away is told by readiness.
    last = await control.progress().catch(() => last);
  };
  return { progress: () => last, ...createBackgroundLoop(SAMPLE_INTERVAL_MS, sample) };
}
