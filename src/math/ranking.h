/* Which of several normal beliefs is the largest, and which to look at next.
 *
 * A belief is a mean and a standard deviation (sd >= 0; 0 = known). Larger is better. Pure; arrays borrow.
 */
#ifndef CL_RANKING_H
#define CL_RANKING_H

#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"

struct cl_belief {
  double mean, sd;
  int64_t count; /* how many are alike; the first of them is meant where one is named */
};

/* Probability that belief `which` is the largest of all, ties shared by quadrature's grace: the integral of
 * its density times the others' distribution functions (trapezoids on 400 points over +-8 sd of it; error
 * below 1e-6). A belief that is known is compared at its value. Cost 400 * n distribution functions at most;
 * beliefs that lie too low to matter cost nothing. n >= 1; 1 when alone. */
double cl_rank_probability(const struct cl_belief *beliefs, size_t n, size_t which);

/* Top-two Thompson sampling: whom to try next, to find the largest with few trials. One draw of all; its
 * largest is the leader. With probability 1/2 it is tried, else the draw is repeated until another one leads,
 * which is tried (after 1 000 draws: the one with the next highest mean). So about half of the trials go to
 * the leader and half to those that might beat it. Counts are not looked at; n >= 1. Consumption of the
 * stream depends on the beliefs. Source: Russo 2016, "Simple Bayesian algorithms for best arm
 * identification", with beta = 1/2. */
size_t cl_rank_top_two(const struct cl_belief *beliefs, size_t n, struct cl_rng *r);

#endif
