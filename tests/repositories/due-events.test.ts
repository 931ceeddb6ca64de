import { afterEach, beforeEach, expect, it } from 'vitest';
import { createEventAuditRepository, type EventStretch } from '../../db/repositories/events/event-audit-repository.ts';
import { createEventConsumerRepository } from '../../db/repositories/events/event-consumer-repository.ts';
import { createEventControlRepository } from '../../db/repositories/events/event-control-repository.ts';
import { createEventLogRepository } from '../../db/repositories/events/event-log-repository.ts';
import type { EventOutcome } from '../../src/domain/event.ts';
import { createTestDatabase, type TestDatabase } from '../support/database/database.ts';
import { offer } from '../support/offered-events.ts';

let database: TestDatabase;
// Each test has its own database, in which the server does not know the tables' sizes yet, as after a replay.
beforeEach(async () => {
  database = await createTestDatabase();
  await database.query(`SELECT events.open_day('2026-01-05')`);
});
afterEach(() => database.close());

const PUMP = { consumer: 'analytics', partition: 0 } as const;

/** Stores events with `keys` different keys in turn, in the state after a replay: all of them are due. */
async function playAgain(events: number, keys: number): Promise<void> {
  await database.query(
    `INSERT INTO events.raw_events (partition, sequence, received_at, tenant_id, event_id, type, key, source,
       correlation_id, occurred_at, properties)
     SELECT 0, n, '2026-01-05T12:00:00Z', 'demo', 'event-' || n, 'custom', 'key-' || (n % $2::integer), 'http', 'c', now(), '{}'
     FROM generate_series(1, $1::integer) n`,
    [events, keys],
  );
  await database.query(
    `INSERT INTO events.retrying_events (consumer, partition, sequence, received_at, tenant_id, event_id, key, attempts,
       next_attempt_at)
     SELECT 'analytics', partition, sequence, received_at, tenant_id, event_id, key, 0, now() FROM events.raw_events`,
  );
}

async function postpone(sequence: number): Promise<void> {
  await database.query(
    `UPDATE events.retrying_events SET next_attempt_at = now() + interval '1 hour' WHERE sequence = $1`,
    [sequence],
  );
}

async function dueNow(limit = 500): Promise<number[]> {
  const due = await createEventConsumerRepository(database.databases.events).readDue(PUMP, limit);
  return due.map(({ sequence }) => sequence);
}

it('Events that are due come in the order of the log, without those behind one of their key that is not due', async () => {
  await playAgain(9, 3);
  expect(await dueNow()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(await dueNow(4)).toEqual([1, 2, 3, 4]);
  await postpone(2);
  expect(await dueNow()).toEqual([1, 3, 4, 6, 7, 9]);
  await postpone(4);
  expect(await dueNow()).toEqual([1, 3, 4, 6, 7, 9]);
});

it('Events that are due are found within the time limit of a statement, right after a great many are played again', async () => {
  await playAgain(40_000, 20_000);
  expect(await dueNow()).toEqual(Array.from({ length: 500 }, (_, index) => index + 1));
});

it('A rewind over events that have to wait then is no breach for the audit', async () => {
  const { events } = database.databases;
  const log = createEventLogRepository(events, 1);
  const pumps = createEventConsumerRepository(events);
  const dealWithNext = async (outcome: EventOutcome): Promise<void> => {
    const { epoch, highWaterMark, ...start } = await pumps.claim(PUMP, 'w');
    const [event] = await pumps.readNext({ pump: PUMP, after: start, highWaterMark, limit: 1 });
    if (event === undefined) throw new RangeError('there is no next event');
    expect(await pumps.write({ ...PUMP, epoch, owner: 'w' }, event, [{ event, outcome }])).toBe(true);
  };
  await log.append([offer()]);
  await dealWithNext({ kind: 'processed', category: 'standard' });
  await createEventControlRepository(events).rewind({ ...PUMP, sequence: 1 });
  await dealWithNext({ kind: 'waiting' });
  const figures = await createEventAuditRepository(events).listConsumers();
  expect(figures).toMatchObject([{ consumer: 'analytics', cursor: 1, lost: [], doubled: [] }]);
});

it.each<readonly [string, EventStretch | undefined, { lost: readonly number[]; looked: number }]>([
  ['all events', undefined, { lost: [3, 7], looked: 9 }],
  ['the oldest events', { length: 4, place: 0 }, { lost: [3], looked: 4 }],
  ['the newest events', { length: 4, place: 1 }, { lost: [7], looked: 4 }],
  ['more events than there are', { length: 1_000, place: 0.3 }, { lost: [3, 7], looked: 9 }],
])('The audit of %s finds the lost ones among them, and no others', async (_, stretch, { lost, looked }) => {
  const { events } = database.databases;
  await playAgain(9, 3);
  await database.query(`DELETE FROM events.retrying_events WHERE sequence IN (3, 7)`);
  await database.query(`INSERT INTO events.partitions (partition, next_sequence, last_received_at) VALUES (0, 10, now())
    ON CONFLICT (partition) DO UPDATE SET next_sequence = 10`);
  await database.query(
    `INSERT INTO events.cursors (consumer, partition, owner, sequence) VALUES ('analytics', 0, 'w', 9)`,
  );
  const repository = createEventAuditRepository(events);
  const [consumer] = await repository.listConsumers(stretch);
  expect(consumer).toMatchObject({ events: looked, lost });
  const [partition] = await repository.listPartitions(stretch);
  expect(partition).toMatchObject({ events: looked, strayIds: looked });
  expect(partition?.nextSequence).toBe((partition?.last ?? 0) + 1);
});
