#!/bin/sh
# Lets the other region take over, as the runbook calls it:
#   ./scripts/dr-failover.sh inventory-service [REGION [REASON [OPTION...]]]
# Without a region: the one that can take over, if there is exactly one and the open region's database does not answer.
# Options are those of `onhand failover`. Its configuration is ONHAND_CONFIG (default onhand.toml), its admin token
# ONHAND_TOKEN_ADMIN.
set -eu

case "${1:-}" in
inventory-service) ;;
*)
    echo "usage: $0 inventory-service [REGION [REASON]]" >&2
    exit 2
    ;;
esac

onhand=${ONHAND_BIN:-onhand}
config=${ONHAND_CONFIG:-onhand.toml}
region=${2:-}
reason=${3:-"runbook: the region is lost"}

if [ -z "$region" ]; then
    # One line of JSON; a target that is ready is {"checks":[…],"ready":true,"region":"us"}.
    status=$("$onhand" failover status --json --config "$config") || true
    ready=$(printf '%s' "$status" | grep -o '"ready":true,"region":"[^"]*"' | cut -d'"' -f6) || true
    if [ "$(printf '%s\n' "$ready" | grep -c .)" -ne 1 ] || printf '%s' "$status" | grep -q 'still answers'; then
        "$onhand" failover status --config "$config" >&2 || true
        echo "name the region that takes over: $0 inventory-service REGION" >&2
        exit 1
    fi
    region=$ready
fi

echo "failing over to $region" >&2
[ $# -lt 3 ] || shift 3
[ "${1:-}" != inventory-service ] || set --
exec "$onhand" failover --to "$region" --reason "$reason" --config "$config" "$@"
