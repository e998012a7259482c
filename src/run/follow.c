#include "run/follow.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "query/timetable.h"
#include "schedule/scheduler.h"

struct route { /* a schedule that some follow */
  int64_t of;  /* 0: the study's own */
  struct cl_timetable table;
  struct cl_course course;
  char hash[CL_TIMETABLE_HASH];
};

struct walker { /* a trial that follows one, and has not ended */
  int64_t trial;
  int64_t put; /* version that a decision was made for; the same version is left alone */
};

struct cl_follower {
  struct cl_log *log;
  void (*say)(void *ctx, int64_t trial, const char *text);
  void *ctx;
  int worker;
  struct route **routes; /* each stays where it is */
  struct walker *walkers;
  struct cl_value *values;
  struct cl_assigned *assigned;
  size_t n_routes, cap_routes, n_walkers, cap_walkers, cap_values, cap_assigned;
  struct cl_err failure; /* of a callback; ends the next turn */
};

/* What is followed. */

static const json_t *replay_node(const struct cl_settings *settings) {
  return json_object_get(settings->json, "replay");
}

int cl_replay_of(const struct cl_settings *settings, struct cl_timetable *ret, bool *ret_fresh,
                 struct cl_err *e) {
  const json_t *node = replay_node(settings);
  if (node == NULL) return CL_FAIL(e, CLADE_ENOTFOUND, "'%s' replays no schedule", settings->study);
  CL_TRY(cl_timetable_from_json(json_object_get(node, "schedule"), ret, e));
  ret->foreign = json_is_true(json_object_get(node, "foreign"));
  if (ret_fresh != NULL) *ret_fresh = json_is_true(json_object_get(node, "fresh"));
  return 0;
}

double cl_last_step(const struct cl_settings *settings) {
  const json_t *last = json_object_get(replay_node(settings), "last");
  if (json_is_number(last)) return json_number_value(last);
  return cl_schedule_last(settings);
}

static int read_table(struct cl_log *log, int64_t of, struct cl_timetable *ret, struct cl_err *e) {
  struct cl_reader *reader = NULL;
  CL_TRY(cl_reader_open(cl_log_store(log), cl_log_id(log), &reader, e));
  int status = cl_timetable_read(reader, of, ret, NULL, e);
  cl_reader_close(reader);
  return status;
}

int cl_schedule_to_follow(struct cl_log *log, enum cl_role role, int64_t of, struct cl_timetable *ret,
                          struct cl_course *ret_course, struct cl_err *e) {
  const struct cl_settings *settings = cl_study_settings(cl_log_study(log));
  struct cl_timetable table = {0};
  bool own = role == CL_ROLE_REPLAY || replay_node(settings) != NULL;
  CL_TRY(own ? cl_replay_of(settings, &table, NULL, e) : read_table(log, of, &table, e));
  int status = cl_course_make(&table, &settings->space, ret_course, e);
  if (status < 0)
    cl_timetable_done(&table);
  else
    *ret = table;
  return status;
}

/* A confirmed configuration keeps its values, unless a scheduler has changed them. */
static bool follows(const struct cl_study *s, const struct cl_trial *t) {
  const struct cl_settings *settings = cl_study_settings(s);
  bool scheduled = settings->schedule != NULL || replay_node(settings) != NULL;
  switch (t->head.role) {
  case CL_ROLE_REPLAY: return replay_node(settings) != NULL;
  case CL_ROLE_ASSESS: return true;
  case CL_ROLE_CONFIRM: return scheduled;
  default: return false;
  }
}

static struct route *find_route(const struct cl_follower *f, const struct cl_trial *t) {
  bool own = replay_node(cl_study_settings(cl_log_study(f->log))) != NULL;
  for (size_t i = 0; i < f->n_routes; i++)
    if (f->routes[i]->of == (own ? 0 : (int64_t)t->of)) return f->routes[i];
  return NULL;
}

static void destroy_route(struct route *r) {
  if (r == NULL) return;
  cl_course_done(&r->course);
  cl_timetable_done(&r->table);
  cl_free(r);
}

static int need_route(struct cl_follower *f, const struct cl_trial *t, struct route **ret, struct cl_err *e) {
  *ret = find_route(f, t);
  if (*ret != NULL) return 0;
  if (cl_grow(&f->routes, &f->cap_routes, f->n_routes + 1, sizeof(struct route *)) < 0)
    return CL_FAIL_NOMEM(e);
  struct route *r = cl_alloc(sizeof *r);
  if (r == NULL) return CL_FAIL_NOMEM(e);
  bool own = replay_node(cl_study_settings(cl_log_study(f->log))) != NULL;
  r->of = own ? 0 : (int64_t)t->of;
  int status = cl_schedule_to_follow(f->log, (enum cl_role)t->head.role, t->of, &r->table, &r->course, e);
  if (status == 0) status = cl_timetable_hash(&r->table, r->hash, e);
  if (status < 0) {
    destroy_route(r);
    return status;
  }
  assert(r->course.n == cl_study_space(cl_log_study(f->log))->n && r->course.entries >= 1);
  *ret = f->routes[f->n_routes++] = r;
  return 0;
}

/* Where a trial stands in its schedule. */

static double resume_step(const struct cl_study *s, const struct cl_trial *t) {
  const struct cl_snapshot *n = cl_study_snapshot(s, cl_trial_resume_from(s, t));
  return n == NULL || !n->usable ? CL_NO_STEP : n->step;
}

static bool is_kept(const struct cl_head *h) {
  return h->flags & CL_ATTEMPT_OPEN;
}

/* The entry whose values it should have when it goes on. */
static size_t entry_of(const struct cl_follower *f, const struct cl_course *course,
                       const struct cl_trial *t) {
  bool there = t->head.state == CL_RUNNING || is_kept(&t->head) || t->head.state == CL_PAUSED;
  return cl_course_entry(course, there ? t->head.step : resume_step(cl_log_study(f->log), t));
}

bool cl_follower_until(const struct cl_follower *f, const struct cl_trial *t, double *ret) {
  const struct cl_study *s = cl_log_study(f->log);
  const struct route *r = follows(s, t) ? find_route(f, t) : NULL;
  if (r == NULL) return false;
  *ret = cl_course_next(&r->course, entry_of(f, &r->course, t));
  return true;
}

/* Deciding. */

static void told(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct cl_follower *f = ctx;
  if (result->status == 0) return;
  for (size_t i = 0; i < f->n_walkers; i++) /* decided again from the newer state */
    if (f->walkers[i].trial == ev->subject) f->walkers[i].put = -1;
}

static int put(struct cl_follower *f, struct walker *w, const struct route *r, size_t entry,
               struct cl_event *ev, struct cl_err *e) {
  char args[80];
  const struct cl_trial *t = cl_study_trial(cl_log_study(f->log), w->trial);
  assert(t != NULL && entry < r->course.entries && w->put != t->head.version);
  (void)snprintf(args, sizeof args, "{\"schedule\": \"%s\", \"entry\": %zu}", r->hash, entry);
  ev->subject = w->trial;
  ev->seen = t->head.version;
  ev->as_of = cl_log_position(f->log);
  ev->by = f->worker;
  ev->cause = CL_CAUSE_REPLAY;
  ev->args = args;
  CL_TRY(cl_log_put(f->log, ev, told, f, e));
  w->put = t->head.version;
  return 0;
}

struct difference {
  int n;         /* values that differ, of all that are not drawn for each run */
  bool restarts; /* one of them needs a new process */
};

/* `whole`: all active values, else those that differ; into f->assigned. */
static struct difference assign(struct cl_follower *f, const struct cl_trial *t,
                                const struct cl_value *wanted, bool whole, int *ret_n) {
  const struct cl_space *space = cl_study_space(cl_log_study(f->log));
  struct difference d = {0};
  assert(f->cap_values > (size_t)space->n &&
         f->cap_assigned > (size_t)space->n); /* cl_follower_turn has made room */
  int n = 0;
  cl_trial_values(cl_log_study(f->log), t, f->values);
  for (int i = 0; i < space->n; i++) {
    bool drawn = space->items[i].drawn;
    struct cl_value v = drawn ? f->values[i] : wanted[i];
    bool differs = !cl_value_equal(v, f->values[i]);
    d.n += differs;
    d.restarts = d.restarts || (differs && space->items[i].change != CL_LIVE);
    if (whole ? v.kind != CL_ABSENT : differs) f->assigned[n++] = (struct cl_assigned){space->items[i].id, v};
  }
  assert(n <= space->n && (d.n > 0 || !d.restarts));
  *ret_n = n;
  return d;
}

static int64_t own_snapshot(const struct cl_study *s, const struct cl_trial *t) {
  const struct cl_snapshot *n = cl_study_snapshot(s, cl_trial_resume_from(s, t));
  return n != NULL && n->usable && n->trial == t->number && n->step == t->head.step ? n->position : 0;
}

/* Its report has reached a change. A value that only a new process takes up comes with the trial's own state.
 */
static int answer(struct cl_follower *f, struct walker *w, const struct route *r, const struct cl_trial *t,
                  struct cl_err *e) {
  size_t entry = entry_of(f, &r->course, t);
  const struct cl_value *wanted = cl_course_values(&r->course, entry);
  double until = cl_course_next(&r->course, entry);
  int n = 0;
  assert(t->head.state == CL_RUNNING && (isnan(until) || until > t->head.step));
  int64_t snapshot = own_snapshot(cl_log_study(f->log), t);
  struct cl_event ev = {.kind = CL_EVENT_SET};
  if (assign(f, t, wanted, false, &n).restarts && snapshot != 0) {
    (void)assign(f, t, wanted, true, &n);
    ev.kind = CL_EVENT_EXPLOITED;
    ev.u.exploited.snapshot = snapshot;
    ev.u.exploited.values = (struct cl_assigned_list){n, f->assigned};
    ev.u.exploited.until = until;
  } else {
    ev.u.set.values = (struct cl_assigned_list){n, f->assigned};
    ev.u.set.until = until;
  }
  return put(f, w, r, entry, &ev, e);
}

/* It will go on from a snapshot, or begin: with the values of that place. */
static int prepare(struct cl_follower *f, struct walker *w, const struct route *r, const struct cl_trial *t,
                   struct cl_err *e) {
  size_t entry = entry_of(f, &r->course, t);
  int n = 0;
  if (assign(f, t, cl_course_values(&r->course, entry), false, &n).n == 0) return CLADE_EMPTY;
  struct cl_event ev = {.kind = CL_EVENT_SET};
  ev.u.set.values = (struct cl_assigned_list){n, f->assigned};
  ev.u.set.until = cl_course_next(&r->course, entry);
  return put(f, w, r, entry, &ev, e);
}

static bool has_reached(const struct cl_head *h) {
  return !isnan(h->until) && h->step >= h->until && h->load == 0;
}

/* A program that trains one interval per process has come to its end. */
static bool is_leg(const struct cl_head *h) {
  return has_reached(h) && !is_kept(h) && !(h->flags & CL_CONNECTED_ONCE);
}

static int go_on(struct cl_follower *f, struct walker *w, const struct route *r, const struct cl_trial *t,
                 struct cl_err *e) {
  size_t entry = entry_of(f, &r->course, t);
  assert(is_leg(&t->head));
  struct cl_event ev = {.kind = CL_EVENT_CONTINUED};
  ev.u.continued.until = cl_course_next(&r->course, entry);
  ev.u.continued.report = t->record;
  return put(f, w, r, entry, &ev, e);
}

/* A program that cannot be told of a change goes on with the values it has: that is another schedule. */
static int refuse(struct cl_follower *f, struct walker *w, const struct cl_trial *t, struct cl_err *e) {
  char args[120];
  assert(t->head.step > t->head.until);
  (void)snprintf(args, sizeof args, "{\"which\": \"schedule\", \"value\": %.17g, \"bound\": %.17g}",
                 t->head.step, t->head.until);
  struct cl_event ev = {.kind = CL_EVENT_STOPPED,
                        .subject = w->trial,
                        .seen = t->head.version,
                        .as_of = cl_log_position(f->log),
                        .by = f->worker,
                        .cause = CL_CAUSE_LIMIT,
                        .args = args};
  ev.u.stopped.at = t->record;
  ev.u.stopped.how = CL_STOP_KILL;
  if (f->say != NULL)
    f->say(
        f->ctx, w->trial,
        "its program does not ask for its values (it is not connected to clade), so they cannot change while it "
        "trains: it is stopped. docs/protocol.md says how a program connects");
  CL_TRY(cl_log_put(f->log, &ev, told, f, e));
  w->put = t->head.version;
  return 0;
}

/* Training was stopped there, and so is this one: what comes out can be compared. */
static bool is_at_end(const struct route *r, const struct cl_head *h) {
  return !isnan(r->course.end) && h->step >= r->course.end;
}

static int stop(struct cl_follower *f, struct walker *w, const struct route *r, const struct cl_trial *t,
                struct cl_err *e) {
  char args[120];
  assert(is_at_end(r, &t->head));
  (void)snprintf(args, sizeof args, "{" CL_STOPPED_AT_END ", \"value\": %.17g, \"bound\": %.17g}",
                 t->head.step, r->course.end);
  struct cl_event ev = {.kind = CL_EVENT_STOPPED,
                        .subject = w->trial,
                        .seen = t->head.version,
                        .as_of = cl_log_position(f->log),
                        .by = f->worker,
                        .cause = CL_CAUSE_STOP_RULE,
                        .args = args};
  ev.u.stopped.at = t->record;
  ev.u.stopped.how = CL_STOP_ASK;
  CL_TRY(cl_log_put(f->log, &ev, told, f, e));
  w->put = t->head.version;
  return 0;
}

static int decide_running(struct cl_follower *f, struct walker *w, const struct route *r,
                          const struct cl_trial *t, struct cl_err *e) {
  const struct cl_head *h = &t->head;
  if (!has_reached(h) || (h->flags & (CL_FLAG_PREEMPTING | CL_ATTEMPT_DONE | CL_FLAG_DIVERGED))) return 0;
  if (is_at_end(r, h)) return stop(f, w, r, t, e);
  if (h->flags & CL_CONNECTED_ONCE) return answer(f, w, r, t, e);
  return h->step > h->until ? refuse(f, w, t, e)
                            : 0; /* it may be about to end, and go on in a process of its own */
}

static int decide(struct cl_follower *f, struct walker *w, const struct route *r, const struct cl_trial *t,
                  struct cl_err *e) {
  const struct cl_head *h = &t->head;
  int status = 0;
  switch (h->state) {
  case CL_RUNNING: return decide_running(f, w, r, t, e);
  case CL_PAUSED:
    if (!is_leg(h)) return 0;
    if (is_at_end(r, h)) return stop(f, w, r, t, e);
    status = prepare(f, w, r, t, e);
    return status == CLADE_EMPTY ? go_on(f, w, r, t, e) : status;
  case CL_WAITING:
  case CL_FAILED:
  case CL_LOST:
  case CL_PREEMPTED: status = prepare(f, w, r, t, e); return status == CLADE_EMPTY ? 0 : status;
  default: return 0;
  }
}

static int make_room(struct cl_follower *f, struct cl_err *e) {
  size_t n = (size_t)cl_study_space(cl_log_study(f->log))->n + 1;
  if (cl_grow(&f->values, &f->cap_values, n, sizeof *f->values) < 0 ||
      cl_grow(&f->assigned, &f->cap_assigned, n, sizeof *f->assigned) < 0)
    return CL_FAIL_NOMEM(e);
  return 0;
}

int cl_follower_turn(struct cl_follower *f, int worker, struct cl_err *e) {
  const struct cl_study *s = cl_log_study(f->log);
  f->worker = worker;
  if (f->failure.code != 0) return CL_FAIL(e, f->failure.code, "%s", f->failure.text);
  if (f->n_walkers == 0 || cl_study_is_newer(s)) return 0;
  CL_TRY(make_room(f, e));
  size_t kept = 0;
  int status = 0;
  for (size_t i = 0; i < f->n_walkers; i++) {
    struct walker w = f->walkers[i];
    const struct cl_trial *t = cl_study_trial(s, w.trial);
    struct route *r = NULL;
    assert(t != NULL && t->number == w.trial);
    if (cl_state_is_result(cl_study_head(s), &t->head)) continue;
    if (status == 0) status = need_route(f, t, &r, e);
    assert(status != 0 || (r != NULL && (r->of == 0 || r->of == (int64_t)t->of)));
    if (status == 0 && w.put != t->head.version) status = decide(f, &w, r, t, e);
    f->walkers[kept++] = w;
  }
  assert(kept <= f->n_walkers);
  f->n_walkers = kept;
  return status;
}

/* Making. */

static void add(struct cl_follower *f, const struct cl_trial *t) {
  const struct cl_study *s = cl_log_study(f->log);
  if (t == NULL || !follows(s, t) || cl_state_is_result(cl_study_head(s), &t->head)) return;
  if (cl_grow(&f->walkers, &f->cap_walkers, f->n_walkers + 1, sizeof *f->walkers) < 0)
    (void)CL_FAIL_NOMEM(&f->failure);
  else
    f->walkers[f->n_walkers++] = (struct walker){t->number, -1};
}

static void on_event(void *ctx, const struct cl_event *ev) {
  struct cl_follower *f = ctx;
  if (f->failure.code == 0 && ev->kind == CL_EVENT_PROPOSED)
    add(f, cl_study_trial(cl_log_study(f->log), ev->subject));
}

int cl_follower_create(struct cl_log *log, void (*say)(void *ctx, int64_t trial, const char *text), void *ctx,
                       struct cl_follower **ret, struct cl_err *e) {
  struct cl_follower *f = cl_alloc(sizeof *f);
  if (f == NULL) return CL_FAIL_NOMEM(e);
  f->log = log;
  f->say = say;
  f->ctx = ctx;
  for (int64_t i = 1; i <= cl_study_trials(cl_log_study(log)); i++)
    add(f, cl_study_trial(cl_log_study(log), i));
  int status = f->failure.code != 0 ? CL_FAIL_NOMEM(e) : cl_log_listen(log, on_event, f, e);
  if (status < 0)
    cl_follower_destroy(f);
  else
    *ret = f;
  return status;
}

void cl_follower_destroy(struct cl_follower *f) {
  if (f == NULL) return;
  cl_log_unlisten(f->log, on_event, f);
  for (size_t i = 0; i < f->n_routes; i++) destroy_route(f->routes[i]);
  cl_free(f->routes);
  cl_free(f->walkers);
  cl_free(f->values);
  cl_free(f->assigned);
  cl_free(f);
}
