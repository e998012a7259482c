/* Which of many sets of runs looks best, while runs arrive and the prior moves with them.
 *
 * A set is all runs of one configuration. "Looks best" is the highest posterior mean of XT's eval script
 * (origins 1.3): with the prior mu0, v0 and n, mean, s2 (0 for one run) of a set,
 *
 *   v = (v0 + (n - 1) s2) / n      estimate = (v mu0 + n v0 mean) / (v + n v0)      variance = v v0 / (v + n
 * v0)
 *
 * so a single run is moved half-way to the mean of all. Scores: larger is better.
 *
 * The prior is given once and for all, or it is mean and variance of all runs so far; then every run changes
 * every estimate. Sets of one run are in the order of their scores whatever the prior, and lie in a heap by
 * score. The others lie in a heap by the estimate that they had under an earlier prior; how far any of them
 * can have moved since is bounded, so the search for the best goes down the heap only as far as that lets a
 * set win. When that has cost as much as computing all estimates anew, that is done. The answer is exact and
 * does not depend on the heaps.
 */
#ifndef CL_LEADERS_H
#define CL_LEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "math/moments.h"

#define CL_SCORE_MAX 1e90 /* larger ones are all alike: products of their squares stay finite */

struct cl_prior {
  double mean, variance;
};

/* Estimate of a set of at least one run; ret_variance (may be null): the posterior's. Without any variance in
 * prior and runs the estimate is the mean. */
double cl_posterior(const struct cl_moments *runs, struct cl_prior prior, double *ret_variance);

enum cl_leaders_rule {
  CL_LEADERS_ONLINE = 0, /* the prior moves; ties: the lower age */
  CL_LEADERS_FIXED,      /* the prior stands; ties: the lower variance, then the lower age */
  CL_LEADERS_RAW         /* estimates are raw means; ties: the greater age (XT's searcher) */
};

struct cl_leaders_set {
  int64_t age; /* for ties */
  struct cl_moments runs;
  double key;     /* estimate under the heap's prior */
  uint32_t place; /* in its heap, if runs.n > 0 */
};

struct cl_leaders_heap { /* numbers of sets; a child does not come before its parent */
  uint32_t *items;
  size_t n, cap;
};

struct cl_leaders {
  enum cl_leaders_rule rule;
  struct cl_leaders_set *sets;
  size_t n, cap;
  struct cl_leaders_heap singles, repeated;
  struct cl_prior prior; /* of the keys of `repeated`; with FIXED the prior */
  size_t visited;        /* since those keys were computed */
  struct cl_moments all; /* scored runs: the prior that moves */
  double worst, top;     /* of them */
};

/* All zero is an empty one of rule ONLINE. `prior` is looked at with FIXED only. Nothing is allocated. */
void cl_leaders_init(struct cl_leaders *l, enum cl_leaders_rule rule, struct cl_prior prior);
void cl_leaders_done(struct cl_leaders *l);

/* A new set without runs; its number is l->n - 1. At most 2^32 - 1. CLADE_ENOMEM: unchanged. */
int cl_leaders_add_set(struct cl_leaders *l, int64_t age, struct cl_err *e);

void cl_leaders_set_age(struct cl_leaders *l, size_t set, int64_t age);

/* A run of a set. `score` finite, is brought into +-CL_SCORE_MAX. `counts`: it is part of the prior too (a
 * run that failed is not). Cost O(log sets). CLADE_ENOMEM: unchanged. */
int cl_leaders_add_run(struct cl_leaders *l, size_t set, double score, bool counts, struct cl_err *e);

struct cl_prior cl_leaders_prior(const struct cl_leaders *l); /* as it is now */

/* The set that looks best, -1 if none has a run; *ret_estimate: under the prior as it is now. Cost O(log
 * sets) as a rule. */
int64_t cl_leaders_find(struct cl_leaders *l, double *ret_estimate);

#endif
