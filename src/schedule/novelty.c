#include "schedule/novelty.h"

#include <assert.h>
#include <math.h>

#include "base/alloc.h"

void cl_novelty_count(const struct cl_novelty *x, size_t n, size_t *ret_parents, size_t *ret_candidates) {
  double kept = (double)n * (1 - x->removed);
  double parents = fmax(2, rint(kept)), candidates = fmin((double)n, rint(kept * x->multiplier));
  assert(x->removed >= 0 && x->removed < 1);
  *ret_parents = parents > (double)n ? n : (size_t)parents;
  *ret_candidates = (size_t)fmax(0, candidates);
}

static double clean(double x) {
  return isfinite(x) ? x : 0;
}

static double distance(const double *a, const double *b, size_t d) {
  double sum = 0;
  assert(d > 0);
  for (size_t i = 0; i < d; i++) {
    double x = clean(a[i]) - clean(b[i]);
    sum += x * x;
  }
  return sqrt(sum);
}

/* Distances between the q members of rank 1…q, and their sums. */
static void measure(const double *behaviour, size_t q, size_t d, double *between, double *sums) {
  for (size_t i = 0; i < q; i++) {
    sums[i] = between[i * q + i] = 0;
    for (size_t j = 0; j < i; j++) {
      double x = distance(behaviour + (i + 1) * d, behaviour + (j + 1) * d, d);
      between[i * q + j] = between[j * q + i] = x;
      sums[i] += x;
      sums[j] += x;
    }
  }
}

/* Stable, by descending sums. */
static void sort_by_sum(const double *sums, size_t q, uint32_t *order) {
  for (size_t i = 0; i < q; i++) {
    size_t at = i;
    for (; at > 0 && sums[order[at - 1]] < sums[i]; at--) order[at] = order[at - 1];
    order[at] = (uint32_t)i;
  }
}

static void swap(uint32_t *a, uint32_t *b) {
  uint32_t was = *a;
  *a = *b;
  *b = was;
}

/* The second of the closest pair among the first n of `order`. */
static size_t second_of_closest(const double *between, size_t q, const uint32_t *order, size_t n) {
  size_t second = n - 1;
  double least = INFINITY;
  for (size_t a = 0; a + 1 < n; a++)
    for (size_t b = a + 1; b < n; b++)
      if (between[order[a] * q + order[b]] < least) {
        least = between[order[a] * q + order[b]];
        second = b;
      }
  return second;
}

int cl_novelty_order(const struct cl_novelty *x, const double *behaviour, size_t n, size_t d,
                     uint32_t *ret_order, struct cl_err *e) {
  size_t parents, candidates;
  assert(n <= CL_NOVELTY_MEMBERS_MAX);
  cl_novelty_count(x, n, &parents, &candidates);
  for (size_t i = 0; i < n; i++) ret_order[i] = (uint32_t)i;
  if (candidates <= parents || x->multiplier <= 1) return 0;
  size_t q = candidates - 1, end = parents - 1; /* without the best one */
  assert(end >= 1 && end < q && q < n);
  double *between = cl_alloc_array(q * q + q, sizeof *between);
  if (between == NULL) return CL_FAIL_NOMEM(e);
  double *sums = between + q * q;
  uint32_t *order = ret_order + 1;
  measure(behaviour, q, d, between, sums);
  sort_by_sum(sums, q, order);
  for (size_t i = end; i < q; i++) {
    swap(&order[end], &order[i]);
    swap(&order[second_of_closest(between, q, order, end + 1)], &order[end]);
  }
  for (size_t i = 0; i < q; i++) order[i]++;
  cl_free(between);
  return 0;
}
