#!/bin/sh
# Schemathesis against the origin's API: no 5xx, and no answer outside the served OpenAPI document.
#
# Starts `onhand dev` unless ONHAND_URL (an origin's API) and ONHAND_TOKEN (scope admin) are given;
# that origin should have the demo data, or most calls end at unknown_sku. It writes what it likes.
# SCHEMATHESIS_SEED repeats a run; SCHEMATHESIS_EXAMPLES (30: two to four minutes) is the number of examples of each
# operation and phase. Further arguments go to schemathesis.
set -eu
cd "$(dirname "$0")/.."

venv=target/schemathesis
seed=${SCHEMATHESIS_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
examples=${SCHEMATHESIS_EXAMPLES:-30}

if ! cmp -s tests/schemathesis/requirements.txt $venv/installed.txt; then
  python3 -m venv $venv
  $venv/bin/pip install -q -r tests/schemathesis/requirements.txt
  cp tests/schemathesis/requirements.txt $venv/installed.txt
fi

server=""
end() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
}
trap end EXIT INT TERM

if [ -z "${ONHAND_URL:-}" ]; then
  rm -f $venv/dev.out $venv/tokens.json
  ./target/debug/onhand dev --port-base 0 --print-tokens $venv/tokens.json >$venv/dev.out 2>$venv/dev.err &
  server=$!
  until grep -q '^ready' $venv/dev.out 2>/dev/null; do
    kill -0 $server || { cat $venv/dev.err >&2; exit 1; }
    sleep 0.1
  done
  ONHAND_URL=$(sed -n 's/^origin api //p' $venv/dev.out)
  ONHAND_TOKEN=$(sed -n 's/.*"admin":"\([^"]*\)".*/\1/p' $venv/tokens.json)
fi

echo "schemathesis: $ONHAND_URL, $examples examples, SCHEMATHESIS_SEED=$seed"

run() {
  SCHEMATHESIS_HOOKS=tests/schemathesis/hooks.py PYTHONPATH=. \
    $venv/bin/schemathesis --config-file tests/schemathesis/schemathesis.toml run "$ONHAND_URL/openapi.json" \
    --header "Authorization: Bearer $ONHAND_TOKEN" --checks all --seed "$seed" --max-examples "$examples" \
    --request-timeout 10 --suppress-health-check all --generation-database none --continue-on-failure "$@"
}

maintenance() {
  printf '{"maintenanceMode":%s}' "$1" | $venv/bin/python -c '
import sys, requests
requests.post(sys.argv[1] + "/inventory/admin/maintenance", data=sys.stdin.read(), timeout=10,
    headers={"Authorization": "Bearer " + sys.argv[2], "Content-Type": "application/json"}).raise_for_status()
' "$ONHAND_URL" "$ONHAND_TOKEN"
}

# Maintenance mode would make every other write a 503: it comes last, by itself.
failed=0
run --exclude-operation-id setMaintenance "$@" || failed=1
run --include-operation-id setMaintenance --phases examples,coverage,fuzzing "$@" || failed=1
maintenance false
exit $failed
