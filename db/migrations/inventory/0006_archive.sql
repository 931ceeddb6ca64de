-- Rows of orders that ended long ago leave the hot tables. Each archive table inherits from its hot table, so a query that
-- names the hot table reads both, and `ONLY` reads the hot rows alone. Columns and CHECKs are inherited, also later ones;
-- keys, indexes and triggers are not. The tables are made with the first order that moves: the planner takes a table
-- without statistics for ten pages, but not if others inherit from it, and would scan the hot tables of a new system.
CREATE FUNCTION inventory.open_archive() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF to_regclass('inventory.stock_movements_archive') IS NOT NULL THEN
    RETURN;
  END IF;
  CREATE TABLE inventory.reservations_archive (PRIMARY KEY (order_id, sku)) INHERITS (inventory.reservations);
  CREATE INDEX reservations_archive_expiry_idx ON inventory.reservations_archive (expires_at) WHERE expires_at IS NOT NULL;
  CREATE TABLE inventory.stock_movements_archive (PRIMARY KEY (movement_id)) INHERITS (inventory.stock_movements);
  CREATE INDEX stock_movements_archive_sku_idx ON inventory.stock_movements_archive (tenant_id, sku);
  CREATE INDEX stock_movements_archive_order_idx ON inventory.stock_movements_archive (order_id)
    WHERE order_id IS NOT NULL;
  CREATE TRIGGER stock_movements_archive_append_only BEFORE UPDATE OR DELETE ON inventory.stock_movements_archive
    FOR EACH ROW EXECUTE FUNCTION inventory.refuse_change();
END
$$;
--> statement-breakpoint
-- Movements stay append-only, but those of old orders may leave for their archive.
CREATE OR REPLACE FUNCTION inventory.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('order_saga.moving', true) = 'on' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
--> statement-breakpoint
-- Moves every row of some orders. Columns are looked up, so that a later migration that adds one changes nothing here.
CREATE FUNCTION inventory.move_rows(order_ids text[], source_suffix text, target_suffix text) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  name text;
  columns text;
  moved integer;
  total integer := 0;
BEGIN
  PERFORM set_config('order_saga.moving', 'on', true);
  FOREACH name IN ARRAY ARRAY['reservations', 'stock_movements'] LOOP
    SELECT string_agg(quote_ident(a.attname), ', ') INTO columns FROM pg_attribute a
    WHERE a.attrelid = format('inventory.%I', name)::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '';
    EXECUTE format(
      'WITH moved AS (DELETE FROM ONLY inventory.%I WHERE order_id = ANY ($1) RETURNING %s)
       INSERT INTO inventory.%I (%2$s) SELECT %2$s FROM moved',
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
-- The closing entries of the SKUs and the rows change together, and one move waits for another.
CREATE FUNCTION inventory.archive_orders(order_ids text[]) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
  PERFORM inventory.open_archive();
  LOCK TABLE inventory.archived_stock IN SHARE ROW EXCLUSIVE MODE;
  PERFORM FROM ONLY inventory.reservations WHERE order_id = ANY (order_ids) ORDER BY order_id, sku FOR UPDATE;
  INSERT INTO inventory.archived_stock AS a (tenant_id, sku, on_hand_delta, reserved_delta, committed)
  SELECT tenant_id, sku, sum(on_hand), sum(reserved), sum(pieces) FROM (
    SELECT tenant_id, sku, on_hand_delta AS on_hand, reserved_delta AS reserved, 0 AS pieces
    FROM ONLY inventory.stock_movements WHERE order_id = ANY (order_ids)
    UNION ALL
    SELECT tenant_id, sku, 0, 0, quantity FROM ONLY inventory.reservations
    WHERE order_id = ANY (order_ids) AND state = 'COMMITTED'
  ) leaving GROUP BY tenant_id, sku ORDER BY tenant_id, sku
  ON CONFLICT (tenant_id, sku) DO UPDATE SET on_hand_delta = a.on_hand_delta + excluded.on_hand_delta,
    reserved_delta = a.reserved_delta + excluded.reserved_delta, committed = a.committed + excluded.committed;
  RETURN inventory.move_rows(order_ids, '', '_archive');
END
$$;
--> statement-breakpoint
CREATE FUNCTION inventory.restore_orders(order_ids text[]) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
  IF to_regclass('inventory.stock_movements_archive') IS NULL THEN
    RETURN 0;
  END IF;
  LOCK TABLE inventory.archived_stock IN SHARE ROW EXCLUSIVE MODE;
  INSERT INTO inventory.archived_stock AS a (tenant_id, sku, on_hand_delta, reserved_delta, committed)
  SELECT tenant_id, sku, -sum(on_hand), -sum(reserved), -sum(pieces) FROM (
    SELECT tenant_id, sku, on_hand_delta AS on_hand, reserved_delta AS reserved, 0 AS pieces
    FROM ONLY inventory.stock_movements_archive WHERE order_id = ANY (order_ids)
    UNION ALL
    SELECT tenant_id, sku, 0, 0, quantity FROM ONLY inventory.reservations_archive
    WHERE order_id = ANY (order_ids) AND state = 'COMMITTED'
  ) leaving GROUP BY tenant_id, sku ORDER BY tenant_id, sku
  ON CONFLICT (tenant_id, sku) DO UPDATE SET on_hand_delta = a.on_hand_delta + excluded.on_hand_delta,
    reserved_delta = a.reserved_delta + excluded.reserved_delta, committed = a.committed + excluded.committed;
  RETURN inventory.move_rows(order_ids, '_archive', '');
END
$$;
