/* Mean and variance of numbers that come one at a time (Welford 1962): no sum of squares that cancels.
 *
 * All zero is the empty set. Sums are in the order of adding, so equal orders give equal bits.
 */
#ifndef CL_MOMENTS_H
#define CL_MOMENTS_H

#include <stdint.h>

struct cl_moments {
  int64_t n;
  double mean;    /* 0 when empty */
  double squares; /* sum of (x - mean)^2, >= 0 */
};

/* x: finite, and small enough that squares of sums stay finite (|x| < 1e150). */
void cl_moments_add(struct cl_moments *m, double x);

/* Sample variance (divisor n - 1); 0 with less than two numbers, as XT has it: a caller to whom that matters
 * looks at n. */
double cl_moments_variance(const struct cl_moments *m);

#endif
