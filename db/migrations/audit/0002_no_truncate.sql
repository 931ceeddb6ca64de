-- The application may own the table, where one role does everything: then rights alone would let it empty the table.
CREATE TRIGGER operator_actions_no_truncate BEFORE TRUNCATE ON audit.operator_actions
  FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
