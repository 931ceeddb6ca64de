import type { Statement } from '../../client.ts';
import { EVENT_COLUMNS } from './event-log-statements.ts';

/** Claims a partition: from now on only this epoch may write, even if an earlier owner still tries to. */
export const CLAIM_CURSOR: Statement = {
  name: 'claim_event_cursor',
  text: `
INSERT INTO events.cursors AS c (consumer, partition, owner) VALUES ($1, $2, $3)
ON CONFLICT (consumer, partition) DO UPDATE SET epoch = c.epoch + 1, owner = excluded.owner, updated_at = now()
RETURNING epoch, sequence, received_at AS "receivedAt", high_water_mark AS "highWaterMark"`,
};

/** Which of these cursors still belong to the given epoch. */
export const FIND_OWNED: Statement = {
  name: 'find_owned_event_cursors',
  text: `
SELECT w.ordinal FROM unnest($1::text[], $2::smallint[], $3::bigint[]) WITH ORDINALITY
  AS w (consumer, partition, epoch, ordinal)
JOIN events.cursors c ON c.consumer = w.consumer AND c.partition = w.partition AND c.epoch = w.epoch`,
};

const IS_RUNNING = `NOT EXISTS (SELECT FROM events.consumers p WHERE p.name = $1 AND p.paused_at IS NOT NULL)`;

/**
 * The next events after each of several cursors, and for each event whether an earlier one of its key waits.
 * `received_at` never decreases within a partition, so the server can skip the tables of earlier days.
 */
export const READ_NEXT: Statement = {
  name: 'read_next_events',
  text: `
SELECT w.ordinal, n.*
FROM unnest($1::text[], $2::smallint[], $3::bigint[], $4::timestamptz[], $5::bigint[])
  WITH ORDINALITY AS w (consumer, partition, after, since, high_water_mark, ordinal)
CROSS JOIN LATERAL (
  SELECT ${EVENT_COLUMNS}, 0 AS attempts, e.sequence <= w.high_water_mark AS "isReplay",
    EXISTS (SELECT FROM events.retrying_events r
      WHERE r.consumer = w.consumer AND r.partition = w.partition AND r.tenant_id = e.tenant_id AND r.key = e.key
    ) AS "isBlocked"
  FROM events.raw_events e
  WHERE e.partition = w.partition AND e.sequence > w.after AND e.received_at >= w.since
    AND NOT EXISTS (SELECT FROM events.consumers p WHERE p.name = w.consumer AND p.paused_at IS NOT NULL)
  ORDER BY e.sequence LIMIT $6
) n
ORDER BY w.ordinal, n.sequence`,
};

/**
 * The last of the next `$6` events after each of several cursors, only for partitions where none of these events has
 * one of the topics (first words of types, separated by commas). It does not read what the events hold.
 */
export const SKIP_UNWANTED: Statement = {
  name: 'skip_unwanted_events',
  text: `
SELECT w.ordinal, max(n.sequence) AS sequence, max(n.received_at) AS "receivedAt", count(*)::integer AS count
FROM unnest($1::text[], $2::smallint[], $3::bigint[], $4::timestamptz[], $5::text[])
  WITH ORDINALITY AS w (consumer, partition, after, since, topics, ordinal)
CROSS JOIN LATERAL (
  SELECT e.sequence, e.received_at, split_part(e.type, '.', 1) = ANY (string_to_array(w.topics, ',')) AS is_wanted
  FROM events.raw_events e
  WHERE e.partition = w.partition AND e.sequence > w.after AND e.received_at >= w.since
    AND NOT EXISTS (SELECT FROM events.consumers p WHERE p.name = w.consumer AND p.paused_at IS NOT NULL)
  ORDER BY e.sequence LIMIT $6
) n
GROUP BY w.ordinal HAVING NOT bool_or(n.is_wanted)`,
};

/** Which consumers have retries in which partitions, whether these are due or not. */
export const FIND_RETRYING: Statement = {
  name: 'find_retrying_partitions',
  text: `
SELECT w.ordinal FROM unnest($1::text[], $2::smallint[]) WITH ORDINALITY AS w (consumer, partition, ordinal)
CROSS JOIN LATERAL (
  SELECT FROM events.retrying_events r WHERE r.consumer = w.consumer AND r.partition = w.partition LIMIT 1
) r`,
};

/**
 * Events whose next try is due, in the order of the log; an event behind one that is not due yet stays where it is. The
 * statement stops at the limit, even if many more events wait: it goes row by row along the primary key and looks at
 * the head of each row's key once. The one-row limits keep the server from joining whole tables, because it can only
 * guess their sizes after a replay.
 */
export const READ_DUE: Statement = {
  name: 'read_due_events',
  text: `
WITH due AS MATERIALIZED (
  SELECT r.partition, r.sequence, r.received_at, r.attempts
  FROM events.retrying_events r
  CROSS JOIN LATERAL (
    SELECT h.next_attempt_at FROM events.retrying_events h
    WHERE h.consumer = $1 AND h.partition = $2 AND h.tenant_id = r.tenant_id AND h.key = r.key
    ORDER BY h.sequence LIMIT 1
  ) head
  WHERE r.consumer = $1 AND r.partition = $2 AND coalesce(head.next_attempt_at, '-infinity') <= now() AND ${IS_RUNNING}
  ORDER BY r.sequence LIMIT $3
)
SELECT ${EVENT_COLUMNS}, due.attempts, true AS "isReplay", false AS "isBlocked"
FROM due
CROSS JOIN LATERAL (
  SELECT * FROM events.raw_events
  WHERE partition = due.partition AND sequence = due.sequence AND received_at = due.received_at LIMIT 1
) e
ORDER BY due.sequence`,
};

/**
 * Writes results, failures, retries and the cursor in one statement, only for the owner of the epoch. An event that is
 * handled again (after a replay or a rewind) replaces its earlier result and is not counted twice.
 */
export const WRITE_OUTCOMES: Statement = {
  name: 'write_event_outcomes',
  text: `
WITH fence AS (
  SELECT FROM events.cursors WHERE consumer = $1 AND partition = $2 AND epoch = $3 FOR UPDATE
), result AS (
  SELECT * FROM unnest($6::bigint[], $7::timestamptz[], $8::text[], $9::text[], $10::text[], $11::text[])
    AS d (sequence, received_at, tenant_id, event_id, type, category) CROSS JOIN fence
), done AS (
  INSERT INTO events.processed_events
    (consumer, partition, sequence, received_at, tenant_id, event_id, type, category, worker_id, processed_at)
  SELECT $1, $2, sequence, received_at, tenant_id, event_id, type, category, $12, clock_timestamp() FROM result
  ON CONFLICT DO NOTHING RETURNING 1
), redone AS (
  UPDATE events.processed_events p SET category = r.category, worker_id = $12, processed_at = clock_timestamp()
  FROM result r
  WHERE p.consumer = $1 AND p.partition = $2 AND p.sequence = r.sequence AND p.received_at = r.received_at
    AND r.sequence = ANY ($13::bigint[])
), failure AS (
  SELECT f.* FROM jsonb_to_recordset($14::jsonb) AS f (sequence bigint, received_at timestamptz, tenant_id text,
    event_id text, type text, key text, error_code text, error_message text, attempts integer, properties jsonb)
  CROSS JOIN fence
), failed AS (
  INSERT INTO events.failed_events AS f (consumer, partition, sequence, received_at, tenant_id, event_id, type, key,
    error_code, error_message, attempts, properties, failed_at)
  SELECT $1, $2, sequence, received_at, tenant_id, event_id, type, key, error_code, error_message, attempts, properties,
    clock_timestamp() FROM failure
  ON CONFLICT (consumer, partition, sequence) DO UPDATE SET error_code = excluded.error_code,
    error_message = excluded.error_message, attempts = excluded.attempts, failed_at = excluded.failed_at
), undone AS (
  DELETE FROM events.processed_events p USING failure f
  WHERE p.consumer = $1 AND p.partition = $2 AND p.sequence = f.sequence AND p.received_at = f.received_at
  RETURNING 1
), waiting AS (
  INSERT INTO events.retrying_events AS w (consumer, partition, sequence, received_at, tenant_id, event_id, key, attempts,
    next_attempt_at, error_code, error_message, replayed)
  SELECT $1, $2, r.* FROM jsonb_to_recordset($15::jsonb) AS r (sequence bigint, received_at timestamptz, tenant_id text,
    event_id text, key text, attempts integer, next_attempt_at timestamptz, error_code text, error_message text,
    replayed boolean)
  CROSS JOIN fence
  ON CONFLICT (consumer, partition, sequence) DO UPDATE SET attempts = excluded.attempts,
    next_attempt_at = excluded.next_attempt_at, error_code = excluded.error_code, error_message = excluded.error_message
), settled AS (
  DELETE FROM events.retrying_events r USING fence
  WHERE r.consumer = $1 AND r.partition = $2 AND r.sequence = ANY ($16::bigint[])
), cleared AS (
  DELETE FROM events.failed_events f USING fence
  WHERE f.consumer = $1 AND f.partition = $2 AND f.sequence = ANY ($13::bigint[])
)
UPDATE events.cursors SET sequence = $4, received_at = $5, high_water_mark = greatest(high_water_mark, $4), updated_at = now(),
  processed = processed + (SELECT count(*) FROM done) - (SELECT count(*) FROM undone)
FROM fence WHERE consumer = $1 AND partition = $2
RETURNING 1`,
};

/**
 * The fast variant of {@link WRITE_OUTCOMES}, for any number of partitions at once: every event was processed or failed
 * on its first try. A partition that has another epoch by now is left out, as if it had not been asked for. Every
 * caller takes the locks in the same order, so callers cannot deadlock. All results have the same time, so that the
 * order of results is the order of events.
 */
export const WRITE_RESULTS: Statement = {
  name: 'write_event_results',
  text: `
WITH fence AS MATERIALIZED (
  SELECT w.ordinal, c.consumer, c.partition, w.sequence, w.received_at
  FROM unnest($1::text[], $2::smallint[], $3::bigint[], $4::bigint[], $5::timestamptz[])
    WITH ORDINALITY AS w (consumer, partition, epoch, sequence, received_at, ordinal)
  JOIN events.cursors c ON c.consumer = w.consumer AND c.partition = w.partition AND c.epoch = w.epoch
  ORDER BY c.consumer, c.partition FOR UPDATE OF c
), moment AS MATERIALIZED (
  SELECT clock_timestamp() AS at, count(*) FROM fence
), done AS (
  INSERT INTO events.processed_events
    (consumer, partition, sequence, received_at, tenant_id, event_id, type, category, worker_id, processed_at)
  SELECT f.consumer, f.partition, d.sequence, d.received_at, d.tenant_id, d.event_id, d.type, d.category, $6,
    (SELECT at FROM moment)
  FROM unnest($7::bigint[], $8::bigint[], $9::timestamptz[], $10::text[], $11::text[], $12::text[], $13::text[])
    AS d (ordinal, sequence, received_at, tenant_id, event_id, type, category)
  JOIN fence f ON f.ordinal = d.ordinal
  ON CONFLICT DO NOTHING RETURNING consumer, partition
), failed AS (
  INSERT INTO events.failed_events (consumer, partition, sequence, received_at, tenant_id, event_id, type, key,
    error_code, error_message, attempts, properties, failed_at)
  SELECT f.consumer, f.partition, d.sequence, d.received_at, d.tenant_id, d.event_id, d.type, d.key, d.error_code,
    d.error_message, d.attempts, d.properties, (SELECT at FROM moment)
  FROM jsonb_to_recordset($14::jsonb) AS d (ordinal bigint, sequence bigint, received_at timestamptz, tenant_id text,
    event_id text, type text, key text, error_code text, error_message text, attempts integer, properties jsonb)
  JOIN fence f ON f.ordinal = d.ordinal
  ON CONFLICT DO NOTHING
), counted AS (
  SELECT consumer, partition, count(*) AS processed FROM done GROUP BY consumer, partition
)
UPDATE events.cursors c SET sequence = f.sequence, received_at = f.received_at,
  high_water_mark = greatest(c.high_water_mark, f.sequence), updated_at = now(), processed = c.processed + coalesce(n.processed, 0)
FROM fence f LEFT JOIN counted n ON n.consumer = f.consumer AND n.partition = f.partition
WHERE c.consumer = f.consumer AND c.partition = f.partition
RETURNING f.ordinal`,
};
