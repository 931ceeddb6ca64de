-- What came of an act is evidence like the act itself.
CREATE TRIGGER operator_outcomes_append_only BEFORE UPDATE OR DELETE ON audit.operator_outcomes
  FOR EACH ROW EXECUTE FUNCTION audit.refuse_change();
--> statement-breakpoint
CREATE TRIGGER operator_outcomes_no_truncate BEFORE TRUNCATE ON audit.operator_outcomes
  FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
