#!/bin/sh
# Prepares Temporal in two moments, each with the tools of the admin-tools image:
#   temporal-bootstrap.sh schema      before the server starts: its two databases, in the schema of these tools
#   temporal-bootstrap.sh namespace   when it runs: the namespace, and the search attributes that workflows set
# Both may be repeated: what exists stays, and an older schema is brought up to date.
# `schema` reads SQL_PLUGIN, SQL_HOST, SQL_PORT, SQL_USER and SQL_PASSWORD, `namespace` TEMPORAL_ADDRESS and
# TEMPORAL_NAMESPACE.
set -eu

# How long the history of a closed workflow is kept.
RETENTION=7d

# Servers come up part by part, and each part learns of a new namespace only after some seconds, so a step is
# repeated until it is done: 60 tries, 2 s apart, are two minutes.
retry() {
  left=60
  until "$@"; do
    left=$((left - 1))
    if [ "$left" -eq 0 ]; then
      echo "gave up: $*" >&2
      exit 1
    fi
    sleep 2
  done
}

prepare_database() {
  temporal-sql-tool --db "$1" create &&
    temporal-sql-tool --db "$1" setup-schema -v 0.0 &&
    temporal-sql-tool --db "$1" update-schema --schema-name "$2"
}

ensure_namespace() {
  temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
    temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"
}

# ensure_search_attribute NAME TYPE: one that is not registered fails the workflow task for ever.
ensure_search_attribute() {
  temporal operator search-attribute list --namespace "$TEMPORAL_NAMESPACE" | grep -qw "$1" ||
    temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name "$1" --type "$2"
}

case "${1:-}" in
  schema)
    retry prepare_database temporal postgresql/v12/temporal
    retry prepare_database temporal_visibility postgresql/v12/visibility
    ;;
  namespace)
    retry ensure_namespace
    # src/workflows/search-attributes.ts says what they are. PostgreSQL gives each the next free column, in this order.
    retry ensure_search_attribute CaseKind Keyword
    retry ensure_search_attribute TenantId Keyword
    retry ensure_search_attribute OrderStatus Keyword
    retry ensure_search_attribute PlacedAt Datetime
    ;;
  *)
    echo "usage: temporal-bootstrap.sh schema|namespace" >&2
    exit 2
    ;;
esac
echo "Temporal's $1 is ready"
