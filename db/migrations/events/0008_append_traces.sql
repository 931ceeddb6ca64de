-- As in 0005, with the trace that an event belongs to. Processes of the version before send none.
CREATE OR REPLACE FUNCTION events.append(batch json, touched smallint[]) RETURNS json LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  arrived timestamptz;
  places json;
BEGIN
  SELECT greatest(date_trunc('milliseconds', clock_timestamp()), max(l.last_received_at)) INTO arrived FROM (
    SELECT p.last_received_at FROM events.partitions p WHERE p.partition = ANY (touched) ORDER BY p.partition FOR UPDATE
  ) l;
  WITH offered AS (
    SELECT * FROM ROWS FROM (json_to_recordset(batch) AS ("tenantId" text, "eventId" text, partition smallint, type text,
      key text, "userId" text, source text, "correlationId" text, "occurredAt" timestamptz, properties jsonb,
      "cloudEvent" jsonb, "sourceHash" text, traceparent text))
      WITH ORDINALITY
      AS o (tenant_id, event_id, partition, type, key, user_id, source, correlation_id, occurred_at, properties,
        cloud_event, source_hash, traceparent, place)
  ), known AS (
    -- The limit makes it a look-up per id: a join would read the whole table while the server guesses it to be small.
    SELECT o.place, i.*
    FROM offered o CROSS JOIN LATERAL (
      SELECT i.partition, i.sequence
      FROM events.event_ids i WHERE i.tenant_id = o.tenant_id AND i.event_id = o.event_id AND (
        i.source_hash = coalesce(o.source_hash, '')
        OR i.source_hash = '' AND EXISTS (
          SELECT FROM events.raw_events r WHERE r.partition = i.partition AND r.sequence = i.sequence
            AND r.received_at = i.received_at AND r.source = o.source AND coalesce(o.source_hash, '') <> ''
        )
      ) LIMIT 1
    ) i
  ), fresh AS (
    SELECT o.*, row_number() OVER (PARTITION BY o.partition ORDER BY o.place) AS nth
    FROM offered o LEFT JOIN known k ON k.place = o.place
    WHERE k.place IS NULL
  ), heads AS (
    UPDATE events.partitions p SET next_sequence = p.next_sequence + c.count, last_received_at = arrived
    FROM (SELECT f.partition, count(*) AS count FROM fresh f GROUP BY f.partition) c
    WHERE p.partition = c.partition
    RETURNING p.partition, p.next_sequence - c.count AS first
  ), placed AS (
    SELECT f.*, h.first + f.nth - 1 AS sequence FROM fresh f JOIN heads h ON h.partition = f.partition
  ), identified AS (
    INSERT INTO events.event_ids (tenant_id, event_id, partition, sequence, received_at, source_hash)
    SELECT p.tenant_id, p.event_id, p.partition, p.sequence, arrived, coalesce(p.source_hash, '') FROM placed p ORDER BY p.tenant_id, p.event_id, p.source_hash
  ), logged AS (
    INSERT INTO events.raw_events (partition, sequence, received_at, tenant_id, event_id, type, key, user_id, source,
      correlation_id, occurred_at, properties, cloud_event, traceparent)
    SELECT p.partition, p.sequence, arrived, p.tenant_id, p.event_id, p.type, p.key, p.user_id, p.source,
      p.correlation_id, p.occurred_at, p.properties, p.cloud_event, p.traceparent FROM placed p
  )
  SELECT json_agg(json_build_array(a.partition, a.sequence, a.is_new) ORDER BY a.place)
  INTO places FROM (
    SELECT p.place, p.partition, p.sequence, true AS is_new FROM placed p
    UNION ALL
    SELECT k.place, k.partition, k.sequence, false FROM known k
  ) a;
  RETURN places;
END
$$;
