#!/usr/bin/env bash
# Fuzz until each target has been run ten million times: tools/fuzz.sh [TARGET...], default all of tests/fuzz.
# Builds with clang and sanitizers in build-fuzz/. Can be stopped and started again: executions are counted, and inputs
# that lead somewhere new are kept, in build-fuzz/state/TARGET/. Several of these scripts share the work.
# A finding is an input in build-fuzz/state/TARGET/findings; its target is left alone until it is gone (put it into
# tests/fuzz/corpus/TARGET under a name that says what it is, once it is mended).
# Environment: CLADE_FUZZ_RUNS (10000000), CLADE_FUZZ_SECONDS (no limit; of this call), CLADE_FUZZ_JOBS (1).
# Prints a line per target; exit 1 when there are findings or something is not done.
set -euo pipefail
cd "$(dirname "$0")/.."
wanted=${CLADE_FUZZ_RUNS:-10000000} jobs=${CLADE_FUZZ_JOBS:-1} seconds=${CLADE_FUZZ_SECONDS:-0}
chunk_s=60
compiler=$(command -v clang-14 || command -v clang) || { echo "fuzz: there is no clang: ./dev setup lint" >&2; exit 2; }

mapfile -t known < <(for file in tests/fuzz/fuzz_*.c; do name=${file##*/fuzz_} && echo "${name%.c}"; done)
[ $# -gt 0 ] || set -- "${known[@]}"
for name in "$@"; do
  [ -f "tests/fuzz/fuzz_$name.c" ] || { echo "fuzz: there is no target '$name'; there are: ${known[*]}" >&2; exit 2; }
done

[ -f build-fuzz/build.ninja ] ||
  CC=$compiler meson setup build-fuzz -Dfuzz=true -Dbench=false -Dwerror=false -Db_sanitize=address,undefined \
    -Db_lundef=false -Doptimization=1 -Ddebug=true >&2
ninja -C build-fuzz "${@/#/tests/fuzz/fuzz_}" >&2

runs_of() { # TARGET: executions so far
  cat "build-fuzz/state/$1/runs" 2>/dev/null || echo 0
}

findings_of() { # TARGET: how many
  find "build-fuzz/state/$1/findings" -type f 2>/dev/null | wc -l
}

is_over() { # seconds of this call are used up
  [ "$seconds" != 0 ] && [ $SECONDS -ge "$seconds" ]
}

# One stretch of a target, by one process at a time.
stretch() { # TARGET
  local state=build-fuzz/state/$1 left length=$chunk_s n
  mkdir -p "$state/corpus" "$state/findings"
  exec 8>"$state/lock"
  flock -n 8 || return 0
  left=$((wanted - $(runs_of "$1")))
  [ $left -gt 0 ] || return 0
  [ "$seconds" = 0 ] || [ $((seconds - SECONDS)) -ge $length ] || length=$((seconds - SECONDS))
  [ $length -gt 0 ] || return 0
  nice "build-fuzz/tests/fuzz/fuzz_$1" -runs=$left -max_total_time=$length -timeout=25 -rss_limit_mb=3000 -verbosity=0 \
    -print_final_stats=1 -artifact_prefix="$state/findings/" "$state/corpus" "tests/fuzz/corpus/$1" \
    >"$state/log" 2>&1 8>&- || true
  n=$(sed -n 's/^stat::number_of_executed_units: *//p' "$state/log")
  echo $(($(runs_of "$1") + ${n:-0})) >"$state/runs.new"
  mv "$state/runs.new" "$state/runs"
}

work() { # TARGET...: in turn, so that all come forward alike
  local name busy=yes
  while [ $busy = yes ] && ! is_over; do
    busy=no
    for name in "$@"; do
      is_over && return
      [ "$(runs_of "$name")" -ge "$wanted" ] || [ "$(findings_of "$name")" != 0 ] || { busy=yes && (stretch "$name"); }
    done
  done
}

for ((i = 0; i < jobs; i++)); do work "$@" & done
wait
status=0
for name in "$@"; do
  runs=$(runs_of "$name") findings=$(findings_of "$name")
  printf '%-10s %12d executions, %d findings\n' "$name" "$runs" "$findings"
  [ "$runs" -ge "$wanted" ] && [ "$findings" = 0 ] || status=1
done
exit $status
