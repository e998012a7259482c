"""What the tutorial's tables say about a job, to be played again. Usage: recorded.py TUTORIAL JOB rows|spec

rows  a line per run that has results: `iters: 100000 s1-hrs: 0.116 …`, to be printed by the trial of that number
spec  a native spec that enqueues the runs' hyperparameters, in the order of the table, and prints them
"""
import re
import sys

NAMES = ["seqlen", "disc", "clip", "lr", "rscale", "embed", "units", "out"]
METRICS = ["iters", "s1-hrs", "s1-rew", "s1-win", "hpmax"]

with open(sys.argv[1], encoding="utf-8") as file:
    lines = file.read().splitlines()
rows = [line.split()[5:] for line in lines if re.match(r"    ws1 +%s +azb-cpu +run\S+ +completed +\d" % sys.argv[2], line)]
lists = {}
for i, line in enumerate(lines):
    if line.startswith("      - name: &"):
        lists[line[15:]] = (lines[i + 1].split(":")[1].strip(), lines[i + 2].split(":")[1].strip())

if sys.argv[3] == "rows":
    for row in rows:
        print(" ".join("%s: %s" % pair for pair in zip(METRICS, row)))
else:
    print("study: %s\nprogram: [sh, -c, 'sed -n $((CLADE_TRIAL))p %s.rows']" % (sys.argv[2], sys.argv[2]))
    print("metric: {name: hpmax, goal: maximize}\nsearch: {method: random}\ntrials: %d\nparallel: 2\nhyperparameters:" % len(rows))
    for name in NAMES:
        print("  - name: %s\n    ordered_tuning_values: %s\n    tuned_value: %s" % (name, *lists[name]))
    print("enqueue:")
    for row in rows:
        print("  - {%s}" % ", ".join("%s: %s" % pair for pair in zip(NAMES, row[len(METRICS):])))
