-- What happened to an operation is evidence: rows are added, never changed.
CREATE FUNCTION payments.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
--> statement-breakpoint
CREATE TRIGGER attempts_append_only BEFORE UPDATE OR DELETE ON payments.attempts
  FOR EACH ROW EXECUTE FUNCTION payments.refuse_change();
--> statement-breakpoint
CREATE TRIGGER operation_changes_append_only BEFORE UPDATE OR DELETE ON payments.operation_changes
  FOR EACH ROW EXECUTE FUNCTION payments.refuse_change();
--> statement-breakpoint
-- Of what was there before, the last state is all that is known.
INSERT INTO payments.operation_changes
  (order_id, tenant_id, key, kind, generation, state, amount_minor, currency, decline_code, provider_ref, at)
SELECT order_id, tenant_id, key, kind, generation, state, amount_minor, currency, decline_code, provider_ref, updated_at
FROM payments.operations ORDER BY updated_at, key;
--> statement-breakpoint
-- By the clock and not by the start of the transaction: changes of one row follow each other also when one waited for it.
CREATE FUNCTION payments.note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO payments.operation_changes
    (order_id, tenant_id, key, kind, generation, state, amount_minor, currency, decline_code, provider_ref, at)
  VALUES (NEW.order_id, NEW.tenant_id, NEW.key, NEW.kind, NEW.generation, NEW.state, NEW.amount_minor, NEW.currency,
    NEW.decline_code, NEW.provider_ref, clock_timestamp());
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER operations_note_first AFTER INSERT ON payments.operations
  FOR EACH ROW EXECUTE FUNCTION payments.note_change();
--> statement-breakpoint
CREATE TRIGGER operations_note_next AFTER UPDATE ON payments.operations
  FOR EACH ROW WHEN (
    (OLD.state, OLD.amount_minor, OLD.decline_code, OLD.provider_ref)
    IS DISTINCT FROM (NEW.state, NEW.amount_minor, NEW.decline_code, NEW.provider_ref)
  ) EXECUTE FUNCTION payments.note_change();
