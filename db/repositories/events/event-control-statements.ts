import type { Statement } from '../../client.ts';

/** Each consumer in each partition. The next event is looked up by its place, and only where there is one. */
export const READ_PROGRESS: Statement = {
  name: 'read_event_progress',
  text: `
SELECT n.name AS consumer, p.partition, coalesce(c.sequence, 0) AS sequence, p.next_sequence - 1 AS head,
  coalesce(c.processed, 0) AS processed, c.updated_at AS "updatedAt",
  coalesce(greatest(0, date_part('epoch', clock_timestamp() - next.received_at)), 0) AS "oldestSeconds"
FROM unnest($1::text[]) WITH ORDINALITY AS n (name, ordinal)
CROSS JOIN events.partitions p
LEFT JOIN events.cursors c ON c.consumer = n.name AND c.partition = p.partition
LEFT JOIN LATERAL (
  SELECT e.received_at FROM events.raw_events e
  WHERE p.next_sequence - 1 > coalesce(c.sequence, 0)
    AND e.partition = p.partition AND e.sequence = coalesce(c.sequence, 0) + 1
    AND e.received_at >= coalesce(c.received_at, 'epoch')
) next ON true
ORDER BY n.ordinal, p.partition`,
};

/** Whether each consumer is paused. A consumer that was never paused has no row. */
export const LIST_CONSUMERS: Statement = {
  name: 'list_event_consumers',
  text: `
SELECT n.name, c.paused_at AS "pausedAt", c.paused_by AS "pausedBy"
FROM unnest($1::text[]) WITH ORDINALITY AS n (name, ordinal) LEFT JOIN events.consumers c ON c.name = n.name
ORDER BY n.ordinal`,
};

/** Counts at most `$2` rows of each table, by the primary keys. */
export const COUNT_OUTCOMES: Statement = {
  name: 'count_event_outcomes',
  text: `
SELECT n.name AS consumer,
  (SELECT count(*)::integer FROM (
    SELECT FROM events.retrying_events r WHERE r.consumer = n.name LIMIT $2) counted) AS retrying,
  (SELECT count(*)::integer FROM (
    SELECT FROM events.failed_events f WHERE f.consumer = n.name LIMIT $2) counted) AS failed
FROM unnest($1::text[]) WITH ORDINALITY AS n (name, ordinal)
ORDER BY n.ordinal`,
};

/** The first pause is kept, because it tells since when the consumer is paused. */
export const PAUSE_CONSUMER: Statement = {
  name: 'pause_event_consumer',
  text: `
INSERT INTO events.consumers AS c (name, paused_at, paused_by) VALUES ($1, now(), $2)
ON CONFLICT (name) DO UPDATE SET paused_at = excluded.paused_at, paused_by = excluded.paused_by
WHERE c.paused_at IS NULL`,
};

/** Ends the pause; the row stays. */
export const RESUME_CONSUMER: Statement = {
  name: 'resume_event_consumer',
  text: `
INSERT INTO events.consumers (name) VALUES ($1)
ON CONFLICT (name) DO UPDATE SET paused_at = NULL, paused_by = NULL`,
};

/** The new epoch fences the owner of the cursor, which would otherwise move the cursor forward again. */
export const REWIND_CURSOR: Statement = {
  name: 'rewind_event_cursor',
  text: `
WITH found AS (
  SELECT consumer, partition, sequence FROM events.cursors WHERE consumer = $1 AND partition = $2 FOR UPDATE
)
UPDATE events.cursors c SET sequence = $3::bigint - 1, epoch = c.epoch + 1, updated_at = now(),
  received_at = coalesce((SELECT e.received_at FROM events.raw_events e
    WHERE e.partition = $2 AND e.sequence = $3::bigint - 1), 'epoch')
FROM found f
WHERE c.consumer = f.consumer AND c.partition = f.partition AND $3::bigint BETWEEN 1 AND f.sequence + 1
RETURNING f.sequence AS before`,
};

/**
 * Puts the oldest `$3` failures that the condition selects back to be tried, with all their tries ahead of them. An
 * event whose day was dropped is left out: it could never be read, and it would hold up its key and the retention for
 * ever.
 */
function reprocess(name: string, condition: string): Statement {
  return {
    name,
    text: `
WITH chosen AS (
  SELECT consumer, partition, sequence FROM events.failed_events f
  CROSS JOIN LATERAL (
    SELECT FROM events.raw_events e
    WHERE e.partition = f.partition AND e.sequence = f.sequence AND e.received_at = f.received_at LIMIT 1
  ) logged
  WHERE tenant_id = $1 AND consumer = $2 AND ${condition}
  ORDER BY failed_at, partition, sequence LIMIT $3 FOR UPDATE OF f SKIP LOCKED
), taken AS (
  DELETE FROM events.failed_events f USING chosen c
  WHERE f.consumer = c.consumer AND f.partition = c.partition AND f.sequence = c.sequence
  RETURNING f.consumer, f.partition, f.sequence, f.received_at, f.tenant_id, f.event_id, f.key
), requeued AS (
  INSERT INTO events.retrying_events
    (consumer, partition, sequence, received_at, tenant_id, event_id, key, attempts, next_attempt_at, replayed)
  SELECT consumer, partition, sequence, received_at, tenant_id, event_id, key, 0, now(), false FROM taken
  ON CONFLICT DO NOTHING
)
SELECT partition FROM taken`,
  };
}

/** Selects the failures by event ids. */
export const REPROCESS_BY_IDS = reprocess('reprocess_events_by_ids', 'event_id = ANY ($4::text[])');

/** Selects the failures by their code. */
export const REPROCESS_BY_CODE = reprocess('reprocess_events_by_code', 'error_code = $4');

/**
 * Events that the consumer has not passed yet are left out, because they reach it anyway. Events that were processed
 * before are marked, so that their results are not counted twice.
 */
export const REPLAY_EVENTS: Statement = {
  name: 'replay_events',
  text: `
WITH chosen AS (
  SELECT e.partition, e.sequence, e.received_at, e.tenant_id, e.event_id, e.key, EXISTS (
      SELECT FROM events.processed_events p
      WHERE p.consumer = $2 AND p.partition = e.partition AND p.sequence = e.sequence AND p.received_at = e.received_at
    ) AS replayed
  FROM events.cursors c
  JOIN events.raw_events e ON e.partition = c.partition
  WHERE c.consumer = $2 AND c.partition = $3 AND e.partition = $3
    AND e.sequence BETWEEN $4 AND $5 AND e.sequence <= c.sequence AND e.tenant_id = $1
), taken AS (
  DELETE FROM events.failed_events f USING chosen c
  WHERE f.consumer = $2 AND f.partition = c.partition AND f.sequence = c.sequence
), requeued AS (
  INSERT INTO events.retrying_events
    (consumer, partition, sequence, received_at, tenant_id, event_id, key, attempts, next_attempt_at, replayed)
  SELECT $2, partition, sequence, received_at, tenant_id, event_id, key, 0, now(), replayed FROM chosen
  ON CONFLICT DO NOTHING
  RETURNING 1
)
SELECT count(*)::integer AS count FROM requeued`,
};
