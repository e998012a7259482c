#include "math/paired.h"

#include <assert.h>
#include <math.h>

#include "base/rng.h"
#include "math/distribution.h"
#include "math/moments.h"

#define DRAWS 100000

/* Sums that are equal but for rounding count as equal, else the observed signs would not count themselves. */
static bool is_extreme(double sum, double observed, double scale) {
  return fabs(sum) >= fabs(observed) - 1e-12 * scale;
}

/* All signs in the order of a Gray code: each step turns one sign. */
static double permute_all(const double *d, size_t n, double observed, double scale) {
  uint64_t extreme = 0, all = UINT64_C(1) << n;
  double sum = observed;
  for (uint64_t i = 0; i < all; i++) {
    if (i > 0) {
      size_t turned = (size_t)__builtin_ctzll(i);
      bool now_negative = ((i ^ (i >> 1)) >> turned & 1) != 0;
      sum += now_negative ? -2 * d[turned] : 2 * d[turned];
    }
    extreme += is_extreme(sum, observed, scale);
  }
  assert(extreme >= 1 && extreme <= all);
  return (double)extreme / (double)all;
}

static double permute_some(const double *d, size_t n, double observed, double scale) {
  struct cl_rng r = cl_rng_stream(0, CL_RNG_BOOTSTRAP, 0, 0);
  int64_t extreme = 1; /* the observed signs are one of them (Phipson & Smyth 2010) */
  for (int draw = 0; draw < DRAWS; draw++) {
    double sum = 0;
    uint64_t bits = 0;
    for (size_t i = 0; i < n; i++) {
      if (i % 64 == 0) bits = cl_rng_bits(&r);
      sum += (bits >> (i % 64) & 1) != 0 ? d[i] : -d[i];
    }
    extreme += is_extreme(sum, observed, scale);
  }
  return (double)extreme / (DRAWS + 1);
}

static void add_interval(struct cl_paired *p) {
  double error = sqrt(p->variance / (double)p->n), df = (double)(p->n - 1);
  double reach = cl_student_quantile(0.975, df) * error;
  p->lo = p->mean - reach;
  p->hi = p->mean + reach;
  if (error <= 0) return;
  p->t = p->mean / error;
  p->p_t = 2 * cl_student_below(-fabs(p->t), df);
}

struct cl_paired cl_paired_of(const double *d, size_t n) {
  struct cl_paired p = {.mean = NAN, .variance = NAN, .lo = NAN, .hi = NAN, .t = NAN, .p_t = NAN};
  struct cl_moments m = {0};
  double sum = 0, scale = 0;
  p.p_permutation = NAN;
  p.exact = n <= CL_PAIRED_EXACT_MAX;
  for (size_t i = 0; i < n; i++) {
    assert(isfinite(d[i]));
    cl_moments_add(&m, d[i]);
    sum += d[i];
    scale += fabs(d[i]);
    p.above += d[i] > 0;
    p.below += d[i] < 0;
    p.equal += d[i] == 0;
  }
  p.n = m.n;
  if (n == 0) return p;
  p.mean = m.mean;
  p.p_permutation = p.exact ? permute_all(d, n, sum, scale) : permute_some(d, n, sum, scale);
  if (n < 2) return p;
  p.variance = cl_moments_variance(&m);
  add_interval(&p);
  assert(p.lo <= p.mean && p.mean <= p.hi);
  return p;
}

/* The smallest p that has not been taken; n: none is left. */
static size_t find_smallest(const double *p, uint64_t taken, size_t n) {
  size_t found = n;
  for (size_t i = 0; i < n; i++)
    if (!isnan(p[i]) && (taken >> i & 1) == 0 && (found == n || p[i] < p[found])) found = i;
  return found;
}

void cl_holm(double *p, size_t n) {
  assert(n <= 64);
  size_t tests = 0;
  uint64_t taken = 0;
  double least = 0;
  for (size_t i = 0; i < n; i++) tests += isnan(p[i]) ? 0 : 1;
  for (size_t left = tests; left > 0; left--) {
    size_t i = find_smallest(p, taken, n);
    assert(i < n);
    taken |= UINT64_C(1) << i;
    least = fmax(least, fmin(1, p[i] * (double)left));
    p[i] = least;
  }
}
