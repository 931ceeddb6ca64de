#!/bin/sh
# Prints fresh secrets for docker-compose.yml: sh ops/compose/make-env.sh > .env
# Keep the file: what was sealed or stored with these secrets needs them again.
set -eu

hexadecimal() {
  head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'
}

# 32 bytes each. The passwords stand in connection strings, hence no base64.
cat <<END
JWT_SECRET=$(hexadecimal)
CONTACT_KEYS=k1:$(head -c 32 /dev/urandom | base64 | tr -d '\n')
PAYMENT_WEBHOOK_SECRET=whsec_$(head -c 32 /dev/urandom | base64 | tr -d '\n')
POSTGRES_PASSWORD=$(hexadecimal)
API_DATABASE_PASSWORD=$(hexadecimal)
WORKER_DATABASE_PASSWORD=$(hexadecimal)
COMBINED_DATABASE_PASSWORD=$(hexadecimal)
TEMPORAL_POSTGRES_PASSWORD=$(hexadecimal)
INVENTORY_POSTGRES_PASSWORD=$(hexadecimal)
PAYMENTS_POSTGRES_PASSWORD=$(hexadecimal)
NOTIFICATIONS_POSTGRES_PASSWORD=$(hexadecimal)
GRAFANA_PASSWORD=$(hexadecimal)
END
