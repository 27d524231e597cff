#!/usr/bin/env bash
# tests/fuzz/run_one.sh PROGRAM SECONDS: first the corpus that is kept in the sources, so that what
# was once found is tested for ever, then so many seconds of search. What is found stays in the
# build directory, under fuzz/NAME. A program NAME.seeds writes further seeds.
set -euo pipefail
program=$1 seconds=$2
name=$(basename "$program")
here=$(dirname "${BASH_SOURCE[0]}")
seeds=$here/corpus/$name
work=$(dirname "$program")/fuzz/$name
mkdir -p "$work/corpus"
options=(-timeout=20 -rss_limit_mb=2048 -artifact_prefix="$work/" -print_final_stats=1 -verbosity=0)
dictionary=$here/$name.dict
[ -e "$dictionary" ] && options+=(-dict="$dictionary")
seeds=("$seeds")
if [ -x "$here/$name.seeds" ]; then
    rm -rf "$work/seeds"
    mkdir -p "$work/seeds"
    "$here/$name.seeds" "$work/seeds"
    seeds+=("$work/seeds")
    # Caches that grow make libFuzzer look for leaks after every input, which takes longer than the
    # input. They are looked for at the end in any case.
    options+=(-detect_leaks=0)
fi
"$program" "${options[@]}" -runs=0 "${seeds[@]}"
exec "$program" "${options[@]}" -max_total_time="$seconds" "$work/corpus" "${seeds[@]}"
