#!/bin/sh
# Builds every rule of this repository into components: target/plugins/NAME.wasm.
#
# With rustup's wasm32-unknown-unknown if it is installed, else with Debian's packages.
# ONHAND_TARGET moves the output elsewhere (its default is the repository's target/).
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
target=${ONHAND_TARGET:-$root/target}
out=$target/plugins
triple=wasm32-unknown-unknown
stamp=$out/.built
cd "$root"

# Nothing newer than the last whole build: nothing to do.
inputs="Cargo.toml Cargo.lock wit sdk/rule plugins"
if [ -e "$stamp" ] && [ -z "$(find $inputs -type f ! -path '*/tests/*' ! -path '*/benches/*' -newer "$stamp" -print -quit)" ]; then
    exit 0
fi
mkdir -p "$out"
# Made before the build, so that what is edited meanwhile is built the next time.
touch "$out/.building"

debian() {
    [ -x /usr/bin/rustc ] && [ -x /usr/bin/cargo ] && command -v wasm-ld >/dev/null &&
        [ -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library" ]
}

# Panics name the source line that they came from. A component goes to other people's machines, so it must not say
# where it was built. Where several prefixes fit, the last one counts. The same as `onhand rule build` has, so that
# both share what they build (plugins/author/src/build/rust.rs).
without_paths() { # SYSROOT
    flags=
    remap() { [ "${#1}" -le 1 ] || flags="$flags${flags:+$unit}--remap-path-prefix=$1=$2"; }
    unit=$(printf '\037')
    remap "${HOME:-}" home
    remap "$target" target
    remap "${CARGO_HOME:-${HOME:-}/.cargo}" cargo
    remap "$1/lib/rustlib/src/rust" rust
    printf %s "$flags"
}

# The guests' own build folder: another compiler must not evict the host's artefacts.
guests="--profile guest --target $triple --target-dir $target/guest \
    -p channel-buffer -p nearest-allocation -p tiered-pricing -p hostile --lib --examples"
if rustup target list --installed 2>/dev/null | grep -qx "$triple"; then
    CARGO_ENCODED_RUSTFLAGS=$(without_paths "$(rustc --print sysroot)") cargo build $guests
elif debian; then
    # Debian has no compiled std for this target, so it is built from source, which stable only
    # allows with RUSTC_BOOTSTRAP.
    env -u RUSTUP_TOOLCHAIN -u CARGO -u RUSTFLAGS RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc \
        CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld \
        CARGO_ENCODED_RUSTFLAGS="$(without_paths "$(/usr/bin/rustc --print sysroot)")" \
        /usr/bin/cargo build $guests -Zbuild-std=std,panic_abort
else
    echo "No Rust compiler here builds for WebAssembly. Run one of these, then try again:" >&2
    if command -v rustup >/dev/null; then
        echo "    rustup target add $triple" >&2
    else
        echo "    apt-get install rustc-web cargo-web rust-web-src lld" >&2
    fi
    exit 1
fi

built=$target/guest/$triple/guest
# With the whole workspace: by itself it would build its dependencies once more, with other features.
cargo build --quiet --workspace --bins
"${CARGO_TARGET_DIR:-$root/target}/debug/componentize" "$out" \
    "$built/channel_buffer.wasm" "$built/nearest_allocation.wasm" "$built/tiered_pricing.wasm" \
    "$built/examples/hostile.wasm" "$built/examples/hostile_view.wasm" "$built/examples/hostile_ranking.wasm" \
    "$built/examples/hostile_pricing.wasm" "$built/examples/plain.wasm"
mv "$out/.building" "$stamp"
