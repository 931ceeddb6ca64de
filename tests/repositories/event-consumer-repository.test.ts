import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  createEventConsumerRepository,
  type EventConsumerRepository,
  type EventCursor,
} from '../../db/repositories/events/event-consumer-repository.ts';
import { createEventLogRepository } from '../../db/repositories/events/event-log-repository.ts';
import type { PendingEvent } from '../../src/domain/event.ts';
import { createTestDatabase, type TestDatabase } from '../support/database/database.ts';
import { offer } from '../support/offered-events.ts';

let database: TestDatabase;
let repository: EventConsumerRepository;
beforeAll(async () => {
  database = await createTestDatabase();
  repository = createEventConsumerRepository(database.databases.events);
});
afterAll(() => database.close());

const START = { sequence: 0, receivedAt: new Date(0) };
const processed = (event: PendingEvent) => ({ event, outcome: { kind: 'processed', category: 'standard' } }) as const;

async function resultsOf(partition: number): Promise<{ sequence: number; worker: string }[]> {
  const { rows } = await database.databases.events.pool.query<{ sequence: number; worker: string }>(
    'SELECT sequence, worker_id AS worker FROM events.processed_events WHERE partition = $1 ORDER BY sequence',
    [partition],
  );
  return rows;
}

it('Pumps that read and write at once get their own events, and each learns whether it may write', async () => {
  const log = createEventLogRepository(database.databases.events, 4);
  await log.append(Array.from({ length: 80 }, () => offer()));
  const pumps = [0, 1, 2, 3].map((partition) => ({ consumer: 'analytics', partition }) as const);
  const before = await repository.claim({ consumer: 'analytics', partition: 0 }, 'worker');
  const claims = await Promise.all(pumps.map((pump) => repository.claim(pump, 'worker')));
  const read = await Promise.all(
    pumps.map((pump) => repository.readNext({ pump, after: START, highWaterMark: 0, limit: 50 })),
  );
  expect(read.flat()).toHaveLength(80);
  for (const [partition, events] of read.entries()) {
    expect(events.map((event) => event.partition)).toEqual(events.map(() => partition));
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
  }
  const write = (index: number, epoch: number): Promise<boolean> => {
    const events = read[index] ?? [];
    const owned = { consumer: 'analytics', partition: index, epoch, owner: 'worker' } as const;
    return repository.write(owned, events.at(-1) ?? START, events.map(processed));
  };
  const writes = claims.map(({ epoch }, index) => write(index, epoch));
  // The owner before of partition 0 writes in the same statement.
  expect(await Promise.all([write(0, before.epoch), ...writes])).toEqual([false, true, true, true, true]);
  for (const [partition, events] of read.entries()) {
    expect((await resultsOf(partition)).map(({ sequence }) => sequence)).toEqual(
      events.map(({ sequence }) => sequence),
    );
  }
  const { rows } = await database.databases.events.pool.query<{ processed: number }>(
    "SELECT sum(processed)::integer AS processed FROM events.cursors WHERE consumer = 'analytics'",
  );
  expect(rows).toEqual([{ processed: 80 }]);
});

it('Pumps that read and write at once learn together which of them has lost its partition', async () => {
  const pumps = [0, 1, 2].map((partition) => ({ consumer: 'analytics', partition }) as const);
  const claims = await Promise.all(pumps.map((pump) => repository.claim(pump, 'worker')));
  await repository.claim({ consumer: 'analytics', partition: 1 }, 'another worker');
  const proofs = pumps.map((pump, index) => repository.owns(pump, claims[index]?.epoch ?? 0));
  expect(await Promise.all(proofs)).toEqual([true, false, true]);
});

it('Pumps that read and write at once write failures with results', async () => {
  const pump = { consumer: 'analytics', partition: 1 } as const;
  const { epoch, highWaterMark, ...cursor } = await repository.claim(pump, 'worker');
  const log = createEventLogRepository(database.databases.events, 4);
  await log.append(Array.from({ length: 40 }, () => offer()));
  const events = await repository.readNext({ pump, after: cursor, highWaterMark, limit: 50 });
  const failed = { kind: 'failed', code: 'invalid_event', message: 'no amount', attempts: 1 } as const;
  const handled = events.map((event, index) => (index === 0 ? { event, outcome: failed } : processed(event)));
  expect(await repository.write({ ...pump, epoch, owner: 'worker' }, events.at(-1) ?? cursor, handled)).toBe(true);
  const { rows } = await database.databases.events.pool.query(
    'SELECT sequence, error_code, properties FROM events.failed_events WHERE partition = 1',
  );
  expect(rows).toEqual([{ sequence: events[0]?.sequence, error_code: 'invalid_event', properties: { amount: 10 } }]);
  expect(await resultsOf(1)).not.toContainEqual(expect.objectContaining({ sequence: events[0]?.sequence }));
});

it('Pumps that read and write at once pass over what nobody wants, up to the first event that somebody wants', async () => {
  const pump = { consumer: 'webhooks', partition: 2 } as const;
  const topics = new Set(['order']);
  const all = await repository.readNext({ pump, after: START, highWaterMark: 0, limit: 500 });
  const skipUnwanted = (after: EventCursor, limit = 500) => repository.skipUnwanted({ pump, after, topics, limit });
  const passed = await skipUnwanted(START);
  expect(passed).toEqual({ sequence: all.length, receivedAt: all.at(-1)?.receivedAt, count: all.length });
  expect(await skipUnwanted(passed ?? START)).toBeNull();
  const log = createEventLogRepository(database.databases.events, 4);
  await log.append(Array.from({ length: 40 }, () => offer({ type: 'order.created' })));
  expect(await skipUnwanted(START)).toBeNull();
  expect(await skipUnwanted(START, all.length)).toMatchObject({ count: all.length });
});
