import type { EventFigures, EventOverview } from '../events/event-overview.ts';
import type { OverviewView } from './console-schemas.ts';
import { shareReads } from '../../runtime/shared-read.ts';

/** The event pipeline over the last two minutes, or since the first viewer came. */
export interface EventHistory {
  /** Null when there was never an event, or the figures cannot be read. */
  read(): Promise<OverviewView['events']>;
}

const WINDOW_MS = 120_000;

/** The history is kept in memory, because the database knows only totals. */
export function createEventHistory(overview: Pick<EventOverview, 'stats'>): EventHistory {
  let seen: EventFigures[] = [];
  const look = async (): Promise<OverviewView['events']> => {
    const now = await overview.stats();
    seen = [...seen.filter(({ at }) => Date.parse(now.at) - Date.parse(at) <= WINDOW_MS), now];
    return now.accepted === 0 ? null : toView(now, seen);
  };
  // Orders are shown even if the events are on a server that is down.
  const read = shareReads(() => look().catch(() => null));
  return { read: () => read('all tenants') };
}

function toView({ accepted, consumers }: EventFigures, seen: readonly EventFigures[]): OverviewView['events'] {
  return {
    accepted,
    consumers: consumers.map(({ paused: _paused, partitions: _partitions, ...figures }) => figures),
    steps: seen.slice(1).map((now, index) => toStep(seen[index] ?? now, now)),
  };
}

type Step = NonNullable<OverviewView['events']>['steps'][number];

/** What happened between two looks. */
function toStep(before: EventFigures, now: EventFigures): Step {
  const seconds = Math.max(0.001, (Date.parse(now.at) - Date.parse(before.at)) / 1_000);
  // The number of failures falls when operators have events tried again.
  const perSecond = (from: number, to: number): number => Math.max(0, (to - from) / seconds);
  return {
    at: now.at,
    accepted: perSecond(before.accepted, now.accepted),
    processed: perSecond(processedOf(before), processedOf(now)),
    failed: perSecond(failedOf(before), failedOf(now)),
    lag: now.consumers.map(({ lag }) => lag),
    oldestSeconds: now.consumers.map(({ oldestSeconds }) => oldestSeconds),
  };
}

/** The first consumer takes every event; the others take some of them once more. */
function processedOf({ consumers }: EventFigures): number {
  return consumers[0]?.processed ?? 0;
}

function failedOf({ consumers }: EventFigures): number {
  return consumers.reduce((sum, { failed }) => sum + failed, 0);
}
