#!/bin/bash
# `make test-deploy`: every overlay against a real API server, and roll-outs that go well, fail and are undone.
set -euo pipefail
cd "$(dirname "$0")/../.."
deploy/test/tools.sh kubernetes
source deploy/test/cluster.sh
overlays="deploy/kubernetes/overlays/one-region deploy/kubernetes/overlays/two-regions/eu deploy/kubernetes/overlays/two-regions/us"
passed=0
ok() { passed=$((passed + 1)); echo "ok: $*"; }
fail() { echo "FAILED: $*"; kubectl get pods -A; exit 1; }

cluster_up
kubectl create namespace production
kubectl create namespace monitoring
# What the Prometheus Operator would bring.
kubectl apply -f - <<EOF2
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: servicemonitors.monitoring.coreos.com}
spec:
  group: monitoring.coreos.com
  names: {kind: ServiceMonitor, plural: servicemonitors, singular: servicemonitor, listKind: ServiceMonitorList}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
EOF2
kubectl wait --for=condition=Established crd/servicemonitors.monitoring.coreos.com --timeout=60s >/dev/null

for overlay in $overlays; do
  kubectl apply --dry-run=server -k "$overlay" >/dev/null || fail "$overlay is refused"
  ok "the server takes $overlay"
done
# What only a server sees: a selector that does not match its labels.
kubectl kustomize deploy/kubernetes/overlays/one-region | sed '/matchLabels:/{n;s/inventory-edge/inventory-egde/}' >"$work/bad.yaml"
if kubectl apply --dry-run=server -f "$work/bad.yaml" >/dev/null 2>&1; then fail "a selector that matches nothing is taken"; fi
ok "the server refuses a selector that does not match its labels"

release() { # TAG
  mkdir -p "$work/$1"
  cp -r deploy/kubernetes "$work/$1/"
  sed -i "s/newTag: .*/newTag: $1/" "$work/$1/kubernetes/overlays/one-region/kustomization.yaml"
  echo "$work/$1/kubernetes/overlays/one-region"
}
image() { kubectl -n production get "deployment/$1" -o jsonpath='{.spec.template.spec.containers[0].image}'; }
settled() { kubectl -n production get "deployment/$1" -o jsonpath='{.status.readyReplicas}/{.status.replicas}/{.status.updatedReplicas}'; }
roll() { deploy/scripts/roll-out.sh "$1" 60 >"$work/roll.log" 2>&1 && echo 0 || echo $?; }

[ "$(roll "$(release one)")" = 0 ] || { cat "$work/roll.log"; fail "the first roll-out"; }
[ "$(image inventory-service)" = registry.invalid/onhand:one ] && [ "$(settled inventory-edge)" = 3/3/3 ] || fail "what rolled out"
ok "the first roll-out: $(settled inventory-service) $(settled inventory-edge)"

[ "$(roll "$(release two)")" = 0 ] || { cat "$work/roll.log"; fail "the second roll-out"; }
[ "$(image inventory-edge)" = registry.invalid/onhand:two ] || fail "the second image"
ok "the second roll-out"

code=$(roll "$(release bad-migration)")
[ "$code" = 1 ] && [ "$(image inventory-service)" = registry.invalid/onhand:two ] || { cat "$work/roll.log"; fail "a failing migration: $code"; }
ok "a migration that fails stops the roll-out before any pod: $(grep 'migration failed' "$work/roll.log")"

config() { kubectl -n production get deployment/inventory-service -o jsonpath='{.spec.template.spec.volumes[0].configMap.name}'; }
before=$(config)
broken=$(release broken)
echo '# changed' >>"$work/broken/kubernetes/base/onhand.toml"
code=$(roll "$broken")
[ "$code" = 2 ] || { cat "$work/roll.log"; fail "an image that does not start: $code"; }
for deployment in inventory-service inventory-edge; do
  [ "$(image $deployment)" = registry.invalid/onhand:two ] && [ "$(settled $deployment)" = 3/3/3 ] || fail "$deployment: $(image $deployment) $(settled $deployment)"
done
[ "$(config)" = "$before" ] || fail "the configuration did not go back: $(config), $before"
ok "an image that does not start is undone by itself, its configuration with it"

# Never fewer than three served: the broken release only ever had the one pod more.
kubectl -n production get pdb inventory-edge -o jsonpath='{.status.disruptionsAllowed}' | grep -qx 1 || fail "the disruption budget"
ok "the disruption budget allows one pod at a time"
kubectl -n production get hpa inventory-edge inventory-service >/dev/null || fail "the autoscalers"
ok "the autoscalers are there"
echo "$passed passed, 0 failed"
