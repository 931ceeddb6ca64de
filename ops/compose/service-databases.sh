#!/bin/sh
# Makes a database and its role for each service that has none, and gives the role its present password. A role opens no
# database of another service, and has no right on the tables of the orders. May be repeated. Reads PGHOST, PGUSER,
# PGDATABASE and PGPASSWORD (a superuser), and INVENTORY_POSTGRES_PASSWORD, PAYMENTS_POSTGRES_PASSWORD and
# NOTIFICATIONS_POSTGRES_PASSWORD.
set -eu

run() {
  psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --command "$1"
}

# ensure NAME PASSWORD: names and passwords are letters and digits, so they need no quoting.
ensure() {
  case "$2" in
    *[!0-9A-Za-z]* | '')
      echo "the password of $1 must be letters and digits" >&2
      exit 2
      ;;
  esac
  if [ -z "$(run "SELECT 1 FROM pg_roles WHERE rolname = '$1'")" ]; then
    run "CREATE ROLE $1 LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE"
  fi
  run "ALTER ROLE $1 PASSWORD '$2'"
  if [ -z "$(run "SELECT 1 FROM pg_database WHERE datname = '$1'")" ]; then
    run "CREATE DATABASE $1 OWNER $1"
  fi
  run "REVOKE CONNECT, TEMPORARY ON DATABASE $1 FROM PUBLIC"
}

ensure inventory "$INVENTORY_POSTGRES_PASSWORD"
ensure payments "$PAYMENTS_POSTGRES_PASSWORD"
ensure notifications "$NOTIFICATIONS_POSTGRES_PASSWORD"
echo 'the databases of the services are ready'
