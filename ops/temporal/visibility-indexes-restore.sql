-- Puts back what visibility-indexes-drop.sql has dropped, before a schema update of Temporal. Locks the table against
-- writes while it builds: Temporal retries meanwhile, nothing is lost.
--
--   psql "$VISIBILITY_DATABASE_URL" -v ON_ERROR_STOP=1 -f ops/temporal/visibility-indexes-restore.sql

DO $$
DECLARE
  index record;
BEGIN
  FOR index IN SELECT name, definition FROM dropped_visibility_indexes LOOP
    IF to_regclass(format('%I', index.name)) IS NULL THEN
      EXECUTE index.definition;
    END IF;
  END LOOP;
END
$$;

DROP TABLE dropped_visibility_indexes;
