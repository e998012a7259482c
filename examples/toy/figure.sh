#!/bin/sh
# Draws figure 2 of the paper with gnuplot: four panels, the ways of both members through the plane, and Q over the steps.
# Usage: figure.sh PROGRAM OUTPUT.svg [linear|square]
set -eu
program=$1 output=$2 variant=${3:-linear}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
command -v gnuplot >/dev/null || { echo "figure.sh needs gnuplot (package gnuplot-nox)" >&2; exit 1; }
for panel in pbt explore exploit grid; do
  "$program" --panel $panel --variant "$variant" --path "$dir/$panel" >/dev/null
done
gnuplot <<END
set terminal svg size 900,1200
set output "$output"
set multiplot layout 4,2
panels = "pbt explore exploit grid"
title(i) = i == 1 ? "PBT" : i == 2 ? "explore only" : i == 3 ? "exploit only" : "grid search"
do for [i=1:4] {
  file = "$dir/".word(panels, i)
  set title title(i)
  set xlabel "step"; set ylabel "Q"; set xrange [0:200]; set yrange [0:1.25]; set key bottom right
  plot file index 0 using 1:4 with lines lw 2 lc rgb "black" title "member 1", \
       file index 1 using 1:4 with lines lw 2 lc rgb "red" title "member 2", \
       1.2 with lines dt 2 lc rgb "grey" title "optimum"
  set xlabel "t0"; set ylabel "t1"; set xrange [-0.1:1]; set yrange [-0.1:1]
  plot file index 0 using 2:3 with points pt 7 ps 0.3 lc rgb "black" notitle, \
       file index 1 using 2:3 with points pt 7 ps 0.3 lc rgb "red" notitle
}
unset multiplot
END
