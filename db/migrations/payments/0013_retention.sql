-- The history of payments stays append-only, with one exception: the function below forgets that of old orders. What an
-- order has paid and got back (`operations`, `balances`) is never forgotten.
CREATE OR REPLACE FUNCTION payments.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('order_saga.forgetting', true) = 'on' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
--> statement-breakpoint

-- Forgets what happened before a time for the given orders. The caller says which orders have ended; younger rows stay,
-- whatever the caller says.
CREATE FUNCTION payments.forget_history(before timestamptz, order_ids text[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  attempts integer;
  changes integer;
BEGIN
  IF before > now() - interval '29 days' THEN
    RAISE EXCEPTION 'the history of payments is kept for 29 days at least' USING ERRCODE = 'restrict_violation';
  END IF;
  PERFORM set_config('order_saga.forgetting', 'on', true);
  DELETE FROM payments.attempts a WHERE a.order_id = ANY (order_ids) AND a.at < before;
  GET DIAGNOSTICS attempts = ROW_COUNT;
  DELETE FROM payments.operation_changes c WHERE c.order_id = ANY (order_ids) AND c.at < before;
  GET DIAGNOSTICS changes = ROW_COUNT;
  PERFORM set_config('order_saga.forgetting', '', true);
  RETURN attempts + changes;
END
$$;
