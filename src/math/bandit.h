/* Which values to try next where rewards drift with time: the bandit of PB2 (Parker-Holder et al. 2020).
 *
 * A model of the rewards (math/process.h) is fitted to the newest rows; tried is the point with the highest
 * mean plus kappa standard deviations, at the time and context of the one who asks. Deviations also count the
 * points that others are trying just now, so that no two try the same. Words are searched together with the
 * numbers (one process with Hamming distance), in turns: numbers by gradient, then each word exhaustively.
 *
 * We differ from the published code: true gradients, the deviation and not the variance in the sum, the
 * length of the window by likelihood per row and not by their sum, which favours short ones.
 *
 * Most of the work is the fit of window and kernel, which change little from one decision to the next. Who
 * decides often fits now and then, with cl_bandit_fit, and gives the result to cl_bandit_choose.
 */
#ifndef CL_BANDIT_H
#define CL_BANDIT_H

#include "base/rng.h"
#include "math/process.h"

/* One thing tried: time and context at its beginning, the values in the unit cube, the words, what came of
 * it. */
struct cl_tried {
  double time, context; /* as they are: both are brought to [0, 1] of the window */
  double reward;        /* larger is better; not looked at of what is still being tried */
  const double *values; /* d + c: numbers in [0, 1], then word numbers */
};

/* Window and kernel. */
struct cl_bandit_fit {
  size_t rows;
  struct cl_kernel kernel;
};

struct cl_bandit {
  const struct cl_numerics *numerics;
  int d, c;
  const int *levels;   /* c: how many words; each is 0 … levels - 1, and -1 where it is none */
  const double *fixed; /* d + c: not to be chosen but given; NaN where free. Null: all free */
  size_t n, n_pending; /* rows, oldest first; they must be finite */
  const struct cl_tried *rows, *pending;
  const struct cl_bandit_fit *fit; /* null: of these rows, now */
  size_t most;                     /* newest rows that are looked at, 0 = CL_BANDIT_ROWS_MAX */
};

#define CL_BANDIT_ROWS_MAX 1000
#define CL_BANDIT_WINDOW   200 /* from so many on, a window of the newest is chosen */
#define CL_BANDIT_REFIT    32  /* with fewer rows a fit costs next to nothing */
#define CL_BANDIT_FIT_MAX  400 /* rows that the kernel is fitted to */
#define CL_BANDIT_STARTS   10
#define CL_BANDIT_ROWS_MIN 3 /* with fewer, there is nothing to learn from */

struct cl_bandit_view {
  size_t rows;            /* of the window */
  double kappa, mean, sd; /* at the point that is tried; rewards standardised */
  struct cl_kernel kernel;
};

/* sqrt(0.2 ln(0.4 n)), 0 where the logarithm is negative. */
double cl_bandit_kappa(size_t n);

/* How many rows to look at where so many decide: each round costs rows^2 per decision, so their product is
 * bounded by 50 000. 1000 for up to 50 members, 200 from 250 on: those are of one and the same round then. */
size_t cl_bandit_most(size_t members);

/* Window and kernel for these rows; what is pending or fixed plays no part. CLADE_EMPTY: fewer than
 * CL_BANDIT_ROWS_MIN rows. CLADE_ENOMEM. Cost: 80 factorisations of min(n, 400) rows, one of n. */
int cl_bandit_fit(const struct cl_bandit *b, struct cl_bandit_fit *ret, struct cl_err *e);

/* The values to try (d + c) at this time and context. A fit of earlier rows serves for so many of the newest
 * ones as it had; one of less than CL_BANDIT_WINDOW for all. CLADE_EMPTY: fewer than CL_BANDIT_ROWS_MIN rows.
 * CLADE_ENOMEM. Cost: a fit unless it is given, two factorisations, some 1 000 products with n * n. */
int cl_bandit_choose(const struct cl_bandit *b, double time, double context, struct cl_rng *r, double *ret,
                     struct cl_bandit_view *ret_view, struct cl_err *e);

#endif
