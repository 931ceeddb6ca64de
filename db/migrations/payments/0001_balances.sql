-- Balances follow the operations: an operation counts once, when it becomes SUCCEEDED, and never stops counting.
CREATE FUNCTION payments.apply_operation() RETURNS trigger LANGUAGE plpgsql AS $$
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
    voided = b.voided OR excluded.voided;
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER operations_apply AFTER INSERT OR UPDATE ON payments.operations
  FOR EACH ROW EXECUTE FUNCTION payments.apply_operation();
