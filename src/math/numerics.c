#include "math/numerics.h"

#include <assert.h>
#include <dlfcn.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"

static int open_library(const char *file, const char *package, void **ret, struct cl_err *e) {
  *ret = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (*ret != NULL) return 0;
  return CL_FAIL(e, CLADE_EUNSUPPORTED,
                 "a model of the results needs %s, which cannot be loaded (%s): install the package %s, or "
                 "use a method without a model (pbt)",
                 file, dlerror(), package);
}

static int find_symbol(void *handle, const char *name, void *ret, struct cl_err *e) {
  void *symbol = dlsym(handle, name);
  if (symbol == NULL)
    return CL_FAIL(e, CLADE_EUNSUPPORTED,
                   "the installed library has no %s: OpenBLAS 0.3 and NLopt 2.7 or newer are needed", name);
  memcpy(ret, &symbol, sizeof symbol); /* a function's address, which C will not cast */
  return 0;
}

int cl_numerics_load(struct cl_numerics *m, struct cl_err *e) {
  void *blas, *nlopt;
  if (m->loaded) return 0;
  CL_TRY(open_library("libopenblas.so.0", "libopenblas0", &blas, e));
  CL_TRY(open_library("libnlopt.so.0", "libnlopt0", &nlopt, e));
#define CL_X(type, name) CL_TRY(find_symbol(blas, #name, &m->name, e));
  CL_BLAS_MAP(CL_X)
#undef CL_X
#define CL_X(type, name) CL_TRY(find_symbol(nlopt, #name, &m->name, e));
  CL_NLOPT_MAP(CL_X)
#undef CL_X
  m->loaded = true;
  return 0;
}

/* Linear algebra. */

static int use_one_thread(const struct cl_numerics *m) {
  assert(m->loaded);
  int before = m->openblas_get_num_threads();
  if (before != 1) m->openblas_set_num_threads(1);
  return before;
}

static void restore_threads(const struct cl_numerics *m, int before) {
  if (before != 1) m->openblas_set_num_threads(before);
}

static bool factor(const struct cl_numerics *m, size_t n, double *a) {
  int size = (int)n, info = 0, threads = use_one_thread(m);
  m->dpotrf_("L", &size, a, &size, &info, 1);
  restore_threads(m, threads);
  assert(info >= 0);
  return info == 0;
}

/* The factor has overwritten what lies below the diagonal; above it is the same. */
static void put_back(size_t n, double *a, const double *diagonal, double jitter) {
  for (size_t j = 0; j < n; j++) {
    a[j * n + j] = diagonal[j] + jitter;
    for (size_t i = j + 1; i < n; i++) a[j * n + i] = a[i * n + j];
  }
}

bool cl_cholesky(const struct cl_numerics *m, size_t n, double *a, double *diagonal) {
  assert(n >= 1 && n <= 30000);
  double mean = 0;
  for (size_t i = 0; i < n; i++) mean += diagonal[i] = a[i * n + i];
  mean /= (double)n;
  if (!isfinite(mean)) return false;
  if (factor(m, n, a)) return true;
  double jitter = 1e-10 * mean;
  for (int k = 0; k < 7; k++) { /* up to 1e-4 */
    put_back(n, a, diagonal, jitter);
    jitter *= 10;
    if (factor(m, n, a)) return true;
  }
  return false;
}

/* Twice a triangle and not LAPACK's solution for many columns, which first copies the triangle to a form that
 * pays with many. */
void cl_cholesky_solve(const struct cl_numerics *m, size_t n, const double *l, double *b) {
  int size = (int)n, one = 1, threads = use_one_thread(m);
  m->dtrsv_("L", "N", "N", &size, l, &size, b, &one, 1, 1, 1);
  m->dtrsv_("L", "T", "N", &size, l, &size, b, &one, 1, 1, 1);
  restore_threads(m, threads);
}

void cl_cholesky_forward(const struct cl_numerics *m, size_t n, const double *l, double *b) {
  int size = (int)n, one = 1, threads = use_one_thread(m);
  m->dtrsv_("L", "N", "N", &size, l, &size, b, &one, 1, 1, 1);
  restore_threads(m, threads);
}

void cl_cholesky_invert(const struct cl_numerics *m, size_t n, double *l) {
  int size = (int)n, info = 0, threads = use_one_thread(m);
  m->dpotri_("L", &size, l, &size, &info, 1);
  restore_threads(m, threads);
  assert(info == 0);
}

/* Local minima. */

struct descent {
  cl_objective_function *f;
  void *ctx;
  int n;
  double lowest, *best; /* of all evaluations: the method itself may end elsewhere */
  /* Of the last evaluation: NLopt begins with the point that has been looked at, and does not always want a
   * gradient. */
  double f_last, *at, *gradient;
};

static void look(struct descent *d, const double *x) {
  size_t n = (size_t)d->n;
  d->f_last = d->f(d->ctx, x, d->gradient);
  memcpy(d->at, x, n * sizeof *x);
}

static double evaluate(unsigned n, const double *x, double *gradient, void *ctx) {
  struct descent *d = ctx;
  assert(n == (unsigned)d->n);
  if (memcmp(d->at, x, n * sizeof *x) != 0) look(d, x);
  bool finite = isfinite(d->f_last);
  for (unsigned i = 0; i < n; i++) finite = finite && isfinite(d->gradient[i]);
  if (gradient != NULL && finite) memcpy(gradient, d->gradient, n * sizeof *gradient);
  if (gradient != NULL && !finite) memset(gradient, 0, n * sizeof *gradient);
  if (!finite) return 1e100; /* a wall, for the line search to turn at */
  if (d->f_last < d->lowest) {
    d->lowest = d->f_last;
    memcpy(d->best, x, n * sizeof *x);
  }
  return d->f_last;
}

int cl_minimize(const struct cl_numerics *m, int n, const double *lo, const double *hi,
                cl_objective_function *f, void *ctx, int evaluations, double *x, double *ret_f,
                struct cl_err *e) {
  assert(m->loaded && n >= 1 && n <= 1000);
  double *room = cl_alloc_array(4 * (size_t)n, sizeof *room);
  nlopt_opt o = m->nlopt_create(NLOPT_LD_LBFGS, (unsigned)n);
  int status = room == NULL || o == NULL ? CL_FAIL_NOMEM(e) : 0;
  if (status == 0) {
    struct descent d = {.f = f, .ctx = ctx, .n = n, .best = room, .at = room + n, .gradient = room + 2 * n};
    double *at = room + 3 * n, unused = 0;
    for (int i = 0; i < n; i++) at[i] = fmin(hi[i], fmax(lo[i], x[i]));
    memcpy(d.best, at, (size_t)n * sizeof *at);
    look(&d, at);
    d.lowest = d.f_last;
    m->nlopt_set_lower_bounds(o, lo);
    m->nlopt_set_upper_bounds(o, hi);
    m->nlopt_set_min_objective(o, evaluate, &d);
    m->nlopt_set_maxeval(o, evaluations);
    m->nlopt_set_ftol_rel(o, 1e-9);
    m->nlopt_set_xtol_abs1(o, 1e-9);
    (void)m->nlopt_optimize(o, at, &unused); /* it may fail where a line search finds nothing lower */
    memcpy(x, d.best, (size_t)n * sizeof *x);
    *ret_f = d.lowest;
  }
  if (o != NULL) m->nlopt_destroy(o);
  cl_free(room);
  return status;
}
