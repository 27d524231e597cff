#!/usr/bin/env bash
# tests/fuzz/run.sh [SECONDS [NAME...]]: each fuzzer, or those named, for so long, one after the
# other. Called by ./dev fuzz, which has installed what is needed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds=${1:-60}
[ $# -gt 0 ] && shift
names=("$@")
if [ ${#names[@]} = 0 ]; then
    for file in tests/fuzz/fuzz_*.c; do names+=("$(basename "$file" .c)"); done
fi
cmake --preset asan >/dev/null
cmake --build build-asan --target "${names[@]}"
failed=()
for name in "${names[@]}"; do
    tests/fuzz/run_one.sh "build-asan/tests/$name" "$seconds" || failed+=("$name")
done
[ ${#failed[@]} = 0 ] || { echo "fuzz: found something: ${failed[*]}" >&2; exit 1; }
