import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createEventControlRepository } from '../../db/repositories/events/event-control-repository.ts';
import {
  createEventConsumerRepository,
  type EventCursor,
} from '../../db/repositories/events/event-consumer-repository.ts';
import {
  createEventLogRepository,
  type EventLogRepository,
} from '../../db/repositories/events/event-log-repository.ts';
import { createEventRequestRepository } from '../../db/repositories/events/event-request-repository.ts';
import { DatabaseUnavailableError } from '../../src/domain/errors.ts';
import { createTestDatabase, type TestDatabase } from '../support/database/database.ts';
import { offer } from '../support/offered-events.ts';

const OLD_DAY = '2026-01-05';
const AFTER_OLD_DAY = new Date('2026-01-06T00:00:00Z');

let database: TestDatabase;
let log: EventLogRepository;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

beforeEach(async () => {
  await database.query('TRUNCATE events.raw_events, events.event_ids, events.cursors, events.retrying_events');
  await database.query('TRUNCATE events.processed_events, events.failed_events, events.partitions');
  const days = await database.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relname ~ '^(raw|processed)_events_[0-9]{8}$'`,
  );
  for (const { name } of days) await database.query(`DROP TABLE events.${name}`);
  log = createEventLogRepository(database.databases.events, 1);
  await log.append([offer()]);
});

/** As the activity does: on a busy machine others may have the lock for longer than the quarter of a second it waits. */
async function openDays(ahead: number): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await log.openDays(ahead);
      return;
    } catch (error) {
      if (!(error instanceof DatabaseUnavailableError) || tries === 20) throw error;
    }
  }
}

/** An event of the old day that seems to have arrived then. */
async function arriveLongAgo(sequence: number): Promise<string> {
  const id = randomUUID();
  const at = `${OLD_DAY}T12:00:00Z`;
  await database.query(
    `INSERT INTO events.raw_events (partition, sequence, received_at, tenant_id, event_id, type, key, source,
       correlation_id, occurred_at, properties) VALUES (0, $1, $2, 'demo', $3, 'custom', 'k', 'http', 'c', $2, '{}')`,
    [sequence, at, id],
  );
  await database.query('INSERT INTO events.event_ids VALUES ($1, $2, 0, $3, $4)', ['demo', id, sequence, at]);
  await database.query(
    `INSERT INTO events.processed_events (consumer, partition, sequence, received_at, tenant_id, event_id, type, category,
       worker_id, processed_at) VALUES ('analytics', 0, $1, $2, 'demo', $3, 'custom', 'custom', 'w', $2)`,
    [sequence, at, id],
  );
  return id;
}

/** An event of the old day that the consumer gave up. */
async function failLongAgo(sequence: number): Promise<string> {
  const id = await arriveLongAgo(sequence);
  await database.query(
    `WITH failed AS (DELETE FROM events.processed_events WHERE event_id = $1 RETURNING *)
     INSERT INTO events.failed_events (consumer, partition, sequence, received_at, tenant_id, event_id, type, key,
       error_code, error_message, attempts, properties, failed_at)
     SELECT consumer, partition, sequence, received_at, tenant_id, event_id, type, 'k', 'unclassified', 'why', 4, '{}',
       now() FROM failed`,
    [id],
  );
  return id;
}

async function setCursors(sequence: number, consumers = ['analytics', 'webhooks']): Promise<void> {
  for (const consumer of consumers) {
    await database.query(
      `INSERT INTO events.cursors (consumer, partition, sequence, owner) VALUES ($1, 0, $2, 'w')
       ON CONFLICT (consumer, partition) DO UPDATE SET sequence = excluded.sequence`,
      [consumer, sequence],
    );
  }
}

async function rowsOn(table: string): Promise<number> {
  const [row] = await database.query<{ rows: number }>(`SELECT count(*)::integer AS rows FROM events.${table}`);
  return row?.rows ?? -1;
}

it('A day of the log takes the rows that came before its table was there', async () => {
  await arriveLongAgo(100);
  expect(await rowsOn('raw_events_default')).toBeGreaterThanOrEqual(1);
  await database.query(`SELECT events.open_day('${OLD_DAY}')`);
  expect([await rowsOn('raw_events_20260105'), await rowsOn('processed_events_20260105')]).toEqual([1, 1]);
  expect(await rowsOn('raw_events')).toBe(2);
});

it('A day of the log is opened while others write, and none of them notices', async () => {
  const consumers = createEventConsumerRepository(database.databases.events);
  const write = async (): Promise<void> => {
    for (let turn = 0; turn < 40; turn += 1) await log.append([offer()]);
  };
  const carry = async (): Promise<void> => {
    const pump = { consumer: 'analytics', partition: 0 } as const;
    const { epoch, ...claimed } = await consumers.claim(pump, 'w');
    let cursor: EventCursor = claimed;
    for (let turn = 0; turn < 40; turn += 1) {
      const events = await consumers.readNext({ pump, after: cursor, highWaterMark: 0, limit: 5 });
      const last = events.at(-1);
      if (last === undefined) continue;
      cursor = last;
      const outcome = { kind: 'processed', category: 'standard' } as const;
      await consumers.write(
        { ...pump, epoch, owner: 'w' },
        cursor,
        events.map((event) => ({ event, outcome })),
      );
    }
  };
  await Promise.all([write(), write(), write(), carry(), openDays(3)]);
  expect(await rowsOn('raw_events')).toBe(121);
  expect(await rowsOn('raw_events_default')).toBe(0);
});

it('A day of the log is opened once by several processes at once', async () => {
  await Promise.all([openDays(2), openDays(2), openDays(2)]);
  expect(await rowsOn('raw_events')).toBe(1);
});

it('A day of the log is dropped past the retention, with its results and its ids, once every consumer is done with it', async () => {
  await database.query(`SELECT events.open_day('${OLD_DAY}')`);
  await log.openDays(1);
  const id = await arriveLongAgo(100);

  await setCursors(100, ['analytics']);
  expect(await log.dropDays(AFTER_OLD_DAY)).toEqual([]);
  await setCursors(99);
  expect(await log.dropDays(AFTER_OLD_DAY)).toEqual([]);
  await setCursors(100);
  expect(await log.dropDays(new Date('2026-01-05T23:59:59Z'))).toEqual([]);
  expect(await log.dropDays(AFTER_OLD_DAY)).toEqual(['20260105']);
  expect([await rowsOn('raw_events'), await rowsOn('processed_events'), await rowsOn('event_ids')]).toEqual([1, 0, 1]);
  expect(await log.append([offer({ eventId: id })])).toMatchObject([{ isNew: true }]);
});

it('A day of the log takes the keys of its requests with it', async () => {
  const requests = createEventRequestRepository(database.databases.events);
  await requests.claim('evr_old', 'hash');
  await database.query(`UPDATE events.event_requests SET created_at = '${OLD_DAY}T12:00:00Z'`);
  await requests.claim('evr_new', 'hash');
  await log.dropDays(AFTER_OLD_DAY);
  expect(await requests.claim('evr_old', 'another')).toBe('another');
  expect(await requests.claim('evr_new', 'another')).toBe('hash');
});

it('A day of the log stays while one of its events will be tried again', async () => {
  await database.query(`SELECT events.open_day('${OLD_DAY}')`);
  await arriveLongAgo(100);
  await setCursors(100);
  await database.query(`INSERT INTO events.retrying_events (consumer, partition, sequence, received_at, tenant_id,
      event_id, key, attempts) VALUES ('analytics', 0, 100, '${OLD_DAY}T12:00:00Z', 'demo', 'e', 'k', 1)`);
  expect(await log.dropDays(AFTER_OLD_DAY)).toEqual([]);
  await database.query('DELETE FROM events.retrying_events');
  expect(await log.dropDays(AFTER_OLD_DAY)).toEqual(['20260105']);
});

it('A day of the log is not read through to learn whether it is needed', async () => {
  await database.query(`SELECT events.open_day('${OLD_DAY}')`);
  await database.query(`INSERT INTO events.raw_events (partition, sequence, received_at, tenant_id, event_id, type, key,
       source, correlation_id, occurred_at, properties)
       SELECT 0, n, '${OLD_DAY}T12:00:00Z', 'demo', 'e-' || n, 'custom', 'k', 'http', 'c', now(), '{}'
       FROM generate_series(1, 10000) n`);
  await setCursors(9_999);
  const read = await database.databases.events.transaction(async (tx) => {
    const days = await tx.run({ name: 'drop', text: 'SELECT events.drop_days($1, $2)' }, [
      AFTER_OLD_DAY,
      ['analytics', 'webhooks'],
    ]);
    expect(days).toEqual([]);
    const text = `SELECT (seq_tup_read + idx_tup_fetch)::integer AS rows FROM pg_stat_xact_all_tables
        WHERE relname = 'raw_events_20260105'`;
    return tx.run<{ rows: number }>({ name: 'read', text }, []);
  });
  expect(read[0]?.rows).toBeLessThan(100);
});

it('A day of the log leaves failed events behind that are no longer tried again: nothing is left to try', async () => {
  await database.query(`SELECT events.open_day('${OLD_DAY}')`);
  const control = createEventControlRepository(database.databases.events);
  const gone = await failLongAgo(100);
  await setCursors(100);
  expect(await log.dropDays(AFTER_OLD_DAY)).toEqual(['20260105']);
  for (const selection of [{ ids: [gone] }, { errorCode: 'unclassified' }] as const) {
    expect(await control.reprocess({ tenantId: 'demo', consumer: 'analytics', selection, most: 10 })).toEqual({
      count: 0,
      partitions: [],
    });
  }
  expect([await rowsOn('failed_events'), await rowsOn('retrying_events')]).toEqual([1, 0]);
});
