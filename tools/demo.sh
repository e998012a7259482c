#!/usr/bin/env bash
# What `./dev demo` shows: tools/demo.sh BUILD. Everything is built; BUILD is the build directory.
set -euo pipefail

build=${1:?"usage: tools/demo.sh BUILD"}
digits=$build/examples/digits/digits

if [ ! -x "$digits" ]; then
  echo "demo: there is nothing to show yet: $digits is not built" >&2
  exit 1
fi
exec "$digits"
