#!/usr/bin/env bash
# A package's life in a Debian of its own: built, installed, used, upgraded, removed, installed again, purged. Data and
# configuration have to come through all of it but the last.
#
#   tests/package.sh       as root; tests/run.sh package installs what it takes: cargo-deb and mmdebstrap
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$(realpath -m "${CARGO_TARGET_DIR:-target}")/tools
root=$(mktemp -d)
packages=$(mktemp -d)
running=

say() { printf -- '-- %s\n' "$*"; }
die() { printf 'tests/package.sh: %s\n' "$*" >&2; exit 1; }

finish() {
    [ -z "$running" ] || kill "$running" 2>/dev/null || true
    mountpoint -q "$root/proc" && umount "$root/proc"
    rm -rf "$root" "$packages"
}
trap finish EXIT

inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"; }

# The service as its unit starts it: the user, the environment, the folder of the socket.
start() {
    mkdir -p "$root/run/core-runtime"
    inside chown core-runtime:core-runtime /run/core-runtime
    chroot --userspec=core-runtime:core-runtime "$root" /usr/bin/env -i PATH=/usr/bin:/bin \
        sh -c 'set -a; . /etc/core-runtime/environment; umask 0077; exec core-runtime run' 2>"$root/tmp/log" &
    running=$!
    local tries
    for tries in $(seq 300); do
        if inside core-runtime health --check >/dev/null 2>&1; then return 0; fi
        kill -0 "$running" 2>/dev/null || { cat "$root/tmp/log"; die "the service ended"; }
        sleep 0.1
    done
    cat "$root/tmp/log"
    die "the service is not well after $tries tries"
}

stop() {
    kill -TERM "$running"
    wait "$running" || die "the service ended with status $?"
    running=
}

# The value that was stored is there.
kept() { [ "$(inside core-runtime storage get kept answer)" = '{"n":42}' ] || die "$1: the value is gone"; }
there() { [ -e "$root$1" ] || die "$2: $1 is not there"; }
gone() { [ ! -e "$root$1" ] || die "$2: $1 is still there"; }
is() { [ "$(inside stat -c '%a %U:%G' "$1")" = "$2" ] || die "$1 is $(inside stat -c '%a %U:%G' "$1"), not $2"; }

say "building both packages, in two versions"
PATH=$tools/bin:$PATH
# Without optimization: what is tried is the package.
for version in 0.1.0 0.1.1; do
    host-std/package/build.sh dev "$version" --quiet --fast --output "$packages/" >/dev/null
done

say "a Debian to install them in"
[ -e "$tools/debian.tar" ] || {
    mmdebstrap --quiet --variant=minbase --include=adduser,init-system-helpers bookworm "$tools/debian.tar.part"
    mv "$tools/debian.tar.part" "$tools/debian.tar"
}
tar -C "$root" -xf "$tools/debian.tar"
mount -t proc proc "$root/proc"
cp "$packages"/*.deb "$root/tmp/"

say "installed"
inside sh -c 'dpkg -i /tmp/core-runtime_0.1.0-1_*.deb /tmp/core-inspector_0.1.0-1_*.deb' >/dev/null
is /etc/core-runtime/runtime.toml "640 root:core-runtime"
is /etc/core-runtime/environment "644 root:root"
is /var/lib/core-runtime "700 core-runtime:core-runtime"
[ -L "$root/etc/systemd/system/multi-user.target.wants/core-runtime.service" ] || die "the unit is not enabled"
for page in core-runtime core-runtime-doctor core-runtime-plugin-install core-inspector; do
    gzip -dc "$root/usr/share/man/man1/$page.1.gz" | grep -q "^.TH $page 1" || die "$page has no manual page"
done
for program in core-runtime core-inspector; do
    for file in bash-completion/completions/$program zsh/vendor-completions/_$program fish/vendor_completions.d/$program.fish; do
        grep -q "$program" "$root/usr/share/$file" || die "$file does not complete $program"
    done
    inside "$program" --version
done

say "used"
start
inside core-runtime storage set kept answer '{"n":42}'
inside core-runtime doctor --environment /etc/core-runtime/environment
inside core-inspector --json | grep -q '"plugins"' || die "the inspector does not find the service"
is /run/core-runtime/runtime.sock "600 core-runtime:core-runtime"
is /var/lib/core-runtime/runtime.db "600 core-runtime:core-runtime"
stop

say "upgraded, with a configuration that was changed"
echo '# changed by the administrator' >>"$root/etc/core-runtime/runtime.toml"
inside sh -c 'dpkg -i /tmp/core-runtime_0.1.1-1_*.deb' >/dev/null
[ "$(inside dpkg-query -W -f '${Version}' core-runtime)" = 0.1.1-1 ] || die "it is not upgraded"
grep -q 'changed by the administrator' "$root/etc/core-runtime/runtime.toml" || die "the configuration is replaced"
is /etc/core-runtime/runtime.toml "640 root:core-runtime"
start
kept "upgraded"
stop

say "removed"
inside dpkg --remove core-runtime >/dev/null
gone /usr/bin/core-runtime "removed"
there /var/lib/core-runtime/runtime.db "removed, it keeps the data"
grep -q 'changed by the administrator' "$root/etc/core-runtime/runtime.toml" || die "removed: the configuration is gone"

say "installed again"
inside sh -c 'dpkg -i /tmp/core-runtime_0.1.1-1_*.deb' >/dev/null
start
kept "installed again"
stop

say "purged"
inside dpkg --purge core-runtime core-inspector >/dev/null
gone /var/lib/core-runtime "purged"
gone /etc/core-runtime "purged"
gone /usr/bin/core-inspector "purged"
! inside getent passwd core-runtime >/dev/null || die "purged: the user is still there"
say "the package lived and died as it should"
