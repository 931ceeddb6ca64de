import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../db/client.ts';
import type { Latency } from '../measure.ts';

/** One look costs the database a millisecond. */
const POLL_MS = 50;

/** A log that has not moved for this long has stopped. */
const STALL_LIMIT_MS = 60_000;

/** Counting a million rows takes a second or two, longer than the product's statements may take. */
const READ_LIMIT_MS = 120_000;

/** The state of the database after a load. */
export interface LogVerdict {
  readonly accepted: number;
  readonly distinctIds: number;
  readonly processed: number;
  readonly failed: number;
  /** Events that have a result before an earlier event of their key. */
  readonly outOfOrder: number;
  /** Sequences of a partition that are missing. */
  readonly gaps: number;
}

/** Whether no event was lost or processed twice, and the order of every key was kept. */
export function isSound({ accepted, distinctIds, processed, failed, outOfOrder, gaps }: LogVerdict): boolean {
  return accepted === distinctIds && processed + failed === accepted && outOfOrder === 0 && gaps === 0;
}

/** When the results of the events came that were accepted between two moments. */
export interface LogTimes {
  readonly results: number;
  /** From acceptance to the stored result, in milliseconds. */
  readonly endToEnd: Latency;
  /** From the first acceptance to the last result. */
  readonly seconds: number;
  /** From the first result to the last one. */
  readonly resultSeconds: number;
}

/**
 * Resolves when the consumer `analytics` has handled every event.
 * @throws when nothing moves for a minute.
 */
export async function untilDrained(app: Database): Promise<void> {
  let last = -1;
  let movedAt = performance.now();
  for (;;) {
    const { head = 0, passed = 0, retrying = 0 } = (await read<Progress>(app, PROGRESS))[0] ?? {};
    if (passed >= head && retrying === 0) return;
    if (passed !== last) movedAt = performance.now();
    last = passed;
    if (performance.now() - movedAt > STALL_LIMIT_MS) {
      throw new Error(`no event has moved for a minute: ${passed} of ${head} are passed, ${retrying} are retried`);
    }
    await sleep(POLL_MS);
  }
}

interface Progress {
  readonly head: number;
  readonly passed: number;
  readonly retrying: number;
}

const PROGRESS = `
SELECT (SELECT coalesce(sum(next_sequence - 1), 0)::bigint FROM events.partitions) AS head,
  (SELECT coalesce(sum(sequence), 0)::bigint FROM events.cursors WHERE consumer = 'analytics') AS passed,
  (SELECT count(*) FROM events.retrying_events WHERE consumer = 'analytics') AS retrying`;

/** Checks everything that was ever accepted. */
export async function judgeLog(app: Database): Promise<LogVerdict> {
  const [verdict] = await read<LogVerdict>(app, VERDICT);
  if (verdict === undefined) throw new TypeError('the sums could not be read');
  return verdict;
}

const VERDICT = `
WITH ordered AS (
  SELECT p.processed_at < lag(p.processed_at) OVER (PARTITION BY e.tenant_id, e.key ORDER BY p.partition, p.sequence)
    AS is_early
  FROM events.processed_events p
  JOIN events.raw_events e USING (partition, sequence, received_at)
  WHERE p.consumer = 'analytics'
)
SELECT (SELECT count(*) FROM events.raw_events) AS accepted,
  (SELECT count(*) FROM events.event_ids) AS "distinctIds",
  (SELECT count(*) FROM events.processed_events WHERE consumer = 'analytics') AS processed,
  (SELECT count(*) FROM events.failed_events WHERE consumer = 'analytics') AS failed,
  (SELECT count(*) FROM ordered WHERE is_early) AS "outOfOrder",
  (SELECT coalesce(sum(next_sequence - 1), 0)::bigint FROM events.partitions) - (SELECT count(*) FROM events.raw_events)
    AS gaps`;

/**
 * Reads when the events that were accepted between two moments were processed; the moments are milliseconds since the
 * epoch.
 */
export async function readTimes(app: Database, from: number, to: number): Promise<LogTimes> {
  const [row] = await read<TimesRow>(app, TIMES, [new Date(from), new Date(to)]);
  if (row === undefined || row.percentiles === null) throw new Error('no event of the time has a result');
  const [p50 = 0, p95 = 0, p99 = 0] = row.percentiles;
  return { results: row.results, endToEnd: { p50, p95, p99 }, seconds: row.seconds, resultSeconds: row.resultSeconds };
}

interface TimesRow extends Omit<LogTimes, 'endToEnd'> {
  readonly percentiles: number[] | null;
}

const TIMES = `
SELECT count(*) AS results,
  percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (
    ORDER BY date_part('epoch', processed_at - received_at) * 1000) AS percentiles,
  date_part('epoch', max(processed_at) - min(received_at)) AS seconds,
  date_part('epoch', max(processed_at) - min(processed_at)) AS "resultSeconds"
FROM events.processed_events
WHERE consumer = 'analytics' AND received_at >= $1 AND received_at <= $2`;

/**
 * Reads for each second (since the epoch) between two moments how long the events took that were accepted in it, p95 in
 * milliseconds.
 */
export async function readResultTimes(app: Database, from: number, to: number): Promise<Map<number, number>> {
  const rows = await read<{ second: number; p95: number }>(app, RESULT_TIMES, [new Date(from), new Date(to)]);
  return new Map(rows.map(({ second, p95 }) => [second, p95]));
}

const RESULT_TIMES = `
SELECT floor(date_part('epoch', received_at))::integer AS second,
  percentile_cont(0.95) WITHIN GROUP (ORDER BY date_part('epoch', processed_at - received_at) * 1000) AS p95
FROM events.processed_events
WHERE consumer = 'analytics' AND received_at >= $1 AND received_at <= $2
GROUP BY 1`;

/** How many partitions of `analytics` each worker holds. */
export async function readShares(app: Database): Promise<number[]> {
  const rows = await read<{ partitions: number }>(
    app,
    "SELECT count(*) AS partitions FROM events.cursors WHERE consumer = 'analytics' GROUP BY owner ORDER BY 1 DESC",
  );
  return rows.map(({ partitions }) => partitions);
}

async function read<Row extends object>(app: Database, text: string, values: unknown[] = []): Promise<Row[]> {
  const client = await app.pool.connect();
  try {
    await client.query('SET statement_timeout = 0');
    const question = { text, values, query_timeout: READ_LIMIT_MS };
    return (await client.query<Row>(question)).rows;
  } finally {
    client.release();
  }
}
