#include "query/story.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "query/sentence.h"

struct telling { /* a story while it is read */
  struct cl_story *story;
  struct cl_reader *reader;
  const struct cl_space *space;
  struct cl_value *values; /* current ones, by index */
  double step, until;
  int64_t trial;
  size_t asking; /* 1 + the report that waits for a decision, 0 = none does */
  struct cl_err *e;
};

void cl_story_done(struct cl_story *s) {
  cl_free(s->attempts);
  cl_free(s->reports);
  cl_free(s->changes);
  cl_free(s->begins);
  cl_free(s->birth_copy);
  cl_arena_done(&s->arena);
  *s = (struct cl_story){0};
}

static int keep_value(struct cl_story *s, struct cl_value *v, struct cl_err *e) {
  if (v->kind != CL_TEXT) return 0;
  v->as.text = cl_arena_text(&s->arena, v->as.text);
  return v->as.text == NULL ? CL_FAIL_NOMEM(e) : 0;
}

static int add_change(struct telling *t, const struct cl_event *ev, int index, struct cl_value after) {
  struct cl_story *s = t->story;
  assert(index >= 0 && index < t->space->n);
  if (cl_value_equal(t->values[index], after)) return 0;
  CL_TRY(keep_value(s, &after, t->e));
  if (cl_grow(&s->changes, &s->cap_changes, s->n_changes + 1, sizeof *s->changes) < 0)
    return CL_FAIL_NOMEM(t->e);
  s->changes[s->n_changes++] =
      (struct cl_story_change){.position = ev->position,
                               .time_ms = ev->time_ms,
                               .kind = ev->kind,
                               .cause = ev->cause,
                               .by = ev->by,
                               .index = index,
                               .step = t->step,
                               .loads = ev->kind == CL_EVENT_EXPLOITED && ev->u.exploited.snapshot != 0,
                               .before = t->values[index],
                               .after = after};
  t->values[index] = after;
  return 0;
}

static const struct cl_assigned *find_assigned(const struct cl_assigned_list *values, int id) {
  for (int i = 0; i < values->n; i++)
    if (values->items[i].id == id) return &values->items[i];
  return NULL;
}

/* `whole`: what is not named becomes inactive. */
static int change_values(struct telling *t, const struct cl_event *ev, const struct cl_assigned_list *values,
                         bool whole) {
  for (int i = 0; i < t->space->n; i++) {
    const struct cl_assigned *named = find_assigned(values, t->space->items[i].id);
    if (named != NULL)
      CL_TRY(add_change(t, ev, i, named->value));
    else if (whole)
      CL_TRY(add_change(t, ev, i, (struct cl_value){0}));
  }
  return 0;
}

/* Each value last written by the voided change returns to what stood there before. */
static int void_change(struct telling *t, const struct cl_event *ev) {
  size_t n = t->story->n_changes; /* what is added below is not looked at again */
  assert(ev->kind == CL_EVENT_VOIDED);
  for (size_t i = 0; i < n; i++) {
    struct cl_story_change *c = &t->story->changes[i];
    if (c->position != ev->u.voided.change) continue;
    bool last = true;
    for (size_t k = i + 1; k < n; k++) last = last && t->story->changes[k].index != c->index;
    if (last) CL_TRY(add_change(t, ev, c->index, c->before));
  }
  return 0;
}

static struct cl_story_attempt *find_attempt(struct cl_story *s, int number) {
  for (size_t i = s->n_attempts; i > 0; i--)
    if (s->attempts[i - 1].number == number) return &s->attempts[i - 1];
  return NULL;
}

static int add_begin(struct telling *t, const struct cl_event *ev, struct cl_story_begin begin) {
  struct cl_story *s = t->story;
  if (cl_grow(&s->begins, &s->cap_begins, s->n_begins + 1, sizeof *s->begins) < 0) return CL_FAIL_NOMEM(t->e);
  begin.position = begin.as_of = ev->position;
  begin.attempt = ev->attempt;
  begin.reports = s->n_reports;
  s->begins[s->n_begins++] = begin;
  return 0;
}

static int load(struct telling *t, const struct cl_event *ev) {
  assert(ev->kind == CL_EVENT_LOADED);
  if (ev->late || ev->u.loaded.error != NULL) return 0;
  return add_begin(t, ev,
                   (struct cl_story_begin){
                       .from = ev->u.loaded.snapshot, .loaded = true, .n_missing = ev->u.loaded.missing.n});
}

/* A program that connects is given its values then, not when it was started. */
static void connect(struct telling *t, const struct cl_event *ev) {
  struct cl_story *s = t->story;
  struct cl_story_begin *b = s->n_begins == 0 ? NULL : &s->begins[s->n_begins - 1];
  if (b != NULL && b->attempt == ev->attempt && b->reports == s->n_reports) b->as_of = ev->position;
}

static int begin_attempt(struct telling *t, const struct cl_event *ev) {
  struct cl_story *s = t->story;
  assert(ev->kind == CL_EVENT_STARTED && ev->attempt >= 1);
  if (find_attempt(s, ev->attempt) != NULL) return 0; /* its process was kept, and what it reported counts */
  CL_TRY(add_begin(t, ev, (struct cl_story_begin){.from = ev->u.started.from}));
  if (cl_grow(&s->attempts, &s->cap_attempts, s->n_attempts + 1, sizeof *s->attempts) < 0)
    return CL_FAIL_NOMEM(t->e);
  s->attempts[s->n_attempts++] = (struct cl_story_attempt){.number = ev->attempt,
                                                           .worker = ev->u.started.worker,
                                                           .started_ms = ev->time_ms,
                                                           .ended_ms = -1,
                                                           .from = ev->u.started.from,
                                                           .last_step = NAN};
  return 0;
}

/* Questions: a report at `until` is answered when a scheduler has decided (events.md, "until"). */

static void ask(struct telling *t, const struct cl_event *ev) {
  assert(t->story->n_reports > 0);
  struct cl_story_report *r = &t->story->reports[t->story->n_reports - 1];
  bool waits = !isnan(t->until) && ev->u.reported.step >= t->until;
  t->asking = waits ? t->story->n_reports : 0;
  if (!waits) r->answered = ev->position;
}

static double until_of(const struct cl_event *ev, double otherwise) {
  switch (ev->kind) {
  case CL_EVENT_STARTED: return ev->u.started.until;
  case CL_EVENT_CONTINUED: return ev->u.continued.until;
  case CL_EVENT_EXPLOITED: return ev->u.exploited.until;
  case CL_EVENT_SET: return ev->u.set.until;
  case CL_EVENT_VOIDED: return -INFINITY;
  default: return otherwise;
  }
}

/* A pause is no answer where the process is kept: it goes on with what the next start says. */
static void answer(struct telling *t, const struct cl_event *ev) {
  bool releases = ev->kind == CL_EVENT_STARTED || ev->kind == CL_EVENT_CONTINUED ||
                  ev->kind == CL_EVENT_EXPLOITED ||
                  (ev->kind == CL_EVENT_SET && ev->cause != CL_CAUSE_HUMAN && ev->cause != CL_CAUSE_UNDO);
  t->until = until_of(ev, t->until);
  if (!releases || t->asking == 0) return;
  assert(t->asking <= t->story->n_reports && t->story->n_attempts > 0);
  bool kept = t->story->reports[t->asking - 1].attempt == t->story->attempts[t->story->n_attempts - 1].number;
  if (kept) t->story->reports[t->asking - 1].answered = ev->position;
  if (ev->kind != CL_EVENT_CONTINUED) t->asking = 0;
}

static int add_report(struct telling *t, const struct cl_event *ev) {
  struct cl_story *s = t->story;
  const struct cl_metric_list *list = &ev->u.reported.metrics;
  struct cl_metric *metrics = cl_arena_array(&s->arena, (size_t)list->n, sizeof *metrics);
  if (metrics == NULL || cl_grow(&s->reports, &s->cap_reports, s->n_reports + 1, sizeof *s->reports) < 0)
    return CL_FAIL_NOMEM(t->e);
  for (int i = 0; i < list->n; i++) {
    metrics[i] = list->items[i];
    metrics[i].name = cl_arena_text(&s->arena, list->items[i].name);
    if (metrics[i].name == NULL && list->items[i].name != NULL) return CL_FAIL_NOMEM(t->e);
  }
  s->reports[s->n_reports++] = (struct cl_story_report){.position = ev->position,
                                                        .time_ms = ev->time_ms,
                                                        .attempt = ev->attempt,
                                                        .step = ev->u.reported.step,
                                                        .late = ev->late,
                                                        .n_metrics = list->n,
                                                        .metrics = metrics};
  struct cl_story_attempt *a = find_attempt(s, ev->attempt);
  if (a != NULL) {
    a->reports++;
    a->last_step = ev->u.reported.step;
  }
  if (ev->late) return 0;
  t->step = ev->u.reported.step;
  ask(t, ev);
  return 0;
}

static int keep_reason(struct telling *t, struct cl_text *reason, struct cl_story_attempt *a) {
  bool failed = reason->failed;
  if (reason->length > 0 && !failed) {
    a->reason = cl_arena_text(&t->story->arena, cl_text_get(reason));
    failed = a->reason == NULL;
  }
  cl_text_done(reason);
  return failed ? CL_FAIL_NOMEM(t->e) : 0;
}

/* Somebody wants the trial's process to end: that is why it does. */
static int urge_attempt(struct telling *t, const struct cl_event *ev) {
  struct cl_story *s = t->story;
  struct cl_story_attempt *a = s->n_attempts == 0 ? NULL : &s->attempts[s->n_attempts - 1];
  struct cl_text reason = {0};
  assert(ev->kind == CL_EVENT_STOPPED || ev->kind == CL_EVENT_PREEMPTING);
  if (a == NULL || a->ended || ev->cause == CL_CAUSE_NONE) return 0;
  cl_text_add(&reason, ev->kind == CL_EVENT_STOPPED ? "stopped because of " : "preempted because of ");
  cl_cause_write(ev, &reason);
  return keep_reason(t, &reason, a);
}

static int end_attempt(struct telling *t, const struct cl_event *ev) {
  struct cl_story_attempt *a = find_attempt(t->story, ev->attempt);
  struct cl_text reason = {0};
  if (a == NULL) return 0;
  if (ev->kind == CL_EVENT_DONE) {
    a->done = true;
    return 0;
  }
  a->ended = true;
  a->ended_ms = ev->time_ms;
  a->lost = ev->kind == CL_EVENT_LOST;
  if (a->lost) return 0;
  a->status = ev->u.ended.status;
  a->signal = ev->u.ended.signal;
  a->known = ev->u.ended.known;
  if (a->reason != NULL) return 0;
  cl_end_write(ev, &reason);
  return keep_reason(t, &reason, a);
}

static int be_born(struct telling *t, const struct cl_event *ev, const struct cl_assigned_list *values) {
  t->story->birth_copy = cl_event_copy(ev);
  if (t->story->birth_copy == NULL) return CL_FAIL_NOMEM(t->e);
  t->story->birth = t->story->birth_copy;
  return change_values(t, ev, values, false);
}

static int tell_kind(struct telling *t, const struct cl_event *ev) {
  switch (ev->kind) {
  case CL_EVENT_PROPOSED: return be_born(t, ev, &ev->u.proposed.values);
  case CL_EVENT_IMPORTED: return be_born(t, ev, &ev->u.imported.values);
  case CL_EVENT_STARTED: return begin_attempt(t, ev);
  case CL_EVENT_CONNECTED: connect(t, ev); return 0;
  case CL_EVENT_REPORTED: return add_report(t, ev);
  case CL_EVENT_EXPLOITED: return change_values(t, ev, &ev->u.exploited.values, true);
  case CL_EVENT_LOADED: return load(t, ev);
  case CL_EVENT_SET: return change_values(t, ev, &ev->u.set.values, false);
  case CL_EVENT_VOIDED: return void_change(t, ev);
  case CL_EVENT_LOST:
  case CL_EVENT_DONE:
  case CL_EVENT_ENDED: return end_attempt(t, ev);
  case CL_EVENT_STOPPED:
  case CL_EVENT_PREEMPTING: return urge_attempt(t, ev);
  default: return 0;
  }
}

static int tell(void *ctx, const struct cl_event *ev) {
  struct telling *t = ctx;
  CL_TRY(tell_kind(t, ev));
  answer(t, ev);
  return 0;
}

struct saved {
  int64_t trial;
  double step;
};

static int take_saved(void *ctx, const struct cl_event *ev) {
  struct saved *saved = ctx;
  if (ev->kind == CL_EVENT_SAVED) *saved = (struct saved){ev->subject, ev->u.saved.step};
  return 0;
}

/* After the reading, because a store is not read inside of a reading. */
static int void_reports(const struct telling *t) {
  for (size_t i = 0; i < t->story->n_begins; i++) {
    const struct cl_story_begin *b = &t->story->begins[i];
    struct saved from = {.trial = t->trial, .step = -INFINITY};
    struct cl_read one = {.after = b->from - 1, .until = b->from};
    if (b->from != 0)
      CL_TRY(
          cl_store_read(cl_reader_store(t->reader), cl_reader_id(t->reader), &one, take_saved, &from, t->e));
    for (size_t k = 0; k < b->reports; k++) {
      struct cl_story_report *r = &t->story->reports[k];
      if (!b->loaded && r->step > from.step) r->is_void = true;
      if (from.trial != t->trial || r->step > from.step) r->given_up = true;
    }
  }
  return 0;
}

int cl_story_read(struct cl_reader *r, int64_t trial, struct cl_story *ret, struct cl_err *e) {
  const struct cl_study *study = NULL;
  struct cl_study_head head;
  assert(trial >= 1);
  CL_TRY(cl_reader_head(r, &head, e));
  CL_TRY(cl_reader_need(r, trial <= head.trials ? trial : CL_NO_TRIALS,
                        trial <= head.trials ? trial : CL_NO_TRIALS, &study, e));
  if (cl_study_trial(study, trial) == NULL)
    return CL_FAIL(e, CLADE_ENOTFOUND, "%s has no trial %lld: its trials are 1 to %lld", cl_study_name(study),
                   (long long)trial, (long long)head.trials);
  struct cl_story story = {0};
  struct telling t = {.story = &story,
                      .reader = r,
                      .space = cl_study_space(study),
                      .step = NAN,
                      .until = NAN,
                      .trial = trial,
                      .e = e};
  t.values = cl_alloc_array((size_t)t.space->n, sizeof *t.values);
  if (t.values == NULL) return CL_FAIL_NOMEM(e);
  struct cl_read what = {.trial_lo = trial, .trial_hi = trial, .only_trials = true};
  int status = cl_store_read(cl_reader_store(r), cl_reader_id(r), &what, tell, &t, e);
  if (status >= 0) status = void_reports(&t);
  cl_free(t.values);
  if (status < 0)
    cl_story_done(&story);
  else
    *ret = story;
  return status < 0 ? status : 0;
}

int cl_story_curve(const struct cl_story *s, int metric, double **ret_x, double **ret_y, size_t *ret_n,
                   struct cl_err *e) {
  double *x = cl_alloc_array(s->n_reports, sizeof *x), *y = cl_alloc_array(s->n_reports, sizeof *y);
  if (x == NULL || y == NULL) {
    cl_free(x);
    cl_free(y);
    return CL_FAIL_NOMEM(e);
  }
  size_t n = 0;
  for (size_t i = 0; i < s->n_reports; i++) {
    const struct cl_story_report *r = &s->reports[i];
    if (r->late || r->is_void) continue;
    for (int k = 0; k < r->n_metrics; k++) {
      if (r->metrics[k].id != metric) continue;
      x[n] = r->step;
      y[n++] = r->metrics[k].value;
    }
  }
  *ret_x = x;
  *ret_y = y;
  *ret_n = n;
  return 0;
}
