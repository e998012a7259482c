/* A Gaussian process whose function drifts with time: the model of PB2 (Parker-Holder et al. 2020), with
 * words by Hamming distance. Correct gradients: the published kernel gradient is not the derivative of the
 * kernel.
 *
 *   k((z, w, t), (z', w', t')) = scale * exp(-|z - z'|^2 / length - #[w != w'] / words) * (1 - drift)^(|t -
 * t'| / 2)
 *
 * drift = 0 is the plain process. What is observed has noise variance `noise` on top. Values are deviations
 * from a mean of 0. Deterministic: equal input gives equal bits on one build and CPU.
 */
#ifndef CL_PROCESS_H
#define CL_PROCESS_H

#include "math/numerics.h"

struct cl_kernel {
  double scale, length, words, drift, noise;
};

/* Where a fit begins, and what bounds it: scale in [0.05, 20], length in [1e-5, 1], words in [0.1, 10], drift
 * in [0, 0.5], noise in [1e-4, 1]. For values of variance 1 in a unit cube. */
#define CL_KERNEL_START ((struct cl_kernel){1, 1, 1, 0.1, 0.1})
enum { CL_KERNEL_PARAMETERS = 5 };

/* n rows of d numbers and c words (word numbers, as doubles; equal or not is all that counts), and their
 * times. Borrows. */
struct cl_points {
  size_t n;
  int d, c;
  const double *x; /* n * (d + c), row by row: numbers first */
  const double *t; /* n */
};

/* Covariance of two points, without noise: a and b have d + c entries. */
double cl_kernel_value(const struct cl_kernel *k, int d, int c, const double *a, double a_time,
                       const double *b, double b_time);

/* ln p(y) and (may be null) its derivatives with respect to ln scale, ln length, ln words, drift, ln noise.
 * -INFINITY where the matrix is singular; the derivatives are then 0. Cost n^3 and 2 n^2 doubles.
 * CLADE_ENOMEM. */
int cl_process_likelihood(const struct cl_numerics *m, const struct cl_points *p, const double *y,
                          const struct cl_kernel *k, double *ret, double ret_gradient[CL_KERNEL_PARAMETERS],
                          struct cl_err *e);

/* The kernel of highest likelihood within the bounds, from *k and from a short length; a drift of 0 at the
 * start stays 0. At most 2 * 40 likelihoods. CLADE_ENOMEM. */
int cl_process_fit(const struct cl_numerics *m, const struct cl_points *p, const double *y,
                   struct cl_kernel *k, double *ret_likelihood, struct cl_err *e);

/* What is believed after seeing y at p. */
struct cl_process {
  const struct cl_numerics *numerics;
  struct cl_kernel kernel;
  struct cl_points points; /* keeps the arrays */
  double *factor;          /* n * n */
  double *weights;         /* K^-1 y */
  double *room;            /* 3 n */
};

/* Condition on y (null: all 0, for who wants deviations only). n = 0 is the prior. Done with cl_process_done
 * whatever happened. Cost n^3 / 3. CLADE_ENOMEM; CLADE_EINVAL when the matrix is singular. */
int cl_process_init(struct cl_process *g, const struct cl_numerics *m, const struct cl_points *p,
                    const double *y, const struct cl_kernel *k, struct cl_err *e);
/* The same where only the first `seen` points have been observed (y), and the others are being tried: means
 * are those of what was seen, deviations know of all. Errors as above. */
int cl_process_init_pending(struct cl_process *g, const struct cl_numerics *m, const struct cl_points *p,
                            size_t seen, const double *y, const struct cl_kernel *k, struct cl_err *e);
void cl_process_done(struct cl_process *g); /* a zeroed one is done */

struct cl_prediction {
  double mean, sd; /* of the function itself, without noise */
};

/* At a point of d + c entries. The gradients (d entries each; may be null, together) are with respect to its
 * numbers. Writes to g->room. Cost n^2. */
struct cl_prediction cl_process_predict(struct cl_process *g, const double *x, double t,
                                        double *ret_mean_gradient, double *ret_sd_gradient);

#endif
