#include "query/confirm.h"

#include <assert.h>
#include <math.h>

#include "base/alloc.h"
#include "math/ranking.h"

#define LEAST_RUNS 3 /* of each configuration, before any is preferred */

/* Choosing. */

static int choose_best(const struct cl_study *s, size_t top, struct cl_confirm_row *ret, size_t *ret_n,
                       struct cl_err *e) {
  struct cl_score_sets sets = {0};
  struct cl_shrinkage fit = {0};
  struct cl_ranked *ranked = cl_alloc_array(top, sizeof *ranked);
  int status = ranked == NULL ? CL_FAIL_NOMEM(e) : cl_score_sets_init(&sets, s, CL_ROLES_SEARCHED, e);
  if (status == 0) status = cl_scores_rank(&sets, top, &fit, ranked, ret_n, e);
  if (status == 0 && *ret_n == 0)
    status =
        CL_FAIL(e, CLADE_EINVAL,
                "'%s' has nothing to confirm: no trial of the search has come to its end with a finite value",
                cl_study_name(s));
  for (size_t i = 0; status == 0 && i < *ret_n; i++)
    ret[i] = (struct cl_confirm_row){.first = ranked[i].set.first,
                                     .trial = ranked[i].set.best_trial,
                                     .claimed = ranked[i].set.best_value,
                                     .estimate = ranked[i].estimate,
                                     .sd = ranked[i].sd};
  cl_shrinkage_done(&fit);
  cl_score_sets_done(&sets);
  cl_free(ranked);
  return status;
}

static int choose_trials(const struct cl_study *s, const struct cl_confirm_choice *c,
                         struct cl_confirm_row *ret, size_t *ret_n, struct cl_err *e) {
  size_t n = 0;
  for (size_t i = 0; i < c->n_trials; i++) {
    const struct cl_trial *t = cl_study_trial(s, c->trials[i]);
    struct cl_confirm_row row = {.trial = c->trials[i], .estimate = NAN, .sd = NAN};
    if (t == NULL)
      return CL_FAIL(e, CLADE_ENOTFOUND, "'%s' has no trial %lld", cl_study_name(s), (long long)c->trials[i]);
    if (!cl_trial_is_scored(t))
      return CL_FAIL(e, CLADE_EINVAL,
                     "trial %lld is %s and has no score to confirm: name trials that are COMPLETE, or that a "
                     "schedule has stopped at its planned end",
                     (long long)t->number, cl_state_name(t->head.state));
    row.claimed = t->value;
    CL_TRY(cl_study_configuration(s, t->number, &row.first, e));
    bool known = false;
    for (size_t k = 0; k < n; k++) known = known || ret[k].first == row.first;
    if (!known) ret[n++] = row;
  }
  *ret_n = n;
  return 0;
}

/* Looking. */

static void count_run(const struct cl_study *s, const struct cl_trial *t, struct cl_confirm_row *row) {
  if (t->head.role != CL_ROLE_CONFIRM) return;
  if (cl_trial_is_scored(t))
    cl_moments_add(&row->runs, t->value);
  else if (cl_state_is_result(cl_study_head(s), &t->head))
    row->failed++;
  else
    row->pending++;
}

/* Where values change while trials train, a run has those of its trial at the end alone. */
static void count_runs(const struct cl_study *s, struct cl_confirm_row *row) {
  bool scheduled = cl_study_settings(s)->schedule != NULL;
  row->runs = (struct cl_moments){0};
  row->failed = row->pending = 0;
  for (int64_t i = row->first; i != 0 && !scheduled; i = cl_study_next_repeat(s, i))
    count_run(s, cl_study_trial(s, i), row);
  for (int64_t i = 1; i <= cl_study_trials(s) && scheduled; i++) {
    const struct cl_trial *t = cl_study_trial(s, i);
    if (t != NULL && (int64_t)t->of == row->trial) count_run(s, t, row);
  }
  row->fresh = cl_confirmation_of(&row->runs);
}

/* Variance of a single fresh score, pooled; NaN without repeats. */
static double pooled_noise(const struct cl_confirm_row *rows, size_t n) {
  double squares = 0;
  int64_t df = 0;
  for (size_t i = 0; i < n; i++) {
    squares += rows[i].runs.squares;
    df += rows[i].runs.n > 0 ? rows[i].runs.n - 1 : 0;
  }
  return df > 0 ? squares / (double)df : NAN;
}

static struct cl_belief belief_of(const struct cl_confirm_row *row, double sign, double noise) {
  return (struct cl_belief){sign * row->runs.mean, sqrt(noise / (double)row->runs.n), 1};
}

static int judge(struct cl_confirm_row *rows, size_t n, double sign, struct cl_err *e) {
  double noise = pooled_noise(rows, n);
  struct cl_belief *beliefs = cl_alloc_array(n, sizeof *beliefs);
  if (beliefs == NULL) return CL_FAIL_NOMEM(e);
  bool all = !isnan(noise);
  for (size_t i = 0; i < n; i++) {
    all = all && rows[i].runs.n > 0;
    if (all) beliefs[i] = belief_of(&rows[i], sign, noise);
    rows[i].luck =
        rows[i].runs.n > 0 ? sign * (rows[i].claimed - rows[i].runs.mean) + 0.0 : (double)NAN; /* never -0 */
  }
  for (size_t i = 0; i < n; i++) rows[i].p_best = all ? cl_rank_probability(beliefs, n, i) : (double)NAN;
  cl_free(beliefs);
  return 0;
}

int cl_confirm_count(const struct cl_study *s, struct cl_confirm_row *rows, size_t n, struct cl_err *e) {
  int64_t configurations = 0;
  CL_TRY(cl_study_configurations(s, &configurations, e));
  for (size_t i = 0; i < n; i++) count_runs(s, &rows[i]);
  return judge(rows, n, cl_objective_sign(&cl_study_settings(s)->objectives[0]), e);
}

int cl_confirm_read(const struct cl_study *s, const struct cl_confirm_choice *c, struct cl_confirm_row *ret,
                    size_t *ret_n, struct cl_err *e) {
  size_t n = 0, asked = c->n_trials > 0 ? c->n_trials : c->top;
  if (asked < 1 || asked > CL_CONFIRM_TOP_MAX)
    return CL_FAIL(e, CLADE_EINVAL, "%zu configurations cannot be confirmed: between 1 and %d can", asked,
                   CL_CONFIRM_TOP_MAX);
  CL_TRY(c->n_trials > 0 ? choose_trials(s, c, ret, &n, e) : choose_best(s, c->top, ret, &n, e));
  CL_TRY(cl_confirm_count(s, ret, n, e));
  *ret_n = n;
  return 0;
}

/* Allocating. */

static int64_t used(const struct cl_confirm_row *row) {
  return row->runs.n + row->failed + row->pending;
}

/* The row with the fewest runs of those that may have more; -1: none. */
static int64_t find_fewest(const struct cl_confirm_row *rows, size_t n, int64_t most) {
  int64_t found = -1;
  for (size_t i = 0; i < n; i++)
    if (used(&rows[i]) < most && (found < 0 || used(&rows[i]) < used(&rows[found]))) found = (int64_t)i;
  return found;
}

static int64_t choose_top_two(const struct cl_confirm_row *rows, size_t n, int64_t most, double sign,
                              uint64_t seed, int64_t number) {
  struct cl_belief beliefs[CL_CONFIRM_TOP_MAX];
  size_t place[CL_CONFIRM_TOP_MAX], open = 0;
  double noise = pooled_noise(rows, n);
  for (size_t i = 0; i < n; i++) {
    if (used(&rows[i]) >= most) continue;
    if (isnan(noise) || rows[i].runs.n == 0) return find_fewest(rows, n, most); /* nothing is known of it */
    beliefs[open] = belief_of(&rows[i], sign, noise);
    place[open++] = i;
  }
  if (open == 0) return -1;
  struct cl_rng r = cl_rng_stream(seed, CL_RNG_CONFIRM, (uint64_t)number, 0);
  return (int64_t)place[cl_rank_top_two(beliefs, open, &r)];
}

int64_t cl_confirm_next(const struct cl_confirm_row *rows, size_t n, const struct cl_confirm_plan *plan,
                        double sign, uint64_t seed, int64_t number) {
  assert(plan->repeats >= 1 && n <= CL_CONFIRM_TOP_MAX);
  int64_t all = 0, least = plan->repeats < LEAST_RUNS ? plan->repeats : LEAST_RUNS;
  for (size_t i = 0; i < n; i++) all += used(&rows[i]);
  if (plan->total > 0 && all >= plan->total) return -1;
  int64_t first = find_fewest(rows, n, least);
  return first >= 0 ? first : choose_top_two(rows, n, plan->repeats, sign, seed, number);
}
