import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TASK_QUEUES } from '../../src/workflows/contract.ts';
import { startProcessSystem, type ProcessSystem } from '../support/processes/process-system.ts';

// Limit for the takeover of a killed worker's partitions: its last heartbeat is at most 4.8 s old when it dies, the
// server waits 6 s for the next one, and the next attempt comes a second later.
const TAKEOVER_LIMIT_MS = 10_000;

/** Every wait is followed by work, for which a busy machine needs a moment. */
const SLACK_MS = 3_000;

/** Longer than any event waits for its pump: a missing event is missing for good. */
const PATIENCE_MS = 60_000;

/** The promise is a minute (`DATABASE_AWAY_SECONDS=60`); the suite does not wait for it. */
const DATABASE_AWAY_MS = Number(process.env['DATABASE_AWAY_SECONDS'] ?? 1) * 1_000;

const KEYS = Array.from({ length: 24 }, (_, index) => `key-${index}`);

interface Sent {
  readonly id: string;
  readonly key: string;
  readonly turn: number;
}

let system: ProcessSystem;
beforeAll(async () => {
  system = await startProcessSystem(['api', 'worker-1', 'worker-2'], { WORKER_QUEUES: TASK_QUEUES.join(',') });
});
afterAll(() => system.stop(), 60_000);

async function query<Row>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
  const { rows } = await system.databases.events.pool.query(text, [...values]);
  return rows as Row[];
}

/** Posts one event after another for a key, each until it is accepted, like a careful client. */
async function keepPosting(key: string, until: AbortSignal): Promise<Sent[]> {
  const sent: Sent[] = [];
  for (let turn = 0; !until.aborted; turn += 1) {
    const event = { id: randomUUID(), key };
    const body = JSON.stringify({ type: 'purchase', ...event, properties: { amount: 1 + turn } });
    while ((await system.request('/v1/events', { method: 'POST', body }).catch(() => null))?.status !== 202) {
      await sleep(100);
    }
    sent.push({ ...event, turn });
    await sleep(20);
  }
  return sent;
}

/** Posts for all keys while `act` runs; resolves with the accepted events when all of them are processed. */
async function loadWhile(act: () => Promise<void>): Promise<Sent[]> {
  const over = new AbortController();
  const posting = Promise.all(KEYS.map((key) => keepPosting(key, over.signal)));
  await sleep(1_000);
  await act();
  over.abort();
  return (await posting).flat();
}

async function processedIds(): Promise<Set<string>> {
  const rows = await query<{ id: string }>(
    `SELECT event_id AS id FROM events.processed_events WHERE consumer = 'analytics'`,
  ).catch(() => []);
  return new Set(rows.map(({ id }) => id));
}

async function untilProcessed(sent: readonly Sent[]): Promise<void> {
  const missing = async (): Promise<number> => {
    const done = await processedIds();
    return sent.filter(({ id }) => !done.has(id)).length;
  };
  await expect.poll(missing, { timeout: PATIENCE_MS, interval: 100 }).toBe(0);
}

/**
 * The longest time in which an accepted event waited for its pump, in milliseconds. The database measured it, so it is
 * about the pipeline and not about the clients, which need longer on a busy machine.
 */
async function longestWaitMs(sent: readonly Sent[]): Promise<number> {
  const [row] = await query<{ ms: number }>(
    `SELECT max(extract(epoch FROM processed_at - received_at) * 1000)::float AS ms
     FROM events.processed_events WHERE consumer = 'analytics' AND event_id = ANY ($1)`,
    [sent.map(({ id }) => id)],
  );
  return row?.ms ?? Number.NaN;
}

/** Expects every event once in the log, in its key's order, and processed once. */
async function expectIntact(sent: readonly Sent[]): Promise<void> {
  const logged = await query<{ id: string; key: string }>(
    'SELECT event_id AS id, key FROM events.raw_events ORDER BY partition, sequence',
  );
  const ours = new Map(sent.map((event) => [event.id, event]));
  for (const key of KEYS) {
    const turns = logged.filter((event) => event.key === key).flatMap(({ id }) => ours.get(id)?.turn ?? []);
    expect(turns).toEqual(sent.filter((event) => event.key === key).map(({ turn }) => turn));
  }
  const [counts] = await query(`SELECT count(*)::integer AS rows, count(DISTINCT event_id)::integer AS events,
    (SELECT sum(processed)::integer FROM events.cursors WHERE consumer = 'analytics') AS counted,
    (SELECT count(*)::integer FROM events.raw_events) AS logged
    FROM events.processed_events WHERE consumer = 'analytics'`);
  expect(counts).toMatchObject({ rows: logged.length, events: logged.length, counted: logged.length });
  // Within a partition no event may have been stored before an earlier one of the log.
  const [order] = await query(`SELECT count(*)::integer AS wrong FROM (
    SELECT processed_at, max(processed_at) OVER (PARTITION BY partition ORDER BY sequence
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM events.processed_events WHERE consumer = 'analytics') t WHERE processed_at < before`);
  expect(order).toEqual({ wrong: 0 });
}

it('The event pipeline goes on within 10 s when a worker is killed, with nothing lost and nothing twice', async () => {
  const sent = await loadWhile(async () => {
    await system.signal('worker-1', 'SIGKILL');
    await sleep(2_000);
  });
  await untilProcessed(sent);
  expect(await longestWaitMs(sent)).toBeLessThan(TAKEOVER_LIMIT_MS + SLACK_MS);
  await expectIntact(sent);
  await system.start('worker-1');
});

it('The event pipeline does not let a frozen worker write once another has taken over', async () => {
  // The others' partitions go to worker-1 while worker-2 stands still.
  await sleep(2_000);
  let sent: Sent[] = [];
  sent = await loadWhile(async () => {
    await system.signal('worker-2', 'SIGSTOP');
    await sleep(TAKEOVER_LIMIT_MS);
    await system.signal('worker-2', 'SIGCONT');
    await sleep(1_000);
  });
  await untilProcessed(sent);
  await expectIntact(sent);
});

it('The event pipeline hands over at once when a worker is asked to stop', async () => {
  const sent = await loadWhile(async () => {
    await system.signal('worker-2', 'SIGTERM');
    await sleep(500);
  });
  await untilProcessed(sent);
  expect(await longestWaitMs(sent)).toBeLessThan(5_000);
  await expectIntact(sent);
});

it(
  'The event pipeline loses nothing that was accepted when PostgreSQL is killed under load',
  async () => {
    const sent = await loadWhile(async () => {
      await system.signal('postgres', 'SIGKILL');
      await sleep(DATABASE_AWAY_MS);
      await system.start('postgres');
      await sleep(4_000);
    });
    await untilProcessed(sent);
    await expectIntact(sent);
  },
  DATABASE_AWAY_MS + 120_000,
);
