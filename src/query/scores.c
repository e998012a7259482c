#include "query/scores.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "math/leaders.h"

bool cl_trial_is_scored(const struct cl_trial *t) {
  return (t->head.state == CL_COMPLETE || t->at_end) && isfinite(t->value);
}

static void add_score(const struct cl_score_sets *s, const struct cl_trial *t, struct cl_score_set *set) {
  assert(cl_trial_is_scored(t));
  cl_moments_add(&set->moments, fmax(-CL_SCORE_MAX, fmin(CL_SCORE_MAX, t->value)));
  if (!cl_role_is_searched(t->head.role)) return;
  if (set->best_trial != 0 && !cl_objective_better(s->objective, t->value, set->best_value)) return;
  set->best_trial = t->number;
  set->best_value = t->value;
}

bool cl_score_sets_next(const struct cl_score_sets *s, struct cl_score_set *set) {
  int64_t trials = cl_study_trials(s->study);
  for (int64_t first = set->first + 1; first <= trials; first++) {
    if (s->later != NULL && s->later[first / 8] & 1u << first % 8) continue;
    if (cl_study_trial(s->study, first) == NULL) continue;
    *set = (struct cl_score_set){.first = first};
    for (int64_t i = first; i != 0; i = cl_study_next_repeat(s->study, i)) {
      const struct cl_trial *t = cl_study_trial(s->study, i);
      if (cl_trial_is_scored(t) && (s->roles & 1u << t->head.role)) add_score(s, t, set);
    }
    if (set->moments.n > 0) return true;
  }
  return false;
}

/* Where trials are repeated: which of them are not the first of their configuration. */
static int mark_later(struct cl_score_sets *s, struct cl_err *e) {
  int64_t trials = cl_study_trials(s->study), configurations = 0;
  CL_TRY(cl_study_configurations(s->study, &configurations, e));
  assert(configurations <= trials && s->later == NULL);
  if (configurations == trials) return 0;
  s->later = cl_alloc((size_t)trials / 8 + 1);
  if (s->later == NULL) return CL_FAIL_NOMEM(e);
  for (int64_t i = 1; i <= trials; i++) {
    int64_t next = cl_study_next_repeat(s->study, i);
    assert(next == 0 || next > i);
    if (next != 0) s->later[next / 8] |= (uint8_t)(1u << next % 8);
  }
  return 0;
}

int cl_score_sets_init(struct cl_score_sets *s, const struct cl_study *study, unsigned roles,
                       struct cl_err *e) {
  *s = (struct cl_score_sets){
      .study = study, .objective = &cl_study_settings(study)->objectives[0], .roles = roles};
  CL_TRY(mark_later(s, e));
  double squares = 0;
  for (struct cl_score_set set = {0}; cl_score_sets_next(s, &set);) {
    s->n++;
    s->df += set.moments.n - 1;
    squares += set.moments.squares;
  }
  assert(s->df >= 0 && squares >= 0);
  s->noise = s->df > 0 ? squares / (double)s->df : NAN;
  return 0;
}

void cl_score_sets_done(struct cl_score_sets *s) {
  cl_free(s->later);
  *s = (struct cl_score_sets){0};
}

/* Ranking. */

struct entry {
  int64_t n, best_trial, first;
  double mean, estimate, sd; /* mean and estimate: larger is better */
  double best;               /* likewise */
  uint32_t number;           /* among the moments */
};

static int compare_own(const void *a, const void *b) {
  const struct entry *x = a, *y = b;
  if (x->best != y->best) return x->best > y->best ? -1 : 1;
  return (x->best_trial > y->best_trial) - (x->best_trial < y->best_trial);
}

static int compare_means(const void *a, const void *b) {
  const struct entry *x = a, *y = b;
  if (x->n != y->n) return x->n < y->n ? -1 : 1;
  if (x->mean != y->mean) return x->mean > y->mean ? -1 : 1;
  return compare_own(x, y);
}

static int compare_estimates(const void *a, const void *b) {
  const struct entry *x = a, *y = b;
  if (x->estimate != y->estimate) return x->estimate > y->estimate ? -1 : 1;
  return compare_own(x, y);
}

static struct entry entry_of(const struct cl_score_sets *s, const struct cl_score_set *set) {
  double sign = cl_objective_sign(s->objective);
  return (struct entry){.n = set->moments.n,
                        .best_trial = set->best_trial,
                        .first = set->first,
                        .mean = sign * set->moments.mean,
                        .estimate = NAN,
                        .sd = NAN,
                        .best = sign * set->best_value};
}

/* Without estimates: the k best own scores, by insertion. ret: room for k + 1. */
static size_t rank_by_score(const struct cl_score_sets *s, size_t k, struct entry *ret) {
  size_t n = 0;
  for (struct cl_score_set set = {0}; cl_score_sets_next(s, &set);) {
    if (set.best_trial == 0) continue;
    struct entry new = entry_of(s, &set);
    if (n == k && (k == 0 || compare_own(&new, &ret[k - 1]) > 0)) continue;
    size_t at = n < k ? n++ : k - 1;
    for (; at > 0 && compare_own(&new, &ret[at - 1]) < 0; at--) ret[at] = ret[at - 1];
    ret[at] = new;
  }
  assert(n <= k);
  return n;
}

/* Estimates rise with the mean among sets of equal count: only the k highest of each count can be among the
 * best k. */
static size_t keep_hopeful(double sign, const struct cl_moments *moments, const struct cl_shrinkage *fit,
                           size_t k, struct entry *entries, size_t n) {
  size_t kept = 0, of_count = 0;
  int64_t count = 0;
  qsort(entries, n, sizeof *entries, compare_means);
  for (size_t i = 0; i < n; i++) {
    of_count = entries[i].n == count ? of_count + 1 : 1;
    count = entries[i].n;
    if (of_count > k) continue;
    entries[kept] = entries[i];
    struct entry *x = &entries[kept++];
    x->estimate = sign * cl_shrinkage_estimate(fit, &moments[x->number], &x->sd);
  }
  assert(kept <= n);
  return kept;
}

static int rank_by_estimate(const struct cl_score_sets *s, size_t k, struct cl_shrinkage *fit,
                            struct entry *entries, size_t *ret_n, struct cl_err *e) {
  double sign = cl_objective_sign(s->objective);
  size_t n = 0, all = 0;
  struct cl_moments *moments = cl_alloc_array(s->n, sizeof *moments);
  if (moments == NULL) return CL_FAIL_NOMEM(e);
  for (struct cl_score_set set = {0}; cl_score_sets_next(s, &set); all++) {
    moments[all] = set.moments;
    if (set.best_trial == 0) continue;
    entries[n] = entry_of(s, &set);
    entries[n++].number = (uint32_t)all;
  }
  assert(n <= all && all <= s->n);
  int status = cl_shrinkage_fit(moments, all, (uint64_t)cl_study_seed(s->study), fit, e);
  if (status == 0) {
    n = keep_hopeful(sign, moments, fit, k, entries, n);
    qsort(entries, n, sizeof *entries, compare_estimates);
    *ret_n = n < k ? n : k;
  }
  cl_free(moments);
  return status;
}

int cl_scores_rank(const struct cl_score_sets *s, size_t k, struct cl_shrinkage *ret_fit,
                   struct cl_ranked *ret, size_t *ret_n, struct cl_err *e) {
  bool known = s->df >= CL_DF_MIN;
  double sign = cl_objective_sign(s->objective);
  if (s->n >= UINT32_MAX)
    return CL_FAIL(e, CLADE_ELIMIT, "%zu configurations are more than can be compared (%u)", s->n,
                   UINT32_MAX - 1);
  struct entry *entries = cl_alloc_array(known ? s->n : k + 1, sizeof *entries);
  if (entries == NULL) return CL_FAIL_NOMEM(e);
  size_t n = 0;
  int status = 0;
  *ret_fit = (struct cl_shrinkage){.noise = s->noise, .df = s->df, .sets = s->n};
  if (known)
    status = rank_by_estimate(s, k, ret_fit, entries, &n, e);
  else
    n = rank_by_score(s, k, entries);
  for (size_t i = 0; i < n && status == 0; i++) {
    struct cl_score_set set = {.first = entries[i].first - 1};
    bool found = cl_score_sets_next(s, &set);
    assert(found && set.first == entries[i].first);
    (void)found;
    ret[i] = (struct cl_ranked){set, sign * entries[i].estimate, entries[i].sd};
  }
  if (status == 0) *ret_n = n;
  cl_free(entries);
  return status;
}
