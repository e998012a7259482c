#include "math/ranking.h"

#include <assert.h>
#include <math.h>

#include "math/distribution.h"

enum { POINTS = 400, REDRAWS = 1000 };

#define REACH 8.0 /* standard deviations beyond which nothing is looked for */

/* ln of the probability that all but `which` lie below x. */
static double log_all_below(const struct cl_belief *b, size_t n, size_t which, double x) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    double others = (double)(b[i].count - (i == which));
    if (others <= 0) continue;
    if (b[i].sd > 0) {
      double z = (x - b[i].mean) / b[i].sd;
      if (z < REACH) sum += others * cl_normal_log_below(z);
    } else if (b[i].mean > x)
      return -INFINITY;
    else if (b[i].mean == x)
      sum -= log(1 + others); /* known to be equal: one of them */
    if (sum < -60) return -INFINITY;
  }
  return sum;
}

double cl_rank_probability(const struct cl_belief *b, size_t n, size_t which) {
  assert(which < n && b[which].count >= 1);
  if (b[which].sd <= 0) return exp(log_all_below(b, n, which, b[which].mean));
  double step = 2 * REACH / POINTS, sum = 0;
  for (int k = 0; k <= POINTS; k++) {
    double z = k * step - REACH;
    sum += cl_normal_density(z) * exp(log_all_below(b, n, which, b[which].mean + z * b[which].sd));
  }
  return fmin(1, sum * step);
}

static size_t draw_leader(const struct cl_belief *b, size_t n, struct cl_rng *r) {
  size_t leader = 0;
  double best = -INFINITY;
  for (size_t i = 0; i < n; i++) {
    double drawn = b[i].mean + b[i].sd * cl_rng_normal(r);
    if (i > 0 && drawn <= best) continue;
    leader = i;
    best = drawn;
  }
  return leader;
}

static size_t find_next_highest(const struct cl_belief *b, size_t n, size_t leader) {
  size_t found = leader;
  for (size_t i = 0; i < n; i++)
    if (i != leader && (found == leader || b[i].mean > b[found].mean)) found = i;
  return found;
}

size_t cl_rank_top_two(const struct cl_belief *b, size_t n, struct cl_rng *r) {
  assert(n >= 1);
  size_t leader = draw_leader(b, n, r);
  if (n == 1 || cl_rng_uniform(r) < 0.5) return leader;
  for (int i = 0; i < REDRAWS; i++) {
    size_t other = draw_leader(b, n, r);
    if (other != leader) return other;
  }
  return find_next_highest(b, n, leader);
}
