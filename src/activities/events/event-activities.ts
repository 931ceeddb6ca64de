import { Context, log } from '@temporalio/activity';
import type { EventControlRepository } from '../../../db/repositories/events/event-control-repository.ts';
import type { WebhookDeliveryRepository } from '../../../db/repositories/notifications/webhook-delivery-repository.ts';
import type { EventConsumer } from '../../domain/event.ts';
import { createEventConsumers } from '../../events/event-consumers.ts';
import type { EventRetrySettings } from '../../events/event-retries.ts';
import type { EventPorts } from '../../events/ports.ts';
import { runEventPump, type EventPumpDeps, type PumpRun } from './event-pump.ts';
import type { LogFields } from '../../domain/log-fields.ts';
import { runOrderFeed, type OrderFeedDeps } from './order-feed.ts';

export interface EventActivityDeps extends OrderFeedDeps, Omit<EventPumpDeps, 'onUnexpected'> {
  readonly ports: EventPorts;
  readonly control: EventControlRepository;
  readonly deliveries: Pick<WebhookDeliveryRepository, 'forgetSettled'>;
  /** Days that the log is kept for at least. */
  readonly retentionDays: number;
  /** What differs from the retries of the code. */
  readonly retries: EventRetrySettings;
  /** The process is about to end: batches in hand are finished, and what is left goes to other workers at once. */
  readonly stopping: AbortSignal;
}

/** Tables of so many days to come are open: a schedule that stands still over a long weekend loses nothing. */
const DAYS_AHEAD = 4;

/** Beats apart from the work: a batch may wait for slow effects, and only a dead or frozen process is silent. */
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
     * Effect: carries one partition of the log to one consumer for `roundMs`. Key: the cursor, written together with
     * the results. Outcomes: done when the round is over or this worker is about to end. Failures: database, retryable;
     * another worker took over, retryable. Undo: none.
     */
    async pumpEvents(input: { consumer: EventConsumer; partition: number; roundMs: number }): Promise<void> {
      const { consumer, partition, roundMs } = input;
      const consumed = { pump: { consumer, partition }, consumer: consumers[consumer] };
      await runFor(roundMs, (run) => runEventPump(consumed, pumpDeps, run));
    },

    /**
     * Effect: a consumer is paused or goes on in all partitions, or a partition's cursor is set back. Key: the state that
     * is asked for. Outcomes: done, also when it is so already; setting a cursor forward does nothing. Failures:
     * database, retryable. Undo: the opposite.
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
     * Effect: the transitions of orders are in the event log, for `roundMs`. Key: order and sequence. Outcomes: done when
     * the round is over or this worker is about to end. Failures: database, retryable. Undo: none.
     */
    async feedOrderEvents({ roundMs }: { roundMs: number }): Promise<void> {
      await runFor(roundMs, (run) => runOrderFeed(deps, run));
    },

    /**
     * Effect: tables of the days to come are open, days past the retention that no consumer needs are gone, and so are
     * webhook deliveries that are over and from before them. Key: the days. Outcomes: the days that went. Failures:
     * database, retryable. Undo: none.
     */
    async maintainEventLog(): Promise<{ droppedDays: string[] }> {
      await deps.log.openDays(DAYS_AHEAD);
      const now = await deps.log.now();
      const oldest = now.getTime() - deps.retentionDays * DAY_MS;
      const droppedDays = await deps.log.dropDays(new Date(oldest));
      // The log goes in whole days: an event that is still there would be delivered anew if its consumer were set back.
      await deps.deliveries.forgetSettled(new Date(oldest - DAY_MS));
      return { droppedDays };
    },
  };
}
