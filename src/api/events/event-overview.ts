import type {
  ConsumerPause,
  ConsumerProgress,
  EventControlRepository,
} from '../../../db/repositories/events/event-control-repository.ts';

/** How operators see the consumers. */
export interface EventOverview {
  consumers(): Promise<ConsumerState[]>;
  stats(): Promise<EventFigures>;
}

/** A consumer as its operators see it. */
export type ConsumerState = ReturnType<typeof toState>;

/** Figures over all tenants. */
export interface EventFigures {
  readonly at: string;
  readonly accepted: number;
  readonly consumers: ReturnType<typeof toFigures>[];
}

export function createEventOverview(control: EventControlRepository): EventOverview {
  const consumers = async (): Promise<ConsumerState[]> => {
    const [pauses, progress] = await Promise.all([control.pauses(), control.progress()]);
    return pauses.map((pause) => toState(pause, progress));
  };
  return {
    consumers,
    stats: async () => {
      const [states, counts] = await Promise.all([consumers(), control.counts()]);
      const countsOf = new Map(counts.map((count) => [count.consumer, count]));
      // Every consumer has the same partitions.
      const partitions = states[0]?.partitions ?? [];
      return {
        at: new Date().toISOString(),
        accepted: sumOf(partitions.map(({ head }) => head)),
        consumers: states.map((state) => toFigures(state, countsOf.get(state.name) ?? { retrying: 0, failed: 0 })),
      };
    },
  };
}

function toState({ name, pausedAt, pausedBy }: ConsumerPause, progress: readonly ConsumerProgress[]) {
  return {
    name,
    paused: pausedAt !== null,
    pausedAt: pausedAt?.toISOString() ?? null,
    pausedBy,
    partitions: progress
      .filter(({ consumer }) => consumer === name)
      .map(({ partition, sequence, head, oldestSeconds, processed, updatedAt }) => ({
        partition,
        sequence,
        head,
        lag: Math.max(0, head - sequence),
        oldestSeconds,
        processed,
        updatedAt: updatedAt?.toISOString() ?? null,
      })),
  };
}

function toFigures(
  { name, paused, partitions }: ConsumerState,
  { retrying, failed }: { readonly retrying: number; readonly failed: number },
) {
  return {
    name,
    paused,
    processed: sumOf(partitions.map(({ processed }) => processed)),
    retrying,
    failed,
    lag: sumOf(partitions.map(({ lag }) => lag)),
    oldestSeconds: Math.max(0, ...partitions.map(({ oldestSeconds }) => oldestSeconds)),
    partitions: partitions.map(({ partition, lag, oldestSeconds }) => ({ partition, lag, oldestSeconds })),
  };
}

function sumOf(figures: readonly number[]): number {
  return figures.reduce((sum, figure) => sum + figure, 0);
}
