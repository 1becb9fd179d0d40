#!/usr/bin/env bash
# k8s/production/secrets.sh [NAMESPACE]: makes the secrets that values-production.yaml names and no operator writes. What is
# there already stays as it is.
set -euo pipefail
NAMESPACE=${1:-milena}

make() { # NAME LITERAL...
  local name=$1
  shift
  if kubectl --namespace "$NAMESPACE" get secret "$name" >/dev/null 2>&1; then
    echo "$name: there already"
  else
    kubectl --namespace "$NAMESPACE" create secret generic "$name" "${@/#/--from-literal=}"
  fi
}

redis=$(openssl rand -hex 24)
make milena-auth "api-key=$(openssl rand -hex 24)" "secrets-key=$(openssl rand -base64 32)"
make milena-clickhouse "password=$(openssl rand -hex 24)"
make milena-redis "password=$redis" "url=redis://:$redis@milena-redis:6379/0"
make milena-keda sasl=scram_sha512 tls=enable username=milena
