#!/bin/sh
# Makes what deploy/compose.yaml needs in deploy/secrets, unless it is there: keys, the edge's and alerting's tokens, a
# password. Needs the `onhand` command (ONHAND names another one).
set -eu
umask 077
cd "$(dirname "$0")/.."
onhand=${ONHAND:-onhand}
mkdir -p secrets/alertmanager
cd secrets
[ -e onhand.key.pem ] || "$onhand" token keygen --out onhand
token() { "$onhand" token issue --key onhand.key.pem --subject "$1" --scope "$2" --ttl 365d; }
[ -e edge.token ] || token edge-1 edge >edge.token
[ -e alertmanager/alerting-token ] || token alertmanager alerting >alertmanager/alerting-token
[ -e postgres-password ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >postgres-password
[ -e database.env ] || printf 'DATABASE_URL=postgres://postgres:%s@postgres:5432/onhand\nONHAND_ORIGIN__DATABASE__INSECURE=true\n' \
  "$(cat postgres-password)" >database.env
for name in slack-url pagerduty-key pagerduty-escalation-key; do
  [ -e "alertmanager/$name" ] || printf 'https://replace.invalid/%s' "$name" >"alertmanager/$name"
done
# The containers' user must read them, nobody else on the machine needs the private key.
chmod 644 onhand.pub.pem edge.token alertmanager/*
echo "deploy/secrets is complete; replace alertmanager/slack-url and the two keys of PagerDuty by your own"
