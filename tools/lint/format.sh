#!/usr/bin/env bash
# The C files are laid out as .clang-format says. Usage: format.sh [DIR]. Remedy: clang-format-14 -i FILE
set -uo pipefail
cd "${1:-$(dirname "$0")/../..}" || exit 1
said=$(find . -path './build*' -prune -o -path './.*' -prune -o \( -name '*.c' -o -name '*.h' \) -print0 | sed -z 's#^\./##' |
  xargs -0 -r -P "$(nproc)" -n 20 clang-format-14 --dry-run --Werror --style=file 2>&1 | grep -E '^[^ ]+:[0-9]+:' |
  awk -F: '!seen[$1]++') # the first place of each file
[ -z "$said" ] || { echo "$said"; exit 1; }
