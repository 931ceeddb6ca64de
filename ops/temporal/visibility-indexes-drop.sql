-- Temporal's visibility schema brings 73 indexes, most of them on custom search attributes that this service does not
-- use, and every workflow writes each of them twice. This drops all but the named ones and remembers the rest:
-- visibility-indexes-restore.sql puts them back, which a schema update of Temporal needs first.
--
--   psql "$VISIBILITY_DATABASE_URL" -v ON_ERROR_STOP=1 -f ops/temporal/visibility-indexes-drop.sql
--
-- What becomes slow: lists of workflows that filter only by an attribute without an index, such as TenantId, OrderStatus
-- or PlacedAt; beside ExecutionStatus = 'Running' they stay quick. Safe to run twice.

CREATE TABLE IF NOT EXISTS dropped_visibility_indexes (name text PRIMARY KEY, definition text NOT NULL);

DO $$
DECLARE
  index record;
BEGIN
  FOR index IN
    SELECT i.indexname, i.indexdef
    FROM pg_indexes i
    WHERE i.schemaname = current_schema() AND i.tablename = 'executions_visibility'
      AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conname = i.indexname)
      AND i.indexname NOT IN (
        'default_idx', 'by_execution_time', 'by_workflow_id', 'by_workflow_type', 'by_status',
        'by_parent_workflow_id', 'by_root_workflow_id',
        -- The schedule of the sweep; the first custom Keyword attribute, which is CaseKind: it is registered first.
        'by_temporal_namespace_division', 'by_keyword_01'
      )
  LOOP
    INSERT INTO dropped_visibility_indexes VALUES (index.indexname, index.indexdef) ON CONFLICT DO NOTHING;
    EXECUTE format('DROP INDEX %I', index.indexname);
  END LOOP;
END
$$;
