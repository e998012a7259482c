#!/usr/bin/env bash
# cppcheck. Usage: cppcheck.sh [DIR]. A false finding is silenced where it stands: // cppcheck-suppress id ; reason
# Not asked for: style (the compilers and clang-tidy judge style), what is said of system headers, readdir_r (deprecated by
# glibc), log(sum) where a loop could have run no times, cppcheck's own
# trouble with compound literals.
set -uo pipefail
cd "${1:-$(dirname "$0")/../..}" || exit 1
rooms=()
for room in src apps trainer examples bench; do
  [ ! -d "$room" ] || rooms+=("$room")
done
mkdir -p build-clang/cppcheck
cppcheck --quiet --error-exitcode=1 --std=c11 --library=posix --enable=warning,portability,performance -j "$(nproc)" \
  --cppcheck-build-dir=build-clang/cppcheck --inline-suppr --suppress=missingInclude --suppress=readdirCalled --suppress=invalidFunctionArg --suppress=internalAstError \
  -D_GNU_SOURCE -DCLADE_VERSION='"lint"' -Iinclude -Isrc -Itrainer \
  --template='{file}:{line}: {message} [{id}]' "${rooms[@]}" 2>&1 || exit 1
