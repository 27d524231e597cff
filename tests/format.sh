#!/usr/bin/env bash
# tests/format.sh [CLANG-FORMAT]: whether every C file is formatted as .clang-format says.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
find app backend views tests -name '*.[ch]' -print0 |
    xargs -0 "${1:-clang-format}" --dry-run --Werror
