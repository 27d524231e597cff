#!/usr/bin/env bash
# tests/soak.sh [SEED]: the long form of what ./dev test claims, some hours. Called by ./dev soak,
# which has installed what is needed. BW_SOAK_STEPS="kills fuzz" runs some of the steps only,
# BW_SOAK_SHARE=0.02 takes that share of the long forms, to see that they start, and
# BW_SOAK_RELEASES="trixie" takes other Debian releases for the bare machines.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export BW_SOAK=1 BW_SEED=${1:-$RANDOM$RANDOM}
steps=${BW_SOAK_STEPS:-short kills fuzz bench bare}
releases=${BW_SOAK_RELEASES:-bookworm trixie}
failed=()

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# attempt <name> <command>...: goes on after a failure and remembers it.
attempt() {
    local name=$1 started=$SECONDS
    shift
    echo "== $name"
    if "$@"; then
        echo "== $name: passed in $((SECONDS - started)) s"
    else
        echo "== $name: FAILED after $((SECONDS - started)) s (seed $BW_SEED)"
        failed+=("$name")
    fi
}

step_short() { # everything once, and the builds that the next steps use
    attempt "all tests" env -u BW_SOAK tests/run.sh
}

step_kills() { # the tests that have a long form, of tables and of events, with each build's programs
    local file build
    for file in $(grep -l BW_SOAK tests/e2e/test_*.py); do
        for build in build build-asan build-tsan; do
            attempt "$file with $build" python3 "$file" "$build"
        done
    done
}

step_fuzz() {
    local seconds
    seconds=$(awk -v share="${BW_SOAK_SHARE:-1}" 'BEGIN { print int(600 * share) + 1 }')
    attempt "fuzzers, $seconds s each" tests/fuzz/run.sh "$seconds"
}

step_bench() {
    attempt "benchmark's programs" cmake --build build --target bench-anomaly bench-sandbox
    attempt "benchmark" python3 tests/bench/bench.py build
}

# in_root <directory> <user> <command>: in that root, with processes and mounts of its own.
in_root() {
    # shellcheck disable=SC2016 # expanded inside
    as_root unshare --mount --pid --fork --kill-child sh -ec '
        mount -t proc proc "$0/proc"
        mount --rbind /dev "$0/dev"
        exec chroot "$0" su - "$1" -c "cd bridgewatch && $2"' "$1" "$2" "$3" </dev/null
}

# A release with nothing but its base system, a clone, and a user who has sudo.
make_root() {
    local release=$1 dir=$2 home
    as_root mmdebstrap --quiet --variant=apt --include=passwd "$release" "$dir" || return 1
    as_root cp /etc/resolv.conf "$dir/etc/resolv.conf"
    git clone -q --no-hardlinks . "$dir.clone"
    as_root chroot "$dir" sh -ec '
        apt-get -qq install -y --no-install-recommends sudo >/dev/null
        useradd --create-home --shell /bin/bash newcomer
        echo "newcomer ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/newcomer' || return 1
    for home in root home/newcomer; do as_root cp -r "$dir.clone" "$dir/$home/bridgewatch"; done
    as_root chroot "$dir" chown -R newcomer: /home/newcomer
}

# Each user begins on a machine where nobody has installed anything.
step_bare() {
    local release user dir
    for release in $releases; do
        for user in newcomer root; do
            dir=$(mktemp -d /var/tmp/bridgewatch-soak-XXXXXX)
            attempt "bare $release for $user" make_root "$release" "$dir/root"
            attempt "./dev demo on bare $release as $user" \
                in_root "$dir/root" "$user" "./dev demo --headless --for 20s"
            attempt "./dev test on bare $release as $user" in_root "$dir/root" "$user" "./dev test"
            as_root rm -rf --one-file-system "$dir"
        done
    done
}

echo "== seed $BW_SEED"
for step in $steps; do "step_$step"; done
[ ${#failed[@]} = 0 ] || {
    printf '== failed: %s\n' "${failed[@]}"
    exit 1
}
echo "== all of it passed (seed $BW_SEED)"
