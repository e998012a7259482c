/* Distribution functions: normal and Student's t. The inverse of the normal one is in base/rng.h, where
 * streams need it.
 *
 * Pure functions of their arguments; nothing fails. Arguments outside of the stated ranges are the caller's
 * mistake (assert).
 */
#ifndef CL_DISTRIBUTION_H
#define CL_DISTRIBUTION_H

/* Density of N(0,1). */
double cl_normal_density(double z);

/* P(Z <= z). Relative error below 1e-14 down to z = -37; then it runs out of exponents, and is 0 below -38.6.
 */
double cl_normal_below(double z);

/* Logarithm of P(Z <= z) for any z, also where that is 0 as a double. Relative error below 1e-13. Three
 * ranges: the upper tail, erfc, and the asymptotic series of the lower tail. Source: algorithms of Optuna's
 * truncated normal. */
double cl_normal_log_below(double z);

/* P(T <= t) of Student's t with df > 0 degrees of freedom. Absolute error below 1e-14; the lower tail (t < 0)
 * has a relative error below 1e-10. By the incomplete beta function's continued fraction (Abramowitz &
 * Stegun 26.5.8, 26.7.1). */
double cl_student_below(double t, double df);

/* The t with P(T <= t) = p, 0 < p < 1, df >= 1. Relative error below 1e-12: bisection and Newton on
 * cl_student_below, at most 100 steps of it. */
double cl_student_quantile(double p, double df);

#endif
