-- What operators did is evidence: rows are added, never changed. TRUNCATE stays possible for development.
CREATE FUNCTION audit.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
--> statement-breakpoint
CREATE TRIGGER operator_actions_append_only BEFORE UPDATE OR DELETE ON audit.operator_actions
  FOR EACH ROW EXECUTE FUNCTION audit.refuse_change();
