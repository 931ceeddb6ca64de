CREATE FUNCTION events.queue_failure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO events.failure_outbox (consumer, partition, sequence, received_at, tenant_id, event_id, type, error_code,
    attempts, failed_at)
  VALUES (NEW.consumer, NEW.partition, NEW.sequence, NEW.received_at, NEW.tenant_id, NEW.event_id, NEW.type,
    NEW.error_code, NEW.attempts, NEW.failed_at);
  RETURN NULL;
END
$$;
--> statement-breakpoint
-- A failure of the event that tells of a failure would lead to the next one, for ever.
CREATE TRIGGER failed_events_queue AFTER INSERT ON events.failed_events
  FOR EACH ROW WHEN (split_part(NEW.type, '.', 1) <> 'event') EXECUTE FUNCTION events.queue_failure();
