-- A customer may ask to be forgotten. So the history may lose who acted, which becomes a pseudonym, and the reason in words;
-- everything else of an event stays as it was written.
CREATE OR REPLACE FUNCTION orders.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF OLD.actor <> 'system'
      AND (NEW.actor = OLD.actor OR NEW.actor ~ '^hmac-sha256:[^:]+:[A-Za-z0-9_-]+$')
      AND NEW.data IN (OLD.data, OLD.data - 'reason')
      AND to_jsonb(NEW) - 'actor' - 'data' = to_jsonb(OLD) - 'actor' - 'data' THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
--> statement-breakpoint
COMMENT ON TRIGGER order_events_append_only ON orders.order_events IS
  'Refuses DELETE, and every UPDATE but the erasure of who acted and of the reason in words.';
