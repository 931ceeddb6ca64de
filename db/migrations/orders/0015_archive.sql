-- Rows of orders that ended long ago leave the hot tables. Each archive table inherits from its hot table, so a query that
-- names the hot table reads both, and `ONLY` reads the hot rows alone. Columns and CHECKs are inherited, also later ones;
-- keys, indexes and triggers are not. The tables are made with the first order that moves: the planner takes a table
-- without statistics for ten pages, but not if others inherit from it, and would scan the hot tables of a new system.
CREATE FUNCTION orders.open_archive() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF to_regclass('orders.case_decisions_archive') IS NOT NULL THEN
    RETURN;
  END IF;
  CREATE TABLE orders.orders_archive (PRIMARY KEY (order_id)) INHERITS (orders.orders);
  CREATE UNIQUE INDEX orders_archive_tenant_key_idx ON orders.orders_archive (tenant_id, idempotency_key);
  CREATE INDEX orders_archive_tenant_created_idx ON orders.orders_archive (tenant_id, created_at DESC NULLS LAST, order_id DESC NULLS LAST);
  CREATE INDEX orders_archive_tenant_customer_idx ON orders.orders_archive (tenant_id, customer_id, created_at DESC NULLS LAST);
  CREATE INDEX orders_archive_tenant_placed_by_idx ON orders.orders_archive (tenant_id, placed_by, created_at DESC NULLS LAST, order_id DESC NULLS LAST)
    WHERE placed_by IS NOT NULL;
  CREATE INDEX orders_archive_tenant_reference_idx ON orders.orders_archive (tenant_id, reference) WHERE reference IS NOT NULL;
  CREATE INDEX orders_archive_in_motion_idx ON orders.orders_archive (created_at) WHERE status IN ('PENDING', 'CANCELLING', 'REFUNDING');
  CREATE INDEX orders_archive_owned_idx ON orders.orders_archive (order_id) WHERE owner_command_id IS NOT NULL;
  CREATE TABLE orders.order_lines_archive (PRIMARY KEY (order_id, sku)) INHERITS (orders.order_lines);
  CREATE TABLE orders.order_events_archive (PRIMARY KEY (order_id, seq)) INHERITS (orders.order_events);
  CREATE TABLE orders.order_commands_archive (PRIMARY KEY (command_id)) INHERITS (orders.order_commands);
  CREATE INDEX order_commands_archive_order_idx ON orders.order_commands_archive (order_id);
  CREATE INDEX order_commands_archive_answered_idx ON orders.order_commands_archive (tenant_id, answered_at DESC NULLS LAST, command_id DESC NULLS LAST);
  CREATE TABLE orders.cases_archive (PRIMARY KEY (case_id)) INHERITS (orders.cases);
  CREATE INDEX cases_archive_order_idx ON orders.cases_archive (order_id);
  CREATE INDEX cases_archive_open_idx ON orders.cases_archive (order_id) WHERE state = 'open';
  CREATE INDEX cases_archive_tenant_state_idx ON orders.cases_archive (tenant_id, state, opened_at DESC NULLS LAST);
  CREATE TABLE orders.case_decisions_archive (PRIMARY KEY (decision_id)) INHERITS (orders.case_decisions);
  CREATE INDEX case_decisions_archive_case_idx ON orders.case_decisions_archive (case_id);
  CREATE INDEX case_decisions_archive_due_idx ON orders.case_decisions_archive (due_at) WHERE state IN ('decided', 'proposed');
  CREATE TRIGGER order_events_archive_append_only BEFORE UPDATE OR DELETE ON orders.order_events_archive
    FOR EACH ROW EXECUTE FUNCTION orders.refuse_change();
END
$$;
--> statement-breakpoint
-- The history may lose rows to its archive, and a row that comes back is no news for the world.
CREATE OR REPLACE FUNCTION orders.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('order_saga.moving', true) = 'on' THEN
    RETURN OLD;
  END IF;
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
CREATE OR REPLACE TRIGGER order_events_queue AFTER INSERT ON orders.order_events
  FOR EACH ROW WHEN (
    (NEW.type = 'order.captured' OR (NEW.to_status IS NOT NULL AND NEW.from_status IS DISTINCT FROM NEW.to_status))
    AND current_setting('order_saga.moving', true) IS DISTINCT FROM 'on'
  )
  EXECUTE FUNCTION orders.queue_event();
--> statement-breakpoint
-- Moves every row of some orders. Columns are looked up, so that a later migration that adds one changes nothing here.
CREATE FUNCTION orders.move_rows(order_ids text[], source_suffix text, target_suffix text) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  name text;
  columns text;
  moved integer;
  total integer := 0;
BEGIN
  PERFORM set_config('order_saga.moving', 'on', true);
  FOREACH name IN ARRAY ARRAY['orders', 'order_lines', 'order_events', 'order_commands', 'cases', 'case_decisions'] LOOP
    SELECT string_agg(quote_ident(a.attname), ', ') INTO columns FROM pg_attribute a
    WHERE a.attrelid = format('orders.%I', name)::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '';
    EXECUTE format(
      'WITH moved AS (DELETE FROM ONLY orders.%I WHERE order_id = ANY ($1) RETURNING %s)
       INSERT INTO orders.%I (%2$s) SELECT %2$s FROM moved',
      name || source_suffix, columns, name || target_suffix
    ) USING order_ids;
    GET DIAGNOSTICS moved = ROW_COUNT;
    total := total + moved;
  END LOOP;
  PERFORM set_config('order_saga.moving', '', true);
  RETURN total;
END
$$;
--> statement-breakpoint
-- The caller has locked the orders and knows that they have ended; a younger order is refused, whatever the caller says.
CREATE FUNCTION orders.archive_orders(order_ids text[]) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT FROM ONLY orders.orders o WHERE o.order_id = ANY (order_ids) AND o.updated_at > now() - interval '29 days'
  ) THEN
    RAISE EXCEPTION 'orders stay in the hot tables for 29 days at least' USING ERRCODE = 'restrict_violation';
  END IF;
  PERFORM orders.open_archive();
  RETURN orders.move_rows(order_ids, '', '_archive');
END
$$;
--> statement-breakpoint
CREATE FUNCTION orders.restore_orders(order_ids text[]) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
  IF to_regclass('orders.case_decisions_archive') IS NULL THEN
    RETURN 0;
  END IF;
  RETURN orders.move_rows(order_ids, '_archive', '');
END
$$;
