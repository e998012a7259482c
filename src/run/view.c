#include "run/view.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "schedule/scheduler.h"
#include "worker/attempt.h"

enum { SLOTS_SHOWN = 64, MEMBERS_US = 500000 /* between two looks at all members */ };

struct cl_run_view {
  struct cl_log *log;
  struct clade_run_callbacks callbacks;
  uint8_t *known; /* by trial - 1: its result was told */
  size_t cap_known, n_known;
  int64_t began_us, members_us; /* members_us: when they were looked at, 0 = never */
  double share, share_at_begin;
  int64_t leading;       /* member with the best value now, 0 = there is none, or no population */
  struct cl_value *room; /* an assignment; the space may grow */
  size_t cap_room;
  struct cl_run_aside aside; /* role CL_ROLE_NONE: a search is shown */
  int64_t *others;           /* trials outside of the budget */
  size_t n_others, cap_others;
  int64_t foreign[CL_INFEASIBLE + 1]; /* by state: what was copied from other studies; it stays as it is */
  struct cl_text text, shown;         /* shown: values of the slots and of the best, one after the other */
};

static void assert_view_state(const struct cl_run_view *v) {
  assert(v->n_known <= v->cap_known && v->n_others <= v->cap_others);
  assert((v->known == NULL) == (v->cap_known == 0) && (v->others == NULL) == (v->cap_others == 0));
  assert(v->share >= 0 && v->leading >= 0 && v->leading <= cl_study_trials(cl_log_study(v->log)));
  (void)v;
}

static const struct cl_study *study_of(const struct cl_run_view *v) {
  return cl_log_study(v->log);
}

static bool is_result(const struct cl_study *s, const struct cl_trial *t) {
  return t != NULL && cl_state_is_result(cl_study_head(s), &t->head);
}

static bool is_aside(const struct cl_run_view *v) {
  return v->aside.role != CL_ROLE_NONE;
}

/* Does this run tell of it? A rerun is shown, though its result does not count. */
static bool is_shown(const struct cl_run_view *v, const struct cl_trial *t) {
  return is_aside(v) ? t->head.role == v->aside.role
                     : cl_role_is_searched(t->head.role) || t->head.role == CL_ROLE_FORKED;
}

static bool add_other(struct cl_run_view *v, const struct cl_trial *t) {
  if (t == NULL || cl_role_is_searched(t->head.role)) return true;
  if (t->head.role == CL_ROLE_FOREIGN) {
    v->foreign[t->head.state]++;
    return true;
  }
  if (cl_grow(&v->others, &v->cap_others, v->n_others + 1, sizeof *v->others) < 0) return false;
  assert(v->n_others == 0 || v->others[v->n_others - 1] < t->number);
  v->others[v->n_others++] = t->number;
  return true;
}

/* Trials in this state that this run tells of; of its results those that count. */
static int64_t count(const struct cl_run_view *v, int state) {
  const struct cl_study *s = study_of(v);
  bool result = state != CL_WAITING && state != CL_RUNNING;
  assert(state >= CL_WAITING && state <= CL_INFEASIBLE);
  int64_t others = v->foreign[state], shown = 0;
  for (size_t i = 0; i < v->n_others; i++) {
    const struct cl_head *h = &cl_study_trial(s, v->others[i])->head;
    others += h->state == state && (result || h->role != CL_ROLE_FORKED);
    shown += h->state == state && h->role == v->aside.role;
  }
  assert(others <= cl_study_count(s, state) && shown <= others);
  return is_aside(v) ? shown : cl_study_count(s, state) - others;
}

static int64_t count_results(const struct cl_run_view *v) {
  static const int states[] = {CL_COMPLETE, CL_PRUNED, CL_FAILED, CL_DIVERGED, CL_INFEASIBLE};
  int64_t sum = 0;
  if (is_aside(v)) return v->aside.ended(v->aside.ctx);
  for (size_t i = 0; i < sizeof states / sizeof *states; i++) sum += count(v, states[i]);
  return sum;
}

static bool make_room(struct cl_run_view *v) {
  return cl_grow(&v->room, &v->cap_room, (size_t)cl_study_space(study_of(v))->n + 1, sizeof *v->room) == 0;
}

/* "lr=0.01 momentum=0.9": the active values of a trial; `brief` for a line that passes by: four digits. */
static void write_values(struct cl_run_view *v, const struct cl_trial *t, bool brief, struct cl_text *ret) {
  const struct cl_space *space = cl_study_space(study_of(v));
  bool first = true;
  if (!make_room(v)) return; /* less to see */
  cl_trial_values(study_of(v), t, v->room);
  for (int i = 0; i < space->n; i++) {
    if (v->room[i].kind == CL_ABSENT) continue;
    cl_text_format(ret, "%s%s=", first ? "" : " ", space->items[i].name);
    if (brief && v->room[i].kind == CL_REAL)
      cl_text_format(ret, "%.4g", v->room[i].as.real);
    else
      cl_value_write(ret, v->room[i]);
    first = false;
  }
}

static int64_t count_planned(const struct cl_run_view *v) {
  return is_aside(v) ? v->aside.planned(v->aside.ctx) : cl_study_head(study_of(v))->budget;
}

/* Members. */

static bool is_population(const struct cl_run_view *v) {
  return !is_aside(v) && cl_study_settings(study_of(v))->schedule != NULL;
}

static void look_at_members(struct cl_run_view *v) {
  const struct cl_study *s = study_of(v);
  double last = cl_schedule_last(cl_study_settings(s)), steps = 0;
  const struct cl_trial *leading = NULL;
  if (!is_population(v)) return;
  for (int64_t i = 1; i <= cl_study_trials(s); i++) {
    const struct cl_trial *t = cl_study_trial(s, i);
    if (t == NULL || !cl_role_is_searched(t->head.role)) continue;
    if (is_result(s, t))
      steps += 1;
    else if (t->head.step > 0 && isfinite(last))
      steps += fmin(t->head.step / last, 1);
    bool better = leading == NULL ||
                  cl_objective_better(&cl_study_settings(s)->objectives[0], t->value, leading->value);
    if (isfinite(t->value) && better) leading = t;
  }
  steps /= (double)count_planned(v);
  v->share = fmax(v->share, steps); /* who takes over an earlier state goes back; a bar should not */
  v->leading = leading == NULL ? 0 : leading->number;
  v->members_us = cl_clock_monotonic_us();
}

static double share_done(const struct cl_run_view *v) {
  if (is_population(v)) return v->share;
  return (double)count_results(v) / (double)count_planned(v);
}

static void tell_result(struct cl_run_view *v, const struct cl_trial *t) {
  const struct cl_study *s = study_of(v);
  assert(is_shown(v, t) && is_result(s, t));
  v->members_us = 0; /* one of them is no longer as it was seen */
  if (v->callbacks.result == NULL) return;
  cl_text_clear(&v->text);
  write_values(v, t, true, &v->text);
  struct clade_result_news news = {
      .trial = t->number,
      .state = cl_state_name(t->head.state),
      .value = t->value,
      .elapsed_s = t->started_ms < 0 ? NAN : (double)(cl_log_now_ms(v->log) - t->started_ms) / 1000,
      .is_best = !is_aside(v) && cl_study_best(s) == t->number,
      .results = count_results(v),
      .trials = count_planned(v),
      .values = cl_text_get(&v->text)};
  v->callbacks.result(v->callbacks.ctx, &news);
}

static bool make_known(struct cl_run_view *v, int64_t number) {
  assert(number >= 1);
  if (cl_grow(&v->known, &v->cap_known, (size_t)number, 1) < 0) return false;
  while (v->n_known < (size_t)number) v->known[v->n_known++] = 0;
  assert_view_state(v);
  return true;
}

static void on_event(void *ctx, const struct cl_event *ev) {
  struct cl_run_view *v = ctx;
  if (ev->subject == 0) return;
  const struct cl_trial *t = cl_study_trial(study_of(v), ev->subject);
  if (t == NULL || !make_known(v, t->number)) return; /* without memory there is no news, only less to see */
  if ((ev->kind == CL_EVENT_PROPOSED || ev->kind == CL_EVENT_IMPORTED) && !add_other(v, t)) return;
  bool result = is_result(study_of(v), t);
  bool first = result && !v->known[t->number - 1];
  v->known[t->number - 1] = result;
  if (first && is_shown(v, t)) tell_result(v, t);
}

int cl_run_view_create(struct cl_log *log, const struct clade_run_callbacks *callbacks,
                       struct cl_run_view **ret, struct cl_err *e) {
  struct cl_run_view *v = cl_alloc(sizeof *v);
  if (v == NULL) return CL_FAIL_NOMEM(e);
  v->log = log;
  if (callbacks != NULL) v->callbacks = *callbacks;
  const struct cl_study *s = study_of(v);
  int64_t trials = cl_study_trials(s);
  if (!make_room(v) || (trials > 0 && !make_known(v, trials))) {
    cl_run_view_destroy(v);
    return CL_FAIL_NOMEM(e);
  }
  bool room = true;
  for (int64_t i = 1; i <= trials; i++) {
    v->known[i - 1] = is_result(s, cl_study_trial(s, i));
    room = room && add_other(v, cl_study_trial(s, i));
  }
  v->began_us = cl_clock_monotonic_us();
  look_at_members(v);
  v->share_at_begin = share_done(v);
  int status = room ? cl_log_listen(log, on_event, v, e) : CL_FAIL_NOMEM(e);
  if (status < 0)
    cl_run_view_destroy(v);
  else
    *ret = v;
  return status;
}

void cl_run_view_destroy(struct cl_run_view *v) {
  if (v == NULL) return;
  cl_log_unlisten(v->log, on_event, v);
  cl_free(v->known);
  cl_free(v->others);
  cl_free(v->room);
  cl_text_done(&v->text);
  cl_text_done(&v->shown);
  cl_free(v);
}

void cl_run_view_show_aside(struct cl_run_view *v, const struct cl_run_aside *aside) {
  assert(aside->role != CL_ROLE_NONE && aside->planned != NULL && aside->ended != NULL);
  assert(aside->is_over != NULL && aside->is_hopeless != NULL && aside->describe != NULL);
  v->aside = *aside;
  v->share_at_begin = share_done(v);
}

void cl_run_view_begin(const struct cl_run_view *v, int slots) {
  const struct cl_study *s = study_of(v);
  const struct cl_space *space = cl_study_space(s);
  if (v->callbacks.begin == NULL) return;
  struct cl_text lines = {0};
  if (is_aside(v)) v->aside.describe(v->aside.ctx, &lines);
  for (int i = 0; i < space->n && !is_aside(v); i++) {
    if (i > 0) cl_text_add(&lines, "\n");
    cl_space_describe(&space->items[i], space, &lines);
  }
  v->callbacks.begin(v->callbacks.ctx, cl_study_name(s), count_planned(v), slots, cl_text_get(&lines));
  cl_text_done(&lines);
}

static const char *phase_name(enum cl_slot_phase phase) {
  switch (phase) {
  case CL_SLOT_FREE: return "free";
  case CL_SLOT_CLAIMED: return "starting";
  case CL_SLOT_RUNNING: return "running";
  case CL_SLOT_HELD: return "waiting";
  case CL_SLOT_SAVING: return "saving";
  case CL_SLOT_ENDING: return "ending";
  case CL_SLOT_DRAINING: return "ending";
  }
  return "?";
}

static void fill_counts(const struct cl_run_view *v, struct clade_progress *p) {
  const struct cl_study *s = study_of(v);
  p->trials = count_planned(v);
  p->results = count_results(v);
  p->complete = count(v, CL_COMPLETE);
  p->pruned = count(v, CL_PRUNED);
  p->failed = count(v, CL_FAILED);
  p->diverged = count(v, CL_DIVERGED);
  p->infeasible = count(v, CL_INFEASIBLE);
  p->running = count(v, CL_RUNNING);
  p->waiting = count(v, CL_WAITING);
  p->lost = count(v, CL_LOST) + count(v, CL_PREEMPTED);
  const struct cl_trial *best = cl_study_trial(s, cl_study_best(s));
  if (is_population(v)) best = cl_study_trial(s, v->leading);
  p->best_trial = best == NULL ? 0 : best->number;
  p->best_value = best == NULL ? NAN : best->value;
  p->share = share_done(v);
}

/* The values of a trial as one more text in v->shown, ended by a zero byte: where it begins. */
static size_t show_values(struct cl_run_view *v, int64_t number) {
  const struct cl_trial *t = cl_study_trial(study_of(v), number);
  size_t at = v->shown.length;
  if (t != NULL) write_values(v, t, true, &v->shown);
  cl_text_add_char(&v->shown, '\0');
  return at;
}

static const char *shown_at(const struct cl_run_view *v, int64_t trial, size_t at) {
  assert(v->shown.failed || at < v->shown.length);
  return trial == 0 || v->shown.failed ? NULL : v->shown.bytes + at;
}

static void fill_slots(struct cl_run_view *v, const struct cl_worker *w, struct clade_progress *p,
                       struct clade_slot_progress slots[SLOTS_SHOWN]) {
  struct cl_slot_view views[SLOTS_SHOWN];
  size_t at[SLOTS_SHOWN + 1];
  double last = cl_schedule_last(cl_study_settings(study_of(v)));
  int n = cl_worker_views(w, views, SLOTS_SHOWN);
  assert(n >= 0);
  p->n_slots = n < SLOTS_SHOWN ? n : SLOTS_SHOWN;
  cl_text_clear(&v->shown);
  for (int i = 0; i < p->n_slots; i++) at[i] = show_values(v, views[i].trial);
  at[p->n_slots] = show_values(v, p->best_trial);
  for (int i = 0; i < p->n_slots; i++)
    slots[i] = (struct clade_slot_progress){.trial = views[i].trial,
                                            .attempt = views[i].attempt,
                                            .phase = phase_name(views[i].phase),
                                            .step = views[i].step,
                                            .share = views[i].step / last,
                                            .value = views[i].value,
                                            .elapsed_s =
                                                (double)(cl_log_now_ms(v->log) - views[i].started_ms) / 1000,
                                            .values = shown_at(v, views[i].trial, at[i])};
  p->slots = slots;
  p->best_values = shown_at(v, p->best_trial, at[p->n_slots]);
}

void cl_run_view_progress(struct cl_run_view *v, const struct cl_worker *w, bool deciding) {
  const struct cl_study *s = study_of(v);
  assert_view_state(v);
  if (v->callbacks.progress == NULL) return;
  const struct cl_objective *objective = &cl_study_settings(s)->objectives[0];
  struct clade_progress p = {.study = cl_study_name(s),
                             .method = cl_study_settings(s)->method,
                             .schedule = cl_settings_scheduler(cl_study_settings(s)),
                             .metric = objective->name,
                             .step_unit = cl_study_settings(s)->step,
                             .maximize = objective->goal == CL_MAXIMIZE,
                             .elapsed_s = (double)(cl_clock_monotonic_us() - v->began_us) / 1e6,
                             .eta_s = NAN,
                             .deciding = deciding};
  if (cl_clock_monotonic_us() - v->members_us >= MEMBERS_US) look_at_members(v);
  fill_counts(v, &p);
  double fresh = p.share - v->share_at_begin;
  p.paused = !is_aside(v) && cl_study_settings(s)->paused != NULL;
  if (fresh > 0 && !p.paused) p.eta_s = p.elapsed_s / fresh * (1 - p.share);
  struct clade_slot_progress slots[SLOTS_SHOWN];
  fill_slots(v, w, &p, slots);
  v->callbacks.progress(v->callbacks.ctx, &p);
}

static const char *reason_name(int reason) {
  const char *name = cl_reason_name(reason);
  return name == NULL ? "" : name;
}

static const char *reason_of(const struct cl_run_view *v) {
  if (!is_aside(v)) return reason_name(cl_study_reason(study_of(v)));
  if (v->aside.is_hopeless(v->aside.ctx)) return "failures";
  return v->aside.is_over(v->aside.ctx) ? "budget" : "";
}

static int64_t last_failed(const struct cl_run_view *v) {
  for (int64_t i = cl_study_trials(study_of(v)); i >= 1; i--) {
    const struct cl_trial *t = cl_study_trial(study_of(v), i);
    assert(t != NULL); /* the log of a session has all trials */
    if (t->head.state == CL_FAILED && is_shown(v, t)) return i;
  }
  return 0;
}

static void name_stderr(const struct cl_study *s, int64_t trial, struct clade_run_result *ret) {
  const struct cl_trial *t = cl_study_trial(s, trial);
  char *path =
      t == NULL || t->head.attempt == 0 ? NULL : cl_attempt_path(s, trial, t->head.attempt, "stderr");
  if (path != NULL) (void)snprintf(ret->failed_stderr, sizeof ret->failed_stderr, "%s", path);
  cl_free(path);
}

void cl_run_view_result(const struct cl_run_view *v, struct clade_run_result *ret) {
  const struct cl_study *s = study_of(v);
  struct clade_progress p = {0};
  fill_counts(v, &p);
  (void)snprintf(ret->study, sizeof ret->study, "%s", cl_study_name(s));
  ret->reason = reason_of(v);
  ret->trials = p.trials;
  ret->results = p.results;
  ret->complete = p.complete;
  ret->pruned = p.pruned;
  ret->failed = p.failed;
  ret->diverged = p.diverged;
  ret->infeasible = p.infeasible;
  ret->best_trial = p.best_trial;
  ret->best_value = p.best_value;
  if (p.failed == 0 || (strcmp(ret->reason, "failures") != 0 && p.failed < p.results)) return;
  ret->failed_trial = last_failed(v);
  name_stderr(s, ret->failed_trial, ret);
}
