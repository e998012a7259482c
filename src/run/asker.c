#include "run/asker.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "engine/decide.h"
#include "search/searcher.h"

/* After a conflict so many asks queue first. A queue that stands still for so long is left alone for some
 * time. */
enum { CROWDED_ASKS = 16, QUEUE_MS = 5000, LEFT_ALONE_US = 60000000 };

struct cl_asker {
  struct cl_log *log;
  const struct cl_study *study;
  struct cl_searcher *searcher;
  struct cl_attention attention;
  bool exhausted; /* the searcher has no point left */
  int crowded;    /* asks that are to queue: others ask as well */
  bool queued;
  int64_t queue_after_us; /* not before */
  size_t cap_values, cap_args, cap_metrics;
  struct cl_assigned
      *values; /* of a proposal: the searcher's own are gone when it is told of foreign events */
  char *args;
  struct cl_metric *metrics; /* of a report: the store fills in their ids */
  struct cl_err failure;     /* of the listener; ends everything */
};

static void assert_asker_state(const struct cl_asker *a) {
  assert(a->searcher != NULL && a->study == cl_log_study(a->log));
  assert((a->values == NULL) == (a->cap_values == 0) && (a->args == NULL) == (a->cap_args == 0));
  assert((a->metrics == NULL) == (a->cap_metrics == 0));
  assert(!cl_log_has_put(a->log)); /* all of it is appended at once */
  (void)a;
}

static void on_event(void *ctx, const struct cl_event *ev) {
  struct cl_asker *a = ctx;
  if (a->failure.code != 0) return;
  if (ev->kind == CL_EVENT_REOPENED || ev->kind == CL_EVENT_UPDATED) a->exhausted = false;
  (void)cl_searcher_apply(a->searcher, ev, &a->failure);
  if (ev->subject > 0 && a->failure.code == 0)
    (void)cl_attention_add(&a->attention, a->study, ev->subject, &a->failure);
}

static int check(const struct cl_asker *a, struct cl_err *e) {
  if (a->failure.code != 0) return CL_FAIL(e, a->failure.code, "%s", a->failure.text);
  if (!cl_study_is_newer(a->study)) return 0;
  return CL_FAIL(
      e, CLADE_ENEWER,
      "the study '%s' was written by a newer clade: this one can read it, but must not decide; update "
      "clade",
      cl_study_name(a->study));
}

int cl_asker_follow(struct cl_asker *a, struct cl_err *e) {
  assert_asker_state(a);
  CL_TRY(check(a, e));
  CL_TRY(cl_log_follow(a->log, NULL, e));
  return check(a, e);
}

/* Refusals are statuses of the results, with the sentence in *e. */
static int append(struct cl_asker *a, struct cl_event *events, int n, struct cl_append *results,
                  struct cl_err *e) {
  assert(n >= 1);
  assert_asker_state(a);
  for (int i = 0; i < n; i++)
    if (cl_kind_flags(events[i].kind) & CL_D) events[i].as_of = cl_log_position(a->log);
  CL_TRY(cl_log_append_all(a->log, events, n, results, e));
  return check(a, e);
}

/* One event; its own status. */
static int append_one(struct cl_asker *a, struct cl_event *ev, struct cl_append *ret, struct cl_err *e) {
  CL_TRY(append(a, ev, 1, ret, e));
  assert(ret->status != 0 || ret->position > 0);
  return ret->status;
}

/* What anybody would decide. A conflict means that somebody has. */
static int put_decision(void *ctx, struct cl_event *ev, struct cl_err *e) {
  struct cl_append result = {0};
  int status = append_one(ctx, ev, &result, e);
  return status == CLADE_ECONFLICT || status == CLADE_EREFUSED ? 0 : status;
}

static int decide_finish(struct cl_asker *a, struct cl_err *e) {
  struct cl_decision d = {0};
  int status = cl_decide_finish(a->study, a->exhausted, &d, e);
  if (status == 0) status = put_decision(a, &d.ev, e);
  cl_decision_done(&d);
  return status < 0 ? status : 0;
}

static int catch_up(struct cl_asker *a, struct cl_err *e) {
  CL_TRY(cl_asker_follow(a, e));
  return cl_attention_decide(&a->attention, a->study, put_decision, a, e);
}

/* Asking. */

static int64_t find_waiting(const struct cl_asker *a) {
  bool open = cl_study_head(a->study)->open;
  for (int64_t n = cl_study_first_waiting(a->study); n != 0; n = cl_study_next_waiting(a->study, n)) {
    const struct cl_head *h = &cl_study_trial(a->study, n)->head;
    bool counted = cl_role_is_searched(h->role);
    if ((open || !counted) && !(h->flags & CL_ATTEMPT_OPEN)) return n;
  }
  return 0;
}

static struct cl_event start_of(int64_t number, int32_t attempt, int64_t seen) {
  assert(number >= 1 && attempt >= 1 && (seen > 0 || seen == CL_SEEN_BATCH));
  struct cl_event ev = {
      .kind = CL_EVENT_STARTED, .subject = number, .attempt = attempt, .seen = seen, .cause = CL_CAUSE_CLAIM};
  ev.u.started.until = CL_NO_STEP; /* no scheduler is asked */
  return ev;
}

static int start_waiting(struct cl_asker *a, int64_t number, struct cl_err *e) {
  const struct cl_head *h = &cl_study_trial(a->study, number)->head;
  assert(h->state == CL_WAITING && !(h->flags & CL_ATTEMPT_OPEN));
  struct cl_append result = {0};
  struct cl_event ev = start_of(number, h->attempt + 1, h->version);
  return append_one(a, &ev, &result, e);
}

/* Foreign events that come with the commit may make the searcher anew, and its proposal with it. */
static int keep_proposal(struct cl_asker *a, struct cl_event *ev, struct cl_err *e) {
  struct cl_assigned_list *list = &ev->u.proposed.values;
  size_t n = (size_t)list->n, length = ev->args == NULL ? 0 : strlen(ev->args) + 1;
  assert(ev->kind == CL_EVENT_PROPOSED && list->n >= 0 && list->n <= cl_study_space(a->study)->n);
  if (cl_grow(&a->values, &a->cap_values, n + 1, sizeof *a->values) < 0 ||
      cl_grow(&a->args, &a->cap_args, length + 1, 1) < 0)
    return CL_FAIL_NOMEM(e);
  if (n > 0) memcpy(a->values, list->items, n * sizeof *a->values);
  if (length > 0) memcpy(a->args, ev->args, length);
  list->items = a->values;
  ev->args = length == 0 ? NULL : a->args;
  return 0;
}

/* 0: it runs; CLADE_REPEATED: it was proposed and is INFEASIBLE; CLADE_ECONFLICT: another was faster. */
static int propose(struct cl_asker *a, int64_t *ret_trial, struct cl_err *e) {
  struct cl_event events[2];
  struct cl_append results[2];
  int status = cl_searcher_next(a->searcher, &events[0], e);
  if (status != 0) return status;
  CL_TRY(keep_proposal(a, &events[0], e));
  assert(events[0].kind == CL_EVENT_PROPOSED && events[0].subject == cl_study_trials(a->study) + 1);
  *ret_trial = events[0].subject;
  bool infeasible = events[0].u.proposed.infeasible;
  events[1] = start_of(events[0].subject, 1, CL_SEEN_BATCH);
  CL_TRY(append(a, events, infeasible ? 1 : 2, results, e));
  if (results[0].status != 0) return results[0].status;
  return infeasible ? CLADE_REPEATED : results[1].status;
}

static int ask_new(struct cl_asker *a, int64_t *ret_trial, struct cl_err *e) {
  const struct cl_study_head *h = cl_study_head(a->study);
  bool may = h->open && h->counted < h->budget && !a->exhausted && !cl_decide_is_hopeless(a->study);
  int status = may ? propose(a, ret_trial, e) : CLADE_EMPTY;
  if (status == CLADE_EBUDGET) status = CLADE_ECONFLICT; /* not yet when it was looked at */
  if (status != CLADE_EMPTY) return status;
  if (may) a->exhausted = true;
  CL_TRY(decide_finish(a, e));
  return CLADE_EMPTY;
}

/* Without the queue it goes on as well, with more conflicts. */
static void join_queue(struct cl_asker *a) {
  struct cl_err e = {0};
  if (a->queued || a->crowded == 0 || cl_clock_monotonic_us() < a->queue_after_us) return;
  int status = cl_store_queue(cl_log_store(a->log), cl_log_id(a->log), QUEUE_MS, &e);
  a->queued = status == 0;
  if (status == CLADE_EBUSY) a->queue_after_us = cl_clock_monotonic_us() + LEFT_ALONE_US;
}

static void leave_queue(struct cl_asker *a) {
  if (a->queued) cl_store_leave(cl_log_store(a->log), cl_log_id(a->log));
  if (a->crowded > 0) a->crowded--;
  a->queued = false;
}

static int ask(struct cl_asker *a, int64_t *ret_trial, struct cl_err *e) {
  for (;;) {
    join_queue(a);
    CL_TRY(catch_up(a, e));
    if (cl_study_settings(a->study)->paused != NULL) return CLADE_BUSY; /* a person has paused all of it */
    int64_t number = find_waiting(a);
    bool waits = number != 0;
    int status = waits ? start_waiting(a, number, e) : ask_new(a, &number, e);
    bool again = status == CLADE_ECONFLICT || status == CLADE_REPEATED ||
                 (status == CLADE_EREFUSED && waits); /* the study was finished in between */
    if (status == CLADE_ECONFLICT) a->crowded = CROWDED_ASKS;
    if (again) continue;
    assert(status != 0 || (number >= 1 && cl_study_trial(a->study, number) != NULL));
    if (status == 0) *ret_trial = number;
    return status;
  }
}

int cl_asker_ask(struct cl_asker *a, int64_t *ret_trial, struct cl_err *e) {
  int status = ask(a, ret_trial, e);
  leave_queue(a);
  return status;
}

/* Taking. */

static int refuse_take(const struct cl_trial *t, struct cl_err *e) {
  const struct cl_head *h = &t->head;
  if (h->worker > 0 && (h->flags & CL_ATTEMPT_OPEN))
    return CL_FAIL(e, CLADE_EBUSY, "trial %lld is trained by worker %d: its program says what comes of it",
                   (long long)t->number, h->worker);
  return CL_FAIL(e, CLADE_EREFUSED, "trial %lld is %s: there is nothing to tell about it",
                 (long long)t->number, cl_state_name(h->state));
}

int cl_asker_take(struct cl_asker *a, int64_t number, int32_t *ret_attempt, struct cl_err *e) {
  for (;;) {
    CL_TRY(catch_up(a, e));
    const struct cl_trial *t = cl_study_trial(a->study, number);
    if (t == NULL)
      return CL_FAIL(e, CLADE_ENOTFOUND, "there is no trial %lld in '%s': it has trials 1 to %lld",
                     (long long)number, cl_study_name(a->study), (long long)cl_study_trials(a->study));
    bool open = t->head.flags & CL_ATTEMPT_OPEN;
    if (open && t->head.worker == 0) {
      assert(t->number == number && t->head.attempt >= 1);
      *ret_attempt = t->head.attempt;
      return 0;
    }
    if (open || t->head.state != CL_WAITING) return refuse_take(t, e);
    int status = start_waiting(a, number, e);
    if (status < 0 && status != CLADE_ECONFLICT) return status;
  }
}

/* Reporting. */

static int refuse_stale(const struct cl_trial *t, int32_t attempt, struct cl_err *e) {
  return CL_FAIL(
      e, CLADE_ESTALE,
      "attempt %d of trial %lld was declared lost (the trial is %s now, attempt %d): what comes of it does "
      "not count",
      attempt, (long long)t->number, cl_state_name(t->head.state), t->head.attempt);
}

static bool is_current(const struct cl_trial *t, int32_t attempt) {
  return t->head.attempt == attempt && (t->head.flags & CL_ATTEMPT_OPEN);
}

int cl_asker_look(const struct cl_asker *a, int64_t number, int32_t attempt, struct cl_err *e) {
  const struct cl_trial *t = cl_study_trial(a->study, number);
  assert(t != NULL && attempt >= 1 && attempt <= t->head.attempt);
  bool ended = t->head.attempt == attempt && (t->head.flags & CL_ATTEMPT_KNOWN);
  if (!is_current(t, attempt) && !ended) return refuse_stale(t, attempt, e);
  return t->head.state != CL_RUNNING || (t->head.flags & CL_FLAG_DIVERGED) ? CLADE_STOP : 0;
}

/* *ret: as appended. `metrics` are copied. */
static int append_report(struct cl_asker *a, const struct cl_trial *t, int32_t attempt, double step,
                         const struct cl_metric *metrics, int n, struct cl_append *ret, struct cl_err *e) {
  assert(n >= 0 && n <= CL_METRICS_MAX + CL_OBJECTIVES_MAX && !isnan(step));
  if (cl_grow(&a->metrics, &a->cap_metrics, (size_t)n + 1, sizeof *a->metrics) < 0) return CL_FAIL_NOMEM(e);
  if (n > 0) memcpy(a->metrics, metrics, (size_t)n * sizeof *a->metrics);
  struct cl_event ev = {.kind = CL_EVENT_REPORTED, .subject = t->number, .attempt = attempt};
  ev.u.reported.ordinal = t->head.reports + 1;
  ev.u.reported.step = step;
  ev.u.reported.metrics = (struct cl_metric_list){n, a->metrics};
  return append_one(a, &ev, ret, e);
}

int cl_asker_report(struct cl_asker *a, int64_t number, int32_t attempt, double step,
                    const struct cl_metric *metrics, int n, struct cl_err *e) {
  const struct cl_trial *t = cl_study_trial(a->study, number);
  assert(t != NULL);
  int status = CLADE_REPEATED;
  while (status == CLADE_REPEATED) { /* somebody else reports for it as well: the next ordinal */
    struct cl_append result = {0};
    CL_TRY(cl_asker_follow(a, e));
    if (!is_current(t, attempt)) break;
    status = append_report(a, t, attempt, step, metrics, n, &result, e);
  }
  return status < 0 ? status : cl_asker_look(a, number, attempt, e);
}

/* Telling. */

/* What the trial's objectives are by what is told: all of them, else none. */
static int values_told(const struct cl_asker *a, const struct cl_trial *t, const struct cl_outcome *o,
                       double *ret) {
  const struct cl_settings *s = cl_study_settings(a->study);
  bool first = false;
  assert(o->n_values == 0 || o->n_values == s->n_objectives);
  if (o->n_values > 0) memcpy(ret, o->values, (size_t)o->n_values * sizeof *ret);
  if (o->n_values > 0) return o->n_values;
  for (int i = 0; i < s->n_objectives; i++) {
    ret[i] = cl_trial_objective(t, i);
    for (int k = 0; k < o->n_metrics; k++) {
      if (strcmp(o->metrics[k].name, s->objectives[i].name) != 0) continue;
      ret[i] = o->metrics[k].value;
      first = first || i == 0;
    }
  }
  return first ? s->n_objectives : 0;
}

/* Metrics that come with the end are a report of their own, and so is a value that differs from what was
 * reported: otherwise listings would show the old one. */
static int report_last(struct cl_asker *a, const struct cl_trial *t, int32_t attempt,
                       const struct cl_outcome *o, const double *values, int n_values, struct cl_err *e) {
  const struct cl_settings *s = cl_study_settings(a->study);
  struct cl_metric metrics[CL_METRICS_MAX + CL_OBJECTIVES_MAX];
  struct cl_append result = {0};
  int n = 0;
  bool differs = t->head.reports > 0 && n_values > 0 && !(values[0] == t->value);
  if (o->n_metrics == 0 && !differs) return 0;
  for (int i = 0; i < n_values; i++)
    if (!isnan(values[i]) || i == 0) metrics[n++] = (struct cl_metric){0, s->objectives[i].name, values[i]};
  for (int i = 0; i < o->n_metrics; i++) {
    bool given = false;
    for (int k = 0; k < n && !given; k++) given = strcmp(metrics[k].name, o->metrics[i].name) == 0;
    if (!given) metrics[n++] = o->metrics[i];
  }
  double step = !isnan(o->step) ? o->step : !isnan(t->head.step) ? t->head.step : 1;
  int status = append_report(a, t, attempt, step, metrics, n, &result, e);
  return status == CLADE_REPEATED ? CLADE_ECONFLICT : status;
}

static int exit_status_of(enum cl_state state) {
  assert(state >= CL_COMPLETE && state <= CL_INFEASIBLE && state != CL_LOST && state != CL_PREEMPTED);
  switch (state) {
  case CL_PRUNED: return 76;
  case CL_INFEASIBLE: return 77;
  case CL_FAILED:
  case CL_DIVERGED: return 1;
  default: return 0;
  }
}

static int append_end(struct cl_asker *a, const struct cl_trial *t, int32_t attempt, enum cl_state state,
                      const double *values, int n, struct cl_err *e) {
  assert(is_current(t, attempt) && n >= 0 && n <= CL_OBJECTIVES_MAX);
  struct cl_event ev = {.kind = CL_EVENT_ENDED, .subject = t->number, .attempt = attempt};
  struct cl_append result = {0};
  ev.u.ended.known = true;
  ev.u.ended.status = exit_status_of(state);
  ev.u.ended.record = t->record;
  ev.u.ended.objectives = (struct cl_number_list){n, values};
  CL_TRY(append_one(a, &ev, &result, e));
  return result.late ? refuse_stale(t, attempt, e) : result.status;
}

static int end_known(struct cl_asker *a, const struct cl_trial *t, int32_t attempt,
                     const struct cl_outcome *o, struct cl_err *e) {
  double values[CL_OBJECTIVES_MAX];
  bool scored = o->state == CL_COMPLETE || o->state == CL_PRUNED;
  int n = values_told(a, t, o, values);
  if (n == 0 && scored && o->n_metrics == 0 && !(t->head.flags & CL_FLAG_SCORED))
    return CL_FAIL(e, CLADE_EINVAL,
                   "trial %lld has no value of %s: tell one, report it before, or tell that the trial failed",
                   (long long)t->number, cl_study_settings(a->study)->objectives[0].name);
  CL_TRY(report_last(a, t, attempt, o, values, n, e));
  if (n == 0) n = cl_trial_objectives(a->study, t, values);
  if (n == 0 && scored)
    return CL_FAIL(e, CLADE_EINVAL, "none of the metrics of trial %lld is %s, its objective",
                   (long long)t->number, cl_study_settings(a->study)->objectives[0].name);
  if (o->state == CL_DIVERGED && !(t->head.flags & CL_FLAG_DIVERGED)) {
    values[0] = NAN;
    if (n == 0) n = 1;
  }
  return append_end(a, t, attempt, o->state, values, n, e);
}

static int end_lost(struct cl_asker *a, const struct cl_trial *t, int32_t attempt, struct cl_err *e) {
  struct cl_append result = {0};
  struct cl_event ev = {.kind = CL_EVENT_LOST,
                        .subject = t->number,
                        .attempt = attempt,
                        .seen = t->head.version,
                        .cause = CL_CAUSE_HUMAN,
                        .args = "{\"command\": \"tell\"}"};
  return append_one(a, &ev, &result, e);
}

int cl_asker_end(struct cl_asker *a, int64_t number, int32_t attempt, const struct cl_outcome *o,
                 struct cl_err *e) {
  const struct cl_trial *t = cl_study_trial(a->study, number);
  assert(t != NULL);
  int status = CLADE_ECONFLICT;
  while (status == CLADE_ECONFLICT) { /* a person or another teller came in between */
    CL_TRY(cl_asker_follow(a, e));
    if (!is_current(t, attempt))
      return t->head.attempt == attempt && (t->head.flags & CL_ATTEMPT_KNOWN) ? CLADE_REPEATED
                                                                              : refuse_stale(t, attempt, e);
    status = o->state == CL_LOST ? end_lost(a, t, attempt, e) : end_known(a, t, attempt, o, e);
  }
  if (status != 0) return status;
  return decide_finish(a, e);
}

/* Taking over. */

/* The state of its last report: it stands in this process, so nobody can resume from it later. */
static int record_state(struct cl_asker *a, int64_t donor, int64_t *ret_snapshot, struct cl_err *e) {
  const struct cl_trial *t = cl_study_trial(a->study, donor);
  assert(t != NULL && t->head.attempt >= 1 && t->record != 0); /* it has reported that state */
  struct cl_append result = {0};
  struct cl_event ev = {.kind = CL_EVENT_SAVED, .subject = donor, .attempt = t->head.attempt};
  ev.u.saved.step = t->head.step;
  ev.u.saved.way = CL_WAY_REGION;
  ev.u.saved.report = t->record;
  ev.u.saved.rollup = cl_trial_rollup(t);
  int status = append_one(a, &ev, &result, e);
  if (status < 0) return status;
  *ret_snapshot = result.position;
  return 0;
}

static int start_from(struct cl_asker *a, int64_t number, int64_t snapshot, int32_t *ret_attempt,
                      int64_t *ret_change, struct cl_err *e) {
  const struct cl_head *h = &cl_study_trial(a->study, number)->head;
  struct cl_event ev = start_of(number, h->attempt + 1, h->version);
  struct cl_append result = {0};
  assert(snapshot > 0);
  ev.u.started.from = snapshot;
  CL_TRY(append_one(a, &ev, &result, e));
  *ret_attempt = ev.attempt;
  *ret_change = result.position;
  return 0;
}

int cl_asker_take_over(struct cl_asker *a, const struct cl_asker_takeover *what, int32_t *ret_attempt,
                       int64_t *ret_snapshot, int64_t *ret_change, struct cl_err *e) {
  CL_TRY(cl_asker_follow(a, e));
  const struct cl_trial *t = cl_study_trial(a->study, what->member);
  assert(t != NULL && what->donor != what->member);
  *ret_attempt = t->head.attempt;
  *ret_snapshot = what->snapshot;
  if (what->snapshot == 0) CL_TRY(record_state(a, what->donor, ret_snapshot, e));
  struct cl_append result = {0};
  struct cl_event ev = {.kind = CL_EVENT_EXPLOITED,
                        .subject = what->member,
                        .seen = t->head.version,
                        .cause = CL_CAUSE_EXPLOIT,
                        .args = what->args};
  ev.u.exploited.snapshot = *ret_snapshot;
  ev.u.exploited.values = what->values;
  ev.u.exploited.until = CL_NO_STEP;
  CL_TRY(append_one(a, &ev, &result, e));
  *ret_change = result.position;
  return t->head.state == CL_WAITING ? start_from(a, what->member, *ret_snapshot, ret_attempt, ret_change, e)
                                     : 0;
}

int cl_asker_loaded(struct cl_asker *a, int64_t number, int32_t attempt, int64_t change, int64_t snapshot,
                    struct cl_err *e) {
  assert(attempt >= 1 && change > 0 && snapshot > 0);
  struct cl_append result = {0};
  struct cl_event ev = {.kind = CL_EVENT_LOADED, .subject = number, .attempt = attempt};
  ev.u.loaded.change = change;
  ev.u.loaded.snapshot = snapshot;
  return append_one(a, &ev, &result, e);
}

int cl_asker_set(struct cl_asker *a, int64_t number, struct cl_assigned_list values, const char *args,
                 struct cl_err *e) {
  CL_TRY(cl_asker_follow(a, e));
  assert(values.n >= 1 && cl_study_trial(a->study, number) != NULL);
  struct cl_append result = {0};
  struct cl_event ev = {.kind = CL_EVENT_SET,
                        .subject = number,
                        .seen = cl_study_trial(a->study, number)->head.version,
                        .cause = CL_CAUSE_EXPLORE,
                        .args = args};
  ev.u.set.values = values;
  ev.u.set.until = CL_NO_STEP;
  return append_one(a, &ev, &result, e);
}

/* Enqueueing. */

int cl_asker_enqueue(struct cl_asker *a, const struct cl_value *given, int64_t *ret_trial, struct cl_err *e) {
  int status = CLADE_ECONFLICT;
  while (status == CLADE_ECONFLICT) {
    struct cl_event ev = {0};
    struct cl_append result = {0};
    CL_TRY(cl_asker_follow(a, e));
    CL_TRY(cl_searcher_enqueue(a->searcher, given, &ev, e));
    CL_TRY(keep_proposal(a, &ev, e));
    status = append_one(a, &ev, &result, e);
    if (status == 0) *ret_trial = ev.subject;
  }
  return status;
}

/* Making. */

int cl_asker_create(struct cl_log *log, struct cl_asker **ret, struct cl_err *e) {
  struct cl_asker *a = cl_alloc(sizeof *a);
  if (a == NULL) return CL_FAIL_NOMEM(e);
  a->log = log;
  a->study = cl_log_study(log);
  int status = cl_searcher_create(a->study, &a->searcher, e);
  if (status == 0) status = cl_attention_fill(&a->attention, a->study, e);
  if (status == 0) status = cl_log_listen(log, on_event, a, e);
  if (status < 0) {
    cl_asker_destroy(a);
    return status;
  }
  *ret = a;
  return 0;
}

void cl_asker_destroy(struct cl_asker *a) {
  if (a == NULL) return;
  cl_log_unlisten(a->log, on_event, a);
  cl_searcher_destroy(a->searcher);
  cl_attention_done(&a->attention);
  cl_free(a->values);
  cl_free(a->args);
  cl_free(a->metrics);
  cl_free(a);
}
