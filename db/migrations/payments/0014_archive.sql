-- Rows of orders that ended long ago leave the hot tables. Each archive table inherits from its hot table, so a query that
-- names the hot table reads both, and `ONLY` reads the hot rows alone. Columns and CHECKs are inherited, also later ones;
-- keys, indexes and triggers are not. The tables are made with the first order that moves: the planner takes a table
-- without statistics for ten pages, but not if others inherit from it, and would scan the hot tables of a new system.
CREATE FUNCTION payments.open_archive() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF to_regclass('payments.operation_changes_archive') IS NOT NULL THEN
    RETURN;
  END IF;
  CREATE TABLE payments.operations_archive (PRIMARY KEY (key)) INHERITS (payments.operations);
  CREATE INDEX operations_archive_order_idx ON payments.operations_archive (order_id, kind, generation);
  CREATE INDEX operations_archive_charge_ref_idx ON payments.operations_archive (provider_ref) WHERE kind IN ('sale', 'authorize');
  CREATE INDEX operations_archive_unknown_idx ON payments.operations_archive (updated_at) WHERE state = 'UNKNOWN';
  CREATE TABLE payments.balances_archive (PRIMARY KEY (order_id)) INHERITS (payments.balances);
  CREATE TABLE payments.turns_archive (PRIMARY KEY (order_id)) INHERITS (payments.turns);
  CREATE TABLE payments.attempts_archive (PRIMARY KEY (order_id, attempt_id)) INHERITS (payments.attempts);
  CREATE INDEX attempts_archive_at_idx ON payments.attempts_archive USING brin (at);
  CREATE TABLE payments.operation_changes_archive (PRIMARY KEY (order_id, position)) INHERITS (payments.operation_changes);
  CREATE INDEX operation_changes_archive_at_idx ON payments.operation_changes_archive USING brin (at);
  CREATE TRIGGER attempts_archive_append_only BEFORE UPDATE OR DELETE ON payments.attempts_archive
    FOR EACH ROW EXECUTE FUNCTION payments.refuse_change();
  CREATE TRIGGER operation_changes_archive_append_only BEFORE UPDATE OR DELETE ON payments.operation_changes_archive
    FOR EACH ROW EXECUTE FUNCTION payments.refuse_change();
END
$$;
--> statement-breakpoint
-- As 0013, and histories may lose rows to their archives.
CREATE OR REPLACE FUNCTION payments.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
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
-- An operation that comes back is counted in its balance, and noted among the changes, already: both come back with it.
CREATE OR REPLACE TRIGGER operations_apply AFTER INSERT OR UPDATE ON payments.operations
  FOR EACH ROW WHEN (current_setting('order_saga.moving', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION payments.apply_operation();
--> statement-breakpoint
CREATE OR REPLACE TRIGGER operations_note_first AFTER INSERT ON payments.operations
  FOR EACH ROW WHEN (current_setting('order_saga.moving', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION payments.note_change();
--> statement-breakpoint
-- Moves every row of some orders. Columns are looked up, so that a later migration that adds one changes nothing here.
CREATE FUNCTION payments.move_rows(order_ids text[], source_suffix text, target_suffix text) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  name text;
  columns text;
  moved integer;
  total integer := 0;
BEGIN
  PERFORM set_config('order_saga.moving', 'on', true);
  FOREACH name IN ARRAY ARRAY['operations', 'balances', 'turns', 'attempts', 'operation_changes'] LOOP
    SELECT string_agg(quote_ident(a.attname), ', ') INTO columns FROM pg_attribute a
    WHERE a.attrelid = format('payments.%I', name)::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '';
    EXECUTE format(
      'WITH moved AS (DELETE FROM ONLY payments.%I WHERE order_id = ANY ($1) RETURNING %s)
       INSERT INTO payments.%I (%2$s) SELECT %2$s FROM moved',
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
CREATE FUNCTION payments.archive_orders(order_ids text[]) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
  PERFORM payments.open_archive();
  RETURN payments.move_rows(order_ids, '', '_archive');
END
$$;
--> statement-breakpoint
CREATE FUNCTION payments.restore_orders(order_ids text[]) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
  IF to_regclass('payments.operation_changes_archive') IS NULL THEN
    RETURN 0;
  END IF;
  RETURN payments.move_rows(order_ids, '_archive', '');
END
$$;
