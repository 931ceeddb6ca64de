CREATE FUNCTION events.queue_failure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO events.failure_outbox AS o (consumer, partition, tenant_id, topic, error_code, sequence, received_at,
    event_id, type, attempts, failed_at, last_sequence)
  VALUES (NEW.consumer, NEW.partition, NEW.tenant_id, split_part(NEW.type, '.', 1), NEW.error_code, NEW.sequence,
    NEW.received_at, NEW.event_id, NEW.type, NEW.attempts, NEW.failed_at, NEW.sequence)
  ON CONFLICT (consumer, partition, tenant_id, topic, error_code) WHERE NOT taken DO UPDATE
    SET count = o.count + 1, last_sequence = greatest(o.last_sequence, excluded.last_sequence);
  RETURN NULL;
END
$$;
--> statement-breakpoint
-- A failure of the event that tells of a failure would lead to the next one, for ever.
CREATE TRIGGER failed_events_queue AFTER INSERT ON events.failed_events
  FOR EACH ROW WHEN (split_part(NEW.type, '.', 1) <> 'event') EXECUTE FUNCTION events.queue_failure();
