#include "query/eval.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "math/ranking.h"
#include "query/story.h"
#include "query/tags.h"
#include "query/trials.h"

struct run {
  int64_t result, trial; /* result: position of the event that ended it */
  double score;          /* larger is better */
  uint32_t set;
};

struct set_more { /* what the leaders do not keep of a set */
  int64_t best_trial;
  double best;
};

struct rows {
  struct cl_eval_row *items;
  uint32_t *sets; /* whose row it is */
  size_t n, cap, cap_sets;
};

struct evaluation {
  const struct cl_study *study;
  double sign;
  struct run *runs;
  size_t n, n_all;  /* evaluated; in the prior */
  uint32_t *set_of; /* by first trial of a configuration: its set + 1 */
  struct set_more *more;
  struct cl_leaders fixed, online;
  struct rows rows, online_rows;
};

/* The runs. */

static int compare_runs(const void *a, const void *b) {
  const struct run *x = a, *y = b;
  if (x->result != y->result) return x->result < y->result ? -1 : 1;
  return (x->trial > y->trial) - (x->trial < y->trial);
}

static bool is_run(const struct cl_trial *t) {
  return t != NULL && cl_role_is_searched(t->head.role) && t->head.state == CL_COMPLETE;
}

static void add_run(struct evaluation *v, const struct cl_trial *t, double value) {
  if (isfinite(value)) v->runs[v->n_all++] = (struct run){t->result, t->number, v->sign * value, 0};
}

static void take_objective(struct evaluation *v, int objective) {
  assert(objective >= 0 && objective < cl_study_settings(v->study)->n_objectives);
  for (int64_t i = 1; i <= cl_study_trials(v->study); i++) {
    const struct cl_trial *t = cl_study_trial(v->study, i);
    if (is_run(t)) add_run(v, t, cl_trial_objective(t, objective));
  }
}

static int read_metric(struct cl_reader *r, const char *metric, enum cl_limit limit, struct cl_table *ret,
                       struct cl_err *e) {
  struct cl_text column = {0};
  cl_text_format(&column, "metrics.%s", metric);
  const char *columns[] = {"trial", cl_text_get(&column)};
  struct cl_list_options o = {.n_columns = 2, .columns = columns, .limit = limit, .n = 1};
  int status = column.failed ? CL_FAIL_NOMEM(e) : cl_trials_read(r, &o, ret, e);
  cl_text_done(&column);
  return status;
}

/* Another metric: its last value, as the listing shows it. */
static int take_metric(struct evaluation *v, struct cl_reader *r, const char *metric, struct cl_err *e) {
  struct cl_table table = {0};
  int status = read_metric(r, metric, CL_LIMIT_ALL, &table, e);
  for (size_t i = 0; status >= 0 && i < table.n_rows; i++) {
    const struct cl_value *cells = table.cells + i * table.n_columns;
    const struct cl_trial *t = cl_study_trial(v->study, cells[0].as.integer);
    bool number = cells[1].kind == CL_REAL || cells[1].kind == CL_INT;
    if (is_run(t) && number) add_run(v, t, cl_value_number(cells[1]));
  }
  cl_table_done(&table);
  return status;
}

/* Runs that are left out. */

struct sieve {
  struct cl_reader *reader;
  const struct cl_study *study;
  const struct cl_eval_options *o;
  int *columns;            /* of the space: index in the study's */
  struct cl_value *values; /* of a run, in the study's space */
};

/* Those that stand: what a later attempt trained again is not counted twice. */
static int count_reports(const struct sieve *v, const struct cl_trial *t, int64_t *ret, struct cl_err *e) {
  struct cl_story story = {0};
  *ret = t->head.reports;
  if (t->head.attempt <= 1) return 0;
  CL_TRY(cl_story_read(v->reader, t->number, &story, e));
  *ret = 0;
  for (size_t i = 0; i < story.n_reports; i++) {
    const struct cl_story_report *report = &story.reports[i];
    *ret += !report->late && !report->is_void && !report->given_up;
  }
  cl_story_done(&story);
  return 0;
}

static bool is_in_space(const struct sieve *v, const struct cl_trial *t) {
  const struct cl_space *space = v->o->space;
  cl_trial_values(v->study, t, v->values);
  for (int i = 0; i < space->n; i++) {
    struct cl_value value = v->values[v->columns[i]];
    if (value.kind != CL_ABSENT && !cl_space_allows(&space->items[i], value)) return false;
  }
  return true;
}

static int make_sieve(struct sieve *v, struct cl_err *e) {
  const struct cl_space *space = v->o->space, *own = cl_study_space(v->study);
  assert(v->columns == NULL && own->n > 0);
  if (space == NULL) return 0;
  v->columns = cl_alloc_array((size_t)space->n, sizeof *v->columns);
  v->values = cl_alloc_array((size_t)own->n, sizeof *v->values);
  if (v->columns == NULL || v->values == NULL) return CL_FAIL_NOMEM(e);
  for (int i = 0; i < space->n; i++) {
    v->columns[i] = cl_space_find(own, space->items[i].name);
    if (v->columns[i] < 0)
      return CL_FAIL(e, CLADE_EINVAL,
                     "the study '%s' has no hyperparameter '%.100s', so no run of it has a value of that: "
                     "take it out of the file, or name another one",
                     cl_study_name(v->study), space->items[i].name);
  }
  return 0;
}

static int sift(struct evaluation *v, struct sieve *sieve, int64_t *ret_left_out, struct cl_err *e) {
  size_t kept = 0;
  CL_TRY(make_sieve(sieve, e));
  for (size_t i = 0; i < v->n_all; i++) {
    const struct cl_trial *t = cl_study_trial(v->study, v->runs[i].trial);
    int64_t reports = sieve->o->n_reports;
    if (reports > 0) CL_TRY(count_reports(sieve, t, &reports, e));
    if (reports != sieve->o->n_reports || (sieve->o->space != NULL && !is_in_space(sieve, t))) continue;
    v->runs[kept++] = v->runs[i];
  }
  *ret_left_out = (int64_t)(v->n_all - kept);
  v->n_all = kept;
  return 0;
}

static void sieve_done(struct sieve *v) {
  cl_free(v->columns);
  cl_free(v->values);
}

/* The goal of a metric that nobody has reported need not be asked for: that there is none is said first. */
static int fail_goal(struct cl_reader *r, const struct cl_study *s, const char *metric, struct cl_err *e) {
  struct cl_table table = {0};
  int status = r == NULL ? 0 : read_metric(r, metric, CL_LIMIT_FIRST, &table, e);
  cl_table_done(&table);
  CL_TRY(status);
  return CL_FAIL(
      e, CLADE_EINVAL,
      "'%.100s' is not what '%s' optimises (%s), so it is not known whether small or large is good: say "
      "minimize or maximize",
      metric, cl_study_name(s), cl_study_settings(s)->objectives[0].name);
}

/* Which value, and what is better? *ret_index: of the objective, -1 for another metric. */
static int choose_metric(struct cl_reader *r, const struct cl_study *s, const struct cl_eval_options *o,
                         struct cl_objective *ret, int *ret_index, struct cl_err *e) {
  const struct cl_settings *settings = cl_study_settings(s);
  *ret_index = o->metric == NULL ? 0 : -1;
  for (int i = 0; i < settings->n_objectives && *ret_index < 0; i++)
    if (strcmp(settings->objectives[i].name, o->metric) == 0) *ret_index = i;
  *ret = *ret_index >= 0 ? settings->objectives[*ret_index] : (struct cl_objective){.name = o->metric};
  if (o->goal != NULL)
    ret->goal = *o->goal;
  else if (*ret_index < 0)
    return fail_goal(r, s, o->metric, e);
  return 0;
}

static int number_sets(struct evaluation *v, struct cl_err *e) {
  int64_t configurations = 0, trials = cl_study_trials(v->study);
  CL_TRY(cl_study_configurations(v->study, &configurations, e));
  uint32_t *first_of = cl_alloc_array((size_t)trials + 1, sizeof *first_of);
  v->set_of = cl_alloc_array((size_t)trials + 1, sizeof *v->set_of);
  if (first_of == NULL || v->set_of == NULL) {
    cl_free(first_of);
    return CL_FAIL_NOMEM(e);
  }
  for (int64_t i = 1; i <= trials; i++) {
    if (first_of[i] == 0) first_of[i] = (uint32_t)i;
    int64_t next = cl_study_next_repeat(v->study, i);
    if (next != 0) first_of[next] = first_of[i];
  }
  uint32_t n = 0;
  for (size_t i = 0; i < v->n; i++) {
    uint32_t *number = &v->set_of[first_of[v->runs[i].trial]];
    if (*number == 0) *number = ++n;
    v->runs[i].set = *number - 1;
  }
  cl_free(first_of);
  v->more = cl_alloc_array(n, sizeof *v->more);
  return v->more == NULL ? CL_FAIL_NOMEM(e) : 0;
}

/* The histories. */

static int add_row(struct rows *r, uint32_t set, struct cl_eval_row row, struct cl_err *e) {
  if (r->n > 0 && r->sets[r->n - 1] == set) {
    r->items[r->n - 1].best_for++;
    return 0;
  }
  if (cl_grow(&r->items, &r->cap, r->n + 1, sizeof *r->items) < 0 ||
      cl_grow(&r->sets, &r->cap_sets, r->n + 1, sizeof *r->sets) < 0)
    return CL_FAIL_NOMEM(e);
  r->items[r->n] = row;
  r->sets[r->n++] = set;
  return 0;
}

static struct cl_eval_row describe(const struct evaluation *v, const struct cl_leaders *l, size_t set) {
  double variance = 0;
  assert(set < l->n && l->sets[set].runs.n > 0 && v->more[set].best_trial > 0);
  double mean = cl_posterior(&l->sets[set].runs, cl_leaders_prior(l), &variance);
  return (struct cl_eval_row){.trial = v->more[set].best_trial,
                              .best_for = 1,
                              .runs = l->sets[set].runs.n,
                              .estimate = v->sign * mean,
                              .sd = sqrt(variance)};
}

static int add_to_leaders(struct cl_leaders *l, const struct run *run, int64_t age, struct cl_err *e) {
  if (run->set == l->n) CL_TRY(cl_leaders_add_set(l, age, e));
  assert(run->set < l->n);
  return cl_leaders_add_run(l, run->set, run->score, true, e);
}

static int follow(struct evaluation *v, struct rows *rows, struct cl_leaders *l, size_t i, struct cl_err *e) {
  double estimate = 0;
  CL_TRY(add_to_leaders(l, &v->runs[i], (int64_t)i, e));
  int64_t leader = cl_leaders_find(l, &estimate);
  assert(leader >= 0);
  return add_row(rows, (uint32_t)leader, describe(v, l, (size_t)leader), e);
}

static int tell_histories(struct evaluation *v, struct cl_err *e) {
  for (size_t i = 0; i < v->n; i++) {
    const struct run *run = &v->runs[i];
    struct set_more *more = &v->more[run->set];
    if (more->best_trial == 0 || run->score > more->best) *more = (struct set_more){run->trial, run->score};
    CL_TRY(follow(v, &v->rows, &v->fixed, i, e));
    CL_TRY(follow(v, &v->online_rows, &v->online, i, e));
  }
  for (size_t i = 0; i < v->rows.n; i++) { /* in retrospect: what became of the set */
    struct cl_eval_row final = describe(v, &v->fixed, v->rows.sets[i]);
    final.best_for = v->rows.items[i].best_for;
    v->rows.items[i] = final;
  }
  return 0;
}

static struct cl_prior prior_of(const struct run *runs, size_t n) {
  struct cl_moments all = {0};
  for (size_t i = 0; i < n; i++) cl_moments_add(&all, fmax(-CL_SCORE_MAX, fmin(CL_SCORE_MAX, runs[i].score)));
  return (struct cl_prior){all.mean, cl_moments_variance(&all)};
}

/* Is it settled? */

#define FAR 4.0 /* standard deviations of both sides beyond which a set is no rival */

/* The leader first, then whoever may be better: per count from the highest mean down. Gathered sets count as
 * often as they are. */
static int list_beliefs(const struct cl_shrinkage *fit, const struct cl_moments *leader,
                        struct cl_belief **ret, size_t *ret_n, struct cl_err *e) {
  struct cl_belief *b = cl_alloc_array(fit->n_bins + 1, sizeof *b);
  if (b == NULL) return CL_FAIL_NOMEM(e);
  b[0].mean = cl_shrinkage_estimate(fit, leader, &b[0].sd);
  b[0].count = 1;
  size_t n = 1, own = fit->n_bins;
  double nearest = INFINITY;
  for (size_t i = 0; i < fit->n_bins; i++) { /* the bin that the leader is in */
    double off = fabs(fit->bins[i].mean - leader->mean);
    if (fit->bins[i].n != (double)leader->n || off >= nearest) continue;
    nearest = off;
    own = i;
  }
  bool far = false;
  for (size_t i = fit->n_bins; i-- > 0;) {
    const struct cl_shrinkage_bin *bin = &fit->bins[i];
    if (i + 1 < fit->n_bins && bin->n != fit->bins[i + 1].n) far = false;
    struct cl_moments m = {.n = (int64_t)bin->n, .mean = bin->mean};
    struct cl_belief rival = {.count = bin->count - (i == own)};
    if (far || rival.count == 0) continue;
    rival.mean = cl_shrinkage_estimate(fit, &m, &rival.sd);
    far = rival.mean + FAR * rival.sd < b[0].mean - FAR * b[0].sd;
    if (!far) b[n++] = rival;
  }
  assert(n >= 1 && n <= fit->n_bins + 1);
  *ret = b;
  *ret_n = n;
  return 0;
}

static int judge(const struct evaluation *v, struct cl_eval *ret, struct cl_err *e) {
  struct cl_moments *sets = cl_alloc_array(v->fixed.n, sizeof *sets);
  struct cl_shrinkage fit = {0};
  struct cl_belief *beliefs = NULL;
  size_t n = 0;
  if (sets == NULL) return CL_FAIL_NOMEM(e);
  double squares = 0;
  for (size_t i = 0; i < v->fixed.n; i++) {
    sets[i] = v->fixed.sets[i].runs;
    ret->df += sets[i].n - 1;
    squares += sets[i].squares;
  }
  if (ret->df > 0) ret->noise_sd = sqrt(squares / (double)ret->df);
  int status = 0;
  if (ret->df < CL_DF_MIN || v->rows.n == 0) goto out;
  ret->near = ret->noise_sd / 2;
  status = cl_shrinkage_fit(sets, v->fixed.n, (uint64_t)cl_study_seed(v->study), &fit, e);
  if (status == 0 && fit.n_draws > 0) {
    status = list_beliefs(&fit, &sets[v->rows.sets[v->rows.n - 1]], &beliefs, &n, e);
    if (status < 0) goto out;
    ret->p_best = cl_rank_probability(beliefs, n, 0);
    beliefs[0].mean += ret->near;
    ret->p_near = cl_rank_probability(beliefs, n, 0);
  }
out:
  cl_free(sets);
  cl_free(beliefs);
  cl_shrinkage_done(&fit);
  return status;
}

static int evaluate(struct evaluation *v, int64_t max_runs, struct cl_eval *ret, struct cl_err *e) {
  qsort(v->runs, v->n_all, sizeof *v->runs, compare_runs);
  v->n = max_runs > 0 && (size_t)max_runs < v->n_all ? (size_t)max_runs : v->n_all;
  struct cl_prior prior = prior_of(v->runs, v->n_all);
  assert(v->n <= v->n_all && prior.variance >= 0);
  cl_leaders_init(&v->fixed, CL_LEADERS_FIXED, prior);
  cl_leaders_init(&v->online, CL_LEADERS_ONLINE, (struct cl_prior){0});
  CL_TRY(number_sets(v, e));
  CL_TRY(tell_histories(v, e));
  assert(v->rows.n <= v->n && v->fixed.n == v->online.n);
  CL_TRY(judge(v, ret, e));
  ret->runs = (int64_t)v->n;
  ret->configurations = (int64_t)v->fixed.n;
  ret->prior = (struct cl_prior){v->sign * prior.mean, prior.variance};
  ret->rows = v->rows.items;
  ret->n_rows = v->rows.n;
  ret->online = v->online_rows.items;
  ret->n_online = v->online_rows.n;
  v->rows.items = v->online_rows.items = NULL; /* given away */
  return 0;
}

static void evaluation_done(struct evaluation *v) {
  cl_leaders_done(&v->fixed);
  cl_leaders_done(&v->online);
  cl_free(v->runs);
  cl_free(v->set_of);
  cl_free(v->more);
  cl_free(v->rows.items);
  cl_free(v->rows.sets);
  cl_free(v->online_rows.items);
  cl_free(v->online_rows.sets);
}

static int read_eval(struct cl_reader *r, const struct cl_study *study, const struct cl_eval_options *o,
                     struct cl_eval *ret, struct cl_err *e) {
  struct evaluation v = {.study = study};
  struct sieve sieve = {.reader = r, .study = study, .o = o};
  struct cl_eval found = {.noise_sd = NAN, .p_best = NAN, .p_near = NAN, .near = NAN};
  int objective = 0;
  CL_TRY(choose_metric(r, study, o, &found.objective, &objective, e));
  assert(found.objective.name != NULL);
  if (objective < 0 && r == NULL)
    return CL_FAIL(e, CLADE_EUNSUPPORTED, "'%.100s' is no objective, and is read from a store only",
                   o->metric);
  if (o->n_reports > 0 && r == NULL)
    return CL_FAIL(e, CLADE_EUNSUPPORTED, "reports are counted in a store only");
  v.sign = cl_objective_sign(&found.objective);
  v.runs = cl_alloc_array((size_t)cl_study_trials(study), sizeof *v.runs);
  int status = v.runs == NULL ? CL_FAIL_NOMEM(e) : 0;
  if (status == 0 && objective >= 0) take_objective(&v, objective);
  if (status == 0 && objective < 0) status = take_metric(&v, r, found.objective.name, e);
  if (status == 0) status = sift(&v, &sieve, &found.left_out, e);
  if (status == 0) status = evaluate(&v, o->max_runs, &found, e);
  sieve_done(&sieve);
  evaluation_done(&v);
  if (status == 0) *ret = found;
  return status;
}

int cl_eval_read(struct cl_reader *r, const struct cl_eval_options *o, struct cl_eval *ret,
                 struct cl_err *e) {
  const struct cl_study *study = NULL;
  CL_TRY(cl_reader_need(r, 0, 0, &study, e));
  return read_eval(r, study, o, ret, e);
}

int cl_eval_study(const struct cl_study *s, const struct cl_eval_options *o, struct cl_eval *ret,
                  struct cl_err *e) {
  return read_eval(NULL, s, o, ret, e);
}

void cl_eval_done(struct cl_eval *v) {
  cl_free(v->rows);
  cl_free(v->online);
  *v = (struct cl_eval){0};
}

/* Names. */

int cl_eval_name(struct cl_reader *r, int64_t trial, struct cl_text *ret, struct cl_err *e) {
  struct cl_tags tags = {0};
  int status = cl_tags_read(cl_reader_store(r), cl_reader_id(r), trial, trial, &tags, e);
  const struct cl_tag *name = status < 0 ? NULL : cl_tags_find(&tags, trial, "name");
  if (name != NULL) cl_text_add(ret, name->text);
  if (status >= 0 && ret->failed) status = CL_FAIL_NOMEM(e);
  cl_tags_done(&tags);
  return status < 0 ? status : 0;
}
