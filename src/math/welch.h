/* Welch's t-test: do two samples of possibly different variance have the same mean? */
#ifndef CL_WELCH_H
#define CL_WELCH_H

#include <stdbool.h>

struct cl_welch {
  double t;  /* > 0: the first mean is greater; +-infinite when neither sample varies and the means differ */
  double df; /* Welch-Satterthwaite; n_a + n_b - 2 when neither varies */
  double p;  /* two-sided */
};

/* a, b: finite. False, and *ret untouched, with less than two numbers in either. Sums in the order given.
 * Source: Welch (1947), Biometrika 34. */
bool cl_welch_test(const double *a, int n_a, const double *b, int n_b, struct cl_welch *ret);

#endif
