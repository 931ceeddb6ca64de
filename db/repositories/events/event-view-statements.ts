import type { Statement } from '../../client.ts';
import { EVENT_COLUMNS } from './event-log-statements.ts';

/**
 * The outcome that the consumer `$1` stored for the event `e`. The tables of results are found by the day on which the
 * event arrived.
 */
const OUTCOME = `
LEFT JOIN LATERAL (
  SELECT category, worker_id, processed_at FROM events.processed_events
  WHERE consumer = $1 AND partition = e.partition AND sequence = e.sequence AND received_at = e.received_at
) p ON true
LEFT JOIN events.retrying_events r
  ON r.consumer = $1 AND r.partition = e.partition AND r.sequence = e.sequence
LEFT JOIN events.failed_events f
  ON f.consumer = $1 AND f.partition = e.partition AND f.sequence = e.sequence`;

/** An event that has a result stays PROCESSED while it is replayed. */
const STATUS = `CASE WHEN p.processed_at IS NOT NULL THEN 'PROCESSED' WHEN r.sequence IS NOT NULL THEN 'RETRYING'
  WHEN f.sequence IS NOT NULL THEN 'FAILED' ELSE 'ACCEPTED' END`;

const OUTCOME_COLUMNS = `${STATUS} AS status, p.category, p.worker_id AS "workerId", p.processed_at AS "processedAt",
  coalesce(r.error_code, f.error_code) AS "errorCode", coalesce(r.error_message, f.error_message) AS "errorMessage",
  coalesce(r.attempts, f.attempts) AS attempts, r.next_attempt_at AS "nextAttemptAt",
  CASE WHEN r.sequence IS NULL THEN f.failed_at END AS "failedAt"`;

/** `event_ids` knows the day of the event. If several sources share the id, the first event to arrive is found. */
export const FIND_EVENT: Statement = {
  name: 'find_event',
  text: `
SELECT ${EVENT_COLUMNS}, ${OUTCOME_COLUMNS}
FROM events.event_ids i
JOIN events.raw_events e ON e.partition = i.partition AND e.sequence = i.sequence AND e.received_at = i.received_at
${OUTCOME}
WHERE i.tenant_id = $2 AND i.event_id = $3 AND ($4::text IS NULL OR e.source = $4)
ORDER BY i.received_at, i.partition, i.sequence LIMIT 1`,
};

/**
 * The newest events of a tenant before a place. The comparison of rows is for the index, the comparison of times for
 * the days.
 */
const SCANNED = `
SELECT * FROM events.raw_events
WHERE tenant_id = $2 AND received_at <= $3 AND (received_at, partition, sequence) < ($3, $4::smallint, $5::bigint)
ORDER BY received_at DESC, partition DESC, sequence DESC LIMIT $6`;

const NEWEST_FIRST = 'e.received_at DESC, e.partition DESC, e.sequence DESC';

/** How many events were looked at and where the look ended: beside every event, and alone when no event is found. */
const SCANNED_TO = `
SELECT count(*)::integer AS scanned, min(received_at) AS "lastReceivedAt",
  (array_agg(partition ORDER BY received_at, partition, sequence))[1] AS "lastPartition",
  (array_agg(sequence ORDER BY received_at, partition, sequence))[1] AS "lastSequence"
FROM scanned`;

/** Without a filter by status the outcome is looked up only for the events of the page. */
export const LIST_EVENTS: Statement = {
  name: 'list_events',
  text: `
WITH scanned AS MATERIALIZED (${SCANNED}
), chosen AS MATERIALIZED (
  SELECT * FROM scanned e WHERE ($7::text IS NULL OR e.type = $7) AND ($8::text IS NULL OR e.user_id = $8)
  ORDER BY ${NEWEST_FIRST} LIMIT $9
)
SELECT s.*, l.* FROM (${SCANNED_TO}) s LEFT JOIN (
  SELECT ${EVENT_COLUMNS}, ${OUTCOME_COLUMNS} FROM chosen e ${OUTCOME}
) l ON true
ORDER BY l."receivedAt" DESC, l.partition DESC, l.sequence DESC`,
};

/** With a filter by status the outcome is looked up for every event that is looked at. */
export const LIST_EVENTS_BY_STATUS: Statement = {
  name: 'list_events_by_status',
  text: `
WITH scanned AS MATERIALIZED (${SCANNED}
), chosen AS MATERIALIZED (
  SELECT ${EVENT_COLUMNS}, ${OUTCOME_COLUMNS} FROM scanned e ${OUTCOME}
  WHERE ($7::text IS NULL OR e.type = $7) AND ($8::text IS NULL OR e.user_id = $8) AND ${STATUS} = $10
  ORDER BY ${NEWEST_FIRST} LIMIT $9
)
SELECT s.*, l.* FROM (${SCANNED_TO}) s LEFT JOIN chosen l ON true
ORDER BY l."receivedAt" DESC, l.partition DESC, l.sequence DESC`,
};

/** Failed events of a tenant, newest failure first. */
export const LIST_FAILED: Statement = {
  name: 'list_failed_events',
  text: `
SELECT consumer, partition, sequence, received_at AS "receivedAt", event_id AS "eventId", type, key,
  error_code AS "errorCode", error_message AS "errorMessage", attempts, properties, failed_at AS "failedAt"
FROM events.failed_events
WHERE tenant_id = $1 AND ($2::text IS NULL OR error_code = $2) AND ($3::text IS NULL OR consumer = $3)
  AND (failed_at, event_id, consumer) < ($4, $5, $6)
ORDER BY failed_at DESC, event_id DESC, consumer DESC LIMIT $7`,
};
