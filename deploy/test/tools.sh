#!/bin/sh
# Builds the Go programs that the tests of deploy/ run into target/tools/bin, once. Needs Go 1.26 or newer.
#   tools.sh             what reads compose files: seconds
#   tools.sh kubernetes  an API server, controllers, scheduler, etcd and kwok besides: a quarter of an hour, 2 GB
set -eu
cd "$(dirname "$0")/../.."
bin=$PWD/target/tools/bin
mkdir -p "$bin"
command -v go >/dev/null || { echo "tools: Go is missing; install 1.26 or newer" >&2; exit 1; }
there() { [ -x "$bin/$1" ]; }

there compose-check || (cd deploy/test/compose && go build -o "$bin/compose-check" .)
[ "${1:-}" = kubernetes ] || exit 0
there kwok || GOBIN=$bin go install sigs.k8s.io/kwok/cmd/kwok@v0.8.0
# kubectl goes by the server's version.
version="-X k8s.io/component-base/version.gitVersion=v1.36.3 -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36"
cd deploy/test/cluster
built() { there "$1" || { echo "tools: building $1"; go build -o "$bin/$1" -ldflags "-s -w $version" "./$2"; }; }
built etcd etcd
built kube-apiserver apiserver
built kube-controller-manager controllers
built kube-scheduler scheduler
