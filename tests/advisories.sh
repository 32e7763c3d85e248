#!/bin/sh
# Known vulnerabilities of every dependency, by the RustSec database. Where that can't be fetched, and no copy of it is
# here, nothing is known, and this says so instead of passing for a good answer.
# ADVISORIES=required makes that a failure.
set -eu

cd "$(dirname "$0")/.."
copy=${CARGO_HOME:-$HOME/.cargo}/advisory-dbs
if cargo deny fetch db >/dev/null 2>&1; then
    exec cargo deny check advisories
fi
# A fetch that failed leaves its lock behind.
if [ -n "$(find "$copy" -mindepth 1 -maxdepth 1 -type d -print -quit 2>/dev/null)" ]; then
    echo "advisories: the database can't be fetched; checked against the copy in $copy, as old as that is" >&2
    exec cargo deny --offline check advisories
fi
echo "advisories: NOT CHECKED. The database (RustSec) can't be fetched from here, and there is no copy of it." >&2
echo "            Run this where it can, before a release." >&2
[ "${ADVISORIES:-}" != required ]
