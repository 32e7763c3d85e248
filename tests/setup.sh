#!/bin/sh
# Installs what the build and the tests need and is missing; where it may not, prints the one
# command that would. Quick when all is there. `tests/setup.sh build`: only what the build needs;
# `tests/setup.sh bench`: the peers of the benchmarks too; `tests/setup.sh console`: only what the build
# and the console's browser need.
set -eu
cd "$(dirname "$0")/.."

libs=target/kafka-libs
packages=""

have() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; }
any() { [ -e "$1" ]; } # the first match of a pattern
need() { packages="$packages $*"; }
kafka_there() { [ -n "${KAFKA_HOME:-}" ] || any "$libs"/kafka_2.13-*.jar; }
builds_wasm() {
  [ -d "$(rustc --print sysroot 2>/dev/null)/lib/rustlib/wasm32-unknown-unknown" ] && return
  # Debian's compiler builds the guests' standard library from its sources, and links with lld.
  [ -x /usr/bin/rustc ] && [ -x /usr/bin/cargo ] && any /usr/src/rustc-* && have ld.lld
}

# To build: rdkafka compiles librdkafka (no cmake) with the system's OpenSSL, rusqlite compiles SQLite.
have g++ || need g++
have make || need make
have pkg-config || need pkg-config
pkg-config --exists openssl 2>/dev/null || need libssl-dev

if [ "${1:-}" != build ] && [ "${1:-}" != console ]; then
  builds_wasm || need rustc-web cargo-web rust-web-src lld
  # Rules in C.
  have clang || need clang
  have wasm-ld || need lld
  # To run: the servers that the harness starts.
  have setpriv || need util-linux
  have redis-server || need redis-server
  any /usr/lib/*/faketime/libfaketimeMT.so.1 || need faketime
  have postgres || any /usr/lib/postgresql/*/bin/postgres || need postgresql
  have promtool || need prometheus
  have amtool || need prometheus-alertmanager
  have python3 || need python3
  have java || need default-jre-headless
  kafka_there || have mvn || need maven
fi

# Peers of `make bench-lookups`.
if [ "${1:-}" = bench ]; then
  have nginx || need nginx-light
  have varnishd || need varnish
fi

# A browser for `make test-console`.
if [ "${1:-}" = console ]; then
  have chromium || need chromium
  have node || need nodejs
  have npm || need npm
fi

if [ -n "$packages" ]; then
  install="apt-get install -y --no-install-recommends$packages"
  if ! have apt-get; then
    echo "setup: missing, by the names of Debian's packages:$packages" >&2
    echo "setup: install them with this system's package manager, then run this again" >&2
    exit 1
  elif [ "$(id -u)" != 0 ]; then
    echo "setup: something is missing; this installs it, then run this again:" >&2
    echo "  sudo $install" >&2
    exit 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  echo "setup: $install"
  # The package lists of a fresh machine or image may be empty or old.
  $install >/dev/null 2>&1 || { apt-get update -qq && $install; }
  # Their packages start them, on ports that `make run` wants; the tests start their own.
  if [ -d /run/systemd/system ]; then
    case $packages in *prometheus*) systemctl disable --now prometheus prometheus-alertmanager >/dev/null 2>&1 || true ;; esac
  fi
fi

case "${1:-}" in build | console) exit 0 ;; esac

# What reads compose files, and kustomize: no packages of Debian 12's.
deploy/test/tools.sh
have kubectl || { echo "setup: kubectl 1.27 or newer is missing, which no package of Debian 12 has; install it" >&2; exit 1; }

# One fetch of 43 MB; into a directory of its own first, so that a broken one leaves nothing half there.
if ! kafka_there; then
  echo "setup: fetching Apache Kafka's jars into $libs"
  rm -rf "$libs.part"
  if ! mvn -q -f tests/kafka/pom.xml dependency:copy-dependencies -DoutputDirectory="$PWD/$libs.part"; then
    echo "setup: Maven could not fetch Kafka's jars (see above); run this again, or set KAFKA_HOME to an installed Kafka 4" >&2
    exit 1
  fi
  rm -rf "$libs"
  mv "$libs.part" "$libs"
fi
