#!/usr/bin/env bash
# Runs the rules of the house: run.sh [--list | RULE...]. Each rule is one script beside this one, which takes the
# directory to look at, prints `file:line: sentence` per finding and exits 1 when there is any.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

rules=(
  "floors    floors.py    an include points only to a lower floor"
  "banned    banned.py    functions this house does not call"
  "packages  packages.py  every dependency is installed by ./dev setup"
  "errors    errors.py    docs/errors.md says what the program says"
  "statuses  statuses.py  a test for every status of the public headers"
  "shell     shell.sh     shellcheck"
  "format    format.sh    clang-format"
  "clang     clang.py     compiles with clang, warnings are errors"
  "ndebug    ndebug.py    no warning without asserts"
  "headers   headers.py   installed headers compile alone as C11 and C++17"
  "symbols   symbols.py   exported names are those of tools/symbols.txt"
  "cppcheck  cppcheck.sh  cppcheck"
  "tidy      tidy.py      clang-tidy"
)

if [ "${1:-}" = --list ]; then
  printf '%s\n' "${rules[@]}" | awk '{ name = $1; $1 = $2 = ""; printf "%-10s%s\n", name, substr($0, 3) }'
  exit 0
fi

names=$(printf '%s\n' "${rules[@]}" | awk '{ print $1 }')
for wanted in "$@"; do
  grep -qx -- "$wanted" <<<"$names" || { echo "lint: there is no rule '$wanted'; rules: ${names//$'\n'/ }" >&2; exit 2; }
done
[ $# -gt 0 ] || mapfile -t wanted_all <<<"$names"
[ $# -eq 0 ] || wanted_all=("$@")

failed=0
for wanted in "${wanted_all[@]}"; do
  script=$(printf '%s\n' "${rules[@]}" | awk -v name="$wanted" '$1 == name { print $2 }')
  start=$SECONDS
  if "tools/lint/$script" "$PWD" </dev/null; then
    echo "lint: $wanted ok ($((SECONDS - start)) s)"
  else
    echo "lint: $wanted FAILED ($((SECONDS - start)) s)"
    failed=$((failed + 1))
  fi
done
echo "lint: $((${#wanted_all[@]} - failed)) rules kept, $failed broken"
[ $failed = 0 ]
