#!/bin/sh
# Makes a login for each process: a member of the roles that `migrate --roles` has made. Repeating it is harmless, and sets
# the passwords of .env again. docs/operations.md says what each role may do.
set -eu

psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 \
  --set api="$API_DATABASE_PASSWORD" --set worker="$WORKER_DATABASE_PASSWORD" --set combined="$COMBINED_DATABASE_PASSWORD" <<'SQL'
SET client_min_messages = warning;
SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest(ARRAY['api', 'worker', 'combined']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE api PASSWORD :'api';
ALTER ROLE worker PASSWORD :'worker';
ALTER ROLE combined PASSWORD :'combined';
GRANT order_saga_api TO api;
GRANT order_saga_worker TO worker;
GRANT order_saga_api, order_saga_worker TO combined;
SQL

# A member of order_saga_tools sees all tenants.
if [ "$DATABASE_ROW_LEVEL_SECURITY" = true ]; then
  psql --no-psqlrc --quiet --command 'REVOKE order_saga_tools FROM api'
else
  psql --no-psqlrc --quiet --command 'GRANT order_saga_tools TO api'
fi
