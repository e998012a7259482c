#!/usr/bin/env bash
# What `./dev demo` shows: tools/demo.sh BUILD. Everything is built; BUILD is the build directory.
set -euo pipefail

build=$(cd "${1:?"usage: tools/demo.sh BUILD"}" && pwd)
clade=$build/apps/cli/clade
digits=$build/examples/digits

if [ ! -x "$digits/digits" ]; then
  echo "demo: $digits/digits is not built: it needs OpenBLAS (./dev setup)" >&2
  exit 1
fi

directory=$(mktemp -d "${TMPDIR:-/tmp}/clade-demo-XXXXXX")
export CLADE_STORE=$directory/demo.db

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\033[1m' plain=$'\033[0m'; fi

show() { # print a command as one would type it, then run it
  printf '\n%s$ clade %s%s\n' "$bold" "$*" "$plain"
  "$clade" "$@"
}

cd "$digits"
echo "A small convolutional network in C learns handwritten digits; two searches look for its hyperparameters."
show run digits.yaml --trials 24
show run digits-dgd.yaml --trials 60
show list trials digits-dgd --sort best --last 8
show show digits-dgd/60 --why
show best digits-dgd

cat <<EOF

Everything is in one file, $CLADE_STORE. Try:
  export CLADE_STORE=$CLADE_STORE; export PATH=$build/apps/cli:\$PATH
  clade list studies
  clade log digits-dgd
  sqlite3 -readonly \$CLADE_STORE 'select state, count(*), max(val_accuracy) from trials group by state'
EOF
