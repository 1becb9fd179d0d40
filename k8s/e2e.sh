#!/usr/bin/env bash
# k8s/e2e.sh: installs the chart with everything in it into the cluster that KUBECONFIG names, and proves it there.
# Needs helm, kubectl, Node and k6 (scripts/tools-k6) for the nodes' platform, and the cluster must have the images
# milena-<service>:E2E_TAG and :E2E_NEXT_TAG (see k8s/README.md).
#
#   E2E_TAG=0.1.0 E2E_NEXT_TAG=0.1.0-next   tags to install and to upgrade to
#   E2E_NAMESPACE=milena-e2e                made and deleted
#   E2E_ARGS='--set …'                      further arguments of helm install and upgrade
#   E2E_RATE=20 E2E_HPA_RATE=150            events a second: steady, and to make ingest scale
#   E2E_UPGRADE_S=150 E2E_HPA_S=300         for so long k6 sends: the upgrade, and ingest's scaling, must be done by then
#   E2E_ONLY='install upgrade …'            some of the steps: install upgrade delivery kafka postgres keep scale
#   E2E_KEEP=1                              leaves everything running
# Ends non-zero when something does not hold. Takes ten to twenty minutes.
set -uo pipefail
cd "$(dirname "$0")/.."

NAMESPACE=${E2E_NAMESPACE:-milena-e2e} RELEASE=milena
TAG=${E2E_TAG:-0.1.0} NEXT=${E2E_NEXT_TAG:-0.1.0-next}
RATE=${E2E_RATE:-20} HPA_RATE=${E2E_HPA_RATE:-150}
UPGRADE_S=${E2E_UPGRADE_S:-150} HPA_S=${E2E_HPA_S:-300}
read -ra ARGS <<<"${E2E_ARGS:-}"
STEPS=${E2E_ONLY:-install upgrade delivery kafka postgres keep scale}
SUMMARY=() FAILED=0

say() { printf '%5d s  %s\n' "$SECONDS" "$*"; }
kube() { kubectl --namespace "$NAMESPACE" "$@"; }
in_driver() { kube exec -i e2e-driver --container driver -- "$@"; }
driver() { in_driver node /state/k8s/e2e/driver.mjs "$@"; }
chart() { # install|upgrade TAG: the receiver stays as it is, since it counts
  helm "$1" "$RELEASE" charts/milena --namespace "$NAMESPACE" -f charts/milena/values-k3s.yaml --wait --timeout 10m \
    --set image.tag="$2" --set demoReceiver.image.tag="$TAG" --set settings.ALLOWED_PRIVATE_TARGETS="$RECEIVER_IP/32" \
    "${ARGS[@]}" >/dev/null
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

# What runs in the pod: the verifier of load-tests as it is built here, its scenarios, k6.
copy_to_driver() {
  npx turbo run build --filter=@milena/load-tests --output-logs=errors-only >/dev/null 2>&1 || return 1
  tar -cf - load-tests/dist load-tests/k6 k8s/e2e/driver.mjs | in_driver tar -C /state -xf - &&
    in_driver sh -c 'cat >/state/k6 && chmod +x /state/k6' <"$K6" &&
    in_driver /state/k6 version &&
    in_driver touch /state/ready
}

start_driver() {
  sed "s/RELEASE/$RELEASE/; s/TAG/$TAG/" k8s/e2e/driver.yaml | kube apply -f - >/dev/null &&
    kube wait --for=jsonpath='{.status.phase}'=Running pod/e2e-driver --timeout 2m >/dev/null &&
    copy_to_driver &&
    kube wait --for=condition=Ready pod/e2e-driver --timeout 2m >/dev/null
}

# k6 sends at a steady rate, over connections that it keeps, as producers do, and what it was told is held against what
# arrived and against the API, by id (load-tests/). None refused, none unanswered, none lost, none twice, or it fails. How
# fast is not the point where one node has everything: RATE SECONDS.
k6_load() {
  in_driver env K6=/state/k6 RECEIVER=http://e2e-receiver:8090 RECEIVER_SEEN=http://127.0.0.1:8091 \
    RATE="$1" DURATION="$2s" SUBSCRIPTIONS=24 DUPLICATES=0 SETTLE_S=240 P99_MS=2000 DELIVERED_P99_MS=60000 DROPPED=0.1 \
    sh -c 'KEY=$API_KEY exec node /state/load-tests/dist/main.cjs load' 2>&1
}

# COMMAND must be done 15 s before k6 is, so that what it leaves behind is under load, too: RATE SECONDS COMMAND...
under_k6() {
  local rate=$1 seconds=$2 begun=$SECONDS report load code
  shift 2
  report=$(mktemp)
  k6_load "$rate" "$seconds" >"$report" &
  load=$!
  sleep 10
  "$@"
  code=$?
  [ $((SECONDS - begun)) -le $((seconds - 15)) ] || { echo "took $((SECONDS - begun)) s, and k6 sent for $seconds s"; code=1; }
  wait $load || code=1
  if [ $code -eq 0 ]; then
    grep -E '^ +(events|receiver) ' "$report"
    rm "$report"
  else
    grep -E 'BROKEN|WRONG|Error|failed' "$report"
    echo "all that was said: $report"
  fi
  return $code
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
  driver prepare past >/dev/null && driver load past 10 5 >/dev/null && driver settle past >/dev/null || return 1
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
  count=$(in_driver node -p 'JSON.parse(require("fs").readFileSync("/state/kept.load.json")).accepted.length')
  driver wait-requests /ok/kept "$count"
}

second_ingest() {
  local end=$((SECONDS + HPA_S - 30)) replicas=1
  while [ $SECONDS -lt $end ] && [ "${replicas:-1}" -lt 2 ]; do
    sleep 5
    replicas=$(kube get "deploy/$RELEASE-ingest" -o jsonpath='{.status.readyReplicas}')
  done
  echo "$replicas pods of ingest after $((SECONDS - end + HPA_S - 30)) s"
  [ "${replicas:-1}" -ge 2 ]
}

step() { [[ " $STEPS " == *" $1 "* ]]; }

# All of it is read before it begins, so that the file may change meanwhile.
main() {
  trap cleanup EXIT
  if ! command -v helm >/dev/null || ! command -v kubectl >/dev/null; then
    echo "needs helm and kubectl" >&2
    exit 1
  fi
  K6=$(scripts/tools-k6) || exit 1
  kubectl create namespace "$NAMESPACE" --dry-run=client -o yaml | kubectl apply -f - >/dev/null || exit 1
  # Pods that are not hardened are refused.
  kubectl label namespace "$NAMESPACE" pod-security.kubernetes.io/enforce=restricted --overwrite >/dev/null

  kube apply -f k8s/e2e/receiver.yaml >/dev/null || exit 1
  RECEIVER_IP=$(kube get service e2e-receiver -o jsonpath='{.spec.clusterIP}')

  if step install; then
    holds "helm install comes up" chart install "$TAG" || exit 1
    holds "helm test: an event is delivered and logged" helm test "$RELEASE" --namespace "$NAMESPACE" --logs
  fi
  holds "the driver runs" start_driver || exit 1
  if step upgrade; then
    holds "helm upgrade under k6's load: none refused, lost or repeated" under_k6 "$RATE" "$UPGRADE_S" chart upgrade "$NEXT"
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
    holds "the history is as it was" driver still-there past
    holds "helm test passes again" helm test "$RELEASE" --namespace "$NAMESPACE" --logs
  fi
  if step scale; then holds "ingest scales under k6's load: none refused, lost or repeated" under_k6 "$HPA_RATE" "$HPA_S" second_ingest; fi
  exit $FAILED
}
main
exit
