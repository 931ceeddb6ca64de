-- The log stays append-only, with one exception: `reseal` replaces the sealed text of an event by the same text under a
-- newer key. It is allowed within the function below only, and only between two sealed texts (JSON strings); what is not
-- sealed never changes.
CREATE OR REPLACE FUNCTION events.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'raw_events_default' THEN
    RETURN OLD;
  END IF;
  IF TG_OP = 'UPDATE' AND current_setting('order_saga.resealing', true) = 'on' THEN
    IF to_jsonb(NEW) - 'properties' - 'cloud_event' = to_jsonb(OLD) - 'properties' - 'cloud_event'
      AND (NEW.properties = OLD.properties
        OR jsonb_typeof(NEW.properties) = 'string' AND jsonb_typeof(OLD.properties) = 'string')
      AND (NEW.cloud_event IS NOT DISTINCT FROM OLD.cloud_event
        OR jsonb_typeof(NEW.cloud_event) = 'string' AND jsonb_typeof(OLD.cloud_event) = 'string')
    THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
--> statement-breakpoint

-- Replaces sealed texts; `changes` is an array of places, each with the new text of one column or of both.
CREATE FUNCTION events.replace_sealed(changes jsonb) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  replaced integer;
BEGIN
  PERFORM set_config('order_saga.resealing', 'on', true);
  UPDATE events.raw_events e
    SET properties = coalesce(to_jsonb(r.properties), e.properties),
      cloud_event = coalesce(to_jsonb(r.cloud_event), e.cloud_event)
    FROM jsonb_to_recordset(changes) AS r (partition smallint, sequence bigint, received_at timestamptz, properties text,
      cloud_event text)
    WHERE e.partition = r.partition AND e.sequence = r.sequence AND e.received_at = r.received_at;
  GET DIAGNOSTICS replaced = ROW_COUNT;
  PERFORM set_config('order_saga.resealing', '', true);
  RETURN replaced;
END
$$;
