#!/bin/sh
# Rolls an overlay out, waits, and undoes it by itself when it does not come up. Kubernetes alone does not: when its
# progress deadline passes, it says so and leaves half of each release running.
#
#   deploy/scripts/roll-out.sh deploy/kubernetes/overlays/one-region [SECONDS]
#
# 1. Everything is tried by the server without being kept.
# 2. The migration runs by the new image. If it fails, nothing else has happened: the old pods serve on.
# 3. The overlay is applied, and each deployment waited for, SECONDS (180) at most.
# 4. If one does not come up, every deployment goes back to what it was: the image and its configuration, whose names
#    carry a digest of it.
#
# 0: rolled out. 1: refused, or the migration failed; nothing was changed. 2: undone. 3: it could not be undone.
#
# With ALERTMANAGER_URL it ends by naming the silences that hold alerts back.
set -eu

overlay=$1
seconds=${2:-180}
here=$(cd "$(dirname "$0")" && pwd)
namespace=${NAMESPACE:-production}
deployments="inventory-service inventory-edge"
kube() { kubectl --namespace "$namespace" "$@"; }
say() { echo "roll-out: $*"; }

rendered=$(mktemp)
trap 'rm -f "$rendered"' EXIT
kubectl kustomize "$overlay" >"$rendered"
image=$(sed -n 's/^ *image: //p' "$rendered" | sort -u)
if [ "$(echo "$image" | wc -l)" != 1 ]; then
  say "refused: the overlay names several images: $image"
  exit 1
fi
if ! kubectl apply --dry-run=server -f "$rendered" >/dev/null; then
  say "refused by the server; nothing was changed"
  exit 1
fi

# What the release before is, to come back to; none at the first roll-out.
revision() { kube get "deployment/$1" -o jsonpath='{.metadata.annotations.deployment\.kubernetes\.io/revision}' 2>/dev/null || true; }
before=""
for deployment in $deployments; do before="$before $deployment=$(revision "$deployment")"; done

say "migrating by $image"
kube delete job/inventory-flyway --ignore-not-found --wait >/dev/null
sed "s|image: onhand$|image: $image|" "$here/../kubernetes/base/inventory-flyway-job.yaml" | kube apply -f - >/dev/null
waited=0
while :; do
  ended=$(kube get job/inventory-flyway -o jsonpath='{range .status.conditions[?(@.status=="True")]}{.type} {end}')
  case $ended in
    *Complete*) break ;;
    *Failed*)
      say "the migration failed; nothing else was changed. Its log:"
      kube logs job/inventory-flyway --tail=20 || true
      exit 1 ;;
  esac
  if [ "$waited" -ge 600 ]; then say "the migration has not ended; nothing else was changed"; exit 1; fi
  sleep 1
  waited=$((waited + 1))
done

say "rolling out $image"
kubectl apply -f "$rendered" >/dev/null
failed=""
for deployment in $deployments; do
  kube rollout status "deployment/$deployment" --timeout="${seconds}s" || { failed=$deployment; break; }
done
if [ -z "$failed" ]; then
  say "rolled out"
  if [ -n "${ALERTMANAGER_URL:-}" ]; then
    amtool silence query --alertmanager.url="$ALERTMANAGER_URL" | sed '1s/^/roll-out: silences that hold alerts back now:\n/'
  fi
  exit 0
fi

say "$failed does not come up; undoing"
kube get pods -l "app=$failed" || true
undone=0
for pair in $before; do
  deployment=${pair%%=*} was=${pair#*=}
  now=$(revision "$deployment")
  [ "$now" = "$was" ] && continue
  if [ -z "$was" ]; then
    say "$deployment has no release to go back to: it stays as it is"
    undone=3
    continue
  fi
  kube rollout undo "deployment/$deployment" --to-revision="$was" || undone=3
done
for deployment in $deployments; do
  kube rollout status "deployment/$deployment" --timeout="${seconds}s" || undone=3
done
if [ "$undone" != 0 ]; then say "NOT undone: somebody must look"; exit 3; fi
say "undone: the release before serves"
exit 2
