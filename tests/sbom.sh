#!/bin/sh
# Bills of materials in CycloneDX: what each crate of the workspace depends on, into target/sbom.
set -eu

cd "$(dirname "$0")/.."
out=${ONHAND_TARGET:-target}/sbom
rm -rf "$out"
mkdir -p "$out"
# The tool writes beside each Cargo.toml; a name of our own keeps these apart from all else.
name=onhand-sbom
trap 'find . -path ./target -prune -o -name "$name.json" -type f -exec rm {} +' EXIT
cargo cyclonedx --format json --spec-version 1.5 --override-filename "$name" --quiet
find . -path ./target -prune -o -name "$name.json" -type f -print | while read -r file; do
    crate=$(sed -n 's/^name = "\(.*\)"/\1/p' "$(dirname "$file")/Cargo.toml" | head -1)
    # It is for other people: it must not say where it was made.
    sed "s|file://$PWD|file://.|g" "$file" > "$out/$crate.cdx.json"
done
ls "$out"
