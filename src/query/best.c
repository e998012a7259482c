#include "query/best.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

struct group { /* one configuration: what its scores add up to */
  int64_t n;
  double mean, squares; /* running: Welford */
  int64_t best_trial;   /* searched; 0 = none */
  double best_value;
};

struct pool {
  const struct cl_study *study;
  const struct cl_objective *objective;
  uint8_t *later; /* a bit per trial: it is not the first of its configuration */
  int64_t assessments;
};

static bool is_searched(const struct cl_trial *t) {
  return t->head.role == CL_ROLE_SEARCH || t->head.role == CL_ROLE_ENQUEUED;
}

static bool is_scored(const struct cl_trial *t) {
  return t->head.state == CL_COMPLETE && isfinite(t->value) &&
         (is_searched(t) || t->head.role == CL_ROLE_CONFIRM);
}

static int look_at_all(struct pool *p, struct cl_err *e) {
  int64_t trials = cl_study_trials(p->study), n = 0;
  CL_TRY(cl_study_configurations(p->study, &n, e));
  p->later = cl_alloc((size_t)trials / 8 + 1);
  if (p->later == NULL) return CL_FAIL_NOMEM(e);
  for (int64_t i = 1; i <= trials; i++) {
    const struct cl_trial *t = cl_study_trial(p->study, i);
    int64_t next = cl_study_next_repeat(p->study, i);
    assert(next == 0 || next > i);
    p->assessments += t != NULL && t->head.role == CL_ROLE_ASSESS && t->head.attempt > 0;
    if (next != 0) p->later[next / 8] |= (uint8_t)(1u << next % 8);
  }
  return 0;
}

/* The first trial behind `trial` that is the first of its configuration; 0 = none. */
static int64_t next_first(const struct pool *p, int64_t trial) {
  for (int64_t i = trial + 1; i <= cl_study_trials(p->study); i++)
    if (!(p->later[i / 8] & 1u << i % 8) && cl_study_trial(p->study, i) != NULL) return i;
  return 0;
}

static void add_score(const struct pool *p, struct group *g, const struct cl_trial *t) {
  double before = t->value - g->mean;
  g->n++;
  g->mean += before / (double)g->n;
  g->squares += before * (t->value - g->mean);
  if (!is_searched(t)) return;
  if (g->best_trial != 0 && !cl_objective_better(p->objective, t->value, g->best_value)) return;
  g->best_trial = t->number;
  g->best_value = t->value;
}

static struct group add_up(const struct pool *p, int64_t first) {
  struct group g = {0};
  for (int64_t i = first; i != 0; i = cl_study_next_repeat(p->study, i)) {
    const struct cl_trial *t = cl_study_trial(p->study, i);
    if (is_scored(t)) add_score(p, &g, t);
  }
  return g;
}

struct shrinkage {
  double mean, tau2, noise; /* noise: variance of one score */
  int64_t df, scores, groups;
};

static struct shrinkage find_shrinkage(const struct pool *p) {
  struct shrinkage s = {.noise = NAN};
  double squares = 0, inverse = 0, mean = 0, spread = 0;
  for (int64_t i = next_first(p, 0); i != 0; i = next_first(p, i)) {
    const struct group g = add_up(p, i);
    if (g.n == 0) continue;
    squares += g.squares;
    s.groups++;
    s.df += g.n - 1;
    s.scores += g.n;
    inverse += 1 / (double)g.n;
    double before = g.mean - mean;
    mean += before / (double)s.groups;
    spread += before * (g.mean - mean);
  }
  s.mean = mean;
  if (s.df > 0) s.noise = squares / (double)s.df;
  double between = s.groups > 1 ? spread / (double)(s.groups - 1) : 0;
  s.tau2 = fmax(0, between - s.noise * inverse / (double)s.groups);
  return s;
}

static double estimate_of(const struct shrinkage *s, const struct group *g, double *ret_sd) {
  double own = s->noise / (double)g->n, total = s->tau2 + own;
  if (s->tau2 <= 0) {
    *ret_sd = sqrt(s->noise / (double)s->scores);
    return s->mean;
  }
  *ret_sd = sqrt(s->tau2 * own / total);
  return s->mean + s->tau2 / total * (g->mean - s->mean);
}

/* Of the searched configuration with the best estimate its best trial, 0 = none; ties: the better own score,
 * then the lower number. */
static int64_t find_by_estimate(const struct pool *p, const struct shrinkage *s) {
  struct group best = {0};
  double best_estimate = NAN, sd = 0;
  for (int64_t i = next_first(p, 0); i != 0; i = next_first(p, i)) {
    const struct group g = add_up(p, i);
    if (g.best_trial == 0) continue;
    double estimate = estimate_of(s, &g, &sd);
    bool better = best.n == 0 || cl_objective_better(p->objective, estimate, best_estimate);
    if (!better && estimate == best_estimate)
      better = cl_objective_better(p->objective, g.best_value, best.best_value) ||
               (g.best_value == best.best_value && g.best_trial < best.best_trial);
    if (!better) continue;
    best = g;
    best_estimate = estimate;
  }
  return best.best_trial;
}

double cl_student_975(int64_t df) {
  static const double exact[] = {12.7062047, 4.30265273, 3.18244631, 2.77644511, 2.57058184,
                                 2.44691185, 2.36462425, 2.30600414, 2.26215716, 2.22813885};
  assert(df >= 1);
  if (df <= 10) return exact[df - 1];
  double z = 1.959963984540054, z2 = z * z, n = (double)df; /* Cornish-Fisher, Abramowitz & Stegun 26.7.5 */
  double g1 = z * (z2 + 1) / 4, g2 = z * ((5 * z2 + 16) * z2 + 3) / 96;
  double g3 = z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / 384;
  return z + g1 / n + g2 / (n * n) + g3 / (n * n * n);
}

/* The confirm runs of the configuration that `first` is the first of. */
static struct cl_confirmation confirm(const struct cl_study *s, int64_t first) {
  struct cl_confirmation c = {.mean = NAN, .sd = NAN, .lo = NAN, .hi = NAN};
  double mean = 0, squares = 0;
  for (int64_t i = first; i != 0; i = cl_study_next_repeat(s, i)) {
    const struct cl_trial *t = cl_study_trial(s, i);
    if (!is_scored(t) || t->head.role != CL_ROLE_CONFIRM) continue;
    double before = t->value - mean;
    mean += before / (double)++c.n;
    squares += before * (t->value - mean);
  }
  if (c.n == 0) return c;
  c.mean = mean;
  if (c.n == 1) return c;
  c.sd = sqrt(squares / (double)(c.n - 1));
  double half = cl_student_975(c.n - 1) * c.sd / sqrt((double)c.n);
  c.lo = mean - half;
  c.hi = mean + half;
  return c;
}

/* The configuration of the best trial; without one, or where it has no score (it was pruned), there is none.
 */
static int describe(const struct pool *p, const struct shrinkage *s, struct cl_best *b, struct cl_err *e) {
  int64_t first = 0;
  b->df = s->df;
  b->noise_sd = sqrt(s->noise);
  b->configurations = s->groups;
  if (b->trial == 0) return 0;
  b->value = cl_study_trial(p->study, b->trial)->value;
  CL_TRY(cl_study_configuration(p->study, b->trial, &first, e));
  const struct group g = add_up(p, first);
  if (!is_scored(cl_study_trial(p->study, b->trial))) return 0;
  b->repeats = g.n;
  b->has_estimate = s->df >= CL_BEST_DF_MIN;
  if (b->has_estimate) {
    double sd = 0;
    b->estimate = estimate_of(s, &g, &sd);
    b->lo = b->estimate - 1.96 * sd;
    b->hi = b->estimate + 1.96 * sd;
  }
  b->confirmed = confirm(p->study, first);
  return 0;
}

int cl_best_find(const struct cl_study *s, struct cl_best *ret, struct cl_err *e) {
  struct pool p = {.study = s, .objective = &cl_study_settings(s)->objectives[0]};
  struct cl_best b = {.value = NAN, .estimate = NAN, .lo = NAN, .hi = NAN, .noise_sd = NAN};
  int status = look_at_all(&p, e);
  if (status < 0) goto out;
  struct shrinkage shrinkage = find_shrinkage(&p);
  if (shrinkage.df >= CL_BEST_DF_MIN) b.trial = find_by_estimate(&p, &shrinkage);
  if (b.trial == 0) b.trial = cl_study_best(s);
  status = describe(&p, &shrinkage, &b, e);
  if (status < 0) goto out;
  b.assessments = p.assessments;
  *ret = b;
out:
  cl_free(p.later);
  return status;
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
  return t != NULL && is_searched(t) && cl_state_is_final(t->head.state);
}

static struct end *collect_ends(const struct cl_study *s, size_t *ret_n) {
  size_t n = 0;
  for (int64_t i = 1; i <= cl_study_trials(s); i++) n += has_result(cl_study_trial(s, i));
  struct end *ends = cl_alloc_array(n, sizeof *ends);
  if (ends == NULL) return NULL;
  n = 0;
  for (int64_t i = 1; i <= cl_study_trials(s); i++) {
    const struct cl_trial *t = cl_study_trial(s, i);
    if (has_result(t)) ends[n++] = (struct end){t->ended_ms, i};
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
  cl_free(ends);
  *ret_x = x;
  *ret_y = y;
  *ret_trial = trial;
  *ret_n = n;
  return 0;
}
