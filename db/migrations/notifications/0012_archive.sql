-- Rows of orders that ended long ago leave the hot tables. Each archive table inherits from its hot table, so a query that
-- names the hot table reads both, and `ONLY` reads the hot rows alone. Columns and CHECKs are inherited, also later ones;
-- keys, indexes and triggers are not. The tables are made with the first order that moves: the planner takes a table
-- without statistics for ten pages, but not if others inherit from it, and would scan the hot tables of a new system.
CREATE FUNCTION notifications.open_archive() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF to_regclass('notifications.message_attempts_archive') IS NOT NULL THEN
    RETURN;
  END IF;
  CREATE TABLE notifications.messages_archive (PRIMARY KEY (order_id, template, channel)) INHERITS (notifications.messages);
  CREATE INDEX messages_archive_created_idx ON notifications.messages_archive USING brin (created_at);
  CREATE TABLE notifications.message_attempts_archive (PRIMARY KEY (order_id, template, channel, attempt)) INHERITS (notifications.message_attempts);
  CREATE INDEX message_attempts_archive_at_idx ON notifications.message_attempts_archive USING brin (at);
  CREATE TRIGGER message_attempts_archive_append_only BEFORE UPDATE OR DELETE ON notifications.message_attempts_archive
    FOR EACH ROW EXECUTE FUNCTION notifications.refuse_change();
END
$$;
--> statement-breakpoint
-- As 0011, and attempts may leave for their archive.
CREATE OR REPLACE FUNCTION notifications.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND (
    current_setting('order_saga.forgetting', true) = 'on' OR current_setting('order_saga.moving', true) = 'on'
  ) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
--> statement-breakpoint
-- Moves every row of some orders. Columns are looked up, so that a later migration that adds one changes nothing here.
CREATE FUNCTION notifications.move_rows(order_ids text[], source_suffix text, target_suffix text) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  name text;
  columns text;
  moved integer;
  total integer := 0;
BEGIN
  PERFORM set_config('order_saga.moving', 'on', true);
  FOREACH name IN ARRAY ARRAY['messages', 'message_attempts'] LOOP
    SELECT string_agg(quote_ident(a.attname), ', ') INTO columns FROM pg_attribute a
    WHERE a.attrelid = format('notifications.%I', name)::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '';
    EXECUTE format(
      'WITH moved AS (DELETE FROM ONLY notifications.%I WHERE order_id = ANY ($1) RETURNING %s)
       INSERT INTO notifications.%I (%2$s) SELECT %2$s FROM moved',
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
CREATE FUNCTION notifications.archive_orders(order_ids text[]) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
  PERFORM notifications.open_archive();
  RETURN notifications.move_rows(order_ids, '', '_archive');
END
$$;
--> statement-breakpoint
CREATE FUNCTION notifications.restore_orders(order_ids text[]) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
  IF to_regclass('notifications.message_attempts_archive') IS NULL THEN
    RETURN 0;
  END IF;
  RETURN notifications.move_rows(order_ids, '_archive', '');
END
$$;
