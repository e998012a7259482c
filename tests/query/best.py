#!/usr/bin/env python3
"""The numbers of test_best.c, from algorithms.md 14.1 with Python's own arithmetic: prints the four #defines."""
import math
import statistics

SCORES = {10: [1.31, 1.27, 1.4, 1.22], 11: [0.93, 1.02], 12: [1.55, 1.48, 1.61, 1.5, 1.53, 1.56], 13: [0.7], 14: [1.9],
          15: [1.1, 1.2], 16: [0.4], 17: [1.33], 18: [1.52, 1.58], 19: [0.95]}  # 12 with its confirming runs

squares = sum(sum((y - statistics.fmean(ys)) ** 2 for y in ys) for ys in SCORES.values())
df = sum(len(ys) - 1 for ys in SCORES.values())
s2 = squares / df
means = {x: statistics.fmean(ys) for x, ys in SCORES.items()}
m = statistics.fmean(means.values())
tau2 = max(0, statistics.variance(means.values()) - statistics.fmean(s2 / len(ys) for ys in SCORES.values()))
estimates = {x: m + tau2 / (tau2 + s2 / len(ys)) * (means[x] - m) for x, ys in SCORES.items()}
best = max(estimates, key=estimates.get)
own = s2 / len(SCORES[best])
sd = math.sqrt(tau2 * own / (tau2 + own))
print(f'/* x = {best}, df = {df} */')
for name, value in (('ESTIMATE', estimates[best]), ('LO', estimates[best] - 1.96 * sd), ('HI', estimates[best] + 1.96 * sd),
                    ('NOISE', math.sqrt(s2))):
    print(f'#define BEST_{name} {value!r}')
