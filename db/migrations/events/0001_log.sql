-- The log is evidence: an event is never changed. Whole days leave it by retention, and rows leave the table of
-- unforeseen days for the table of their day.
CREATE TABLE events.raw_events_default PARTITION OF events.raw_events DEFAULT;
--> statement-breakpoint
CREATE TABLE events.processed_events_default PARTITION OF events.processed_events DEFAULT;
--> statement-breakpoint
CREATE FUNCTION events.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'raw_events_default' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
--> statement-breakpoint
CREATE TRIGGER raw_events_append_only BEFORE UPDATE OR DELETE ON events.raw_events
  FOR EACH ROW EXECUTE FUNCTION events.refuse_change();
--> statement-breakpoint

-- Appends a batch. The rows of its partitions are locked in order before anything is read, so whatever committed
-- before is seen, sequences are given in the order of the commits, and two writers cannot deadlock on partitions.
-- The function's second statement sees what was committed while the first one waited: READ COMMITTED, and VOLATILE.
-- The same id twice in one batch is the caller's business; the same id under two keys at once is a unique_violation.
CREATE FUNCTION events.append(
  tenant_ids text[], ids text[], at_partitions smallint[], types text[], keys text[], user_ids text[], sources text[],
  correlation_ids text[], occurred timestamptz[], bodies jsonb[]
) RETURNS TABLE (
  "tenantId" text, "eventId" text, "partition" smallint, "sequence" bigint, "receivedAt" timestamptz, "isNew" boolean
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  arrived timestamptz;
BEGIN
  PERFORM FROM events.partitions p WHERE p.partition = ANY (at_partitions) ORDER BY p.partition FOR UPDATE;
  SELECT greatest(date_trunc('milliseconds', clock_timestamp()), max(p.last_received_at)) INTO arrived
    FROM events.partitions p WHERE p.partition = ANY (at_partitions);
  RETURN QUERY
  WITH offered AS (
    SELECT * FROM unnest(tenant_ids, ids, at_partitions, types, keys, user_ids, sources, correlation_ids, occurred,
      bodies) WITH ORDINALITY
      AS o (tenant_id, event_id, partition, type, key, user_id, source, correlation_id, occurred_at, properties, place)
  ), known AS (
    -- The limit makes it a look-up per id: a join would read the whole table while the server guesses it to be small.
    SELECT i.*
    FROM offered o CROSS JOIN LATERAL (
      SELECT i.tenant_id, i.event_id, i.partition, i.sequence, i.received_at
      FROM events.event_ids i WHERE i.tenant_id = o.tenant_id AND i.event_id = o.event_id LIMIT 1
    ) i
  ), fresh AS (
    SELECT o.*, row_number() OVER (PARTITION BY o.partition ORDER BY o.place) AS nth
    FROM offered o LEFT JOIN known k ON k.tenant_id = o.tenant_id AND k.event_id = o.event_id
    WHERE k.event_id IS NULL
  ), heads AS (
    UPDATE events.partitions p SET next_sequence = p.next_sequence + c.count, last_received_at = arrived
    FROM (SELECT f.partition, count(*) AS count FROM fresh f GROUP BY f.partition) c
    WHERE p.partition = c.partition
    RETURNING p.partition, p.next_sequence - c.count AS first
  ), placed AS (
    SELECT f.*, h.first + f.nth - 1 AS sequence FROM fresh f JOIN heads h ON h.partition = f.partition
  ), identified AS (
    INSERT INTO events.event_ids (tenant_id, event_id, partition, sequence, received_at)
    SELECT p.tenant_id, p.event_id, p.partition, p.sequence, arrived FROM placed p ORDER BY p.tenant_id, p.event_id
  ), logged AS (
    INSERT INTO events.raw_events (partition, sequence, received_at, tenant_id, event_id, type, key, user_id, source,
      correlation_id, occurred_at, properties)
    SELECT p.partition, p.sequence, arrived, p.tenant_id, p.event_id, p.type, p.key, p.user_id, p.source,
      p.correlation_id, p.occurred_at, p.properties FROM placed p
  )
  SELECT p.tenant_id, p.event_id, p.partition, p.sequence, arrived, true FROM placed p
  UNION ALL
  SELECT k.tenant_id, k.event_id, k.partition, k.sequence, k.received_at, false FROM known k;
END
$$;
--> statement-breakpoint

-- Opens the tables of a day (UTC), and moves there what arrived before they were open. All writers queue behind the lock
-- that is waited for, so it is not waited for long: whoever calls tries again.
CREATE FUNCTION events.open_day(day date) RETURNS void LANGUAGE plpgsql SET lock_timeout = '250ms' AS $$
DECLARE
  parent text;
  child text;
  starts timestamptz := day::timestamp AT TIME ZONE 'UTC';
  ends timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
  FOREACH parent IN ARRAY ARRAY['raw_events', 'processed_events'] LOOP
    child := parent || '_' || to_char(day, 'YYYYMMDD');
    CONTINUE WHEN to_regclass('events.' || child) IS NOT NULL;
    -- The parent, so that writers wait before they choose a table: one that has chosen the default table would find its
    -- row in the wrong place when the day's table is there.
    EXECUTE format('LOCK TABLE events.%I IN ACCESS EXCLUSIVE MODE', parent);
    -- Another process may have opened it while this one waited.
    CONTINUE WHEN to_regclass('events.' || child) IS NOT NULL;
    EXECUTE format('CREATE TABLE events.%I (LIKE events.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', child, parent);
    EXECUTE format('WITH moved AS (DELETE FROM events.%I WHERE received_at >= %L AND received_at < %L RETURNING *) '
      'INSERT INTO events.%I SELECT * FROM moved', parent || '_default', starts, ends, child);
    EXECUTE format('ALTER TABLE events.%I ATTACH PARTITION events.%I FOR VALUES FROM (%L) TO (%L)',
      parent, child, starts, ends);
  END LOOP;
END
$$;
--> statement-breakpoint

-- Drops the days that end before `oldest`, but none with an event that some consumer has not dealt with or will try
-- again. The last event of each partition is looked up, because a day may have more events than can be counted within
-- the time limit. The log is locked meanwhile, so that nobody puts an event of the day back in between.
CREATE FUNCTION events.drop_days(oldest timestamptz, names text[]) RETURNS SETOF text LANGUAGE plpgsql
SET lock_timeout = '250ms' AS $$
DECLARE
  suffix text;
  ends timestamptz;
  is_needed boolean;
BEGIN
  FOR suffix IN
    SELECT right(c.relname, 8) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'events.raw_events'::regclass AND c.relname ~ '^raw_events_[0-9]{8}$' ORDER BY 1
  LOOP
    ends := (to_date(suffix, 'YYYYMMDD') + 1)::timestamp AT TIME ZONE 'UTC';
    EXIT WHEN ends > oldest;
    LOCK TABLE ONLY events.raw_events IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('SELECT EXISTS (SELECT FROM unnest($1) AS n (name) CROSS JOIN events.partitions p '
      'CROSS JOIN LATERAL (SELECT max(d.sequence) AS last FROM events.%I d WHERE d.partition = p.partition) e '
      'LEFT JOIN events.cursors c ON c.consumer = n.name AND c.partition = p.partition '
      'WHERE coalesce(c.sequence, 0) < e.last) '
      'OR EXISTS (SELECT FROM events.retrying_events r WHERE r.received_at < $2)', 'raw_events_' || suffix)
      INTO is_needed USING names, ends;
    EXIT WHEN is_needed;
    EXECUTE format('DROP TABLE events.%I', 'raw_events_' || suffix);
    EXECUTE format('DROP TABLE IF EXISTS events.%I', 'processed_events_' || suffix);
    RETURN NEXT suffix;
  END LOOP;
END
$$;
--> statement-breakpoint

-- Forgets ids of days that are dropped, at most so many at a time: from then on such an id counts as new.
CREATE FUNCTION events.forget_ids(most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  kept_from timestamptz;
  forgotten integer;
BEGIN
  SELECT to_date(min(right(c.relname, 8)), 'YYYYMMDD')::timestamp AT TIME ZONE 'UTC' INTO kept_from
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'events.raw_events'::regclass AND c.relname ~ '^raw_events_[0-9]{8}$';
  DELETE FROM events.event_ids WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM events.event_ids WHERE received_at < kept_from LIMIT most));
  GET DIAGNOSTICS forgotten = ROW_COUNT;
  RETURN forgotten;
END
$$;
