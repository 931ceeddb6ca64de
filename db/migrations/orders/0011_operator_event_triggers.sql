-- The facts of the moment are kept, because the case goes on: an open case counts further attempts.
CREATE FUNCTION orders.queue_case_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO orders.case_outbox (position, type, case_id, order_id, tenant_id, step, error_code, attempts, resolution,
    trace_id)
  VALUES (nextval('orders.order_events_position_seq'), 'case.' || replace(NEW.state, 'open', 'opened'), NEW.case_id,
    NEW.order_id, NEW.tenant_id, NEW.step_name, NEW.error_code, NEW.attempts, NEW.resolution, NEW.trace_id);
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER cases_queue_opened AFTER INSERT ON orders.cases
  FOR EACH ROW WHEN (NEW.state = 'open') EXECUTE FUNCTION orders.queue_case_event();
--> statement-breakpoint
CREATE TRIGGER cases_queue_resolved AFTER UPDATE OF state ON orders.cases
  FOR EACH ROW WHEN (OLD.state = 'open' AND NEW.state = 'resolved') EXECUTE FUNCTION orders.queue_case_event();
