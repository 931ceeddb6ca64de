-- What was tried is evidence: rows are added, never changed.
CREATE FUNCTION notifications.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
--> statement-breakpoint
CREATE TRIGGER message_attempts_append_only BEFORE UPDATE OR DELETE ON notifications.message_attempts
  FOR EACH ROW EXECUTE FUNCTION notifications.refuse_change();
--> statement-breakpoint
-- Of what was there before, the last attempt is all that is known.
INSERT INTO notifications.message_attempts (order_id, template, channel, attempt, tenant_id, outcome, at)
SELECT order_id, template, channel, attempts, tenant_id, state, updated_at FROM notifications.messages;
