#!/usr/bin/env bash
# Every test: all of it under gcc, the short ones again under ASan+UBSan and TSan, then the fuzzers'
# corpora. Ends with ctest's own summary. Called by ./dev test, which has installed what is needed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build() {
    local preset=$1 dir=build-$1
    [ "$preset" = dev ] && dir=build
    cmake --preset "$preset" >/dev/null
    cmake --build "$dir"
}

failed=0
build asan && ctest --test-dir build-asan --output-on-failure -L 'unit|screen|integration' -j2 || failed=1
build tsan && setarch -R ctest --test-dir build-tsan --output-on-failure -L unit -j2 || failed=1
build dev && ctest --test-dir build --output-on-failure -j2 "$@" || failed=1
exit $failed
