CREATE TABLE "orders"."event_outbox" (
	"position" bigint PRIMARY KEY NOT NULL,
	"order_id" text NOT NULL,
	"seq" integer NOT NULL
);

--> statement-breakpoint
CREATE FUNCTION orders.queue_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO orders.event_outbox (position, order_id, seq) VALUES (NEW.position, NEW.order_id, NEW.seq);
  RETURN NULL;
END
$$;
--> statement-breakpoint
-- Only changes of the status are told to the world; what an order went through inside is not.
CREATE TRIGGER order_events_queue AFTER INSERT ON orders.order_events
  FOR EACH ROW WHEN (NEW.to_status IS NOT NULL AND NEW.from_status IS DISTINCT FROM NEW.to_status)
  EXECUTE FUNCTION orders.queue_event();
