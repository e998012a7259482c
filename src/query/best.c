#include "query/best.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "math/distribution.h"

struct cl_confirmation cl_confirmation_of(const struct cl_moments *scores) {
  struct cl_confirmation c = {.n = scores->n, .mean = NAN, .sd = NAN, .lo = NAN, .hi = NAN};
  if (c.n >= 1) c.mean = scores->mean;
  if (c.n < 2) return c;
  c.sd = sqrt(cl_moments_variance(scores));
  assert(c.sd >= 0);
  double half = cl_student_quantile(0.975, (double)(c.n - 1)) * c.sd / sqrt((double)c.n);
  c.lo = c.mean - half;
  c.hi = c.mean + half;
  return c;
}

static struct cl_confirmation confirmed(const struct cl_study *s, int64_t first) {
  struct cl_moments m = {0};
  for (int64_t i = first; i != 0; i = cl_study_next_repeat(s, i)) {
    const struct cl_trial *t = cl_study_trial(s, i);
    if (t->head.role == CL_ROLE_CONFIRM && cl_trial_is_scored(t)) cl_moments_add(&m, t->value);
  }
  return cl_confirmation_of(&m);
}

static int64_t count_assessments(const struct cl_study *s) {
  int64_t n = 0, trials = cl_study_trials(s);
  if (cl_study_head(s)->counted == trials) return 0; /* all are searched or enqueued */
  for (int64_t i = 1; i <= trials; i++) {
    const struct cl_trial *t = cl_study_trial(s, i);
    if (t != NULL && t->head.role == CL_ROLE_ASSESS) n += t->head.attempt; /* every start may have looked */
  }
  return n;
}

/* Without estimates the best value counts, and that may be of a trial PRUNED early, which has no score to
 * compare.
 */
static void take_pruned(const struct cl_study *s, struct cl_best *b) {
  int64_t best = cl_study_best(s);
  if (best == b->trial || best == 0) return;
  assert(isnan(b->estimate)); /* where there are estimates, they decide */
  b->trial = best;
  b->value = cl_study_trial(s, best)->value;
  b->repeats = 0;
  b->confirmed = cl_confirmation_of(&(struct cl_moments){0});
}

int cl_best_find(const struct cl_study *s, struct cl_best *ret, struct cl_err *e) {
  struct cl_score_sets sets = {0};
  struct cl_shrinkage fit = {0};
  struct cl_ranked first;
  size_t n = 0;
  struct cl_best b = {.value = NAN, .estimate = NAN, .lo = NAN, .hi = NAN};
  b.confirmed = cl_confirmation_of(&(struct cl_moments){0});
  int status = cl_score_sets_init(&sets, s, CL_ROLES_SEARCHED | 1u << CL_ROLE_CONFIRM, e);
  if (status == 0) status = cl_scores_rank(&sets, 1, &fit, &first, &n, e);
  if (status < 0) goto out;
  b.df = fit.df;
  b.noise_sd = sqrt(fit.noise);
  b.configurations = (int64_t)sets.n;
  b.has_estimate = n > 0 && fit.df >= CL_DF_MIN;
  if (n > 0) {
    b.trial = first.set.best_trial;
    b.value = first.set.best_value;
    b.repeats = first.set.moments.n;
    b.confirmed = confirmed(s, first.set.first);
  }
  if (b.has_estimate) {
    b.estimate = first.estimate;
    b.lo = first.estimate - 1.96 * first.sd;
    b.hi = first.estimate + 1.96 * first.sd;
  } else
    take_pruned(s, &b);
  assert(!b.has_estimate || (b.trial != 0 && b.lo <= b.estimate && b.estimate <= b.hi));
  b.assessments = count_assessments(s);
  *ret = b;
out:
  cl_shrinkage_done(&fit);
  cl_score_sets_done(&sets);
  return status;
}

static bool replays(const struct cl_study *s) {
  return json_object_get(cl_study_settings(s)->json, "replay") != NULL;
}

int cl_best_need(const struct cl_study *s, int64_t *ret_trial, struct cl_err *e) {
  struct cl_best best;
  const char *name = cl_study_name(s);
  CL_TRY(cl_best_find(s, &best, e));
  if (best.trial == 0 && replays(s))
    return CL_FAIL(
        e, CLADE_ENOTFOUND,
        "%s replays a schedule, so none of its runs is the best: name one (%s/1), or see what they "
        "come to with `clade best %s`",
        name, name, name);
  if (best.trial == 0)
    return CL_FAIL(e, CLADE_ENOTFOUND, "%s has no best trial yet: none has finished with a finite value",
                   name);
  assert(best.trial <= cl_study_trials(s));
  *ret_trial = best.trial;
  return 0;
}

/* History. */

struct end {
  int64_t ended_ms, trial;
};

static int compare_ends(const void *a, const void *b) {
  const struct end *x = a, *y = b;
  if (x->ended_ms != y->ended_ms) return x->ended_ms < y->ended_ms ? -1 : 1;
  return (x->trial > y->trial) - (x->trial < y->trial);
}

static bool has_result(const struct cl_trial *t) {
  return t != NULL && cl_role_is_searched(t->head.role) && cl_state_is_final(t->head.state);
}

static struct end *collect_ends(const struct cl_study *s, size_t *ret_n) {
  size_t n = 0;
  for (int64_t i = 1; i <= cl_study_trials(s); i++) n += has_result(cl_study_trial(s, i));
  struct end *ends = cl_alloc_array(n, sizeof *ends);
  if (ends == NULL) return NULL;
  n = 0;
  for (int64_t i = 1; i <= cl_study_trials(s); i++) {
    const struct cl_trial *t = cl_study_trial(s, i);
    if (has_result(t)) ends[n++] = (struct end){cl_trial_ended_ms(t), i};
  }
  qsort(ends, n, sizeof *ends, compare_ends);
  *ret_n = n;
  return ends;
}

int cl_best_history(const struct cl_study *s, double **ret_x, double **ret_y, int64_t **ret_trial,
                    size_t *ret_n, struct cl_err *e) {
  const struct cl_objective *objective = &cl_study_settings(s)->objectives[0];
  size_t n_ends = 0, n = 0;
  struct end *ends = collect_ends(s, &n_ends);
  double *x = cl_alloc_array(n_ends + 1, sizeof *x), *y = cl_alloc_array(n_ends + 1, sizeof *y);
  int64_t *trial = cl_alloc_array(n_ends + 1, sizeof *trial);
  if (ends == NULL || x == NULL || y == NULL || trial == NULL) {
    cl_free(ends);
    cl_free(x);
    cl_free(y);
    cl_free(trial);
    return CL_FAIL_NOMEM(e);
  }
  for (size_t i = 0; i < n_ends; i++) {
    double value = cl_study_trial(s, ends[i].trial)->value;
    bool better = isfinite(value) && (n == 0 || cl_objective_better(objective, value, y[n - 1]));
    bool last = i + 1 == n_ends && n > 0;
    if (!better && !last) continue;
    x[n] = (double)(i + 1);
    y[n] = better ? value : y[n - 1];
    trial[n] = better ? ends[i].trial : trial[n - 1];
    n++;
  }
  assert(n <= n_ends);
  cl_free(ends);
  *ret_x = x;
  *ret_y = y;
  *ret_trial = trial;
  *ret_n = n;
  return 0;
}
