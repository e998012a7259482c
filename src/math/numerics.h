/* Libraries that only models of the objective need: OpenBLAS (with its LAPACK) and NLopt. They cost every
 * command milliseconds of start-up, so they are loaded by those who build a model.
 *
 * Results are the same bits on the same build and CPU: OpenBLAS is held to one thread while it works for us,
 * and what the program itself has set is put back afterwards.
 */
#ifndef CL_NUMERICS_H
#define CL_NUMERICS_H

#include <nlopt.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Fortran: every argument by reference; the lengths of texts follow. */
typedef void cl_dpotrf(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t length);
typedef void cl_dtrsv(const char *uplo, const char *trans, const char *diag, const int *n, const double *a,
                      const int *lda, double *x, const int *step, size_t u, size_t t, size_t d);
typedef int cl_get_threads(void);
typedef void cl_set_threads(int n);

#define CL_BLAS_MAP(X) \
  X(cl_dpotrf, dpotrf_) \
  X(cl_dpotrf, dpotri_) \
  X(cl_dtrsv, dtrsv_) \
  X(cl_get_threads, openblas_get_num_threads) \
  X(cl_set_threads, openblas_set_num_threads)

#define CL_NLOPT_MAP(X) \
  X(__typeof__(nlopt_create), nlopt_create) \
  X(__typeof__(nlopt_destroy), nlopt_destroy) \
  X(__typeof__(nlopt_optimize), nlopt_optimize) \
  X(__typeof__(nlopt_set_lower_bounds), nlopt_set_lower_bounds) \
  X(__typeof__(nlopt_set_upper_bounds), nlopt_set_upper_bounds) \
  X(__typeof__(nlopt_set_min_objective), nlopt_set_min_objective) \
  X(__typeof__(nlopt_set_maxeval), nlopt_set_maxeval) \
  X(__typeof__(nlopt_set_ftol_rel), nlopt_set_ftol_rel) \
  X(__typeof__(nlopt_set_xtol_abs1), nlopt_set_xtol_abs1)

/* All null: not loaded. */
struct cl_numerics {
  bool loaded;
#define CL_X(type, name) type *name;
  CL_BLAS_MAP(CL_X) CL_NLOPT_MAP(CL_X)
#undef CL_X
};

/* Load both, once per process; they stay. Again for what is loaded: nothing. CLADE_EUNSUPPORTED naming the
 * package that is missing. */
int cl_numerics_load(struct cl_numerics *m, struct cl_err *e);

/* Symmetric matrices are n * n, full, column by column (so a row is a column); n <= 30 000.
 *
 * Factor A = L L' in place: L below and on the diagonal; above it A stays. Where A is not positive definite,
 * the diagonal is raised by 1e-10 of its mean, then tenfold up to 1e-4. False: not even then; A is then
 * undefined. `diagonal`: n doubles of scratch. Cost n^3 / 3. */
bool cl_cholesky(const struct cl_numerics *m, size_t n, double *a, double *diagonal);
void cl_cholesky_solve(const struct cl_numerics *m, size_t n, const double *l, double *b);   /* A^-1 b */
void cl_cholesky_forward(const struct cl_numerics *m, size_t n, const double *l, double *b); /* L^-1 b */
/* L becomes the lower triangle of A^-1. Cost 2 n^3 / 3. */
void cl_cholesky_invert(const struct cl_numerics *m, size_t n, double *l);

/* A function to minimise and its gradient; both are looked at where they are finite. */
typedef double cl_objective_function(void *ctx, const double *x, double *ret_gradient);

/* The lowest point that is found from *x within lo..hi (n <= 1000 coordinates) by the limited-memory method
 * of NLopt (LD_LBFGS: Nocedal 1980, by Luksan), with at most `evaluations` of f; never worse than the start.
 * Returns f there. CLADE_ENOMEM. */
int cl_minimize(const struct cl_numerics *m, int n, const double *lo, const double *hi,
                cl_objective_function *f, void *ctx, int evaluations, double *x, double *ret_f,
                struct cl_err *e);

#endif
