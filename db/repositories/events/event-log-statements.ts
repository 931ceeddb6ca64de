import type { Statement } from '../../client.ts';

/** The columns of {@link LoggedEvent}, of the log under the alias `e`. */
export const EVENT_COLUMNS = `e.partition, e.sequence, e.received_at AS "receivedAt", e.tenant_id AS "tenantId",
  e.event_id AS "eventId", e.type, e.key, e.user_id AS "userId", e.source, e.correlation_id AS "correlationId",
  e.occurred_at AS "occurredAt", e.properties, e.cloud_event AS "cloudEvent", e.traceparent`;

/**
 * Calls the function of the migration `0008_append_traces`, so that all work under the partitions' locks takes
 * one round trip.
 */
export const APPEND_EVENTS: Statement = {
  name: 'append_events',
  text: `SELECT events.append($1, $2) AS places`,
};

/**
 * Wakes the listeners. It runs after the append has committed: a NOTIFY inside the append would make all commits queue
 * for its lock.
 */
export const NOTIFY_APPENDED: Statement = {
  name: 'notify_appended',
  text: `SELECT pg_notify('events_appended', $1)`,
};

/** Partitions are created once; the first process decides how many there are. */
export const OPEN_PARTITIONS: Statement = {
  name: 'open_event_partitions',
  text: `
INSERT INTO events.partitions (partition)
SELECT n FROM generate_series(0, $1::integer - 1) n WHERE NOT EXISTS (SELECT FROM events.partitions)
ON CONFLICT DO NOTHING`,
};

/** How many partitions there are. */
export const COUNT_PARTITIONS: Statement = {
  name: 'count_event_partitions',
  text: `SELECT count(*)::integer AS count FROM events.partitions`,
};

/** Opens the days from yesterday to `$1` days ahead. */
export const OPEN_DAYS: Statement = {
  name: 'open_event_days',
  text: `
SELECT events.open_day(((now() AT TIME ZONE 'UTC')::date + n)) FROM generate_series(-1, $1::integer) n`,
};

/** Drops the days before `$1` that all of the consumers `$2` have finished. */
export const DROP_DAYS: Statement = {
  name: 'drop_event_days',
  text: `SELECT events.drop_days($1, $2) AS day`,
};

/** The update changes nothing, but makes the statement answer a row that was there before, too. */
export const CLAIM_EVENT_REQUEST: Statement = {
  name: 'claim_event_request',
  text: `
INSERT INTO events.event_requests AS r (request_id, request_hash) VALUES ($1, $2)
ON CONFLICT (request_id) DO UPDATE SET request_hash = r.request_hash
RETURNING request_hash AS "requestHash"`,
};

/** Deletes at most `$2` keys of requests that were made before `$1`. */
export const FORGET_REQUESTS: Statement = {
  name: 'forget_event_requests',
  text: `
WITH forgotten AS (
  DELETE FROM events.event_requests WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM events.event_requests WHERE created_at < $1 LIMIT $2))
  RETURNING 1
)
SELECT count(*)::integer AS forgotten FROM forgotten`,
};

/**
 * Deletes at most `$2` failed events that were given up before `$1` and have left the log: while the event is there, its
 * failure says what became of it, and a person may have it tried again.
 */
export const FORGET_FAILED: Statement = {
  name: 'forget_failed_events',
  text: `
WITH forgotten AS (
  DELETE FROM events.failed_events WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM events.failed_events f
    WHERE f.failed_at < $1 AND NOT EXISTS (SELECT FROM events.raw_events e
      WHERE e.partition = f.partition AND e.sequence = f.sequence AND e.received_at = f.received_at)
    LIMIT $2 FOR UPDATE SKIP LOCKED))
  RETURNING 1
)
SELECT count(*)::integer AS forgotten FROM forgotten`,
};

/** Deletes at most `$1` ids of events whose days were dropped. */
export const FORGET_IDS: Statement = {
  name: 'forget_event_ids',
  text: `SELECT events.forget_ids($1) AS forgotten`,
};
