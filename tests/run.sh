#!/usr/bin/env bash
# tests/run.sh [CTEST-ARGUMENT...]: every test, as one run of ctest over three builds, so that its
# summary is the whole truth: all of them under gcc; unit, screen and integration tests and the
# fuzzers under clang's ASan and UBSan; unit and engine tests under TSan. Called by ./dev test,
# which has installed what is needed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v ccache >/dev/null && export CMAKE_C_COMPILER_LAUNCHER=ccache

# build <preset> <directory>: the compiler's words are shown only when it fails.
build() {
    local preset=$1 dir=$2 started=$SECONDS
    # Whoever built by hand may have taken make.
    grep -qs 'CMAKE_GENERATOR:INTERNAL=Ninja' "$dir/CMakeCache.txt" || rm -rf "$dir"
    mkdir -p "$dir"
    echo "== building $dir (preset $preset)"
    if ! { cmake --preset "$preset" && cmake --build "$dir"; } >"$dir/build.log" 2>&1; then
        grep -v '^\[' "$dir/build.log" | tail -n 100
        echo "== $dir does not build; all of it is in $dir/build.log"
        exit 1
    fi
    echo "== $dir built in $((SECONDS - started)) s"
}

build dev build
build asan build-asan
build tsan build-tsan

# All of them together must have used every method of Google's that bridgewatch knows.
[ $# -gt 0 ] || export BW_CONTRACT_COMPLETE=1
mkdir -p build-all
printf 'subdirs(%s)\n' ../build ../build-asan ../build-tsan >build-all/CTestTestfile.cmake
# Half of their time the tests wait, for a server or a deadline: one more than there are cores.
exec ctest --test-dir build-all --output-on-failure --no-tests=error -j$(($(nproc) + 1)) "$@"
