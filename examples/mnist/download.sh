#!/bin/sh
# Fetch the four files of MNIST (Y. LeCun, C. Cortes, C. Burges) and check them.
#
#   download.sh ADDRESS [DIRECTORY]
#
# ADDRESS is where a mirror keeps the files under their original names: https://…, file://… or a directory. It
# may also stand in MNIST_URL. DIRECTORY defaults to MNIST_DATA, else to `data` in the working directory.
# The sums are of the uncompressed files, because mirrors compress them differently. What is there and right is
# not fetched again. Exit status: 0 all four files are there and right, 1 not, 2 usage.
set -eu

address=${1:-${MNIST_URL:-}}
directory=${2:-${MNIST_DATA:-data}}
if [ -z "$address" ] || [ $# -gt 2 ]; then
  echo "usage: download.sh ADDRESS [DIRECTORY] (or set MNIST_URL)" >&2
  exit 2
fi

fetch() { # NAME TO
  if [ -d "$address" ]; then
    cp "$address/$1" "$2"
  elif command -v curl >/dev/null; then
    curl --fail --location --silent --show-error --retry 2 --output "$2" "${address%/}/$1"
  else
    wget --quiet --tries 3 --output-document "$2" "${address%/}/$1"
  fi
}

is_right() { # FILE SHA256
  [ -f "$1" ] || return 1
  sum=$(gzip -dc "$1" 2>/dev/null | sha256sum)
  [ "${sum%% *}" = "$2" ]
}

mkdir -p "$directory"
temporary=$directory/.download.$$
trap 'rm -f "$temporary"' EXIT
trap 'exit 1' HUP INT TERM

while read -r name sha256; do
  if is_right "$directory/$name" "$sha256"; then
    echo "$name: here already"
    continue
  fi
  if ! fetch "$name" "$temporary"; then
    echo "download.sh: cannot fetch $name from '$address': give another address" >&2
    exit 1
  fi
  if ! is_right "$temporary" "$sha256"; then
    echo "download.sh: what '$address' has as $name is not MNIST (its SHA-256, uncompressed, is not $sha256)" >&2
    exit 1
  fi
  mv "$temporary" "$directory/$name"
  echo "$name: fetched"
done <<'FILES'
train-images-idx3-ubyte.gz ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db
train-labels-idx1-ubyte.gz 65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5
t10k-images-idx3-ubyte.gz 0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7
t10k-labels-idx1-ubyte.gz ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2
FILES
echo "MNIST is complete in $directory"
