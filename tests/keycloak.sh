#!/usr/bin/env bash
# Fetches Keycloak (150 MB, Maven) into target/keycloak and runs the tests against it. They take about a minute.
set -euo pipefail
cd "$(dirname "$0")/.."
version=26.3.5
home=target/keycloak/keycloak-$version
if [ ! -f "$home/bin/kc.sh" ]; then
  echo "keycloak: fetching version $version into $home"
  rm -rf target/keycloak && mkdir -p target/keycloak
  mvn -q -B dependency:copy -Dartifact=org.keycloak:keycloak-quarkus-dist:$version:zip -DoutputDirectory="$PWD/target/keycloak"
  python3 -m zipfile -e target/keycloak/keycloak-quarkus-dist-$version.zip target/keycloak
  rm target/keycloak/*.zip
fi
cargo build --workspace --bins
ONHAND_KEYCLOAK="$PWD/$home" cargo test --workspace --test it keycloak:: -- --ignored --nocapture
