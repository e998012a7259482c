#!/usr/bin/env bash
# Every shell script passes shellcheck. Usage: shell.sh [DIR]. Where shellcheck is absent only the syntax is checked (bash -n).
set -uo pipefail
cd "${1:-$(dirname "$0")/../..}" || exit 1
mapfile -d '' scripts < <(find . -path './build*' -prune -o -path './.git' -prune -o -type f -size -200k -print0 |
  xargs -0 -r grep -lZE --max-count=1 '^#!.*\b(ba)?sh\b' | sed -z 's#^\./##' | sort -z)
[ "${#scripts[@]}" -gt 0 ] || exit 0
if command -v shellcheck >/dev/null; then
  shellcheck --format=gcc --severity=style "${scripts[@]}"
else
  status=0
  for script in "${scripts[@]}"; do
    bash -n "$script" 2>&1 || status=1
  done
  exit $status
fi
