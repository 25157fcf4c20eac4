#!/usr/bin/env bash
# The one test command: sets up what a fresh machine lacks, then runs everything.
#
#   tests/run.sh               all sections
#   tests/run.sh SECTION...    only these: lint unit host tui mcu
#   tests/run.sh size          lines of code of each crate, without tests, comments and blank lines
#
# CORE_RUNTIME_SKIP_MCU=1 leaves the emulated boards out; QEMU_SYSTEM_ARM names another emulator.
set -euo pipefail
cd "$(dirname "$0")/.."

SECTIONS=(lint unit host tui mcu)
CHIPS=(thumbv6m-none-eabi thumbv7em-none-eabihf riscv32imac-unknown-none-elf riscv32imc-unknown-none-elf)
# The kernel's crates and the plugins; as a host has them, and as a chip does.
KERNEL=(-p kernel-core -p kernel-link -p kernel-supervisor -p kernel-flash -p example -p plugin-kit -p plugin-kit-macros)
SMALL=(-p kernel-core --no-default-features --features messages)
# Every test process and every waiting in it has an end of its own; this one ends what hangs all the same.
LIMIT=(timeout --kill-after=30 1200)

say() { printf '\n== %s ==\n' "$*"; }
die() { printf 'tests/run.sh: %s\n' "$*" >&2; exit 1; }

need_rust() {
    command -v cargo >/dev/null || die "cargo is not here: install Rust by rustup (https://rustup.rs)"
    command -v cc >/dev/null || install_package gcc libc6-dev
    command -v rustup >/dev/null || return 0
    local component
    for component in rustfmt clippy; do
        rustup component list --installed | grep -q "^$component" || rustup component add "$component"
    done
    local chip
    for chip in "${CHIPS[@]}"; do
        rustup target list --installed | grep -qx "$chip" || rustup target add "$chip"
    done
}

install_package() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
        die "$1 is not here: install it, for instance by 'apt-get install --no-install-recommends $*'"
    apt-get update -q && apt-get install -yq --no-install-recommends "$@"
}

section_lint() {
    say "format"
    cargo fmt --all --check
    say "clippy"
    cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
    cargo clippy "${SMALL[@]}" --all-targets --locked -- -D warnings
    cargo clippy -p kernel-core --no-default-features --locked -- -D warnings
    lint_firmware
    say "documentation"
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features --locked
    local chip
    for chip in "${CHIPS[@]}"; do
        say "no_std on $chip"
        cargo build -p kernel-core -p kernel-supervisor -p kernel-flash -p example -p plugin-kit \
            --no-default-features --target "$chip" --locked
        cargo build -p kernel-link --no-default-features --features serial --target "$chip" --locked
    done
}

# The firmware: what is measured, and the counts of instructions.
lint_firmware() {
    local target
    target=$(realpath -m "${CARGO_TARGET_DIR:-target}")/mcu
    say "clippy of the firmware"
    (
        cd kernel-core/examples/mcu
        cargo fmt --check
        export CARGO_TARGET_DIR=$target
        local build=(cargo clippy --no-default-features --locked) part
        "${build[@]}" --features mps2-an386,demo,link -- -D warnings
        "${build[@]}" --features microbit,demo --target thumbv6m-none-eabi -- -D warnings
        "${build[@]}" --features microbit,remote --target thumbv6m-none-eabi -- -D warnings
        "${build[@]}" --features microbit,measured --target thumbv6m-none-eabi --bin baseline -- -D warnings
        for part in kernel plugin supervisor storage link; do
            "${build[@]}" --features "microbit,measured-$part" --target thumbv6m-none-eabi \
                --bin footprint-tiny --bin footprint-default -- -D warnings
        done
    )
}

section_unit() {
    say "kernel and plugins"
    "${LIMIT[@]}" cargo test "${KERNEL[@]}" --locked
    "${LIMIT[@]}" cargo test "${SMALL[@]}" --locked
}

section_host() {
    say "host, command line and cross-crate tests"
    "${LIMIT[@]}" cargo test -p host-std --all-features --locked
    # All of them but those that have a section of their own.
    local file name chosen=(--lib --bins)
    for file in tests/tests/*.rs tests/tests/*/main.rs; do
        name=$(basename "${file%/main.rs}" .rs)
        case $name in inspector | mcu | shells) ;; *) chosen+=(--test "$name") ;; esac
    done
    "${LIMIT[@]}" cargo test -p tests "${chosen[@]}" --all-features --locked
    say "completions in their shells, and pages in man"
    local tool
    for tool in bash zsh fish man; do
        command -v "$tool" >/dev/null || install_package "${tool/#man/man-db}"
    done
    "${LIMIT[@]}" cargo test -p tests --test shells --locked -- --include-ignored
    "${LIMIT[@]}" cargo test -p tests --doc --locked
}

section_tui() {
    # A picture that differs is a failure, and not a new picture.
    local -x INSTA_UPDATE=no CI=1
    say "inspector: update function, views, I/O"
    "${LIMIT[@]}" cargo test -p inspector-tui --all-features --locked
    say "inspector: in a terminal, at a real runtime"
    "${LIMIT[@]}" cargo test -p tests --test inspector --all-features --locked
}

section_mcu() {
    if [ "${CORE_RUNTIME_SKIP_MCU:-}" = 1 ]; then
        say "SKIPPED by CORE_RUNTIME_SKIP_MCU=1: nothing was run on the emulated boards"
        return 0
    fi
    local qemu=${QEMU_SYSTEM_ARM:-qemu-system-arm}
    command -v "$qemu" >/dev/null || [ -n "${QEMU_SYSTEM_ARM:-}" ] || install_package qemu-system-arm
    command -v "$qemu" >/dev/null || die "$qemu is not here: install qemu-system-arm, or set QEMU_SYSTEM_ARM"
    say "emulated boards"
    "${LIMIT[@]}" cargo test -p tests --test mcu --locked -- --include-ignored
}

section_size() {
    local crate
    for crate in kernel-core kernel-core/{link,supervisor,flash} host-std inspector-tui plugins/* plugins/kit/macros; do
        [ -d "$crate/src" ] || continue
        find "$crate/src" -name '*.rs' ! -name 'tests.rs' ! -path '*/tests/*' -print0 | sort -z | xargs -0 awk -v crate="$crate" '
            FNR == 1 { testing = 0 }
            # Behind it are the tests of a file, to its end.
            /^#\[cfg\(test\)\]$/ { testing = 1 }
            /^(pub )?(mod|use) .*;$/ && testing { testing = 0; next }
            !testing && !/^[[:space:]]*(\/\/|$)/ { lines++ }
            END { printf "%-24s%6d\n", crate, lines }'
    done
}

main() {
    local wanted=("$@") name
    [ ${#wanted[@]} -gt 0 ] || wanted=("${SECTIONS[@]}")
    for name in "${wanted[@]}"; do
        declare -F "section_$name" >/dev/null || die "no section '$name'; there are: ${SECTIONS[*]}"
    done
    need_rust
    local start=$SECONDS
    for name in "${wanted[@]}"; do
        local began=$SECONDS
        "section_$name"
        say "section $name passed in $((SECONDS - began)) s"
    done
    say "all passed in $((SECONDS - start)) s: ${wanted[*]}"
}

main "$@"
