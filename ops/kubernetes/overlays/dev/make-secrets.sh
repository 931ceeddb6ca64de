#!/bin/sh
# Prints fresh Secrets for the overlay dev: sh make-secrets.sh | kubectl apply -f -
# Apply them once: what was sealed or stored with them needs them again.
set -eu

hexadecimal() {
  head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'
}

base64_of_random() {
  head -c 32 /dev/urandom | base64 | tr -d '\n'
}

# The namespace, so that they can be applied first.
cat "$(dirname "$0")/../../base/namespace.yaml"

# secret NAME KEY VALUE [KEY VALUE]...
secret() {
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\n  namespace: order-saga\nstringData:\n' "$1"
  shift
  while [ $# -gt 0 ]; do
    printf '  %s: "%s"\n' "$1" "$2"
    shift 2
  done
}

password=$(hexadecimal)
url="postgres://order_saga:$password@postgres:5432/order_saga"
secret database DATABASE_URL "$url"
secret api-database DATABASE_URL "$url"
secret migration-database DATABASE_URL "$url"
secret contact-keys CONTACT_KEYS "k1:$(base64_of_random)"
secret development JWT_SECRET "$(hexadecimal)" PAYMENT_WEBHOOK_SECRET "whsec_$(base64_of_random)" POSTGRES_PASSWORD "$password"
