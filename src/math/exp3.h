/* Which of K arms to play where B of them are played in every round and what they pay drifts: EXP3.M (Uchiya,
 * Nakamura & Kudo 2010), with the shares of EXP3.S for drift, as PB2-Mix uses them for lists (Parker-Holder
 * et al. 2021; algorithms.md 10.4).
 *
 * Weights begin at 1. Arms are drawn by their shares, and the one that was drawn is rewarded by what it paid
 * over the share it was drawn with, so that rare arms are not forgotten for being rare. */
#ifndef CL_EXP3_H
#define CL_EXP3_H

#include <stdbool.h>

#include "base/rng.h"

struct cl_exp3 {
  int arms, batch; /* K >= 1, B >= 1 */
  double gamma;    /* share of draws that are uniform */
  double drift;    /* omega: what of all weight is given to everybody at each reward */
};

/* For a horizon of `rounds` (>= 1): gamma = sqrt(K ln(K / B) / ((e - 1) B rounds / 10)), at most 1, where B <
 * K; else 0.2. drift = 1 / (10 rounds). */
struct cl_exp3 cl_exp3_for(int arms, int batch, double rounds);

/* Where weights are cut off so that nobody's share exceeds 1 / B: alpha with
 * alpha / (sum of min(weight, alpha)) = (1 / B - gamma / K) / (1 - gamma). INFINITY: nobody's does. */
double cl_exp3_cap(const struct cl_exp3 *x, const double *weights);

/* ret[i] = (1 - gamma) min(w_i, cap) / sum + gamma / K; they sum to 1. */
void cl_exp3_shares(const struct cl_exp3 *x, const double *weights, double *ret);

/* `arm` was drawn with `share` and has paid `reward` in [0, 1]: w *= exp(gamma B r / K), r = reward / (share
 * B), unless its weight is cut off anyway; then e omega / K of all weight comes on top of every one. Weights
 * are scaled down together before they overflow. */
void cl_exp3_reward(const struct cl_exp3 *x, double *weights, int arm, double share, double reward);

/* Dependent rounding (Gandhi et al. 2006): p[i] in [0, 1], whose sum is a whole number m, become 1 for
 * exactly m of them and 0 for the others, each 1 with the chance that it had. */
void cl_exp3_round(double *p, int n, struct cl_rng *r);

#endif
