#include "math/exp3.h"

#include <assert.h>
#include <math.h>

#define HUGE_WEIGHT 1e100
#define NEAR        1e-12 /* sums of shares are not exact */

struct cl_exp3 cl_exp3_for(int arms, int batch, double rounds) {
  assert(arms >= 1 && batch >= 1 && rounds >= 1);
  double k = arms, b = batch, gamma = 0.2;
  if (batch < arms) gamma = fmin(1, sqrt(k * log(k / b) / ((M_E - 1) * b * rounds / 10)));
  return (struct cl_exp3){arms, batch, gamma, 1 / (10 * rounds)};
}

/* With the m largest cut off at alpha: alpha (1 - m share) = share * (sum of the others). The right m is the
 * one for which exactly they exceed alpha; weights are few, so each is tried. */
double cl_exp3_cap(const struct cl_exp3 *x, const double *weights) {
  if (x->batch >= x->arms || x->gamma >= 1) return INFINITY;
  double share = (1.0 / x->batch - x->gamma / x->arms) / (1 - x->gamma), sum = 0, most = 0;
  for (int i = 0; i < x->arms; i++) {
    sum += weights[i];
    most = fmax(most, weights[i]);
  }
  assert(sum > 0 && share > 1.0 / x->arms - NEAR);
  if (most <= share * sum) return INFINITY;
  double cap = most;
  for (int m = 1; m < x->arms && m * share < 1; m++) {
    double next = 0, rest = 0; /* the largest weight below the cap; the sum of those below */
    for (int i = 0; i < x->arms; i++)
      if (weights[i] < cap) next = fmax(next, weights[i]);
    int above = 0;
    for (int i = 0; i < x->arms; i++) {
      above += weights[i] > next;
      rest += weights[i] > next ? 0 : weights[i];
    }
    if (above * share >= 1) break;
    double alpha = share * rest / (1 - above * share);
    if (alpha >= next) return alpha;
    cap = next;
  }
  return cap;
}

void cl_exp3_shares(const struct cl_exp3 *x, const double *weights, double *ret) {
  double cap = cl_exp3_cap(x, weights), sum = 0;
  for (int i = 0; i < x->arms; i++) sum += fmin(weights[i], cap);
  assert(sum > 0);
  for (int i = 0; i < x->arms; i++)
    ret[i] = (1 - x->gamma) * fmin(weights[i], cap) / sum + x->gamma / x->arms;
}

void cl_exp3_reward(const struct cl_exp3 *x, double *weights, int arm, double share, double reward) {
  assert(arm >= 0 && arm < x->arms && share > 0 && reward >= 0 && reward <= 1);
  double sum = 0, most = 0;
  for (int i = 0; i < x->arms; i++) sum += weights[i];
  if (weights[arm] < cl_exp3_cap(x, weights))
    weights[arm] *= exp(x->gamma * x->batch / x->arms * (reward / (share * x->batch)));
  for (int i = 0; i < x->arms; i++) {
    weights[i] += M_E * x->drift / x->arms * sum;
    most = fmax(most, weights[i]);
  }
  for (int i = 0; i < x->arms && most > HUGE_WEIGHT; i++) weights[i] /= most;
}

static bool is_open(double p) {
  return p > NEAR && p < 1 - NEAR;
}

void cl_exp3_round(double *p, int n, struct cl_rng *r) {
  assert(n >= 1);
  for (int i = 0, j = 1; j < n; j++) { /* i: the one that is left open by those before j */
    if (!is_open(p[i])) {
      i = j;
      continue;
    }
    if (!is_open(p[j])) continue;
    double up = fmin(1 - p[i], p[j]), down = fmin(p[i], 1 - p[j]);
    bool rises = cl_rng_uniform(r) * (up + down) < down;
    p[i] += rises ? up : -down;
    p[j] += rises ? -up : down;
    if (!is_open(p[i])) i = j;
  }
  for (int i = 0; i < n; i++) p[i] = p[i] > 0.5;
}
