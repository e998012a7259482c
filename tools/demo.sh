#!/usr/bin/env bash
# What `./dev demo` shows: tools/demo.sh BUILD [search|pbt|mnist] [--seeds N]. Everything is built; BUILD is the build
# directory. Without a name: the search and the population, about four minutes on two cores. --seeds: how many pairs of
# studies `pbt` (8) and `mnist` (3) compare. Results are in a new directory under $TMPDIR, which stays.
set -euo pipefail

build=$(cd "${1:?"usage: tools/demo.sh BUILD [search|pbt|mnist] [--seeds N]"}" && pwd)
shift
part=all seeds=''
while [ $# -gt 0 ]; do
  case $1 in
    --seeds)
      seeds=${2:?"--seeds needs a number"}
      shift
      ;;
    *) part=$1 ;;
  esac
  shift
done
clade=$build/apps/cli/clade
digits=$build/examples/digits
mnist=$build/examples/mnist

case $part in
  all | search | pbt | mnist) ;;
  *)
    echo "demo: there is no part '$part': search, pbt or mnist" >&2
    exit 2
    ;;
esac
if [ ! -x "$digits/digits" ]; then
  echo "demo: $digits/digits is not built: it needs OpenBLAS (./dev setup)" >&2
  exit 1
fi

if [ "$part" = mnist ] && [ -z "${MNIST_DATA:-}" ] && [ ! -d "$mnist/data" ]; then
  echo "demo: name the directory of MNIST: MNIST_DATA=DIR ./dev demo mnist (examples/mnist/download.sh fetches it)" >&2
  exit 1
fi

directory=$(mktemp -d "${TMPDIR:-/tmp}/clade-demo-XXXXXX")
export CLADE_STORE=$directory/demo.db

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\033[1m' plain=$'\033[0m'; fi

show() { # print a command as one would type it, then run it
  printf '\n%s$ clade %s%s\n' "$bold" "${*//$directory\//}" "$plain"
  "$clade" "$@"
}

pictures() { # the options that draw, where gnuplot is installed
  if command -v gnuplot >/dev/null; then
    echo --plot "$directory/pictures"
  fi
}

show_search() {
  echo "A small convolutional network in C learns handwritten digits; a search looks for its hyperparameters."
  cd "$digits"
  show run digits-dgd.yaml --trials 60
  show list trials digits-dgd --sort best --last 8
  show show digits-dgd/60 --why
  show best digits-dgd
}

show_population() {
  printf '\nPopulation based training against random search: the same initial populations, %s seeds.\n' "${seeds:-eight}"
  cd "$digits"
  # shellcheck disable=SC2046
  show compare digits-pbt.yaml digits-random.yaml --seeds "${seeds:-8}" $(pictures)
  best=$("$clade" list studies 'digits-pbt-*' --columns study,best --sort best --json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)[-1]["study"])')
  printf '\nThe best member had the schedule below; trained with it from the beginning, on fresh seeds:\n'
  show schedule "$best"
  "$clade" schedule "$best" --export "$directory/schedule.yaml" --quiet >/dev/null
  show replay "$directory/schedule.yaml" --seeds 5 --seed 1
}

# The MNIST study in small: a tenth of the training images, four epochs, three seeds.
show_mnist() {
  cd "$mnist"
  for method in pbt random; do
    sed -e 's/"--final_train", "all"/"--epochs", "4", "--limit", "480"/' -e 's/end: 10/end: 4/' \
      "mnist-$method.yaml" >"$directory/mnist-$method.yaml"
  done
  echo "The MNIST study in small (a tenth of the images, 4 epochs of 10): 15 members learn from each other, or alone."
  # shellcheck disable=SC2046
  show compare "$directory/mnist-pbt.yaml" "$directory/mnist-random.yaml" --seeds "${seeds:-3}" $(pictures)
}

case $part in
  all)
    show_search
    show_population
    ;;
  search) show_search ;;
  pbt) show_population ;;
  mnist) show_mnist ;;
esac

cat <<TEXT

Everything is in one file, $CLADE_STORE. Try:
  export CLADE_STORE=$CLADE_STORE; export PATH=$build/apps/cli:\$PATH
  clade list studies
  sqlite3 -readonly \$CLADE_STORE 'select state, count(*), max(val_accuracy) from trials group by state'
TEXT
if [ -d "$directory/pictures" ]; then
  echo "  pictures: $(cd "$directory/pictures" && echo "$PWD"/*.svg)"
fi
