import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  createEventLogRepository,
  type EventLogRepository,
} from '../../db/repositories/events/event-log-repository.ts';
import { partitionOf } from '../../src/domain/event.ts';
import { createTestDatabase, type TestDatabase } from '../support/database/database.ts';
import { offer } from '../support/offered-events.ts';

let database: TestDatabase;
let log: EventLogRepository;

const PARTITIONS = 4;

beforeAll(async () => {
  database = await createTestDatabase();
  log = createEventLogRepository(database.databases.events, PARTITIONS);
  await log.openDays(1);
});
afterAll(() => database.close());

async function sequencesOf(partition: number): Promise<number[]> {
  const rows = await database.query<{ sequence: number }>(
    'SELECT sequence FROM events.raw_events WHERE partition = $1 ORDER BY sequence',
    [partition],
  );
  return rows.map(({ sequence }) => sequence);
}

it('The log keeps as many partitions as it was opened with', async () => {
  expect(await log.countPartitions()).toBe(PARTITIONS);
  const later = createEventLogRepository(database.databases.events, PARTITIONS + 3);
  expect(await later.countPartitions()).toBe(PARTITIONS);
});

it('The log gives sequences without gaps, also when 20 writers append at once', async () => {
  const batches = Array.from({ length: 20 }, () => Array.from({ length: 25 }, () => offer()));
  const answers = await Promise.all(batches.map((batch) => log.append(batch)));
  expect(answers.flat().filter(({ isNew }) => isNew)).toHaveLength(500);
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    const sequences = await sequencesOf(partition);
    expect(sequences).toEqual(sequences.map((_, index) => index + 1));
  }
});

it('The log shows a reader no event before all that come ahead of it in the partition', async () => {
  const key = randomUUID();
  const partition = partitionOf('demo', key, PARTITIONS);
  const writers = Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let turn = 0; turn < 20; turn += 1) await log.append([offer({ key }), offer({ key })]);
    }),
  );
  const written = new AbortController();
  void writers.finally(() => written.abort());
  let reads = 0;
  while (!written.signal.aborted) {
    const sequences = await sequencesOf(partition);
    expect(sequences.at(-1) ?? 0).toBe(sequences.length);
    reads += 1;
  }
  expect(reads).toBeGreaterThan(3);
});

it('The log takes an id once per tenant and answers where it is', async () => {
  const event = offer();
  const [first] = await log.append([event]);
  const [second] = await log.append([{ ...event, properties: { amount: 2 } }]);
  const [other] = await log.append([{ ...event, tenantId: 'acme' }]);
  expect(first).toMatchObject({ isNew: true, partition: partitionOf('demo', event.key, PARTITIONS) });
  expect(second).toEqual({ ...first, isNew: false });
  expect(other).toMatchObject({ isNew: true });
});

it('The log takes an id once when two writers append it at once', async () => {
  const event = offer();
  const answers = await Promise.all(Array.from({ length: 10 }, () => log.append([event])));
  expect(answers.flat().filter(({ isNew }) => isNew)).toHaveLength(1);
  expect(new Set(answers.flat().map(({ partition, sequence }) => `${partition}/${sequence}`)).size).toBe(1);
});

it('The log refuses to change what is in it', async () => {
  await log.append([offer()]);
  await expect(database.query('UPDATE events.raw_events SET key = $1', ['x'])).rejects.toThrow('append-only');
  await expect(database.query('DELETE FROM events.raw_events')).rejects.toThrow('append-only');
});

it('The log gives times that do not go back within a partition', async () => {
  const rows = await database.query<{ wrong: number }>(`SELECT count(*)::integer AS wrong FROM (
      SELECT received_at, lag(received_at) OVER (PARTITION BY partition ORDER BY sequence) AS before
      FROM events.raw_events) e WHERE received_at < before`);
  expect(rows).toEqual([{ wrong: 0 }]);
});
