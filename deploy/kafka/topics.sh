#!/bin/sh
# Makes Onhand's topics, or says what differs: `deploy/kafka/topics.sh BROKERS [kafka-topics.sh's options]`.
# The origin makes those that are missing with `kafka.partitions` and `kafka.replication`; made here, they have the
# settings that production wants. KAFKA_BIN: where Kafka's scripts are.
set -eu
brokers=$1
shift
topics="${KAFKA_BIN:+$KAFKA_BIN/}kafka-topics.sh --bootstrap-server $brokers"
replication=${REPLICATION:-3}
safe="--config min.insync.replicas=$((replication > 1 ? 2 : 1)) --config unclean.leader.election.enable=false"

# What edges read. Compacted, but nothing younger than the longest pause that an edge may make and then read on.
$topics "$@" --create --if-not-exists --topic onhand.stock-changes --partitions "${PARTITIONS:-24}" \
  --replication-factor "$replication" $safe \
  --config cleanup.policy=compact --config min.compaction.lag.ms=86400000 --config max.compaction.lag.ms=604800000
# Which releases of rules are in force: one partition, few keys.
$topics "$@" --create --if-not-exists --topic onhand.rules --partitions 1 --replication-factor "$replication" $safe \
  --config cleanup.policy=compact
# For people's own consumers.
$topics "$@" --create --if-not-exists --topic onhand.restock --partitions "${PARTITIONS:-24}" \
  --replication-factor "$replication" $safe --config retention.ms=604800000
$topics "$@" --describe --topic 'onhand\..*'
