#include "math/shrinkage.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/rng.h"

enum { POINTS = CL_SHRINKAGE_POINTS, DRAWS = CL_SHRINKAGE_DRAWS, ROUNDS = 15, SCALES = 60, SINGLE_MAX = 400 };

#define WIDTH  0.3   /* of a normal of the mixture, in standard deviations of a score */
#define WEIGHT 5.0   /* of the hierarchical prior, in sets */
#define FLOOR  1e-12 /* no point is without weight, however far out: a set may lie there */
#define NARROW 0.1   /* of a bin, in standard errors of its means */

struct fit {
  struct cl_shrinkage *s;
  struct cl_shrinkage_bin *bins;
  size_t n;
  double *likelihood; /* n * POINTS, of one draw */
};

/* Gathering the sets. */

static int compare_bins(const void *a, const void *b) {
  const struct cl_shrinkage_bin *x = a, *y = b;
  if (x->n != y->n) return x->n < y->n ? -1 : 1;
  return (x->mean > y->mean) - (x->mean < y->mean);
}

static void merge_bins(struct fit *f) {
  size_t kept = 0;
  double first = 0; /* mean of the first set of the bin */
  for (size_t i = 0; i < f->n; i++) {
    struct cl_shrinkage_bin *last = kept == 0 ? NULL : &f->bins[kept - 1];
    if (last == NULL || last->n != f->bins[i].n ||
        f->bins[i].mean - first > NARROW * sqrt(f->s->noise / last->n)) {
      first = f->bins[i].mean;
      f->bins[kept++] = f->bins[i];
      continue;
    }
    last->count++;
    last->mean += (f->bins[i].mean - last->mean) / (double)last->count;
  }
  f->n = kept;
}

static void pool_noise(const struct cl_moments *sets, size_t n, struct cl_shrinkage *s) {
  double squares = 0;
  for (size_t i = 0; i < n; i++) {
    assert(sets[i].n >= 1);
    squares += sets[i].squares;
    s->df += sets[i].n - 1;
    s->scores += sets[i].n;
  }
  if (s->df > 0) s->noise = squares / (double)s->df;
}

/* Two standard errors beyond every mean: true values may lie there. */
static void lay_points(struct fit *f) {
  struct cl_shrinkage *s = f->s;
  double lo = INFINITY, hi = -INFINITY;
  for (size_t i = 0; i < f->n; i++) {
    double room = 2 * sqrt(s->noise / f->bins[i].n);
    lo = fmin(lo, f->bins[i].mean - room);
    hi = fmax(hi, f->bins[i].mean + room);
  }
  s->lo = lo;
  s->step = (hi - lo) / POINTS;
}

static double point(const struct cl_shrinkage *s, int i) {
  return s->lo + (i + 0.5) * s->step;
}

/* The mixture must have no gaps, also where noise is much finer than the points. */
static double width2(const struct cl_shrinkage *s, double noise) {
  return fmax(WIDTH * WIDTH * noise, 0.36 * s->step * s->step);
}

/* The hierarchical normal model: tau flat on a grid, m flat. Its posterior means are where the mixture
 * begins. */

struct level {
  double mean, log_likelihood;
};

static struct level weigh_scale(const struct fit *f, double tau2) {
  double precision = 0, sum = 0, log_likelihood = 0;
  for (size_t i = 0; i < f->n; i++) {
    double p = (double)f->bins[i].count / (tau2 + f->s->noise / f->bins[i].n);
    precision += p;
    sum += p * f->bins[i].mean;
  }
  double mean = sum / precision;
  for (size_t i = 0; i < f->n; i++) {
    double v = tau2 + f->s->noise / f->bins[i].n, d = f->bins[i].mean - mean;
    log_likelihood -= 0.5 * (double)f->bins[i].count * (log(v) + d * d / v);
  }
  return (struct level){mean, log_likelihood - 0.5 * log(precision)};
}

static double largest_scale(const struct fit *f) {
  struct cl_moments all = {0};
  double inverse = 0, sets = 0;
  for (size_t i = 0; i < f->n; i++) {
    inverse += (double)f->bins[i].count / f->bins[i].n;
    sets += (double)f->bins[i].count;
    for (int64_t k = 0; k < f->bins[i].count; k++) cl_moments_add(&all, f->bins[i].mean);
  }
  double between = fmax(0, cl_moments_variance(&all) - f->s->noise * inverse / sets);
  return 3 * sqrt(between + f->s->noise / 2);
}

static void fill_base(struct fit *f) {
  struct level levels[SCALES];
  double top = largest_scale(f), best = -INFINITY, total = 0, tau2 = 0, mean = 0;
  for (int i = 0; i < SCALES; i++) {
    double tau = top * (i + 0.5) / SCALES;
    levels[i] = weigh_scale(f, tau * tau);
    best = fmax(best, levels[i].log_likelihood);
  }
  for (int i = 0; i < SCALES; i++) {
    double tau = top * (i + 0.5) / SCALES, weight = exp(levels[i].log_likelihood - best);
    total += weight;
    tau2 += weight * tau * tau;
    mean += weight * levels[i].mean;
  }
  tau2 = fmax(tau2 / total, f->s->step * f->s->step);
  mean /= total;
  total = 0;
  for (int i = 0; i < POINTS; i++) {
    double d = point(f->s, i) - mean;
    f->s->base[i] = exp(-0.5 * d * d / tau2) + FLOOR;
    total += f->s->base[i];
  }
  assert(total > 0);
  for (int i = 0; i < POINTS; i++) f->s->base[i] /= total;
}

/* One draw. */

static double draw_weight(struct cl_rng *r, int64_t count) {
  if (count > 8) return fmax(0, (double)count + sqrt((double)count) * cl_rng_normal(r));
  double sum = 0;
  for (int64_t i = 0; i < count; i++) sum -= log(cl_rng_open(r));
  return sum;
}

/* s2 df / chi2, by Wilson and Hilferty's cube of a normal. */
static double draw_noise(struct cl_rng *r, const struct cl_shrinkage *s) {
  double c = 2 / (9 * (double)s->df), root = 1 - c + sqrt(c) * cl_rng_normal(r);
  return s->noise / fmax(0.2, root * root * root);
}

static void fill_likelihood(struct fit *f, double noise) {
  double wide = width2(f->s, noise);
  for (size_t i = 0; i < f->n; i++) {
    double v = wide + noise / f->bins[i].n;
    for (int k = 0; k < POINTS; k++) {
      double d = f->bins[i].mean - point(f->s, k);
      f->likelihood[i * POINTS + (size_t)k] = exp(-0.5 * d * d / v);
    }
  }
}

/* One round of EM: each set shares its weight among the points that explain it. */
static void improve(const struct fit *f, int draw) {
  double *weight = f->s->weight[draw], next[POINTS], total = 0;
  for (int k = 0; k < POINTS; k++) next[k] = WEIGHT * f->s->base[k];
  for (size_t i = 0; i < f->n; i++) {
    const double *l = f->likelihood + i * POINTS;
    double sum = 0;
    for (int k = 0; k < POINTS; k++) sum += weight[k] * l[k];
    if (sum <= 0) continue;
    double share = f->s->shares[i * DRAWS + (size_t)draw] * (double)f->bins[i].count / sum;
    for (int k = 0; k < POINTS; k++) next[k] += share * weight[k] * l[k];
  }
  for (int k = 0; k < POINTS; k++) total += next[k];
  for (int k = 0; k < POINTS; k++) weight[k] = next[k] / total;
  f->s->total[draw] = total;
}

static void make_draw(struct fit *f, uint64_t seed, int draw) {
  struct cl_shrinkage *s = f->s;
  struct cl_rng r = cl_rng_stream(seed, CL_RNG_BOOTSTRAP, (uint64_t)draw, 0);
  s->noise_drawn[draw] = draw_noise(&r, s);
  for (size_t i = 0; i < f->n; i++)
    s->shares[i * DRAWS + (size_t)draw] = draw_weight(&r, f->bins[i].count) / (double)f->bins[i].count;
  for (int k = 0; k < POINTS; k++) s->weight[draw][k] = f->s->base[k];
  fill_likelihood(f, s->noise_drawn[draw]);
  for (int round = 0; round < ROUNDS; round++) improve(f, draw);
}

static int take_sets(struct fit *f, const struct cl_moments *sets, size_t n, struct cl_err *e) {
  f->bins = cl_alloc_array(n, sizeof *f->bins);
  if (f->bins == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < n; i++) f->bins[i] = (struct cl_shrinkage_bin){(double)sets[i].n, sets[i].mean, 1};
  f->n = n;
  qsort(f->bins, n, sizeof *f->bins, compare_bins);
  if (n > SINGLE_MAX) merge_bins(f);
  f->likelihood = cl_alloc_array(f->n * POINTS, sizeof *f->likelihood);
  f->s->shares = cl_alloc_array(f->n * DRAWS, sizeof *f->s->shares);
  return f->likelihood == NULL || f->s->shares == NULL ? CL_FAIL_NOMEM(e) : 0;
}

int cl_shrinkage_fit(const struct cl_moments *sets, size_t n, uint64_t seed, struct cl_shrinkage *ret,
                     struct cl_err *e) {
  *ret = (struct cl_shrinkage){.noise = NAN, .sets = n};
  pool_noise(sets, n, ret);
  if (n < 2 || !(ret->noise > 0)) return 0;
  struct fit f = {.s = ret};
  int status = take_sets(&f, sets, n, e);
  if (status == 0) {
    lay_points(&f);
    fill_base(&f);
    for (int draw = 0; draw < DRAWS; draw++) make_draw(&f, seed, draw);
    ret->n_draws = DRAWS;
  }
  cl_free(f.likelihood);
  ret->bins = f.bins;
  ret->n_bins = f.n;
  if (status < 0) cl_shrinkage_done(ret);
  return status;
}

void cl_shrinkage_done(struct cl_shrinkage *s) {
  cl_free(s->bins);
  cl_free(s->shares);
  s->bins = NULL;
  s->shares = NULL;
  s->n_bins = 0;
  s->n_draws = 0;
}

/* Estimating. */

/* The bin that the set went into: same count, nearest mean; -1 when it was none of the sets. */
static int64_t find_bin(const struct cl_shrinkage *s, const struct cl_moments *set) {
  size_t lo = 0, hi = s->n_bins;
  struct cl_shrinkage_bin wanted = {(double)set->n, set->mean, 1};
  while (lo < hi) {
    size_t middle = lo + (hi - lo) / 2;
    if (compare_bins(&s->bins[middle], &wanted) < 0)
      lo = middle + 1;
    else
      hi = middle;
  }
  bool above = lo < s->n_bins && s->bins[lo].n == wanted.n, below = lo > 0 && s->bins[lo - 1].n == wanted.n;
  if (!above && !below) return -1;
  if (above && below) below = wanted.mean - s->bins[lo - 1].mean < s->bins[lo].mean - wanted.mean;
  return (int64_t)lo - below;
}

/* Of the true value minus the set's mean, under one draw: mean and mean square. Each point pulls towards
 * itself, with the weight that the other sets give it: what the set itself has put there is taken out, else
 * it would confirm itself. */
static void add_posterior(const struct cl_shrinkage *s, const struct cl_moments *set, double share, int draw,
                          double *ret_mean, double *ret_square) {
  double noise = s->noise_drawn[draw], wide = width2(s, noise), own = noise / (double)set->n;
  double shrink = wide / (wide + own), sum = 0, total = 0, mean = 0, square = 0, nearest = INFINITY,
         likelihood[POINTS];
  for (int k = 0; k < POINTS; k++) nearest = fmin(nearest, fabs(set->mean - point(s, k)));
  for (int k = 0; k < POINTS; k++) {
    double d = set->mean - point(s, k);
    likelihood[k] = exp(-0.5 * (d * d - nearest * nearest) / (wide + own));
    sum += s->weight[draw][k] * likelihood[k];
  }
  for (int k = 0; k < POINTS; k++) {
    double pull = (shrink - 1) * (set->mean - point(s, k));
    double others = s->weight[draw][k] * (s->total[draw] - share * likelihood[k] / sum);
    double weight = fmax(others, WEIGHT * s->base[k]) * likelihood[k];
    total += weight;
    mean += weight * pull;
    square += weight * (pull * pull + shrink * own);
  }
  assert(total > 0);
  *ret_mean += mean / total;
  *ret_square += square / total;
}

double cl_shrinkage_estimate(const struct cl_shrinkage *s, const struct cl_moments *set, double *ret_sd) {
  assert(!isnan(s->noise) && set->n >= 1);
  double pull = 0, square = 0;
  int64_t bin = s->n_draws == 0 ? -1 : find_bin(s, set);
  for (int draw = 0; draw < s->n_draws; draw++) {
    double share = bin < 0 ? 0 : s->shares[bin * DRAWS + draw];
    add_posterior(s, set, share, draw, &pull, &square);
  }
  if (s->n_draws > 0) {
    pull /= s->n_draws;
    square = fmax(0, square / s->n_draws - pull * pull);
  } else
    square = s->noise / (double)set->n;
  if (ret_sd != NULL) *ret_sd = sqrt(square);
  return set->mean + pull;
}
