-- A further capture leaves the status as it is, and is told to the world all the same.
DROP TRIGGER order_events_queue ON orders.order_events;
--> statement-breakpoint
CREATE TRIGGER order_events_queue AFTER INSERT ON orders.order_events
  FOR EACH ROW WHEN (
    NEW.type = 'order.captured' OR (NEW.to_status IS NOT NULL AND NEW.from_status IS DISTINCT FROM NEW.to_status)
  )
  EXECUTE FUNCTION orders.queue_event();
