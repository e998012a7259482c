/* Curves of scores over equal steps: do they still rise, and which of two is ahead where both have been?
 * (IPBT, Chebykin et al. 2025; FIRE-PBT, Dalibard & Jaderberg 2021; algorithms.md 10.2, 10.8.) Larger is
 * better; all values are finite.
 */
#ifndef CL_CURVE_H
#define CL_CURVE_H

#include "math/numerics.h"

/* The value at index `at` of the line that fits y best (least squares), with weights exp(-(i - at)^2 / (2
 * width^2)): a local-linear smoother. n >= 1, width > 0 in indices. Cost O(n). */
double cl_curve_local(const double *y, size_t n, double width, size_t at);

#define CL_STALL_POINTS 15  /* from so many on, a flat end is enough */
#define CL_STALL_WIDTH  3.0 /* of the smoother, in points */

/* Has it stalled? y: the best score of each interval. Yes when the last 14 of at least 15 points have not
 * come one standard deviation above the best before them; or when the smoothed curve, looked at after each
 * point with what was known then, has not risen `patience` times in a row. *ret_fails (may be null): how
 * often in a row it has not risen. Cost O(n^2). */
bool cl_curve_has_stalled(const double *y, size_t n, int patience, int *ret_fails);

/* Smoothed by a Gaussian process with a squared exponential and noise, both of highest likelihood, over
 * indices and values that are standardised. n <= 1000; ret may be y. Cost 80 n^3. CLADE_ENOMEM. */
int cl_curve_smooth(const struct cl_numerics *m, const double *y, size_t n, double *ret, struct cl_err *e);

/* Two curves side by side: the one that starts lower is shifted in time until it comes to where the other one
 * starts. ret_a, ret_b: first indices of the common part; its length is returned, 0 without one. */
size_t cl_curve_overlap(const double *a, size_t n_a, const double *b, size_t n_b, size_t *ret_a,
                        size_t *ret_b);

/* How much higher a comes than b on their overlap. Without one: 0, or, where all of a lies above b's lowest,
 * the largest such difference (>= 0) after taking 10 offsets from a, between the gap to b's highest and to
 * b's lowest. */
double cl_curve_lead(const double *a, size_t n_a, const double *b, size_t n_b);

/* p-value of "a is not above b": the chance of as many a_i > b_i on the overlap or more, were it a coin's.
 * Without an overlap 0 when a lies entirely above, 2 when entirely below. */
double cl_curve_test(const double *a, size_t n_a, const double *b, size_t n_b);

/* P(X >= k) of n fair coins. n <= 1 000 000. */
double cl_coins_at_least(size_t k, size_t n);

#endif
