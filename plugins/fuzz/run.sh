#!/bin/sh
# Both fuzz targets, for this many seconds each. What they found interesting stays in target/fuzz/corpus and is
# where the next run begins; an input that fails is kept in target/fuzz/artifacts and named.
set -eu
cd "$(dirname "$0")"

seconds=$1
target=$(cd ../.. && pwd)/target

fuzz() { # TARGET FOLDER... : with inputs to begin with
    name=$1
    shift
    mkdir -p "$target/fuzz/corpus/$name" "$target/fuzz/artifacts/$name"
    cargo +nightly fuzz run --fuzz-dir . --target-dir "$target/fuzz" --sanitizer none "$name" \
        "$target/fuzz/corpus/$name" "$@" -- \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -print_final_stats=1 \
        -artifact_prefix="$target/fuzz/artifacts/$name/"
}

fuzz answers
fuzz loader "$target/plugins"
