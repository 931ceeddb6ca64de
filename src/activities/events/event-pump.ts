import type {
  HandledEvent,
  EventConsumerRepository,
  EventCursor,
} from '../../../db/repositories/events/event-consumer-repository.ts';
import type { EventOutcome, EventPump, PendingEvent } from '../../domain/event.ts';
import { EventPumpFencedError } from '../../domain/errors.ts';
import { wants, type EventConsumerDefinition } from '../../events/event-consumers.ts';
import { processEvents } from '../../events/process-events.ts';
import { recordEventSpans, type HandledBatch } from './event-spans.ts';
import type { EventWakeups } from './event-wakeups.ts';

/** Called with the events that a pump has handled. */
export type EventObserver = (batch: HandledBatch) => void;

export interface EventPumpDeps {
  readonly repository: EventConsumerRepository;
  readonly wakeups: EventWakeups;
  readonly observe: EventObserver;
  readonly onUnexpected: (event: PendingEvent, error: unknown) => void;
  /** The name under which processed events show this worker. */
  readonly workerId: string;
}

/** A partition and the consumer of its events. */
export interface ConsumedPartition {
  readonly pump: EventPump;
  readonly consumer: EventConsumerDefinition;
}

/** When a pump must stop. */
export interface PumpRun {
  readonly until: number;
  /**
   * Aborted when the activity is over or the process is about to end: the current batch is finished, and no other is
   * begun.
   */
  readonly stop: AbortSignal;
}

/** Events that a pump handles at once: some milliseconds of work, and one statement of some hundred kilobytes. */
const BATCH = 500;

/** How often a pump looks for events when no announcement comes. */
const POLL_MS = 1_000;

/** Shortest time between two looks for retries, even if other events come faster. */
const LOOK_FOR_RETRIES_MS = 200;

/** A cursor that has only skipped unwanted events is stored when the pump goes to sleep, or after this many events. */
const SKIPPED_MAX = 2_000;

/**
 * Processes one partition for one consumer until told to stop. Only one owner at a time can write: the epoch that
 * `claim` returns fences all earlier owners.
 * @throws {EventPumpFencedError} when another worker has claimed the partition.
 */
export async function runEventPump(
  { pump, consumer }: ConsumedPartition,
  deps: EventPumpDeps,
  { until, stop }: PumpRun,
): Promise<void> {
  const { repository, wakeups } = deps;
  const batches = await startBatches(pump, consumer, deps);
  const { highWaterMark } = batches;
  let lookedIn = 0;
  let isMore = false;
  while (!stop.aborted && Date.now() < until) {
    // A backlog fills its batches without waiting for the next turn.
    if (!isMore) await wakeups.nextTurn();
    const seen = wakeups.seen(consumer, pump.partition);
    let done = 0;
    // The period follows the clock, so that pumps that take turns together look for retries together.
    const period = Math.floor(Date.now() / LOOK_FOR_RETRIES_MS);
    if (period !== lookedIn) {
      lookedIn = period;
      done += await batches.process(await repository.readDue(pump, BATCH), null);
    }
    isMore = consumer.topics !== null && (await batches.skip(consumer.topics));
    if (isMore) continue;
    const next = await repository.readNext({ pump, after: batches.cursor(), highWaterMark, limit: BATCH });
    done += await batches.process(next, next.at(-1) ?? null);
    // This also counts batches in which no event was wanted.
    isMore = next.length === BATCH;
    if (isMore) continue;
    if (done === 0) await batches.flush();
    // If an event was announced meanwhile, the pump does not sleep.
    await wakeups.sleep(consumer, pump.partition, { seen, everyMs: POLL_MS, signal: stop });
  }
  await batches.flush();
}

/** Handles the events of a claimed partition, and stores their outcomes batch by batch. */
async function startBatches(pump: EventPump, consumer: EventConsumerDefinition, deps: EventPumpDeps) {
  const { repository, wakeups, workerId: owner } = deps;
  const { epoch, highWaterMark, ...start } = await repository.claim(pump, owner);
  let cursor: EventCursor = start;
  let skipped = 0;
  let provedAt = Date.now();
  const write = async (handled: readonly HandledEvent[]): Promise<void> => {
    if (!(await repository.write({ ...pump, epoch, owner }, cursor, handled))) {
      throw new EventPumpFencedError(pump.consumer, pump.partition);
    }
    skipped = 0;
    provedAt = Date.now();
  };
  const prove = async (): Promise<void> => {
    if (!(await repository.owns(pump, epoch))) throw new EventPumpFencedError(pump.consumer, pump.partition);
    provedAt = Date.now();
  };
  return {
    highWaterMark,
    cursor: () => cursor,
    /**
     * Called when no event is left: stores the cursor if it moved. A pump that has written nothing for a while learns
     * here if it has lost the partition.
     */
    flush: async (): Promise<void> => {
      if (skipped > 0) await write([]);
      else if (Date.now() - provedAt >= POLL_MS / 2) await prove();
    },
    /** Moves the cursor past unwanted events; answers whether there may be more of them. */
    skip: async (topics: ReadonlySet<string>): Promise<boolean> => {
      const over = await repository.skipUnwanted({ pump, after: cursor, topics, limit: SKIPPED_MAX });
      if (over === null) return false;
      const { count, sequence, receivedAt } = over;
      cursor = { sequence, receivedAt };
      skipped += count;
      if (skipped >= SKIPPED_MAX) await write([]);
      return count === SKIPPED_MAX;
    },
    /**
     * Handles a batch. `end` is the cursor behind the batch; it is null for events that the cursor has passed already.
     */
    process: async (events: readonly PendingEvent[], end: EventCursor | null): Promise<number> => {
      if (events.length === 0) return 0;
      const takenAt = Date.now();
      const wanted = events.filter(({ type }) => wants(consumer, type));
      const outcomes = await processEvents(wanted, { consumer, onUnexpected: deps.onUnexpected, now: Date.now });
      // An event that waits behind a retry has its row already.
      const handled = pairUp(wanted, outcomes).filter(({ outcome }) => end !== null || outcome.kind !== 'waiting');
      cursor = end ?? cursor;
      skipped += events.length - wanted.length;
      if (handled.length > 0 || skipped >= SKIPPED_MAX) await write(handled);
      const batch = { consumer: consumer.name, handled, takenAt, storedAt: Date.now() };
      deps.observe(batch);
      recordEventSpans(batch);
      wakeups.count(handled.length);
      return handled.length;
    },
  };
}

function pairUp(events: readonly PendingEvent[], outcomes: readonly EventOutcome[]): HandledEvent[] {
  return events.flatMap((event, index) => {
    const outcome = outcomes[index];
    return outcome === undefined ? [] : [{ event, outcome }];
  });
}
