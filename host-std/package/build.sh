#!/usr/bin/env bash
# Builds the Debian packages core-runtime and core-inspector, with bridges, and prints where they are.
#
#   host-std/package/build.sh [PROFILE [VERSION [OPTION OF CARGO-DEB]...]]
#
# PROFILE is release and VERSION the workspace's unless they are said.
#
# It takes cargo-deb: cargo install cargo-deb --locked
set -euo pipefail
cd "$(dirname "$0")/../.."

profile=${1:-release}
version=${2:-$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)}
target=${CARGO_TARGET_DIR:-target}
built=$target/$profile
[ "$profile" != dev ] || built=$target/debug

cargo build --profile "$profile" -p host-std -p inspector-tui --features host-std/bridges --locked

# What the programs say of themselves.
for crate in host-std inspector-tui; do
    rm -rf "$crate/package/made"
    mkdir -p "$crate/package/made"
done
"$built/core-runtime" man --all host-std/package/made
"$built/core-inspector" man >inspector-tui/package/made/core-inspector.1
for shell in bash zsh fish; do
    "$built/core-runtime" completions "$shell" >"host-std/package/made/core-runtime.$shell"
    "$built/core-inspector" completions "$shell" >"inspector-tui/package/made/core-inspector.$shell"
done

for crate in host-std inspector-tui; do
    cargo deb -p "$crate" --no-build --profile "$profile" --deb-version "$version-1" --no-dbgsym "${@:3}"
done
