#!/usr/bin/env bash
# k8s/e2e.sh: installs the chart with everything in it into the cluster that KUBECONFIG names, and proves it there.
# Needs helm and kubectl, and the cluster must have the images milena-<service>:E2E_TAG and :E2E_NEXT_TAG (see k8s/README.md).
#
#   E2E_TAG=0.1.0 E2E_NEXT_TAG=0.1.0-next   tags to install and to upgrade to
#   E2E_NAMESPACE=milena-e2e                made and deleted
#   E2E_ARGS='--set …'                      further arguments of helm install and upgrade
#   E2E_RATE=20 E2E_HPA_RATE=150            events a second: steady, and to make ingest scale
#   E2E_ONLY='install upgrade …'            some of the steps: install upgrade delivery kafka postgres keep scale
#   E2E_KEEP=1                              leaves everything running
# Ends non-zero when something does not hold. Takes five to fifteen minutes.
set -uo pipefail
cd "$(dirname "$0")/.."

NAMESPACE=${E2E_NAMESPACE:-milena-e2e} RELEASE=milena
TAG=${E2E_TAG:-0.1.0} NEXT=${E2E_NEXT_TAG:-0.1.0-next}
RATE=${E2E_RATE:-20} HPA_RATE=${E2E_HPA_RATE:-150}
read -ra ARGS <<<"${E2E_ARGS:-}"
STEPS=${E2E_ONLY:-install upgrade delivery kafka postgres keep scale}
SUMMARY=() FAILED=0

say() { printf '%5d s  %s\n' "$SECONDS" "$*"; }
kube() { kubectl --namespace "$NAMESPACE" "$@"; }
driver() { kube exec e2e-driver -- node /e2e/driver.mjs "$@"; }
chart() { # install|upgrade TAG: the receiver stays as it is, since it counts
  helm "$1" "$RELEASE" charts/milena --namespace "$NAMESPACE" -f charts/milena/values-k3s.yaml --wait --timeout 10m \
    --set image.tag="$2" --set demoReceiver.image.tag="$TAG" "${ARGS[@]}" >/dev/null
}

holds() { # WHAT COMMAND...: notes whether it does; what the command said goes into the summary
  local what=$1 said code
  shift
  said=$("$@" 2>&1)
  code=$?
  said=$(tail -n 3 <<<"$said" | paste -sd ' ')
  if [ $code -eq 0 ]; then
    SUMMARY+=("ok    $what${said:+: $said}")
  else
    FAILED=1
    SUMMARY+=("FAIL  $what: $said")
  fi
  say "${SUMMARY[-1]}"
  return $code
}

cleanup() {
  local code=$?
  trap - EXIT
  if [ $FAILED -ne 0 ]; then
    kube get pods,hpa -o wide
    kube get events --sort-by=.lastTimestamp | tail -n 20
    for part in ingest subscriptions delivery recorder; do kube logs "deploy/$RELEASE-$part" --tail 8 2>&1 | cut -c 1-300; done
  fi
  if [ "${E2E_KEEP:-}" = 1 ]; then
    say "kept: namespace $NAMESPACE"
  else
    say "deleting namespace $NAMESPACE"
    kubectl delete namespace "$NAMESPACE" --timeout 5m >/dev/null
  fi
  printf '\nSummary\n'
  printf '%s\n' "${SUMMARY[@]}"
  if [ $FAILED -eq 0 ] && [ $code -eq 0 ]; then
    echo "PASSED"
  else
    echo "FAILED"
    exit 1
  fi
}

start_driver() {
  kube create configmap e2e-driver --from-file=driver.mjs=k8s/e2e/driver.mjs --dry-run=client -o yaml | kube apply -f - &&
    sed "s/RELEASE/$RELEASE/; s/TAG/$TAG/" k8s/e2e/driver.yaml | kube apply -f - &&
    kube wait --for=condition=Ready pod/e2e-driver --timeout 2m
}

# Sends events while COMMAND runs, and for some seconds around it: PHASE MOST_REFUSED COMMAND...
under_load() {
  local phase=$1 refused=$2 load code
  shift 2
  driver prepare "$phase" >/dev/null || return 1
  driver load "$phase" "$RATE" 900 >/dev/null &
  load=$!
  sleep 10
  "$@" >/dev/null
  code=$?
  sleep 10
  driver stop "$phase"
  wait $load
  [ $code -eq 0 ] || return $code
  driver settle "$phase" "$refused"
}

delete_pod() { # PART KIND [OPTION...]: and waits until there is one again
  local part=$1 kind=$2
  shift 2
  kube delete pod -l "app.kubernetes.io/component=$part" "$@" &&
    sleep 2 &&
    kube rollout status "$kind/$RELEASE-$part" --timeout 5m
}

no_repeats() { grep -q '"repeats":0' <<<"$1" || { echo "$1"; return 1; }; echo "$1"; }

upgrade_quietly() {
  local said
  said=$(under_load upgrade 0 chart upgrade "$NEXT") || { echo "$said"; return 1; }
  no_repeats "$said"
}

runs_next() {
  local images
  images=$(kube get pods -l 'app.kubernetes.io/component in (ingest,subscriptions,delivery,recorder)' \
    --field-selector status.phase=Running -o jsonpath='{.items[*].spec.containers[0].image}')
  [ -n "$images" ] && ! tr ' ' '\n' <<<"$images" | grep -v ":$NEXT\$"
}

secrets_of() { kube get secret "$RELEASE-secrets" -o jsonpath='{.data}' | sha256sum; }

reinstall() {
  local before
  before=$(secrets_of)
  driver prepare kept >/dev/null || return 1
  # Accepted, and nobody there to deliver it.
  kube scale "deploy/$RELEASE-delivery" --replicas 0 >/dev/null &&
    kube wait --for=delete pod -l app.kubernetes.io/component=delivery --timeout 2m >/dev/null
  driver load kept 10 5 >/dev/null || return 1
  helm uninstall "$RELEASE" --namespace "$NAMESPACE" --wait --timeout 5m >/dev/null || return 1
  # The pod of helm test stays, as hooks do.
  kube wait --for=delete pod -l "app.kubernetes.io/instance=$RELEASE,app.kubernetes.io/component!=test" --timeout 3m >/dev/null
  [ "$(kube get pvc --no-headers | wc -l)" -eq 3 ] || { echo "the volumes are gone"; return 1; }
  chart install "$NEXT" || return 1
  [ "$(secrets_of)" = "$before" ] || { echo "the secrets are others"; return 1; }
}

kept_delivered() {
  local count
  count=$(kube exec e2e-driver -- node -p 'JSON.parse(require("fs").readFileSync("/state/kept.load.json")).accepted.length')
  driver wait-requests /ok/kept "$count"
}

scales() {
  driver prepare scale >/dev/null || return 1
  driver load scale "$HPA_RATE" 600 >/dev/null &
  local load=$! replicas=1 end=$((SECONDS + 580))
  while [ $SECONDS -lt $end ] && [ "${replicas:-1}" -lt 2 ]; do
    sleep 5
    replicas=$(kube get "deploy/$RELEASE-ingest" -o jsonpath='{.status.readyReplicas}')
  done
  driver stop scale
  wait $load
  kube get "hpa/$RELEASE-ingest" --no-headers
  [ "${replicas:-1}" -ge 2 ] || return 1
  driver settle scale 0
}

step() { [[ " $STEPS " == *" $1 "* ]]; }

# All of it is read before it begins, so that the file may change meanwhile.
main() {
  trap cleanup EXIT
  if ! command -v helm >/dev/null || ! command -v kubectl >/dev/null; then
    echo "needs helm and kubectl" >&2
    exit 1
  fi
  kubectl create namespace "$NAMESPACE" --dry-run=client -o yaml | kubectl apply -f - >/dev/null || exit 1
  # Pods that are not hardened are refused.
  kubectl label namespace "$NAMESPACE" pod-security.kubernetes.io/enforce=restricted --overwrite >/dev/null

  if step install; then
    holds "helm install comes up" chart install "$TAG" || exit 1
    holds "helm test: an event is delivered and logged" helm test "$RELEASE" --namespace "$NAMESPACE" --logs
  fi
  holds "the driver runs" start_driver || exit 1
  if step upgrade; then
    holds "helm upgrade under load: none refused, lost or repeated" upgrade_quietly
    holds "every pod runs the new image" runs_next
  fi
  if step delivery; then
    holds "a delivery pod killed: nothing lost, repeats told" under_load delivery 0 delete_pod delivery deploy --force --grace-period 0
  fi
  # While Kafka is away ingest says so: what it refuses it has not accepted.
  if step kafka; then holds "the Kafka pod deleted: nothing lost" under_load kafka 1000000 delete_pod kafka statefulset; fi
  if step postgres; then holds "the Postgres pod deleted: nothing lost" under_load postgres 1000000 delete_pod postgres statefulset; fi
  if step keep; then
    holds "helm uninstall and install keep volumes and secrets" reinstall
    holds "what waited was delivered, once" kept_delivered
    if step upgrade; then holds "the history is as it was" driver still-there upgrade; fi
    holds "helm test passes again" helm test "$RELEASE" --namespace "$NAMESPACE" --logs
  fi
  if step scale; then holds "ingest scales under load, and all of it is delivered" scales; fi
  exit $FAILED
}
main
exit
