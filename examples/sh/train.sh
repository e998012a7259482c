#!/bin/sh
# A trainer that knows nothing of Clade: it takes options and prints lines such as `step=3 loss=0.25`.
#
#   train.sh [--lr NUMBER] [--momentum NUMBER] [--steps COUNT]
#
# It walks down the valley (x^2 + 20 y^2) / 2 from (4, 1) along noisy gradients; SEED or CLADE_SEED fixes the
# noise. Every real trainer looks like this from outside.
set -eu

lr=0.05 momentum=0.5 steps=20
while [ $# -gt 0 ]; do
  case $#:$1 in
    1:*) echo "train.sh: $1 needs a value" >&2 && exit 2 ;;
    *:--lr) lr=$2 ;;
    *:--momentum) momentum=$2 ;;
    *:--steps) steps=$2 ;;
    *) echo "train.sh: there is no option $1; there are --lr, --momentum, --steps" >&2 && exit 2 ;;
  esac
  shift 2
done

exec awk -v lr="$lr" -v momentum="$momentum" -v steps="$steps" -v seed="${SEED:-${CLADE_SEED:-1}}" '
  function noise() { return 0.2 * (rand() - 0.5) }
  BEGIN {
    srand(seed % 2147483647)
    x = 4; y = 1
    for (step = 1; step <= steps; step++) {
      vx = momentum * vx + x + noise()
      vy = momentum * vy + 20 * y + noise()
      x -= lr * vx
      y -= lr * vy
      loss = (x * x + 20 * y * y) / 2
      if (loss > 1e30) { print "step=" step " loss=inf"; exit 0 }
      printf "step=%d loss=%.6g\n", step, loss
      fflush()
    }
  }'
