import type { EventConsumer, EventOutcome, EventPump, PendingEvent } from '../../../src/domain/event.ts';
import { openContent, propertiesSubject } from '../../../src/domain/personal-data/event-content.ts';
import { PLAIN_FIELDS, type FieldSealer } from '../../../src/domain/personal-data/field-sealer.ts';
import type { Database } from '../../client.ts';
import {
  CLAIM_CURSOR,
  FIND_OWNED,
  FIND_RETRYING,
  SKIP_UNWANTED,
  READ_DUE,
  READ_NEXT,
  WRITE_OUTCOMES,
  WRITE_RESULTS,
} from './event-consumer-statements.ts';
import { createBatcher, rowsByOrdinal, type WithOrdinal } from '../../batching.ts';

/** The position of a consumer in a partition. */
export interface EventCursor {
  readonly sequence: number;
  readonly receivedAt: Date;
}

/** A cursor that one owner has claimed. */
export interface ClaimedCursor extends EventCursor {
  /** Only the owner that holds this epoch may write. */
  readonly epoch: number;
  /** Events up to this sequence may have a result already, because the cursor was set back. */
  readonly highWaterMark: number;
}

/** An event with its outcome. */
export interface HandledEvent {
  readonly event: PendingEvent;
  readonly outcome: EventOutcome;
}

/** Cursors, results, retries and failures of the consumers. */
export interface EventConsumerRepository {
  /** Claims a partition; the previous owner can write no more. */
  claim(pump: EventPump, owner: string): Promise<ClaimedCursor>;
  /** Whether, since `epoch` was claimed, no other owner has claimed the partition and nobody has moved its cursor. */
  owns(pump: EventPump, epoch: number): Promise<boolean>;
  /** The next events in order. There are none while the consumer is paused. */
  readNext(reading: NextEvents): Promise<PendingEvent[]>;
  /**
   * Where a run of unwanted events ends: the last of the next `limit` events, if none of these has one of the topics
   * (the first words of their types). Null when one event has a wanted topic, when there are no events, and while the
   * consumer is paused.
   */
  skipUnwanted(reading: UnwantedEvents): Promise<SkippedEvents | null>;
  /** Events whose next try is due, in order. There are none while the consumer is paused. */
  readDue(pump: EventPump, limit: number): Promise<PendingEvent[]>;
  /**
   * Stores outcomes and the cursor in one statement, all or nothing.
   * @returns false when another owner has claimed the partition; nothing was written.
   */
  write(pump: OwnedPump, cursor: EventCursor, handled: readonly HandledEvent[]): Promise<boolean>;
}

/** Where a pump continues to read, and the largest number of events. */
export interface NextEvents {
  readonly pump: EventPump;
  readonly after: EventCursor;
  /** Events up to this sequence may have a result already. */
  readonly highWaterMark: number;
  readonly limit: number;
}

/** Where a pump continues to read, and the topics that it wants. */
export interface UnwantedEvents extends Omit<NextEvents, 'highWaterMark'> {
  readonly topics: ReadonlySet<string>;
}

/** A partition of one consumer, claimed by one owner. */
export interface OwnedPump extends EventPump {
  readonly epoch: number;
  readonly owner: string;
}

/** The last event of a run that the consumer does not want, and the number of events in the run. */
export interface SkippedEvents extends EventCursor {
  readonly count: number;
}

/**
 * Pumps that one statement reads for: all pumps that one announcement wakes. Each pump reads a batch at most, so fewer
 * pumps share a statement when there is a backlog.
 */
const PUMPS_PER_READ = 16;

/** Results that one statement writes in some ten milliseconds; the results of other pumps gather meanwhile. */
const RESULTS_PER_WRITE = 1_000;

/** When single events trickle into many partitions, two statements at a time are enough for all of them. */
const RUNS_MAX = 2;

interface Proof {
  readonly pump: EventPump;
  readonly epoch: number;
}

interface Writing {
  readonly pump: OwnedPump;
  readonly cursor: EventCursor;
  readonly handled: readonly HandledEvent[];
}

/** Pumps of one process that read or write at about the same time share one statement. */
export function createEventConsumerRepository(
  db: Database,
  fields: FieldSealer = PLAIN_FIELDS,
): EventConsumerRepository {
  const opened = (events: PendingEvent[]): PendingEvent[] => events.map((event) => openContent(fields, event));
  const each = { weightOf: () => 1, weightMax: PUMPS_PER_READ, runsMax: RUNS_MAX };
  const readNext = createBatcher<NextEvents, PendingEvent[]>({ ...each, run: (calls) => readAll(db, calls) });
  const skipUnwanted = createBatcher<UnwantedEvents, SkippedEvents | null>({
    ...each,
    run: (calls) => passOverAll(db, calls),
  });
  const isRetrying = createBatcher<EventPump, boolean>({ ...each, run: (pumps) => findRetrying(db, pumps) });
  const isOwned = createBatcher<Proof, boolean>({ ...each, run: (proofs) => findOwned(db, proofs) });
  const writeResults = createBatcher<Writing, boolean>({
    weightOf: ({ handled }) => handled.length,
    weightMax: RESULTS_PER_WRITE,
    runsMax: RUNS_MAX,
    run: (calls) => writeAll(db, fields, calls),
  });
  return {
    claim: async ({ consumer, partition }, owner) => {
      const [row] = await db.run<ClaimedCursor>(CLAIM_CURSOR, [consumer, partition, owner]);
      if (row === undefined) throw new RangeError(`no cursor for ${consumer}/${partition}`);
      return row;
    },
    owns: (pump, epoch) => isOwned({ pump, epoch }),
    readNext: async (reading) => opened(await readNext(reading)),
    skipUnwanted,
    readDue: async (pump, limit) =>
      (await isRetrying(pump))
        ? opened(await db.run<PendingEvent>(READ_DUE, [pump.consumer, pump.partition, limit]))
        : [],
    write: (pump, cursor, handled) => {
      const isPlain = handled.every(({ event, outcome }) => isOver(outcome) && !event.isReplay);
      return isPlain ? writeResults({ pump, cursor, handled }) : writeOutcomes(db, fields, { pump, cursor, handled });
    },
  };
}

async function readAll(db: Database, calls: readonly NextEvents[]): Promise<PendingEvent[][]> {
  const rows = await db.run<PendingEvent & WithOrdinal>(READ_NEXT, [
    ...pumpColumns(calls.map(({ pump }) => pump)),
    calls.map(({ after }) => after.sequence),
    calls.map(({ after }) => after.receivedAt),
    calls.map(({ highWaterMark }) => highWaterMark),
    Math.max(...calls.map(({ limit }) => limit)),
  ]);
  return rowsByOrdinal(calls.length, rows).map((events, index) => events.slice(0, calls[index]?.limit));
}

async function passOverAll(db: Database, calls: readonly UnwantedEvents[]): Promise<(SkippedEvents | null)[]> {
  const rows = await db.run<SkippedEvents & WithOrdinal>(SKIP_UNWANTED, [
    ...pumpColumns(calls.map(({ pump }) => pump)),
    calls.map(({ after }) => after.sequence),
    calls.map(({ after }) => after.receivedAt),
    calls.map(({ topics }) => [...topics].join(',')),
    Math.min(...calls.map(({ limit }) => limit)),
  ]);
  return rowsByOrdinal(calls.length, rows).map(([row]) => {
    if (row === undefined) return null;
    const { ordinal: _, ...passed } = row;
    return passed;
  });
}

async function findRetrying(db: Database, pumps: readonly EventPump[]): Promise<boolean[]> {
  return areNamed(pumps.length, await db.run<WithOrdinal>(FIND_RETRYING, pumpColumns(pumps)));
}

async function findOwned(db: Database, proofs: readonly Proof[]): Promise<boolean[]> {
  const values = [...pumpColumns(proofs.map(({ pump }) => pump)), proofs.map(({ epoch }) => epoch)];
  return areNamed(proofs.length, await db.run<WithOrdinal>(FIND_OWNED, values));
}

async function writeAll(db: Database, fields: FieldSealer, calls: readonly Writing[]): Promise<boolean[]> {
  const pumps = calls.map(({ pump }) => pump);
  const rows = await db.run<WithOrdinal>(WRITE_RESULTS, [
    ...pumpColumns(pumps),
    pumps.map(({ epoch }) => epoch),
    calls.map(({ cursor }) => cursor.sequence),
    calls.map(({ cursor }) => cursor.receivedAt),
    // All pumps of a process have the same owner.
    pumps[0]?.owner,
    calls.flatMap(({ handled }, index) => handled.filter(isProcessed).map(() => index + 1)),
    ...resultColumns(calls.flatMap(({ handled }) => handled)),
    JSON.stringify(
      calls.flatMap(({ handled }, index) => failedRows(fields, handled).map((row) => ({ ...row, ordinal: index + 1 }))),
    ),
  ]);
  return areNamed(calls.length, rows);
}

function pumpColumns(pumps: readonly EventPump[]): [EventConsumer[], number[]] {
  return [pumps.map(({ consumer }) => consumer), pumps.map(({ partition }) => partition)];
}

function areNamed(calls: number, rows: readonly WithOrdinal[]): boolean[] {
  return rowsByOrdinal(calls, rows).map((named) => named.length > 0);
}

async function writeOutcomes(db: Database, fields: FieldSealer, { pump, cursor, handled }: Writing): Promise<boolean> {
  const rows = await db.run(WRITE_OUTCOMES, [
    pump.consumer,
    pump.partition,
    pump.epoch,
    cursor.sequence,
    cursor.receivedAt,
    ...resultColumns(handled),
    pump.owner,
    handled.filter(({ event, outcome }) => event.isReplay && outcome.kind !== 'failed').map(sequenceOf),
    JSON.stringify(failedRows(fields, handled)),
    JSON.stringify(handled.flatMap(toRetryingRow)),
    handled.filter(({ event, outcome }) => event.isReplay && isOver(outcome)).map(sequenceOf),
  ]);
  return rows.length === 1;
}

function sequenceOf({ event }: HandledEvent): number {
  return event.sequence;
}

function isProcessed({ outcome }: HandledEvent): boolean {
  return outcome.kind === 'processed';
}

function isOver({ kind }: EventOutcome): boolean {
  return kind === 'processed' || kind === 'failed';
}

function resultColumns(handled: readonly HandledEvent[]): unknown[][] {
  const columns: [number[], Date[], string[], string[], string[], string[]] = [[], [], [], [], [], []];
  for (const { event, outcome } of handled) {
    if (outcome.kind !== 'processed') continue;
    columns[0].push(event.sequence);
    columns[1].push(event.receivedAt);
    columns[2].push(event.tenantId);
    columns[3].push(event.eventId);
    columns[4].push(event.type);
    columns[5].push(outcome.category);
  }
  return columns;
}

function identityOf({ sequence, receivedAt, tenantId, eventId, key }: PendingEvent) {
  return { sequence, received_at: receivedAt, tenant_id: tenantId, event_id: eventId, key };
}

function failedRows(fields: FieldSealer, handled: readonly HandledEvent[]): object[] {
  return handled.flatMap(({ event, outcome }) => {
    if (outcome.kind !== 'failed') return [];
    const { code, message, attempts } = outcome;
    const properties = fields.sealObject(propertiesSubject(event), event.properties);
    return [{ ...identityOf(event), type: event.type, properties, error_code: code, error_message: message, attempts }];
  });
}

function toRetryingRow({ event, outcome }: HandledEvent): object[] {
  // After a rewind an event keeps its earlier result until a new one replaces it.
  const row = { ...identityOf(event), attempts: event.attempts, replayed: event.isReplay };
  if (outcome.kind === 'waiting') return [row];
  if (outcome.kind !== 'retrying') return [];
  const { code, message, attempts, nextAttemptAt } = outcome;
  return [{ ...row, attempts, next_attempt_at: nextAttemptAt, error_code: code, error_message: message }];
}
