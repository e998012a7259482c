#!/usr/bin/env bash
# Fuzz until each target has been run ten million times: tools/fuzz.sh [TARGET...], default all of tests/fuzz.
# Builds with clang and sanitizers in build-fuzz/. Can be stopped (Ctrl-C) and started again: what was done is noted, and
# inputs that lead somewhere new are kept, in build-fuzz/state/TARGET/. Several of these scripts share the work.
# A finding is an input in build-fuzz/state/TARGET/findings; its target is left alone until it is gone (put it into
# tests/fuzz/corpus/TARGET under a name that says what it is, once it is mended).
# Environment: CLADE_FUZZ_RUNS (10000000), CLADE_FUZZ_SECONDS (no limit; of this call), CLADE_FUZZ_JOBS (1),
# CLADE_FUZZ_STRETCH (300 seconds of one target before it is another's turn).
# Prints a table; exit 1 when there are findings or something is not done. A change of the code changes the build, and
# executions by earlier builds still count: "this build" tells how many are its own.
set -euo pipefail
cd "$(dirname "$0")/.."
wanted=${CLADE_FUZZ_RUNS:-10000000} jobs=${CLADE_FUZZ_JOBS:-1} seconds=${CLADE_FUZZ_SECONDS:-0}
chunk_s=${CLADE_FUZZ_STRETCH:-300}
compiler=$(command -v clang-14 || command -v clang) || { echo "fuzz: there is no clang: ./dev setup build test fuzz" >&2; exit 2; }

# Longer inputs take longer and show nothing new; the corpus in the tree is run whole by every `./dev test`.
declare -A longest=([event]=700 [hpconfig]=300 [import]=700 [inline]=300 [message]=400 [output]=300 [rows]=250
  [settings]=1100 [spec]=450 [terminal]=200 [timetable]=400)
# Whose words a target's inputs may hold: the string literals of these files are its dictionary.
declare -A speaks=([event]='model/event* model/settings*' [hpconfig]='spec/*' [import]='model/event* model/settings*'
  [inline]='spec/*' [message]='wire/*' [output]='worker/output*' [rows]='query/*' [settings]='model/s* search/* schedule/*'
  [spec]='spec/*' [timetable]='spec/timetable* model/timetable*')
# Each execution is short: little needs to be kept of what it freed, or of where it was allocated. That makes it twice
# as fast. The wall-clock limits are long, for the work may be done when nobody else wants the machine.
export ASAN_OPTIONS=malloc_context_size=1:quarantine_size_mb=1:thread_local_quarantine_size_kb=128:max_malloc_fill_size=0
ASAN_OPTIONS+=:allocator_release_to_os_interval_ms=-1:detect_stack_use_after_return=0
limits=(-timeout=300 -report_slow_units=100 -rss_limit_mb=3000 -entropic=0)

mapfile -t known < <(for file in tests/fuzz/fuzz_*.c; do name=${file##*/fuzz_} && echo "${name%.c}"; done)
[ $# -gt 0 ] || set -- "${known[@]}"
for name in "$@"; do
  [ -f "tests/fuzz/fuzz_$name.c" ] || { echo "fuzz: there is no target '$name'; there are: ${known[*]}" >&2; exit 2; }
done

[ -f build-fuzz/build.ninja ] ||
  CC=$compiler meson setup build-fuzz -Dfuzz=true -Dbench=false -Dwerror=false -Db_sanitize=address,undefined \
    -Db_lundef=false -Doptimization=2 -Ddebug=true >&2
ninja -C build-fuzz "${@/#/tests/fuzz/fuzz_}" >&2
stop=$PWD/build-fuzz/stop.$$
trap ': >"$stop"' INT TERM # a fuzzer that is interrupted reports how far it came
trap 'rm -f "$stop"' EXIT

# state/TARGET/history has a line for each stretch: build, executions, processor seconds, edges covered.
runs_of() { # TARGET [BUILD]: executions so far
  awk -v build="${2:-}" 'build == "" || $1 == build { n += $2 } END { print n + 0 }' "build-fuzz/state/$1/history" \
    2>/dev/null || echo 0
}

findings_of() { # TARGET: how many
  find "build-fuzz/state/$1/findings" -type f 2>/dev/null | wc -l
}

build_of() { # TARGET: changes with whatever goes into it
  sha1sum "build-fuzz/tests/fuzz/fuzz_$1" | cut -c1-10
}

is_over() { # stopped, or the seconds of this call are used up
  [ -e "$stop" ] || { [ "$seconds" != 0 ] && [ $SECONDS -ge "$seconds" ]; }
}

# Drops the inputs that lead nowhere the others do not, once they have doubled.
shrink() { # TARGET
  local state=build-fuzz/state/$1 n before
  n=$(find "$state/corpus" -type f | wc -l) before=$(cat "$state/minimal" 2>/dev/null || echo 100)
  [ "$n" -ge $((2 * before)) ] || return 0
  rm -rf "$state/less" && mkdir "$state/less"
  if "build-fuzz/tests/fuzz/fuzz_$1" -merge=1 "${limits[@]}" -max_len="${longest[$1]:-1000}" "$state/less" \
    "$state/corpus" >"$state/log" 2>&1 8>&-; then
    rm -rf "$state/corpus" && mv "$state/less" "$state/corpus"
    find "$state/corpus" -type f | wc -l >"$state/minimal"
  fi
}

# A line for each word: as it is, and as a key of JSON.
dictionary() { # TARGET
  local patterns files=()
  read -ra patterns <<<"${speaks[$1]:-}"
  for pattern in "${patterns[@]}"; do
    mapfile -O ${#files[@]} -t files < <(compgen -G "src/$pattern.c")
  done
  [ ${#files[@]} = 0 ] || grep -ohE '"[A-Za-z_$:.*-][A-Za-z0-9_$:.-]{1,28}"' "${files[@]}" | sort -u |
    sed 's/.*/&\n"\\&:"/; s/\([^"]\)":"$/\1\\":"/'
}

# One stretch of a target, by one process at a time.
stretch() { # TARGET
  local state=build-fuzz/state/$1 left length=$chunk_s words=() build
  mkdir -p "$state/corpus" "$state/findings"
  exec 8>"$state/lock"
  flock -n 8 || return 0
  shrink "$1"
  left=$((wanted - $(runs_of "$1")))
  [ $left -gt 0 ] || return 0
  [ "$seconds" = 0 ] || [ $((seconds - SECONDS)) -ge "$length" ] || length=$((seconds - SECONDS))
  [ "$length" -gt 0 ] || return 0
  dictionary "$1" >"$state/words"
  [ ! -s "$state/words" ] || words=("-dict=$state/words")
  build=$(build_of "$1")
  TIMEFORMAT='processor: %U %S'
  { time nice "build-fuzz/tests/fuzz/fuzz_$1" -runs=$left -max_total_time="$length" "${limits[@]}" "${words[@]}" \
    -max_len="${longest[$1]:-1000}" -print_final_stats=1 -print_funcs=0 -stop_file="$stop" -artifact_prefix="$state/findings/" \
    "$state/corpus" "tests/fuzz/corpus/$1" 2>&1 8>&- | grep -av -E '^#[0-9]+\s+(NEW|REDUCE|pulse|RELOAD)' ||
    true; } >"$state/log" 2>&1
  awk -v build="$build" '/^stat::number_of_executed_units:/ { runs = $2 } /^processor:/ { cpu = $2 + $3 }
    $3 == "cov:" && $4 > covered { covered = $4 }
    END { if (runs > 0) print build, runs, cpu + 0, covered + 0 }' "$state/log" >"$state/stretch"
  if [ ! -s "$state/stretch" ] && [ "$(findings_of "$1")" = 0 ]; then
    echo "fuzz: $1 did not run: $(tail -n 1 "$state/log")" >&2
    : >"$stop"
  fi
  cat "$state/stretch" >>"$state/history"
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
while ! wait; do :; done
status=0
printf '%-10s %11s %11s %7s %6s %9s\n\n' target executions 'this build' per_s edges findings
for name in "$@"; do
  runs=$(runs_of "$name") findings=$(findings_of "$name")
  awk -v name="$name" -v build="$(build_of "$name")" -v findings="$findings" '
    { runs += $2; cpu += $3 } $1 == build { own += $2 } $4 > edges { edges = $4 }
    END { printf "%-10s %11d %11d %7d %6d %9d\n", name, runs, own, (cpu > 0 ? runs / cpu : 0), edges, findings }
  ' "build-fuzz/state/$name/history" 2>/dev/null || printf '%-10s %11d\n' "$name" 0
  [ "$runs" -ge "$wanted" ] && [ "$findings" = 0 ] || status=1
done
printf '\nper_s: executions per processor second\n'
exit $status
