import { setImmediate as soon, setTimeout as sleep } from 'node:timers/promises';
import type { AppendedEvent, EventLogRepository } from '../../../db/repositories/events/event-log-repository.ts';
import { sourceHashOf, type OfferedEvent } from '../../domain/event.ts';
import { DatabaseContractError, DatabaseUnavailableError } from '../../domain/errors.ts';
import { shareSpans, traceContext } from '../../runtime/tracing/spans.ts';
import { createEventAnnouncer, type EventAnnouncer } from './event-announcer.ts';
import { retryAfterSeconds } from '../http/concurrency-limit.ts';
import { ProblemError, unavailable } from '../http/problem.ts';

/** Collects the events of concurrent requests and appends them to the log together. */
export interface EventIntake {
  /**
   * Appends the events of one request, all or none. Resolves after the commit with the place of each event, in their
   * order, and whether this request appended it. `bytes` is the size of their JSON.
   * @throws {ProblemError} `unavailable` when too many events wait, `validation_failed` when the log cannot hold them.
   * @throws {DatabaseUnavailableError} when it is unknown whether they were appended: repeat with the same ids.
   */
  submit(events: readonly OfferedEvent[], bytes: number): Promise<AppendedEvent[]>;
  /** `unavailable` when a request that comes now would find no room, else null. */
  refusal(): ProblemError | null;
  /** Counts a request that is being read, until the returned function is called; it may be called again. */
  announce(): () => void;
  /** Resolves when every submitted request is answered and announced. */
  close(): Promise<void>;
}

export interface EventIntakeDeps {
  readonly log: Pick<EventLogRepository, 'append' | 'announce'>;
  /** Called after each successful append. */
  readonly onAppended?: (events: number, seconds: number) => void;
}

/**
 * Events of one append, unless one request has more. 1,000 events take about 30 ms, and a request waits at most for one
 * append and its own.
 */
const BATCH_MAX_EVENTS = 1_000;
const BATCH_MAX_BYTES = 4 * 1024 * 1024;

/** Events that may wait: one second at the highest measured rate, and a bound on memory. */
const WAITING_MAX_EVENTS = 20_000;
const WAITING_MAX_BYTES = 64 * 1024 * 1024;

/**
 * Events that may wait when for a second no append has taken everything that waited. That is no burst but an overload,
 * and a long queue would only make all answers late: four appends take a quarter of a second.
 */
const STANDING_MAX_EVENTS = 4 * BATCH_MAX_EVENTS;
const BURST_MS = 1_000;

/** Weight of one request in the mean number of events in a request. */
const SIZE_WEIGHT = 0.05;

/**
 * An append that follows another one waits this long for more requests, because fewer commits leave the machine more
 * time for requests. If no append is running, a request waits only for requests of the same tick.
 */
const GATHER_MS = 1;

/** Another process took one of the ids at the same time. It has committed, so the next append finds the id. */
const CONFLICTS_MAX = 5;

interface Submission {
  readonly events: readonly OfferedEvent[];
  readonly bytes: number;
  /** The request's place in its trace. */
  readonly trace: ReturnType<typeof traceContext>;
  readonly resolve: (receipts: AppendedEvent[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Only one append runs at a time, because several would only wait for each other's locks on the partitions. */
export function createEventIntake({ log, onAppended }: EventIntakeDeps): EventIntake {
  const announcer = createEventAnnouncer(log);
  const sink: AppendSink = { log, announce: announcer.add, onAppended };
  const queue = createQueue();
  let running: Promise<void> | null = null;
  // Requests that are being read, and how many events a request has. Their events are known when it is too late to
  // refuse them cheaply.
  let [arriving, meanEvents] = [0, 1];

  const run = async (): Promise<void> => {
    await soon();
    for (;;) {
      if (!(await appendBatch(sink, queue.take()))) {
        // Requests that wait would only wait as long again for the same answer.
        for (const { reject } of queue.clear()) reject(new DatabaseUnavailableError('no answer'));
      }
      if (queue.isEmpty()) break;
      await sleep(GATHER_MS);
    }
    running = null;
  };
  return {
    refusal: () => (queue.hasRoom(arriving * meanEvents) ? null : tooManyEvents()),
    announce: () => {
      arriving += 1;
      let isArriving = true;
      return () => {
        if (isArriving) arriving -= 1;
        isArriving = false;
      };
    },
    submit: (events, bytes) =>
      new Promise((resolve, reject) => {
        meanEvents += (events.length - meanEvents) * SIZE_WEIGHT;
        if (!queue.put({ events, bytes, trace: traceContext(), resolve, reject })) {
          reject(tooManyEvents());
        } else {
          running ??= run();
        }
      }),
    close: async () => {
      await running;
      await announcer.close();
    },
  };
}

function tooManyEvents(): ProblemError {
  return unavailable('too many events wait for the log; nothing was accepted', retryAfterSeconds());
}

/** Requests that wait for an append, first come, first served. */
function createQueue() {
  let emptiedAt = performance.now();
  let waiting: Submission[] = [];
  let events = 0;
  let bytes = 0;
  const remove = (count: number): Submission[] => {
    const taken = waiting.slice(0, count);
    waiting = waiting.slice(count);
    for (const submission of taken) {
      events -= submission.events.length;
      bytes -= submission.bytes;
    }
    return taken;
  };
  return {
    /**
     * Adds a request.
     * @returns whether there was room.
     */
    put: (submission: Submission): boolean => {
      if (events + submission.events.length > WAITING_MAX_EVENTS || bytes + submission.bytes > WAITING_MAX_BYTES)
        return false;
      waiting.push(submission);
      events += submission.events.length;
      bytes += submission.bytes;
      return true;
    },
    /** Takes the requests that fit into one append, and at least one. */
    take: (): Submission[] => {
      let count = 0;
      let room = { events: BATCH_MAX_EVENTS, bytes: BATCH_MAX_BYTES };
      for (const submission of waiting) {
        room = { events: room.events - submission.events.length, bytes: room.bytes - submission.bytes };
        if (count > 0 && (room.events < 0 || room.bytes < 0)) break;
        count += 1;
      }
      const taken = remove(count);
      if (waiting.length === 0) emptiedAt = performance.now();
      return taken;
    },
    /** Whether a request that comes after this number of events finds room. */
    hasRoom: (arriving: number): boolean => {
      if (waiting.length === 0 && arriving === 0) emptiedAt = performance.now();
      const isBurst = performance.now() - emptiedAt < BURST_MS;
      return events + arriving < (isBurst ? WAITING_MAX_EVENTS : STANDING_MAX_EVENTS);
    },
    clear: (): Submission[] => remove(waiting.length),
    isEmpty: (): boolean => waiting.length === 0,
  };
}

/** The log that gets the events, and the listener for appends. */
interface AppendSink {
  readonly log: EventIntakeDeps['log'];
  readonly announce: EventAnnouncer['add'];
  readonly onAppended: EventIntakeDeps['onAppended'];
}

/**
 * Appends and answers the requests of a batch.
 * @returns whether the database answered.
 */
async function appendBatch(sink: AppendSink, batch: readonly Submission[]): Promise<boolean> {
  const { log, announce, onAppended } = sink;
  const { offered, placeOf } = firstOfEachId(batch);
  const started = performance.now();
  try {
    const callers = batch.map(({ trace }) => trace);
    const appended = await shareSpans(callers, () => appendOnce(log, offered));
    onAppended?.(offered.length, (performance.now() - started) / 1_000);
    const fresh = appended.filter(({ isNew }) => isNew);
    if (fresh.length > 0) announce(fresh, new Set(offered.map(({ type }) => type)));
    const receiptOf = (event: OfferedEvent): AppendedEvent => {
      const place = placeOf.get(idOf(event)) ?? -1;
      const receipt = appended[place];
      if (receipt === undefined) throw new TypeError(`event ${event.eventId} was appended without a place`);
      return offered[place] === event ? receipt : { ...receipt, isNew: false };
    };
    for (const { events, resolve } of batch) resolve(events.map(receiptOf));
    return true;
  } catch (error) {
    if (batch.length > 1 && isAboutContent(error)) {
      // One of the requests is the cause. Halving the batch finds it after a few appends, and the other requests
      // succeed.
      const middle = Math.ceil(batch.length / 2);
      const first = await appendBatch(sink, batch.slice(0, middle));
      const second = await appendBatch(sink, batch.slice(middle));
      return first && second;
    }
    for (const { reject } of batch) reject(isAboutContent(error) ? refused() : error);
    return !(error instanceof DatabaseUnavailableError);
  }
}

/** An id that occurs more than once is offered once, for the first request that contains it. */
function firstOfEachId(batch: readonly Submission[]) {
  const offered: OfferedEvent[] = [];
  /** Index in `offered`, by id. */
  const placeOf = new Map<string, number>();
  for (const { events } of batch) {
    for (const event of events) {
      const id = idOf(event);
      if (placeOf.has(id)) continue;
      placeOf.set(id, offered.length);
      offered.push(event);
    }
  }
  return { offered, placeOf };
}

function idOf(event: OfferedEvent): string {
  return `${event.tenantId}\0${event.eventId}\0${sourceHashOf(event)}`;
}

async function appendOnce(log: EventIntakeDeps['log'], events: readonly OfferedEvent[]): Promise<AppendedEvent[]> {
  for (let conflicts = 0; ; conflicts += 1) {
    try {
      return await log.append(events);
    } catch (error) {
      if (!isConflict(error)) throw error;
      if (conflicts === CONFLICTS_MAX) throw new DatabaseUnavailableError(error.sqlState);
    }
  }
}

function isConflict(error: unknown): error is DatabaseContractError {
  return error instanceof DatabaseContractError && error.sqlState === '23505';
}

/** Classes of SQLSTATE about values: data exceptions, violated constraints, and what exceeds a limit. */
const ABOUT_VALUES = /^(?:22|23|54)/;

/** Whether single events may be the cause; a missing table, for example, is never caused by an event. */
function isAboutContent(error: unknown): boolean {
  if (error instanceof DatabaseContractError) return ABOUT_VALUES.test(error.sqlState);
  return error instanceof RangeError || error instanceof TypeError;
}

function refused(): ProblemError {
  return new ProblemError('validation_failed', 'the log cannot hold what is in the body; nothing of it was accepted', {
    errors: [{ pointer: '', detail: 'has an event that PostgreSQL refuses' }],
  });
}
