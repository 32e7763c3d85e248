#!/bin/bash
# A real Kubernetes API server with its controllers and scheduler, on etcd; nodes and pods are kwok's, which pretend.
# Sourced by deploy/test/deploy.sh: `cluster_up` in a folder of its own, `cluster_down` at the end.
# The programs are built into target/tools by deploy/test/tools.sh.

tools=$PWD/target/tools/bin
pids=()

start() { # NAME COMMAND…
  local name=$1; shift
  "$@" >"$work/$name.log" 2>&1 &
  pids+=($!)
}

cluster_down() {
  # An API server whose etcd is gone first waits for it.
  for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null; done
  wait "${pids[@]}" 2>/dev/null
  rm -rf "$work"
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

cluster_up() {
  work=$(mktemp -d)
  trap cluster_down EXIT
  local client peer secure
  client=$(free_port) peer=$(free_port) secure=$(free_port)
  start etcd "$tools/etcd" --data-dir "$work/etcd" --listen-client-urls "http://127.0.0.1:$client" \
    --advertise-client-urls "http://127.0.0.1:$client" --listen-peer-urls "http://127.0.0.1:$peer" \
    --initial-advertise-peer-urls "http://127.0.0.1:$peer" --initial-cluster "default=http://127.0.0.1:$peer"
  openssl genrsa -out "$work/sa.key" 2048 2>/dev/null
  echo 'test,admin,admin,system:masters' >"$work/tokens.csv"
  start apiserver "$tools/kube-apiserver" --etcd-servers="http://127.0.0.1:$client" --bind-address=127.0.0.1 \
    --secure-port="$secure" --cert-dir="$work/certs" --token-auth-file="$work/tokens.csv" \
    --authorization-mode=AlwaysAllow --service-account-issuer=https://kubernetes.default.svc \
    --service-account-key-file="$work/sa.key" --service-account-signing-key-file="$work/sa.key" \
    --service-cluster-ip-range=10.96.0.0/16
  cat >"$work/kubeconfig" <<EOF2
apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: "https://127.0.0.1:$secure", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: test}}]
contexts: [{name: test, context: {cluster: test, user: admin}}]
current-context: test
EOF2
  export KUBECONFIG=$work/kubeconfig
  for _ in $(seq 300); do kubectl get --raw /readyz >/dev/null 2>&1 && break; sleep 0.5; done
  kubectl get --raw /readyz >/dev/null || { tail -20 "$work/apiserver.log"; exit 1; }
  start controllers "$tools/kube-controller-manager" --kubeconfig="$KUBECONFIG" --leader-elect=false --secure-port=0 \
    --service-account-private-key-file="$work/sa.key" --use-service-account-credentials=false
  start scheduler "$tools/kube-scheduler" --kubeconfig="$KUBECONFIG" --leader-elect=false --secure-port=0
  stages >"$work/stages.yaml"
  start kwok "$tools/kwok" --kubeconfig="$KUBECONFIG" --manage-all-nodes=true --config="$work/stages.yaml"
  for node in a b c; do
    kubectl apply -f - >/dev/null <<EOF2
apiVersion: v1
kind: Node
metadata: {name: node-$node, labels: {kubernetes.io/hostname: node-$node, topology.kubernetes.io/zone: $node}}
status: {allocatable: {cpu: "32", memory: 64Gi, pods: "110"}, capacity: {cpu: "32", memory: 64Gi, pods: "110"}}
EOF2
  done
}

# How nodes and pods behave: kwok's own fast ones, but that pods of the image `onhand:broken` never become ready, and
# those of `onhand:bad-migration` fail where they are a job's.
stages() {
  local from
  from=$(cd "$(mktemp -d)" && go mod download -json sigs.k8s.io/kwok@v0.8.0 | sed -n 's/.*"Dir": "\(.*\)",/\1/p')/kustomize/stage
  for stage in node/fast/node-initialize node/heartbeat/node-heartbeat pod/fast/pod-delete; do
    echo ---
    cat "$from/$stage.yaml"
  done
  echo ---
  sed "s|  next:|    - key: '.spec.containers.[].image'\n      operator: 'NotIn'\n      values: ['registry.invalid/onhand:broken']\n  next:|" \
    "$from/pod/fast/pod-ready.yaml"
  echo ---
  sed -e "s|  next:|    - key: '.metadata.ownerReferences.[].kind'\n      operator: 'In'\n      values: ['Job']\n  next:|" \
    -e 's/name: pod-ready/name: pod-ready-of-a-job/' "$from/pod/fast/pod-ready.yaml"
  echo ---
  sed "s|  next:|    - key: '.spec.containers.[].image'\n      operator: 'NotIn'\n      values: ['registry.invalid/onhand:bad-migration']\n  next:|" \
    "$from/pod/fast/pod-complete.yaml"
  echo ---
  sed -e "s|  next:|    - key: '.spec.containers.[].image'\n      operator: 'In'\n      values: ['registry.invalid/onhand:bad-migration']\n  next:|" \
    -e 's/name: pod-complete/name: pod-fail/; s/exitCode: 0/exitCode: 1/; s/phase: Succeeded/phase: Failed/; s/reason: Completed/reason: Error/' \
    "$from/pod/fast/pod-complete.yaml"
}
