#include "schedule/rewards.h"

#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "schedule/args.h"

enum { REFIT_MAX = 256, KEPT = 2 * (CL_BANDIT_ROWS_MAX + REFIT_MAX) }; /* then the older half is dropped */

static size_t width_of(const struct cl_rewards *w) {
  return (size_t)w->d + (size_t)w->c;
}

/* Coordinates. */

static bool is_word(const struct cl_hyperparameter *h) {
  return h->domain == CL_UNORDERED;
}

static int take_space(struct cl_rewards *w, const struct cl_space *space, struct cl_err *e) {
  int *room = cl_alloc_array(3 * (size_t)space->n + 1, sizeof *room);
  if (room == NULL) return CL_FAIL_NOMEM(e);
  cl_free(w->numbers);
  w->numbers = room;
  w->words = room + space->n;
  w->levels = w->words + space->n;
  w->d = w->c = 0;
  for (int i = 0; i < space->n; i++) {
    const struct cl_hyperparameter *h = &space->items[i];
    if (!cl_space_is_searched(h) || (is_word(h) && !w->with_words)) continue;
    if (is_word(h)) w->levels[w->c] = (int)cl_space_levels(h);
    if (is_word(h))
      w->words[w->c++] = i;
    else
      w->numbers[w->d++] = i;
  }
  w->space = space->version;
  w->n = w->n_intervals = w->total = 0; /* earlier rows have other coordinates */
  w->newest = -1;
  return 0;
}

void cl_rewards_encode(const struct cl_rewards *w, const struct cl_value *values, double *ret) {
  const struct cl_space *space = cl_study_space(w->env->study);
  assert(space->version == w->space);
  for (int k = 0; k < w->d; k++) {
    const struct cl_value *v = &values[w->numbers[k]];
    double u = v->kind == CL_ABSENT ? 0.5 : cl_space_encode_one(&space->items[w->numbers[k]], *v);
    ret[k] = isnan(u) ? 0.5 : u;
  }
  for (int k = 0; k < w->c; k++) {
    const struct cl_value *v = &values[w->words[k]];
    ret[w->d + k] = v->kind == CL_ABSENT ? -1 : (double)cl_space_level_of(&space->items[w->words[k]], *v);
  }
}

void cl_rewards_open(const struct cl_rewards *w, const struct cl_explore *x, const struct cl_trial *t,
                     bool (*is_reserved)(const struct cl_hyperparameter *h), double *fixed) {
  const struct cl_study *study = w->env->study;
  const struct cl_space *space = cl_study_space(study);
  assert(space->version == w->space);
  for (int k = 0; k < w->d + w->c; k++) {
    int i = k < w->d ? w->numbers[k] : w->words[k - w->d];
    bool reserved = is_reserved != NULL && is_reserved(&space->items[i]);
    if (!reserved && !cl_explore_is_given(x, study, t, i)) fixed[k] = NAN;
  }
}

void cl_rewards_take(const struct cl_rewards *w, struct cl_explore *x, const double *fixed,
                     const double *point) {
  const struct cl_space *space = cl_study_space(w->env->study);
  assert(space->version == w->space && x->cap >= (size_t)space->n);
  for (int i = 0; i < space->n; i++) {
    x->values[i] = x->donor[i];
    x->used[i] = 1;
  }
  for (int k = 0; k < w->d; k++)
    if (isnan(fixed[k]))
      x->values[w->numbers[k]] = cl_space_decode_one(&space->items[w->numbers[k]], point[k]);
  for (int k = 0; k < w->c; k++)
    if (isnan(fixed[w->d + k]))
      x->values[w->words[k]] = cl_space_level_value(&space->items[w->words[k]], (int64_t)point[w->d + k]);
}

/* Intervals. */

static int make_intervals(struct cl_rewards *w, size_t n, struct cl_err *e) {
  if (cl_grow(&w->intervals, &w->cap_intervals, n, sizeof *w->intervals) < 0 ||
      cl_grow(&w->at, &w->cap_at, n * width_of(w) + 1, sizeof *w->at) < 0)
    return CL_FAIL_NOMEM(e);
  for (; w->n_intervals < n; w->n_intervals++) {
    w->intervals[w->n_intervals] = (struct cl_interval){.older = w->newest, .newer = -1};
    if (w->newest >= 0) w->intervals[w->newest].newer = (int32_t)w->n_intervals;
    w->newest = (int32_t)w->n_intervals;
  }
  return 0;
}

static void make_newest(struct cl_rewards *w, size_t member) {
  struct cl_interval *v = &w->intervals[member];
  assert(member < w->n_intervals && w->newest >= 0);
  if (v->newer < 0) return;
  w->intervals[v->newer].older = v->older;
  if (v->older >= 0) w->intervals[v->older].newer = v->newer;
  w->intervals[w->newest].newer = (int32_t)member;
  v->older = w->newest;
  v->newer = -1;
  w->newest = (int32_t)member;
}

static int encode_trial(struct cl_rewards *w, size_t member, int64_t trial, struct cl_err *e) {
  const struct cl_study *s = w->env->study;
  assert(member < w->n_intervals);
  struct cl_value *values = cl_alloc_array((size_t)cl_study_space(s)->n + 1, sizeof *values);
  if (values == NULL) return CL_FAIL_NOMEM(e);
  cl_trial_values(s, cl_study_trial(s, trial), values);
  cl_rewards_encode(w, values, &w->at[member * width_of(w)]);
  cl_free(values);
  return 0;
}

static int make_row(struct cl_rewards *w, struct cl_err *e) {
  size_t width = width_of(w);
  if (w->n >= KEPT) {
    size_t dropped = KEPT / 2;
    w->n -= dropped;
    memmove(w->rows, w->rows + dropped, w->n * sizeof *w->rows);
    memmove(w->values, w->values + dropped * width, w->n * width * sizeof *w->values);
  }
  if (cl_grow(&w->rows, &w->cap_rows, w->n + 1, sizeof *w->rows) < 0 ||
      cl_grow(&w->values, &w->cap_values, (w->n + 1) * width + 1, sizeof *w->values) < 0)
    return CL_FAIL_NOMEM(e);
  return 0;
}

/* A row behind the last one. False: there is nothing to learn from. */
static bool close_interval(const struct cl_rewards *w, size_t member, double step, double score) {
  const struct cl_interval *v = member < w->n_intervals ? &w->intervals[member] : NULL;
  if (v == NULL || !v->open || !isfinite(score) || !(step > v->step)) return false;
  double gain = (score - v->score) / (step - v->step);
  if (!isfinite(gain)) return false;
  w->rows[w->n] = (struct cl_tried){.time = v->step, .context = v->score, .reward = gain};
  memcpy(w->values + w->n * width_of(w), w->at + member * width_of(w), width_of(w) * sizeof *w->values);
  return true;
}

/* The step at which a state that was taken over stands: of its rung, where rungs are steps. */
static double step_taken(const struct cl_rewards *w, const struct cl_members *m, const struct cl_event *ev,
                         const json_t *args) {
  const struct cl_snapshot *n = cl_study_snapshot(w->env->study, ev->u.exploited.snapshot);
  if (!cl_questions_are_asked(&m->questions))
    return cl_members_step(m, (int32_t)cl_args_number(args, "donor_rung"));
  return n == NULL ? NAN : n->step;
}

/* A ruling ends one interval of the member and begins the next. */
static int turn_over(struct cl_rewards *w, const struct cl_members *m, size_t member,
                     const struct cl_event *ev, const json_t *args, struct cl_err *e) {
  double sign = cl_objective_sign(&w->env->settings->objectives[0]);
  bool took = ev->kind == CL_EVENT_EXPLOITED;
  double until = took                             ? ev->u.exploited.until
                 : ev->kind == CL_EVENT_CONTINUED ? ev->u.continued.until
                                                  : ev->u.set.until;
  struct cl_interval *v = &w->intervals[member];
  CL_TRY(make_row(w, e));
  bool earned = close_interval(w, member, cl_args_number(args, "step"), sign * cl_args_number(args, "own"));
  w->n += earned;
  w->total += earned;
  w->earned = earned;
  make_newest(w, member);
  v->step = took ? step_taken(w, m, ev, args) : cl_args_number(args, "step");
  v->score = sign * cl_args_number(args, took ? "score" : "own");
  v->open = isfinite(v->step) && isfinite(v->score) && !isnan(until);
  return v->open ? encode_trial(w, member, ev->subject, e) : 0;
}

static bool changes_values(const struct cl_event *ev) {
  return ev->kind == CL_EVENT_SET || ev->kind == CL_EVENT_EXPLOITED || ev->kind == CL_EVENT_VOIDED ||
         ev->kind == CL_EVENT_STOPPED;
}

int cl_rewards_follow(struct cl_rewards *w, struct cl_err *e) {
  const struct cl_space *space = cl_study_space(w->env->study);
  return w->numbers == NULL || space->version != w->space ? take_space(w, space, e) : 0;
}

int cl_rewards_apply(struct cl_rewards *w, const struct cl_members *m, const struct cl_event *ev,
                     struct cl_err *e) {
  CL_TRY(cl_rewards_follow(w, e));
  int member = cl_members_find(m, ev->subject);
  w->earned = false;
  if (member < 0) return 0;
  CL_TRY(make_intervals(w, m->n, e));
  bool rules = ev->kind == CL_EVENT_CONTINUED || ev->kind == CL_EVENT_EXPLOITED || ev->kind == CL_EVENT_SET;
  json_t *args = rules && cl_members_is_ruling(ev) && ev->args != NULL ? json_loads(ev->args, 0, NULL) : NULL;
  int status = 0;
  if (json_is_object(args))
    status = turn_over(w, m, (size_t)member, ev, args, e);
  else if (changes_values(ev))
    w->intervals[member].open = false;
  json_decref(args);
  return status;
}

/* What a model sees. */

int cl_rewards_rows(struct cl_rewards *w, size_t member, const struct cl_evaluation *own,
                    const struct cl_tried **ret, size_t *ret_n, struct cl_err *e) {
  CL_TRY(make_row(w, e));
  size_t n = w->n + close_interval(w, member, own->step, own->score);
  assert(n <= w->cap_rows && w->total >= w->n);
  for (size_t i = 0; i < n; i++) w->rows[i].values = w->values + i * width_of(w);
  *ret = w->rows;
  *ret_n = n;
  return 0;
}

size_t cl_rewards_pending(const struct cl_rewards *w, size_t member, struct cl_tried *ret) {
  size_t n = 0;
  int32_t i = w->n_intervals == 0 ? -1 : w->newest;
  for (; i >= 0 && n < CL_PENDING_MAX; i = w->intervals[i].older) {
    const struct cl_interval *v = &w->intervals[i];
    if ((size_t)i != member && v->open)
      ret[n++] =
          (struct cl_tried){.time = v->step, .context = v->score, .values = w->at + (size_t)i * width_of(w)};
  }
  return n;
}

size_t cl_rewards_fitted(size_t total) {
  size_t step = 1;
  while (step < REFIT_MAX && 32 * step <= total) step *= 2;
  assert((step & (step - 1)) == 0);
  return total - total % step;
}

void cl_rewards_done(struct cl_rewards *w) {
  cl_free(w->numbers);
  cl_free(w->intervals);
  cl_free(w->rows);
  cl_free(w->values);
  cl_free(w->at);
}
