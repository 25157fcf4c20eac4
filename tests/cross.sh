#!/usr/bin/env bash
# The programs for other machines: built by Debian's cross compilers, and tried under QEMU.
#
#   tests/cross.sh [TARGET]...    all of them unless it is said; tests/run.sh cross installs what they take
set -euo pipefail
cd "$(dirname "$0")/.."

TARGETS=(aarch64-unknown-linux-gnu)
built=$(realpath -m "${CARGO_TARGET_DIR:-target}")/cross
folder=$(mktemp -d)
running=

say() { printf -- '-- %s\n' "$*"; }
die() { printf 'tests/cross.sh: %s\n' "$*" >&2; exit 1; }
finish() {
    [ -z "$running" ] || kill "$running" 2>/dev/null || true
    rm -rf "$folder"
}
trap finish EXIT

build() {
    case "$1" in
    aarch64-*) export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc ;;
    *) die "how $1 is linked is not known here" ;;
    esac
    cargo build -p host-std -p inspector-tui --target "$1" --locked --target-dir "$built"
}

# What runs a program of the target here.
runner() {
    case "$1" in
    aarch64-*) echo qemu-aarch64 -L /usr/aarch64-linux-gnu ;;
    esac
}

# A runtime of the target starts, answers, stores, keeps what it stored, and ends in order.
try() {
    local target=$1 data=$folder/$1 run tries
    read -ra run <<<"$(runner "$target")"
    local program=("${run[@]}" "$built/$target/debug/core-runtime")
    mkdir -p "$data"
    cd "$data"
    for value in none '{"n":42}'; do
        "${program[@]}" run 2>log &
        running=$!
        for tries in $(seq 300); do
            if "${program[@]}" health --check >/dev/null 2>&1; then break; fi
            kill -0 "$running" 2>/dev/null || { cat log; die "$target: the runtime ended"; }
            sleep 0.2
        done
        [ "$tries" -lt 300 ] || { cat log; die "$target: it is not well"; }
        [ "$value" = none ] || [ "$("${program[@]}" storage get kept answer)" = "$value" ] || die "$target: the value is gone"
        "${program[@]}" storage set kept answer '{"n":42}' >/dev/null
        [ "$("${program[@]}" call example.hello '"Anna"')" = '"Привет, Anna!"' ] || die "$target: the example does not answer"
        "${run[@]}" "$built/$target/debug/core-inspector" --json | grep -q '"plugins"' || die "$target: no inspector"
        kill -TERM "$running"
        wait "$running" || die "$target: the runtime ended with status $?"
        running=
    done
    "${program[@]}" doctor
    cd - >/dev/null
}

wanted=("$@")
[ ${#wanted[@]} -gt 0 ] || wanted=("${TARGETS[@]}")
for target in "${wanted[@]}"; do
    say "$target: built"
    build "$target"
    say "$target: tried"
    try "$target"
done
