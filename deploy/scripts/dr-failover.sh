#!/bin/sh
# Lets the other region take over, as the runbook calls it:
#   ./scripts/dr-failover.sh inventory-service [REGION [REASON]]
# Without a region: the one that can take over, if there is exactly one. Everything else is `onhand failover`, whose
# configuration is ONHAND_CONFIG (default onhand.toml), and whose admin token is ONHAND_TOKEN_ADMIN.
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
    ready=$("$onhand" failover status --json --config "$config" | grep -o '"ready":true,"region":"[^"]*"' | cut -d'"' -f6) || true
    if [ "$(printf '%s\n' "$ready" | grep -c .)" -ne 1 ]; then
        echo "name the region that takes over: $0 inventory-service REGION" >&2
        "$onhand" failover status --config "$config" >&2 || true
        exit 1
    fi
    region=$ready
fi

echo "failing over to $region" >&2
exec "$onhand" failover --to "$region" --reason "$reason" --config "$config"
