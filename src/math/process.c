#include "math/process.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"

enum { SCALE, LENGTH, WORDS, DRIFT, NOISE, N = CL_KERNEL_PARAMETERS, EVALUATIONS = 40 };

#define TINY_VARIANCE 1e-12 /* below it a deviation is rounding */

/* The kernel. */

struct distance {
  double squares, words, time;
};

static struct distance measure(int d, int c, const double *a, double a_time, const double *b, double b_time) {
  struct distance r = {0, 0, fabs(a_time - b_time)};
  for (int i = 0; i < d; i++) r.squares += (a[i] - b[i]) * (a[i] - b[i]);
  for (int i = d; i < d + c; i++) r.words += a[i] != b[i];
  return r;
}

/* The logarithm of what a unit of time leaves: the same for a whole matrix. */
static double decay_of(const struct cl_kernel *k) {
  return log1p(-k->drift);
}

static double value_at(const struct cl_kernel *k, double decay, const struct distance *r) {
  return k->scale * exp(-r->squares / k->length - r->words / k->words + 0.5 * r->time * decay);
}

double cl_kernel_value(const struct cl_kernel *k, int d, int c, const double *a, double a_time,
                       const double *b, double b_time) {
  const struct distance r = measure(d, c, a, a_time, b, b_time);
  return value_at(k, decay_of(k), &r);
}

static const double *row(const struct cl_points *p, size_t i) {
  return p->x + i * (size_t)(p->d + p->c);
}

static struct distance between(const struct cl_points *p, size_t i, size_t j) {
  return measure(p->d, p->c, row(p, i), p->t[i], row(p, j), p->t[j]);
}

static void fill_matrix(const struct cl_points *p, const struct cl_kernel *k, double *a) {
  double decay = decay_of(k);
  for (size_t j = 0; j < p->n; j++) {
    a[j * p->n + j] = k->scale + k->noise;
    for (size_t i = j + 1; i < p->n; i++) {
      const struct distance r = between(p, i, j);
      a[j * p->n + i] = a[i * p->n + j] = value_at(k, decay, &r);
    }
  }
}

/* Likelihood. */

static double sum_likelihood(size_t n, const double *factor, const double *y, const double *weights) {
  double sum = -0.5 * (double)n * log(2 * M_PI);
  for (size_t i = 0; i < n; i++) sum -= log(factor[i * n + i]) + 0.5 * y[i] * weights[i];
  return sum;
}

/* 1/2 tr((w w' - K^-1) dK); `both` has the lower triangle of K^-1, and K above it. */
static void sum_gradient(const struct cl_points *p, const struct cl_kernel *k, const double *both,
                         const double *weights, double *ret) {
  size_t n = p->n;
  memset(ret, 0, N * sizeof *ret);
  for (size_t j = 0; j < n; j++) {
    double own = weights[j] * weights[j] - both[j * n + j];
    ret[SCALE] += 0.5 * own * k->scale;
    ret[NOISE] += 0.5 * own * k->noise;
    for (size_t i = j + 1; i < n; i++) {
      const struct distance r = between(p, i, j);
      double change = (weights[i] * weights[j] - both[j * n + i]) * both[i * n + j];
      ret[SCALE] += change;
      ret[LENGTH] += change * r.squares / k->length;
      ret[WORDS] += change * r.words / k->words;
      ret[DRIFT] -= change * 0.5 * r.time / (1 - k->drift);
    }
  }
}

int cl_process_likelihood(const struct cl_numerics *m, const struct cl_points *p, const double *y,
                          const struct cl_kernel *k, double *ret, double ret_gradient[CL_KERNEL_PARAMETERS],
                          struct cl_err *e) {
  assert(p->n >= 1 && k->drift >= 0 && k->drift < 1);
  size_t n = p->n;
  double *a = cl_alloc_array(n * n + 2 * n, sizeof *a);
  if (a == NULL) return CL_FAIL_NOMEM(e);
  double *weights = a + n * n, *diagonal = weights + n;
  fill_matrix(p, k, a);
  *ret = -INFINITY;
  if (ret_gradient != NULL) memset(ret_gradient, 0, N * sizeof *ret_gradient);
  if (cl_cholesky(m, n, a, diagonal)) {
    memcpy(weights, y, n * sizeof *y);
    cl_cholesky_solve(m, n, a, weights);
    *ret = sum_likelihood(n, a, y, weights);
    if (ret_gradient != NULL) {
      cl_cholesky_invert(m, n, a);
      sum_gradient(p, k, a, weights, ret_gradient);
    }
  }
  cl_free(a);
  return 0;
}

/* Fitting. */

struct fit {
  const struct cl_numerics *numerics;
  const struct cl_points *points;
  const double *y;
  bool failed;
};

static struct cl_kernel kernel_of(const double *x) {
  return (struct cl_kernel){exp(x[SCALE]), exp(x[LENGTH]), exp(x[WORDS]), x[DRIFT], exp(x[NOISE])};
}

static double unlikeliness(void *ctx, const double *x, double *ret_gradient) {
  struct fit *f = ctx;
  const struct cl_kernel k = kernel_of(x);
  double value = -INFINITY;
  if (cl_process_likelihood(f->numerics, f->points, f->y, &k, &value, ret_gradient, NULL) < 0)
    f->failed = true;
  for (int i = 0; i < N; i++) ret_gradient[i] = -ret_gradient[i];
  return -value;
}

static const struct cl_kernel least = {0.05, 1e-5, 0.1, 0, 1e-4}, most = {20, 1, 10, 0.5, 1};

static void to_parameters(const struct cl_kernel *k, double *ret) {
  ret[SCALE] = log(k->scale);
  ret[LENGTH] = log(k->length);
  ret[WORDS] = log(k->words);
  ret[DRIFT] = k->drift;
  ret[NOISE] = log(k->noise);
}

int cl_process_fit(const struct cl_numerics *m, const struct cl_points *p, const double *y,
                   struct cl_kernel *k, double *ret_likelihood, struct cl_err *e) {
  struct fit f = {m, p, y, false};
  double lo[N], hi[N], best[N], lowest = INFINITY;
  to_parameters(&least, lo);
  to_parameters(&most, hi);
  to_parameters(k, best);
  if (k->drift == 0) hi[DRIFT] = 0;
  if (p->c == 0) lo[WORDS] = hi[WORDS] = best[WORDS]; /* nothing speaks about it */
  for (int start = 0; start < 2; start++) {
    double x[N], value = INFINITY;
    to_parameters(k, x);
    if (start == 1) x[LENGTH] = fmin(x[LENGTH], log(0.1));
    CL_TRY(cl_minimize(m, N, lo, hi, unlikeliness, &f, EVALUATIONS, x, &value, e));
    if (f.failed) return CL_FAIL_NOMEM(e);
    if (!(value < lowest)) continue;
    lowest = value;
    memcpy(best, x, sizeof best);
  }
  *k = kernel_of(best);
  *ret_likelihood = -lowest;
  return 0;
}

/* Beliefs. */

int cl_process_init(struct cl_process *g, const struct cl_numerics *m, const struct cl_points *p,
                    const double *y, const struct cl_kernel *k, struct cl_err *e) {
  size_t n = p->n;
  *g = (struct cl_process){.numerics = m, .kernel = *k, .points = *p};
  if (n == 0) return 0;
  g->factor = cl_alloc_array(n * n, sizeof *g->factor);
  g->weights = cl_alloc_array(n, sizeof *g->weights);
  g->room = cl_alloc_array(3 * n, sizeof *g->room);
  if (g->factor == NULL || g->weights == NULL || g->room == NULL) return CL_FAIL_NOMEM(e);
  fill_matrix(p, k, g->factor);
  if (!cl_cholesky(m, n, g->factor, g->room))
    return CL_FAIL(e, CLADE_EINVAL,
                   "the covariances of %zu points are singular even with a noise of %g: give the kernel more",
                   n, k->noise);
  if (y == NULL) return 0;
  memcpy(g->weights, y, n * sizeof *y);
  cl_cholesky_solve(m, n, g->factor, g->weights);
  return 0;
}

int cl_process_init_pending(struct cl_process *g, const struct cl_numerics *m, const struct cl_points *p,
                            size_t seen, const double *y, const struct cl_kernel *k, struct cl_err *e) {
  assert(seen <= p->n && y != NULL);
  if (seen == p->n) return cl_process_init(g, m, p, y, k, e);
  struct cl_points known = *p;
  struct cl_process data;
  known.n = seen;
  *g = (struct cl_process){0};
  int status = cl_process_init(&data, m, &known, y, k, e);
  if (status == 0) status = cl_process_init(g, m, p, NULL, k, e);
  if (status == 0 && seen > 0) memcpy(g->weights, data.weights, seen * sizeof *g->weights);
  cl_process_done(&data);
  return status;
}

void cl_process_done(struct cl_process *g) {
  cl_free(g->factor);
  cl_free(g->weights);
  cl_free(g->room);
  *g = (struct cl_process){0};
}

/* With v = K^-1 k: d mean = sum w_i dk_i, d variance = -2 sum v_i dk_i, dk_i = -2 k_i (x - x_i) / length. */
static void slope(const struct cl_process *g, const double *x, const double *near, const double *solved,
                  double sd, double *ret_mean, double *ret_sd) {
  const struct cl_points *p = &g->points;
  for (int a = 0; a < p->d; a++) {
    double mean = 0, variance = 0;
    for (size_t i = 0; i < p->n; i++) {
      double change = -2 * near[i] * (x[a] - row(p, i)[a]) / g->kernel.length;
      mean += g->weights[i] * change;
      variance -= 2 * solved[i] * change;
    }
    ret_mean[a] = mean;
    ret_sd[a] = variance / (2 * sd);
  }
}

struct cl_prediction cl_process_predict(struct cl_process *g, const double *x, double t, double *ret_mean,
                                        double *ret_sd) {
  const struct cl_points *p = &g->points;
  size_t n = p->n;
  double *near = g->room, *solved = g->room + n, mean = 0, variance = g->kernel.scale;
  double decay = decay_of(&g->kernel);
  for (size_t i = 0; i < n; i++) {
    const struct distance r = measure(p->d, p->c, x, t, row(p, i), p->t[i]);
    near[i] = value_at(&g->kernel, decay, &r);
    mean += near[i] * g->weights[i];
  }
  if (n > 0) {
    memcpy(solved, near, n * sizeof *near);
    if (ret_sd != NULL) {
      cl_cholesky_solve(g->numerics, n, g->factor, solved);
      for (size_t i = 0; i < n; i++) variance -= near[i] * solved[i];
    } else {
      cl_cholesky_forward(g->numerics, n, g->factor, solved);
      for (size_t i = 0; i < n; i++) variance -= solved[i] * solved[i];
    }
  }
  double sd = sqrt(fmax(variance, TINY_VARIANCE));
  if (ret_sd != NULL) slope(g, x, near, solved, sd, ret_mean, ret_sd);
  return (struct cl_prediction){mean, sd};
}
