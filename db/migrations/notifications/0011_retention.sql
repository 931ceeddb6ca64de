-- Attempts stay append-only, with one exception: the function below forgets messages of old orders with their attempts.
CREATE OR REPLACE FUNCTION notifications.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('order_saga.forgetting', true) = 'on' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
--> statement-breakpoint

-- Forgets what was sent before a time for the given orders. The caller says which orders have ended; younger rows stay,
-- whatever the caller says.
CREATE FUNCTION notifications.forget_messages(before timestamptz, order_ids text[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  forgotten integer;
BEGIN
  IF before > now() - interval '29 days' THEN
    RAISE EXCEPTION 'messages are kept for 29 days at least' USING ERRCODE = 'restrict_violation';
  END IF;
  PERFORM set_config('order_saga.forgetting', 'on', true);
  DELETE FROM notifications.message_attempts a WHERE a.order_id = ANY (order_ids) AND a.at < before;
  PERFORM set_config('order_saga.forgetting', '', true);
  DELETE FROM notifications.messages m WHERE m.order_id = ANY (order_ids) AND m.created_at < before
    AND m.state IN ('SENT', 'GAVE_UP') AND NOT EXISTS (SELECT FROM notifications.message_attempts a
      WHERE a.order_id = m.order_id AND a.template = m.template AND a.channel = m.channel);
  GET DIAGNOSTICS forgotten = ROW_COUNT;
  RETURN forgotten;
END
$$;
