/* Two methods compared on equal ground: differences of pairs, their mean, and whether chance explains it.
 *
 * A pair shares what both methods had no choice of (seed, initial population), so that much of the noise
 * cancels in its difference. Two tests, because each has its weakness: Student's t asks for differences that
 * are about normal; the permutation of signs asks only that they are symmetric if the methods are equal, but
 * with n pairs its p is never below 2 / 2^n.
 */
#ifndef CL_PAIRED_H
#define CL_PAIRED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CL_PAIRED_EXACT_MAX 20 /* pairs up to which all 2^n signs are gone through */

struct cl_paired {
  int64_t n;
  double mean;             /* of the differences; NaN without pairs */
  double variance, lo, hi; /* sample variance; 95 % interval of the mean (Student's t); NaN below two pairs */
  double t,
      p_t; /* two-sided, n - 1 degrees of freedom; NaN below two pairs, or where no difference differs */
  double p_permutation;        /* two-sided; NaN without pairs */
  bool exact;                  /* all signs were gone through; else 100 000 draws of one constant stream */
  int64_t above, equal, below; /* pairs with a difference > 0, = 0, < 0 */
};

/* Of n differences, all finite and below 1e150. Cost O(2^n) up to CL_PAIRED_EXACT_MAX pairs, then O(100 000
 * n). A function of its arguments. */
struct cl_paired cl_paired_of(const double *differences, size_t n);

/* Holm's correction: p[i] becomes the level at which test i of these n would still be rejected, all of them
 * considered; NaN stays NaN and counts as no test. n <= 64. Source: Holm (1979). */
void cl_holm(double *p, size_t n);

#endif
