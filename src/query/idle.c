#include "query/idle.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "math/distribution.h"
#include "query/scores.h"

enum {
  GROUPS_MAX = 32, /* values of one hyperparameter that are told apart */
  QUARTERS = 4,    /* groups of a range */
  GROUP_LEAST = 5, /* trials of a group that counts */
  STRATUM_LEAST = 10,
  PAIRS_LEAST = 2
};

#define P_IDLE    0.3  /* over all trials: at least that likely by chance */
#define P_STRATUM 0.05 /* among those that share a value of another: divided by the number of others */

struct data {
  const struct cl_space *space;
  int n, n_hyperparameters;
  double *scores;
  struct cl_value *values; /* n rows of n_hyperparameters */
  int16_t *groups;         /* likewise; -1 = inactive, or one of too many */
  int *order;              /* room for n */
};

/* --- the trials --- */

static bool is_searched(const struct cl_hyperparameter *h) {
  return !h->drawn && !(h->n_values == 1);
}

static const struct cl_value *row(const struct data *d, int trial) {
  return d->values + (size_t)trial * (size_t)d->n_hyperparameters;
}

static int16_t *group(const struct data *d, int trial, int hyperparameter) {
  return &d->groups[(size_t)trial * (size_t)d->n_hyperparameters + (size_t)hyperparameter];
}

static int allocate(struct data *d, size_t n, struct cl_err *e) {
  size_t cells = n * (size_t)d->n_hyperparameters + 1;
  d->scores = cl_alloc_array(n + 1, sizeof *d->scores);
  d->values = cl_alloc_array(cells, sizeof *d->values);
  d->groups = cl_alloc_array(cells, sizeof *d->groups);
  d->order = cl_alloc_array(n + 1, sizeof *d->order);
  if (d->scores == NULL || d->values == NULL || d->groups == NULL || d->order == NULL)
    return CL_FAIL_NOMEM(e);
  return 0;
}

static void done(struct data *d) {
  cl_free(d->scores);
  cl_free(d->values);
  cl_free(d->groups);
  cl_free(d->order);
}

/* How many there are, and from where on. */
static int64_t count_last(const struct cl_study *s, int64_t *ret_first) {
  int64_t first = cl_study_trials(s) + 1, n = 0;
  for (; first > 1 && n < CL_IDLE_TRIALS_MAX; first--) {
    const struct cl_trial *t = cl_study_trial(s, first - 1);
    n += t != NULL && cl_role_is_searched(t->head.role) && cl_trial_is_scored(t);
  }
  *ret_first = first;
  return n;
}

int cl_idle_read(struct cl_reader *r, const struct cl_study **ret, struct cl_err *e) {
  struct cl_study_head head;
  CL_TRY(cl_reader_head(r, &head, e));
  int64_t first = head.trials - 2 * CL_IDLE_TRIALS_MAX; /* half of them may have failed */
  if (first > 1) {
    CL_TRY(cl_reader_need(r, first, head.trials, ret, e));
    if (count_last(*ret, &first) == CL_IDLE_TRIALS_MAX) return 0;
  }
  return cl_reader_need(r, 0, 0, ret, e);
}

static int gather(const struct cl_study *s, struct data *d, struct cl_err *e) {
  int64_t last = cl_study_trials(s), first = 1, n = count_last(s, &first);
  CL_TRY(allocate(d, (size_t)n, e));
  for (int64_t i = first; i <= last; i++) {
    const struct cl_trial *t = cl_study_trial(s, i);
    if (t == NULL || !cl_role_is_searched(t->head.role) || !cl_trial_is_scored(t)) continue;
    assert(d->n < n);
    cl_trial_values(s, t, d->values + (size_t)d->n * (size_t)d->n_hyperparameters);
    d->scores[d->n++] = t->value;
  }
  return 0;
}

/* --- sorting: by a key per trial --- */

struct keyed {
  const struct data *d;
  int hyperparameter; /* whose number is the key; -1: the score */
};

static double key_of(const struct keyed *k, int trial) {
  return k->hyperparameter < 0 ? k->d->scores[trial] : cl_value_number(row(k->d, trial)[k->hyperparameter]);
}

static int compare_keys(const void *a, const void *b, void *ctx) {
  double x = key_of(ctx, *(const int *)a), y = key_of(ctx, *(const int *)b);
  return (x > y) - (x < y);
}

/* --- groups --- */

static void group_list(struct data *d, int h) {
  const struct cl_hyperparameter *item = &d->space->items[h];
  for (int i = 0; i < d->n; i++) {
    *group(d, i, h) = -1;
    for (int v = 0; v < item->n_values && v < GROUPS_MAX; v++)
      if (cl_value_equal(row(d, i)[h], item->values[v])) *group(d, i, h) = (int16_t)v;
  }
}

/* By quarters of what was tried; equal numbers stay together. */
static void group_range(struct data *d, int h) {
  int n = 0;
  for (int i = 0; i < d->n; i++) {
    *group(d, i, h) = -1;
    if (!isnan(cl_value_number(row(d, i)[h]))) d->order[n++] = i;
  }
  struct keyed k = {d, h};
  qsort_r(d->order, (size_t)n, sizeof *d->order, compare_keys, &k);
  for (int i = 0; i < n; i++) {
    bool tied = i > 0 && key_of(&k, d->order[i]) <= key_of(&k, d->order[i - 1]);
    *group(d, d->order[i], h) = (int16_t)(tied ? *group(d, d->order[i - 1], h) : i * QUARTERS / n);
  }
}

/* --- the second sign --- */

/* P(X >= x) for chi-squared; the cube root of x/df is nearly normal (Wilson and Hilferty 1931). */
static double chi_squared_above(double x, int df) {
  assert(df >= 1 && x >= 0);
  double v = 2 / (9.0 * df);
  return cl_normal_below((1 - v - cbrt(x / df)) / sqrt(v));
}

struct kruskal {
  double h; /* sum over the strata */
  int df;
};

/* Kruskal-Wallis of the groups of `h` among the trials d->order[0 … n-1], sorted by score; those without a
 * group are left out, and groups that are too small. */
static void add_kruskal(const struct data *d, int h, int n, struct kruskal *k) {
  int count[GROUPS_MAX] = {0}, all = 0, groups = 0;
  double sum[GROUPS_MAX] = {0}, ties = 0, h_sum = 0;
  for (int i = 0; i < n; i++)
    if (*group(d, d->order[i], h) >= 0) count[*group(d, d->order[i], h)]++;
  for (int i = 0, tied; i < n; i += tied) { /* a run of equal scores */
    int members = 0;
    for (tied = 0; i + tied < n && d->scores[d->order[i + tied]] <= d->scores[d->order[i]]; tied++) {
      int g = *group(d, d->order[i + tied], h);
      members += g >= 0 && count[g] >= GROUP_LEAST;
    }
    for (int j = i; j < i + tied; j++) {
      int g = *group(d, d->order[j], h);
      if (g >= 0 && count[g] >= GROUP_LEAST) sum[g] += all + (members + 1) / 2.0;
    }
    all += members;
    ties += pow(members, 3) - members;
  }
  for (int g = 0; g < GROUPS_MAX; g++) {
    if (count[g] < GROUP_LEAST) continue;
    groups++;
    h_sum += sum[g] * sum[g] / count[g];
  }
  double share = 1 - ties / (pow(all, 3) - all);
  if (groups < 2 || all < STRATUM_LEAST || !(share > 0)) return;
  k->h += fmax(0, (12 / ((double)all * (all + 1)) * h_sum - 3 * (all + 1.0)) / share);
  k->df += groups - 1;
  assert(groups <= GROUPS_MAX && all <= n);
}

/* Trials of the stratum (hyperparameter `other` in group g; all with other < 0), sorted by score. */
static int sort_stratum(struct data *d, int other, int g) {
  int n = 0;
  for (int i = 0; i < d->n; i++)
    if (other < 0 || *group(d, i, other) == g) d->order[n++] = i;
  struct keyed k = {d, -1};
  assert(n <= d->n);
  qsort_r(d->order, (size_t)n, sizeof *d->order, compare_keys, &k);
  return n;
}

/* Does `h` act among trials that share a value of another? */
static bool acts_somewhere(struct data *d, int h) {
  int others = d->n_hyperparameters > 1 ? d->n_hyperparameters - 1 : 1;
  for (int other = 0; other < d->n_hyperparameters; other++) {
    struct kruskal k = {0};
    if (other == h || !is_searched(&d->space->items[other])) continue;
    for (int g = 0; g < GROUPS_MAX; g++) {
      int n = sort_stratum(d, other, g);
      if (n >= STRATUM_LEAST) add_kruskal(d, h, n, &k);
    }
    if (k.df > 0 && chi_squared_above(k.h, k.df) < P_STRATUM / others) return true;
  }
  return false;
}

static bool seems_idle(struct data *d, int h, struct cl_idle *ret) {
  struct kruskal k = {0};
  if (d->n < CL_IDLE_TRIALS_MIN) return false;
  add_kruskal(d, h, sort_stratum(d, -1, 0), &k);
  if (k.df == 0) return false;
  *ret = (struct cl_idle){.hyperparameter = h, .trials = d->n, .p = chi_squared_above(k.h, k.df)};
  return ret->p >= P_IDLE && !acts_somewhere(d, h);
}

/* --- the first sign --- */

static int compare_others(const void *a, const void *b, void *ctx) {
  const struct keyed *k = ctx;
  const struct cl_value *x = row(k->d, *(const int *)a), *y = row(k->d, *(const int *)b);
  for (int i = 0; i < k->d->n_hyperparameters; i++) {
    if (i == k->hyperparameter || k->d->space->items[i].drawn || cl_value_equal(x[i], y[i])) continue;
    uint64_t p = cl_value_hash(x[i], 1), q = cl_value_hash(y[i], 1);
    if (p != q) return p > q ? 1 : -1;
  }
  return 0;
}

/* Pairs of trials that differ in nothing but `h`; 0 if there are too few, or two had different scores. */
static int64_t count_same(struct data *d, int h) {
  struct keyed k = {d, h};
  int64_t pairs = 0;
  for (int i = 0; i < d->n; i++) d->order[i] = i;
  qsort_r(d->order, (size_t)d->n, sizeof *d->order, compare_others, &k);
  for (int i = 1; i < d->n; i++) {
    int a = d->order[i - 1], b = d->order[i];
    if (compare_others(&a, &b, &k) != 0) continue;
    if (d->scores[a] < d->scores[b] || d->scores[a] > d->scores[b]) return 0;
    pairs += !cl_value_equal(row(d, a)[h], row(d, b)[h]);
  }
  return pairs >= PAIRS_LEAST ? pairs : 0;
}

static bool is_constant(const struct data *d) {
  for (int i = 1; i < d->n; i++)
    if (d->scores[i] < d->scores[0] || d->scores[i] > d->scores[0]) return false;
  return true;
}

int cl_idle_find(const struct cl_study *s, struct cl_idle *ret, int *ret_n, struct cl_err *e) {
  struct data d = {.space = cl_study_space(s), .n_hyperparameters = cl_study_space(s)->n};
  int found = 0, status = gather(s, &d, e);
  if (status < 0 || is_constant(&d)) goto out;
  for (int h = 0; h < d.n_hyperparameters; h++) {
    if (d.space->items[h].n_values > 0)
      group_list(&d, h);
    else
      group_range(&d, h);
  }
  for (int h = 0; h < d.n_hyperparameters; h++) {
    if (!is_searched(&d.space->items[h])) continue;
    int64_t pairs = count_same(&d, h);
    if (pairs > 0)
      ret[found++] = (struct cl_idle){.hyperparameter = h, .trials = d.n, .pairs = pairs, .p = (double)NAN};
    else if (seems_idle(&d, h, &ret[found]))
      found++;
  }
out:
  done(&d);
  if (status == 0) *ret_n = found;
  return status;
}
