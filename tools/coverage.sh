#!/usr/bin/env bash
# Branch coverage of the rooms that hold the truth: tools/coverage.sh [ROOM...], default model engine store worker.
# Builds with gcov in build-coverage/ (asserts off: they are no branches of the program), runs all tests, fails every
# call at every place that leads to it, prints the table. Branches marked defensive with CL_NEVER are left out. The full report:
# build-coverage/coverage.html
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || set -- model engine store worker
filters=()
for room in "$@"; do
  [ -d "src/$room" ] || { echo "coverage: there is no src/$room" >&2; exit 2; }
  filters+=(--filter "src/$room/")
done

[ -f build-coverage/build.ninja ] ||
  CC=gcc meson setup build-coverage -Dbuildtype=debug -Db_coverage=true -Db_ndebug=true -Dwerror=false -Dbench=false >&2
ninja -C build-coverage >&2
find build-coverage -name '*.gcda' -delete
# Who is killed while it adds its counts to those of all takes these with it: so the tests that kill come first.
meson test -C build-coverage --no-rebuild --timeout-multiplier 3 --suite kill >&2 ||
  echo "coverage: not everything was killed" >&2
meson test -C build-coverage --no-rebuild --timeout-multiplier 3 --no-suite kill >&2 ||
  echo "coverage: some tests failed; what they did counts nevertheless" >&2
CLADE_THOROUGH=1 meson test -C build-coverage --no-rebuild --timeout-multiplier 3 attack/places store/calls >&2 ||
  echo "coverage: not everything was survived" >&2
gcovr --root . --object-directory build-coverage "${filters[@]}" --branches --print-summary \
  --exclude-branches-by-pattern '.*CL_NEVER.*' --html-details build-coverage/coverage.html --txt - build-coverage
