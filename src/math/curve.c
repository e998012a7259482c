#include "math/curve.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "math/process.h"

enum { OFFSETS = 10 };

/* Does it still rise? */

double cl_curve_local(const double *y, size_t n, double width, size_t at) {
  assert(at < n && width > 0);
  double w = 0, wx = 0, wy = 0, wxx = 0, wxy = 0; /* x from `at` on */
  for (size_t i = 0; i < n; i++) {
    double x = (double)i - (double)at, k = exp(-0.5 * x * x / (width * width));
    w += k;
    wx += k * x;
    wy += k * y[i];
    wxx += k * x * x;
    wxy += k * x * y[i];
  }
  double determinant = w * wxx - wx * wx;
  return determinant > 1e-12 * w * w ? (wxx * wy - wx * wxy) / determinant : wy / w;
}

static double max_of(const double *y, size_t n) {
  double most = -INFINITY;
  for (size_t i = 0; i < n; i++) most = fmax(most, y[i]);
  return most;
}

static double min_of(const double *y, size_t n) {
  double least = INFINITY;
  for (size_t i = 0; i < n; i++) least = fmin(least, y[i]);
  return least;
}

static double deviation_of(const double *y, size_t n, double *ret_mean) {
  double mean = 0, squares = 0;
  for (size_t i = 0; i < n; i++) mean += y[i] / (double)n;
  for (size_t i = 0; i < n; i++) squares += (y[i] - mean) * (y[i] - mean) / (double)n;
  if (ret_mean != NULL) *ret_mean = mean;
  return sqrt(squares);
}

static bool has_flat_end(const double *y, size_t n) {
  if (n < CL_STALL_POINTS) return false;
  double gain = max_of(y, n) - max_of(y, n - (CL_STALL_POINTS - 1)), sd = deviation_of(y, n, NULL);
  return gain < sd || sd == 0;
}

bool cl_curve_has_stalled(const double *y, size_t n, int patience, int *ret_fails) {
  int fails = 0;
  for (size_t k = 2; k <= n; k++) {
    double last = cl_curve_local(y, k, CL_STALL_WIDTH, k - 1);
    double before = cl_curve_local(y, k, CL_STALL_WIDTH, k - 2);
    fails = last > before ? 0 : fails + 1;
  }
  if (ret_fails != NULL) *ret_fails = fails;
  return fails >= patience || has_flat_end(y, n);
}

/* Smoothing. */

int cl_curve_smooth(const struct cl_numerics *m, const double *y, size_t n, double *ret, struct cl_err *e) {
  assert(n <= 1000);
  double mean, sd = n == 0 ? 0 : deviation_of(y, n, &mean), likelihood;
  if (n < 3 || sd < 1e-300) {
    memmove(ret, y, n * sizeof *y);
    return 0;
  }
  double *room = cl_alloc_array(3 * n, sizeof *room);
  if (room == NULL) return CL_FAIL_NOMEM(e);
  double *x = room, *t = x + n, *z = t + n;
  for (size_t i = 0; i < n; i++) {
    x[i] = (double)i / (double)(n - 1);
    z[i] = (y[i] - mean) / sd;
  }
  const struct cl_points points = {n, 1, 0, x, t};
  struct cl_kernel k = {.scale = 1, .length = 0.5, .words = 1, .drift = 0, .noise = 0.1};
  struct cl_process g = {0};
  int status = cl_process_fit(m, &points, z, &k, &likelihood, e);
  if (status == 0) status = cl_process_init(&g, m, &points, z, &k, e);
  for (size_t i = 0; status == 0 && i < n; i++)
    ret[i] = mean + sd * cl_process_predict(&g, &x[i], 0, NULL, NULL).mean;
  cl_process_done(&g);
  cl_free(room);
  return status;
}

/* Comparing. */

static size_t first_at_least(const double *y, size_t n, double bound) {
  size_t i = 0;
  while (i < n && y[i] < bound) i++;
  return i;
}

size_t cl_curve_overlap(const double *a, size_t n_a, const double *b, size_t n_b, size_t *ret_a,
                        size_t *ret_b) {
  *ret_a = *ret_b = 0;
  if (n_a == 0 || n_b == 0) return 0;
  if (a[0] < b[0])
    *ret_a = first_at_least(a, n_a, b[0]);
  else
    *ret_b = first_at_least(b, n_b, a[0]);
  size_t left_a = n_a - *ret_a, left_b = n_b - *ret_b;
  return left_a < left_b ? left_a : left_b;
}

/* Of a shifted down by `offset`. False: no overlap. */
static bool lead_below(const double *a, size_t n_a, const double *b, size_t n_b, double offset, double *ret) {
  size_t from_a = 0, from_b = 0;
  if (a[0] - offset < b[0])
    from_a = first_at_least(a, n_a, b[0] + offset);
  else
    from_b = first_at_least(b, n_b, a[0] - offset);
  size_t left_a = n_a - from_a, left_b = n_b - from_b, n = left_a < left_b ? left_a : left_b;
  if (n == 0) return false;
  *ret = max_of(a + from_a, n) - offset - max_of(b + from_b, n);
  return true;
}

double cl_curve_lead(const double *a, size_t n_a, const double *b, size_t n_b) {
  double lead = 0, most = 0;
  if (n_a == 0 || n_b == 0) return 0;
  if (lead_below(a, n_a, b, n_b, 0, &lead)) return lead;
  double least_a = min_of(a, n_a), from = least_a - max_of(b, n_b), to = least_a - min_of(b, n_b);
  if (!(from > 0)) return 0;
  for (int i = 0; i < OFFSETS; i++)
    if (lead_below(a, n_a, b, n_b, from + (to - from) * i / (OFFSETS - 1), &lead)) most = fmax(most, lead);
  return most;
}

double cl_coins_at_least(size_t k, size_t n) {
  double sum = 0;
  int sign;
  assert(n <= 1000000);
  if (k == 0) return 1;
  for (size_t i = n + 1; i-- > k;) /* the small ones first */
    sum += exp(lgamma_r((double)n + 1, &sign) - lgamma_r((double)i + 1, &sign) -
               lgamma_r((double)(n - i) + 1, &sign) - (double)n * M_LN2);
  return fmin(1, sum);
}

double cl_curve_test(const double *a, size_t n_a, const double *b, size_t n_b) {
  size_t from_a, from_b, n = cl_curve_overlap(a, n_a, b, n_b, &from_a, &from_b), above = 0;
  if (n == 0) return n_b == 0 || (n_a > 0 && a[0] >= b[0]) ? 0 : 2;
  for (size_t i = 0; i < n; i++) above += a[from_a + i] > b[from_b + i];
  return cl_coins_at_least(above, n);
}
