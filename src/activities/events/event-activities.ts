import { Context, log } from '@temporalio/activity';
import type { EventControlRepository } from '../../../db/repositories/events/event-control-repository.ts';
import type { OrderArchive } from '../../../db/repositories/order-archive.ts';
import type { WebhookDeliveryRepository } from '../../../db/repositories/notifications/webhook-delivery-repository.ts';
import type { EventConsumer } from '../../domain/event.ts';
import { createEventConsumers } from '../../events/event-consumers.ts';
import type { EventRetrySettings } from '../../events/event-retries.ts';
import type { EventPorts } from '../../events/ports.ts';
import { runEventPump, type EventPumpDeps, type PumpRun } from './event-pump.ts';
import { forgetEnded, type RetentionDays, type RetentionDeps } from './retention.ts';
import type { LogFields } from '../../domain/log-fields.ts';
import { runOrderFeed, type OrderFeedDeps } from './order-feed.ts';

export interface EventActivityDeps extends OrderFeedDeps, Omit<EventPumpDeps, 'onUnexpected'> {
  readonly ports: EventPorts;
  readonly control: EventControlRepository;
  readonly deliveries: Pick<WebhookDeliveryRepository, 'forgetSettled'>;
  /** Minimum days for which the log is kept. */
  readonly retentionDays: number;
  readonly retention: Omit<RetentionDeps, 'log'>;
  /** Days for which what has ended beside the log is kept. */
  readonly keptDays: RetentionDays;
  readonly archive: Pick<OrderArchive, 'archive'>;
  /** Called with the number of orders that were moved to the archive together. */
  readonly onArchived: (orders: number) => void;
  /** Days after which ended orders leave the hot tables; null never. */
  readonly archiveAfterDays: number | null;
  /** Settings that replace the retries in the code. */
  readonly retries: EventRetrySettings;
  /**
   * Aborted when the process is about to end: current batches are finished, and other workers take the rest at once.
   */
  readonly stopping: AbortSignal;
}

/** Days for which tables are opened ahead, so that a schedule that stands still over a long weekend loses nothing. */
const DAYS_AHEAD = 4;

/**
 * The heartbeat does not depend on the work: a batch may wait for slow effects, and only a dead or frozen process
 * misses it.
 */
const BEAT_MS = 1_500;

const DAY_MS = 86_400_000;

/** The activities of the event pipeline. */
export function createEventActivities(deps: EventActivityDeps) {
  const consumers = createEventConsumers(deps.ports, deps.retries);
  const pumpDeps: EventPumpDeps = {
    ...deps,
    onUnexpected: ({ eventId, type }, error) =>
      log.error('event failed unexpectedly', { eventId, eventType: type, err: error } satisfies LogFields),
  };
  const runFor = async (roundMs: number, work: (run: PumpRun) => Promise<void>): Promise<void> => {
    const { cancellationSignal, heartbeat } = Context.current();
    const beat = setInterval(() => heartbeat(), BEAT_MS);
    const stop = AbortSignal.any([cancellationSignal, deps.stopping]);
    try {
      await work({ until: Date.now() + roundMs, stop });
    } finally {
      clearInterval(beat);
    }
  };
  return {
    /**
     * Effect: processes one partition of the log for one consumer for `roundMs`.
     * Key: the cursor, which is written together with the results.
     * Outcomes: done when the round is over or this worker is about to end.
     * Failures: database, retryable; another worker has claimed the partition, retryable.
     * Undo: none.
     */
    async pumpEvents(input: { consumer: EventConsumer; partition: number; roundMs: number }): Promise<void> {
      const { consumer, partition, roundMs } = input;
      const consumed = { pump: { consumer, partition }, consumer: consumers[consumer] };
      await runFor(roundMs, (run) => runEventPump(consumed, pumpDeps, run));
    },

    /**
     * Effect: pauses or resumes a consumer in all partitions, or sets back the cursor of one partition.
     * Key: the requested state.
     * Outcomes: done; also if the state was there before; setting a cursor forward does nothing.
     * Failures: database, retryable.
     * Undo: the opposite step.
     */
    async steerConsumer(input: {
      consumer: EventConsumer;
      partition: number;
      act: 'pause' | 'resume' | 'rewind';
      sequence?: number;
    }): Promise<void> {
      const { consumer, partition, act, sequence = 1 } = input;
      if (act === 'pause') await deps.control.pause(consumer, 'signal');
      if (act === 'resume') await deps.control.resume(consumer);
      if (act === 'rewind') await deps.control.rewind({ consumer, partition, sequence });
      const partitions = Array.from({ length: await deps.log.countPartitions() }, (_, index) => index);
      await deps.log.announce(partitions, ['*']);
    },

    /**
     * Effect: moves the transitions of orders into the event log for `roundMs`.
     * Key: order and sequence.
     * Outcomes: done when the round is over or this worker is about to end.
     * Failures: database, retryable.
     * Undo: none.
     */
    async feedOrderEvents({ roundMs }: { roundMs: number }): Promise<void> {
      await runFor(roundMs, (run) => runOrderFeed(deps, run));
    },

    /**
     * Effect: opens the tables of the coming days, and drops those past the retention that no consumer needs, with the
     * settled webhook deliveries from before them; then deletes what has ended for longer than the settings keep it, and
     * moves old orders to the archive.
     * Key: the days.
     * Outcomes: the days that were dropped.
     * Failures: database, retryable.
     * Undo: none.
     */
    async maintainEventLog(): Promise<{ droppedDays: string[] }> {
      await deps.log.openDays(DAYS_AHEAD);
      const now = await deps.log.now();
      const oldest = now.getTime() - deps.retentionDays * DAY_MS;
      const droppedDays = await deps.log.dropDays(new Date(oldest));
      // The log is dropped in whole days: an event that is still there would be delivered again if its consumer were
      // set back.
      await deps.deliveries.forgetSettled(new Date(oldest - DAY_MS));
      await forgetEnded({ ...deps.retention, log: deps.log }, deps.keptDays, now);
      if (deps.archiveAfterDays !== null) {
        await deps.archive.archive(new Date(now.getTime() - deps.archiveAfterDays * DAY_MS), deps.onArchived);
      }
      return { droppedDays };
    },
  };
}
