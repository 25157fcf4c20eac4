#!/usr/bin/env bash
# The one test command: sets up what a fresh machine lacks, then runs everything.
#
#   tests/run.sh               all sections
#   tests/run.sh SECTION...    only these: lint unit host bridges gateways cluster break tui mcu sdk
#   tests/run.sh --deep        all sections, and what tries to break things for hours instead of seconds
#   tests/run.sh homeassistant a real Home Assistant, which --deep has as well
#   tests/run.sh book          the book from docs, which --deep has as well
#   tests/run.sh package       the Debian packages, which --deep has as well
#   tests/run.sh cross         the programs for a Raspberry Pi, which --deep has as well
#   tests/run.sh publish       the library crates as they would be published, which --deep has as well
#   tests/run.sh size          lines of code of each crate, without tests, comments and blank lines
#
# CORE_RUNTIME_SKIP_MCU=1 leaves the emulated boards out; QEMU_SYSTEM_ARM names another emulator. CORE_RUNTIME_SEED=N
# repeats what a test chose at random that printed this number; CORE_RUNTIME_DEEP=1 is what --deep sets for the tests.
set -euo pipefail
cd "$(dirname "$0")/.."

SECTIONS=(lint unit host bridges gateways cluster break tui mcu sdk)
# Tests that try to break what is promised; they have short and long forms.
BREAKING=(kill faults simulation orders fuzz soak)
# Tests of plugins that speak with servers of others, which are installed for them.
BRIDGES=(mqtt homeassistant zigbee2mqtt)
CHIPS=(thumbv6m-none-eabi thumbv7em-none-eabihf riscv32imac-unknown-none-elf riscv32imc-unknown-none-elf)
# Of plugins in a sandbox.
WASM=wasm32-unknown-unknown
# What is built for every test of a section: with one choice of packages and features for all of them, each library is
# compiled once. A test is chosen by its file's name.
ALL=(--workspace --all-features --locked)
# The kernel as a chip has it.
SMALL=(-p kernel-core --no-default-features --features messages)
# What a second build would have use of is 6 GB.
export CARGO_INCREMENTAL=${CARGO_INCREMENTAL:-0}
# A picture that differs is a failure, and not a new picture.
export INSTA_UPDATE=no
# Every test process and every waiting in it has an end of its own; this one ends what hangs all the same.
LIMIT=(timeout --kill-after=30 1800)

# Tests of the kernel that Miri, a hundred times as slow, comes to the end of; it has no files and no other processes.
MIRI=(--test bus_props --test bus_waits --test calls --test calls_props --test cancellation --test capacity --test cycles
    --test handlers --test lives --test neighbours --test state --test state_props --test storage --test tap)
# How long the fuzzer runs for each target, in the deep form.
FUZZ_SECONDS=${FUZZ_SECONDS:-600}

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
    local target
    for target in "${CHIPS[@]}" "$WASM"; do
        rustup target list --installed | grep -qx "$target" || rustup target add "$target"
    done
}

install_package() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
        die "$1 is not here: install it, for instance by 'apt-get install --no-install-recommends $*'"
    apt-get update -q && apt-get install -yq --no-install-recommends "$@"
}

# What plugins are written in beside Rust.
need_languages() {
    command -v python3 >/dev/null || install_package python3
    command -v node >/dev/null || install_package nodejs
}

# The broker that is spoken with, and its clients.
need_mosquitto() {
    [ -x /usr/sbin/mosquitto ] && command -v mosquitto_sub >/dev/null || install_package mosquitto mosquitto-clients
}

# A server of NATS with JetStream.
need_nats() {
    command -v nats-server >/dev/null || install_package nats-server
}

test_name() { basename "${1%/main.rs}" .rs; }

section_lint() {
    say "format"
    cargo fmt --all --check
    (cd tests/fuzz && cargo fmt --check)
    say "clippy"
    cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
    # What the README begins with.
    cargo clippy -p host-std --locked -- -D warnings
    cargo clippy "${SMALL[@]}" --all-targets --locked -- -D warnings
    cargo clippy -p kernel-core --no-default-features --locked -- -D warnings
    cargo clippy -p plugin-wasm -p example-wasm --target "$WASM" --locked -- -D warnings
    lint_firmware
    say "documentation"
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features --locked
    local chip
    for chip in "${CHIPS[@]}"; do
        say "no_std on $chip"
        cargo build -p kernel-core -p kernel-supervisor -p kernel-flash -p example -p plugin-kit \
            --no-default-features --target "$chip" --locked
        cargo build -p kernel-link --no-default-features --features serial --target "$chip" --locked
        cargo build -p plugin-kit --no-default-features --features alloc --target "$chip" --locked
        cargo build -p automation -p devices -p history -p presence -p sim --target "$chip" --locked
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
        "${build[@]}" --features mps2-an386,demo,peer -- -D warnings
        "${build[@]}" --features mps2-an386,house --bin house -- -D warnings
        "${build[@]}" --features microbit,demo --target thumbv6m-none-eabi -- -D warnings
        "${build[@]}" --features microbit,remote --target thumbv6m-none-eabi -- -D warnings
        "${build[@]}" --features microbit,measured --target thumbv6m-none-eabi --bin baseline -- -D warnings
        for part in kernel plugin supervisor storage link peer; do
            "${build[@]}" --features "microbit,measured-$part" --target thumbv6m-none-eabi \
                --bin footprint-tiny --bin footprint-default -- -D warnings
        done
    )
}

# The crates' own tests.
section_unit() {
    need_languages
    # Judges the unit of the service.
    command -v systemd-analyze >/dev/null || install_package systemd
    say "every crate"
    local file name chosen=(--lib --bins)
    for file in $(find host-std house inspector-tui kernel-core plugins -name '*.rs' -path '*/tests/*' |
        grep -E '/tests/([^/]+|[^/]+/main)\.rs$' | grep -v '/src/\|/template/\|/target/'); do
        name=$(test_name "$file")
        ! [ -e "tests/tests/$name" ] && ! [ -e "tests/tests/$name.rs" ] || die "tests/tests has a $name as well: name $file otherwise"
        chosen+=(--test "$name")
    done
    "${LIMIT[@]}" cargo test "${ALL[@]}" --no-fail-fast "${chosen[@]}"
    "${LIMIT[@]}" cargo test "${SMALL[@]}" --locked
    say "examples in the documentation"
    "${LIMIT[@]}" cargo test "${ALL[@]}" --doc
}

# The tests of several crates together, but those that have a section of their own.
section_host() {
    need_languages
    say "several crates together"
    local file name chosen=()
    for file in tests/tests/*.rs tests/tests/*/main.rs; do
        name=$(test_name "$file")
        case " cluster http inspector mcu nats_storage scale shells ${BRIDGES[*]} ${BREAKING[*]} " in *" $name "*) ;; *) chosen+=(--test "$name") ;; esac
    done
    "${LIMIT[@]}" cargo test "${ALL[@]}" --no-fail-fast "${chosen[@]}"
    say "completions in their shells, and pages in man"
    local tool
    for tool in bash zsh fish man; do
        command -v "$tool" >/dev/null || install_package "${tool/#man/man-db}"
    done
    "${LIMIT[@]}" cargo test "${ALL[@]}" --test shells -- --include-ignored
}

# HTTP and MCP, with their clients and validators; those are used for the tests alone, and put where the builds are.
section_gateways() {
    need_languages
    command -v curl >/dev/null || install_package curl
    local venv=${CARGO_TARGET_DIR:-target}/gateways packages=(mcp==2.3.0 openapi-spec-validator==0.9.0 prometheus-client==0.26.0)
    if [ "$(cat "$venv/packages" 2>/dev/null)" != "${packages[*]}" ]; then
        python3 -c 'import ensurepip' 2>/dev/null || install_package python3-venv
        python3 -m venv --clear "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"
        echo "${packages[*]}" >"$venv/packages"
    fi
    say "HTTP and MCP: routes, scopes, hostile clients, validators, client libraries"
    GATEWAYS_PYTHON=$(realpath "$venv")/bin/python \
        "${LIMIT[@]}" cargo test "${ALL[@]}" --test http -- --include-ignored --nocapture
}

section_bridges() {
    need_mosquitto
    say "plugins that speak with servers of others: ${BRIDGES[*]}"
    # What they measure is printed.
    "${LIMIT[@]}" cargo test "${ALL[@]}" "${BRIDGES[@]/#/--test=}" -- --nocapture
}

section_break() {
    local name
    for name in "${BREAKING[@]}"; do
        say "what tries to break it: $name"
        # What they count is printed.
        "${LIMIT[@]}" cargo test "${ALL[@]}" --test "$name" -- --nocapture
    done
}

# Several runtimes as one, over real NATS servers.
section_cluster() {
    need_languages
    need_nats
    say "cluster: events, calls, singletons, on three servers that die"
    # One after another: they measure how long others take.
    "${LIMIT[@]}" cargo test "${ALL[@]}" --test cluster -- --nocapture --test-threads 1
    say "storage in NATS, beside SQLite; servers and runtimes that are killed; twenty runtimes at one server"
    "${LIMIT[@]}" cargo test "${ALL[@]}" --test nats_storage --test scale -- --nocapture
}

# What only a nightly compiler does; --deep has it.
section_nightly() {
    rustup toolchain list | grep -q ^nightly || rustup toolchain install nightly --profile minimal
    rustup component list --toolchain nightly --installed | grep -q ^miri ||
        rustup component add miri rust-src --toolchain nightly
    command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked
    command -v c++ >/dev/null || install_package g++
    say "fuzzer, $FUZZ_SECONDS s for each target"
    local target corpus=tests/fuzz/corpus
    cargo run -q "${ALL[@]}" --bin fuzz-corpus -- "$corpus" | while read -r target; do
        # Without a leak check: kernels live for ever. The fuzzer prints how many executions there were.
        (cd tests && cargo +nightly fuzz run "$target" "fuzz/corpus/$target" -- \
            -max_total_time="$FUZZ_SECONDS" -max_len=65536 -detect_leaks=0 -print_final_stats=1 -verbosity=0 </dev/null)
    done
    say "Miri"
    # A kernel lives for ever, which is no leak.
    MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-ignore-leaks" CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/miri \
        "${LIMIT[@]}" cargo +nightly miri test -p kernel-core "${MIRI[@]}" --locked -- --skip large_tables
}

# A real Home Assistant, installed once where the builds are; --deep has it.
section_homeassistant() {
    local version=2024.3.3
    local venv=${CARGO_TARGET_DIR:-target}/homeassistant-$version
    command -v python3 >/dev/null || install_package python3
    python3 -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' ||
        die "Home Assistant $version needs Python 3.11 or 3.12: $(python3 --version)"
    need_mosquitto
    command -v curl >/dev/null || install_package curl
    if ! [ -e "$venv/installed" ]; then
        say "Home Assistant $version: installed once, which takes minutes"
        python3 -c 'import ensurepip' 2>/dev/null || install_package python3-venv
        python3 -m venv --clear "$venv"
        # Behind the first three is what its MQTT integration would have it install by itself.
        "$venv/bin/pip" install --quiet --disable-pip-version-check "homeassistant==$version" 'paho-mqtt<2' 'josepy<2' \
            home-assistant-frontend==20240307.0 Pillow==10.2.0 SQLAlchemy==2.0.27 securetar==2024.2.1 janus==1.0.0 \
            fnv-hash-fast==0.5.0 psutil-home-assistant==0.0.1 PyQRCode==1.2.1 pyotp==2.8.0
        touch "$venv/installed"
    fi
    say "Home Assistant"
    CORE_RUNTIME_HASS=$(realpath "$venv/bin/hass") "${LIMIT[@]}" \
        cargo test "${ALL[@]}" --test homeassistant -- --include-ignored --nocapture
}

section_tui() {
    say "inspector, in a terminal, at a real runtime"
    "${LIMIT[@]}" cargo test "${ALL[@]}" --test inspector
}

# The pages of docs as a book, and its links; --deep has it, because of the program that makes it.
section_book() {
    local version=0.5.4 tools=${CARGO_TARGET_DIR:-target}/tools
    if [ "$("$tools/bin/mdbook" --version 2>/dev/null)" != "mdbook v$version" ]; then
        say "mdbook $version: built once, which takes minutes"
        cargo install mdbook --version "$version" --locked --no-default-features --root "$tools" --target-dir "$tools/build"
        rm -rf "$tools/build"
    fi
    say "the book"
    "$tools/bin/mdbook" build docs 2>&1 | tee /dev/stderr | { ! grep -qE '(WARN|ERROR)'; } || die "the book has faults"
    "${LIMIT[@]}" cargo test "${ALL[@]}" --test links -- --include-ignored --nocapture
}

# The Debian packages: built, and installed, upgraded, removed and purged in a Debian of their own; --deep has it.
section_package() {
    [ "$(id -u)" = 0 ] || die "the packages are tried as root"
    local version=3.8.0 tools=${CARGO_TARGET_DIR:-target}/tools
    command -v mmdebstrap >/dev/null || install_package mmdebstrap
    if [ "$("$tools/bin/cargo-deb" --version 2>/dev/null)" != "cargo-deb $version" ]; then
        say "cargo-deb $version: built once, which takes minutes"
        cargo install cargo-deb --version "$version" --locked --root "$tools" --target-dir "$tools/build"
        rm -rf "$tools/build"
    fi
    say "packages"
    tests/package.sh
}

# The library crates as they would be published: packed, unpacked and built; --deep has it.
section_publish() {
    local crates=(kernel-core kernel-supervisor kernel-flash kernel-link plugin-kit plugin-kit-macros)
    say "what would be published: ${crates[*]}"
    cargo publish --dry-run --locked --allow-dirty "${crates[@]/#/--package=}" \
        --target-dir "${CARGO_TARGET_DIR:-target}/publish"
}

# The programs for a Raspberry Pi; --deep has it.
section_cross() {
    command -v aarch64-linux-gnu-gcc >/dev/null || install_package gcc-aarch64-linux-gnu libc6-dev-arm64-cross
    command -v qemu-aarch64 >/dev/null || install_package qemu-user
    rustup target add aarch64-unknown-linux-gnu
    say "the programs for other machines"
    tests/cross.sh
}

section_mcu() {
    if [ "${CORE_RUNTIME_SKIP_MCU:-}" = 1 ]; then
        say "SKIPPED by CORE_RUNTIME_SKIP_MCU=1: nothing was run on the emulated boards"
        return 0
    fi
    local qemu=${QEMU_SYSTEM_ARM:-qemu-system-arm}
    command -v "$qemu" >/dev/null || [ -n "${QEMU_SYSTEM_ARM:-}" ] || install_package qemu-system-arm
    command -v "$qemu" >/dev/null || die "$qemu is not here: install qemu-system-arm, or set QEMU_SYSTEM_ARM"
    command -v python3 >/dev/null || install_package python3
    say "emulated boards"
    "${LIMIT[@]}" cargo test "${ALL[@]}" --test mcu -- --include-ignored
}

# The libraries for Python and JavaScript; needs no Rust.
section_sdk() {
    command -v python3 >/dev/null || install_package python3
    command -v node >/dev/null || install_package nodejs
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' || die "python3 is older than 3.9: $(python3 --version)"
    node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' || die "node is older than 18: $(node --version)"
    local python=$PWD/plugins/sdk/python js=$PWD/plugins/sdk/js out
    # Nothing is written beside the sources.
    local -x PYTHONPATH=$python PYTHONDONTWRITEBYTECODE=1
    out=$(mktemp -d)
    say "Python: types"
    check_types
    say "Python and JavaScript: unit tests, the templates, the examples"
    (cd "$python" && "${LIMIT[@]}" python3 -W error -m unittest)
    (cd "$js" && "${LIMIT[@]}" node --test test/*.test.mjs)
    fill_templates "$out"
    (cd "$out/python" && "${LIMIT[@]}" python3 -m unittest && "$MYPY" --strict --cache-dir=/dev/null main.py test_main.py)
    (cd "$out/js" && "${LIMIT[@]}" node --test)
    (cd plugins/example/python && "${LIMIT[@]}" python3 -m unittest)
    say "conformance: the checks themselves"
    (cd tests/conformance && "${LIMIT[@]}" python3 -m unittest)
    say "conformance"
    local plugin=(python3 tests/conformance/plugin.py) script=(node "$js/core-runtime.mjs" tests/conformance/plugin.mjs)
    local running=()
    conform "$out/1" --contract "${plugin[@]}" & running+=($!)
    conform "$out/2" --contract "${plugin[@]}" 8 & running+=($!)
    conform "$out/3" --contract "${script[@]}" & running+=($!)
    conform "$out/4" --contract "${script[@]}" 8 & running+=($!)
    conform "$out/5" python3 plugins/example/python/main.py & running+=($!)
    conform "$out/6" node plugins/example/js/core-runtime.mjs plugins/example/js/main.mjs & running+=($!)
    conform "$out/7" python3 "$out/python/main.py" & running+=($!)
    conform "$out/8" node "$out/js/core-runtime.mjs" "$out/js/main.mjs" & running+=($!)
    conform "$out/9" python3 -m core_runtime.original tests/conformance/original.py & running+=($!)
    local process failed=0
    for process in "${running[@]}"; do wait "$process" || failed=1; done
    cat "$out"/[1-9]
    rm -r "$out"
    [ $failed = 0 ] || die "a plugin does not keep the protocol: see FAIL above"
}

conform() { "${LIMIT[@]}" python3 tests/conformance/conformance.py "${@:2}" >"$1"; }

# What 'core-runtime plugin new' makes of the templates.
fill_templates() {
    local lang file
    for lang in python js; do
        mkdir "$1/$lang"
        for file in plugins/sdk/$lang/template/*; do
            sed 's/{name}/my-heating/g; s/{Name}/MyHeating/g' "$file" >"$1/$lang/$(basename "$file")"
        done
    done
    cp plugins/sdk/js/{core-runtime,testing}.mjs "$1/js"
}

# mypy is used for the tests alone: it is put where the builds are, once.
check_types() {
    local venv=${CARGO_TARGET_DIR:-target}/mypy version=2.4.1
    if ! "$venv/bin/mypy" --version 2>/dev/null | grep -qF "mypy $version "; then
        python3 -c 'import ensurepip' 2>/dev/null || install_package python3-venv
        python3 -m venv --clear "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check "mypy==$version"
    fi
    MYPY=$(realpath "$venv/bin/mypy")
    (cd plugins/sdk/python && "$MYPY" --strict --cache-dir=/dev/null core_runtime tests)
    (cd tests/conformance && "$MYPY" --strict --cache-dir=/dev/null conformance.py test_conformance.py)
    (cd plugins/example/python && "$MYPY" --strict --cache-dir=/dev/null main.py test_main.py)
}

section_size() {
    local crate
    for crate in kernel-core kernel-core/{link,link/dial,supervisor,flash} host-std host-std/plugin-host inspector-tui plugins/* plugins/{kit/macros,mqtt/client}; do
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
    if [ "${1:-}" = --deep ]; then
        shift
        export CORE_RUNTIME_DEEP=1
        LIMIT=(timeout --kill-after=30 14400)
        SECTIONS+=(nightly homeassistant book package publish cross)
    fi
    local wanted=("$@") name
    [ ${#wanted[@]} -gt 0 ] || wanted=("${SECTIONS[@]}")
    for name in "${wanted[@]}"; do
        declare -F "section_$name" >/dev/null || die "no section '$name'; there are: ${SECTIONS[*]}"
    done
    [ "${wanted[*]}" = sdk ] || need_rust
    local start=$SECONDS
    for name in "${wanted[@]}"; do
        local began=$SECONDS
        "section_$name"
        say "section $name passed in $((SECONDS - began)) s"
    done
    say "all passed in $((SECONDS - start)) s: ${wanted[*]}"
}

main "$@"
