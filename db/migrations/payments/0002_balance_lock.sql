-- As 0001, but captures and refunds lock the balance first, and a charge after a void counts again.
CREATE OR REPLACE FUNCTION payments.apply_operation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.state = 'SUCCEEDED' THEN
    IF NEW.state <> 'SUCCEEDED' OR NEW.amount_minor <> OLD.amount_minor THEN
      RAISE EXCEPTION 'operation % has succeeded and cannot change', OLD.key USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
  END IF;
  IF NEW.state <> 'SUCCEEDED' THEN
    RETURN NULL;
  END IF;
  -- Captures and refunds need a balance that covers them: an UPDATE, because the CHECK would judge the row that an
  -- INSERT ... ON CONFLICT proposes before the conflict is seen.
  IF NEW.kind IN ('capture', 'refund') THEN
    -- In a statement of its own, so that the next one sees what another operation committed meanwhile: otherwise the
    -- CHECK would judge the sum of the old version and refuse what is covered.
    PERFORM FROM payments.balances WHERE order_id = NEW.order_id FOR UPDATE;
    UPDATE payments.balances SET
      captured_minor = captured_minor + CASE WHEN NEW.kind = 'capture' THEN NEW.amount_minor ELSE 0 END,
      refunded_minor = refunded_minor + CASE WHEN NEW.kind = 'refund' THEN NEW.amount_minor ELSE 0 END
    WHERE order_id = NEW.order_id;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'operation % has no charge to draw on', NEW.key USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
  END IF;
  INSERT INTO payments.balances AS b (order_id, tenant_id, authorized_minor, captured_minor, voided)
  VALUES (
    NEW.order_id,
    NEW.tenant_id,
    CASE WHEN NEW.kind IN ('sale', 'authorize') THEN NEW.amount_minor ELSE 0 END,
    CASE WHEN NEW.kind = 'sale' THEN NEW.amount_minor ELSE 0 END,
    NEW.kind = 'void'
  )
  ON CONFLICT (order_id) DO UPDATE SET
    authorized_minor = b.authorized_minor + excluded.authorized_minor,
    captured_minor = b.captured_minor + excluded.captured_minor,
    -- A charge of a later generation follows the tombstone of the one before it.
    voided = excluded.voided;
  RETURN NULL;
END
$$;
