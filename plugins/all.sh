#!/bin/sh
# Every example, and a new project of each language and world: built, and its fixtures played. Needs what the
# guide (docs/write-a-rule.md) names for each language; fetches from npm's and Python's registries.
# `plugins/all.sh c js` takes only these languages.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
languages=${*:-rust c js python}
tools=$root/target/authors # npm's and Python's compilers, fetched once
onhand() { "$root/target/release/onhand" "$@"; } # compiling CPython takes minutes with an unoptimised one

# A busy machine is slow around a guest; this is about answers.
export ONHAND_RULES__DEADLINE=1s ONHAND_RULES__BATCH_DEADLINE=1s ONHAND_RULES__MAX_DEADLINE=1s
# Guests' standard library is built once for all projects.
export CARGO_TARGET_DIR="$root/target"

install() { # LANGUAGE FOLDER: its compiler, as the guide says, but one copy for all
    case $1 in
    js)
        if [ ! -e "$tools/js/node_modules" ]; then
            mkdir -p "$tools/js"
            cp "$2/package.json" "$tools/js/"
            (cd "$tools/js" && npm install --no-audit --no-fund --loglevel=error)
        fi
        [ -e "$2/node_modules" ] || ln -s "$tools/js/node_modules" "$2/node_modules"
        ;;
    python)
        if [ ! -x "$tools/python/bin/componentize-py" ]; then
            python3 -m venv "$tools/python"
            "$tools/python/bin/pip" install --quiet -r "$2/requirements.txt"
        fi
        [ -e "$2/.venv" ] || ln -s "$tools/python" "$2/.venv"
        ;;
    esac
}

play() { # LANGUAGE FOLDER
    echo "== $(basename "$2") ($1)"
    install "$1" "$2"
    onhand rule build --dir "$2"
    onhand rule test --dir "$2"
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for language in $languages; do
    for rule in "$root"/plugins/*/rule.toml; do
        grep -qx "lang = \"$language\"" "$rule" && play "$language" "$(dirname "$rule")"
    done
    for world in view allocation ranking pricing; do
        (cd "$scratch" && onhand rule new "$language-$world" --world "$world" --lang "$language" >/dev/null)
        play "$language" "$scratch/$language-$world"
    done
done
