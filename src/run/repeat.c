#include "run/repeat.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/collect.h"
#include "engine/decide.h"

struct cl_repeater {
  struct cl_log *log;
  struct cl_repeat_plan plan;
  struct cl_timetable table;
  struct cl_course course;
  char hash[CL_TIMETABLE_HASH];
  struct cl_attention attention;
  struct cl_collection collection; /* of a replay study, where nobody else collects */
  int worker, n_waiting;           /* decisions put and not told yet */
  int64_t there, ended, failed;    /* trials of the role (and `of`): all, ended, ended without a score */
  bool exhausted;                  /* nothing more to propose */
  struct cl_err failure;           /* of a callback; ends the next turn */
};

static const struct cl_study *study_of(const struct cl_repeater *r) {
  return cl_log_study(r->log);
}

static void assert_repeater_state(const struct cl_repeater *r) {
  assert(r->plan.runs >= 1 && (r->plan.role == CL_ROLE_REPLAY || r->plan.role == CL_ROLE_ASSESS));
  assert(r->n_waiting >= 0 && r->failed <= r->ended && r->ended <= r->there);
  assert(r->course.entries >= 1 && strlen(r->hash) == CL_TIMETABLE_HASH - 1);
  (void)r;
}

static bool is_ours(const struct cl_repeater *r, const struct cl_trial *t) {
  return t != NULL && t->head.role == (uint8_t)r->plan.role &&
         (r->plan.of == 0 || (int64_t)t->of == r->plan.of);
}

static void count(struct cl_repeater *r) {
  const struct cl_study *s = study_of(r);
  r->there = r->ended = r->failed = 0;
  for (int64_t i = 1; i <= cl_study_trials(s); i++) {
    const struct cl_trial *t = cl_study_trial(s, i);
    if (!is_ours(r, t)) continue;
    bool ended = cl_state_is_result(cl_study_head(s), &t->head);
    r->there++;
    r->ended += ended;
    r->failed += ended && t->head.state != CL_COMPLETE && t->head.state != CL_PRUNED;
  }
  assert(r->failed <= r->ended && r->ended <= r->there);
}

static void on_event(void *ctx, const struct cl_event *ev) {
  struct cl_repeater *r = ctx;
  if (r->failure.code != 0) return;
  if (r->plan.finishes && cl_collection_hear(&r->collection, ev, &r->failure) < 0) return;
  if (ev->subject == 0 || !is_ours(r, cl_study_trial(study_of(r), ev->subject))) return;
  if (ev->kind != CL_EVENT_REPORTED) count(r);
  (void)cl_attention_add(&r->attention, study_of(r), ev->subject, &r->failure);
}

/* Deciding. */

static void told(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct cl_repeater *r = ctx;
  r->n_waiting--;
  assert(r->n_waiting >= 0);
  if (ev->subject > 0 && ev->kind != CL_EVENT_PROPOSED && result->status != 0)
    (void)cl_attention_add(&r->attention, study_of(r), ev->subject, &r->failure);
}

static int put(void *ctx, struct cl_event *ev, struct cl_err *e) {
  struct cl_repeater *r = ctx;
  ev->by = r->worker;
  ev->as_of = cl_log_position(r->log);
  CL_TRY(cl_log_put(r->log, ev, told, r, e));
  r->n_waiting++;
  return 0;
}

/* Where it begins; with seeds of their own the runs draw afresh what is drawn for each. */
static void first_values(const struct cl_repeater *r, int64_t number, struct cl_value *room,
                         struct cl_value *ret) {
  const struct cl_space *space = cl_study_space(study_of(r));
  assert(r->course.n == space->n);
  memcpy(room, cl_course_values(&r->course, 0), (size_t)space->n * sizeof *room);
  for (int i = 0; r->plan.fresh && i < space->n; i++)
    if (space->items[i].drawn) room[i] = (struct cl_value){0};
  (void)cl_space_draw(space, (uint64_t)cl_study_seed(study_of(r)), CL_RNG_RANDOM, (uint64_t)number, room, ret,
                      NULL);
}

static int put_proposal(struct cl_repeater *r, int64_t number, const struct cl_value *values,
                        struct cl_assigned *assigned, struct cl_err *e) {
  const struct cl_space *space = cl_study_space(study_of(r));
  char args[120];
  int n = 0;
  for (int i = 0; i < space->n; i++)
    if (values[i].kind != CL_ABSENT) assigned[n++] = (struct cl_assigned){space->items[i].id, values[i]};
  bool replay = r->plan.role == CL_ROLE_REPLAY;
  assert(n <= space->n && number == cl_study_trials(study_of(r)) + 1);
  if (replay)
    (void)snprintf(args, sizeof args, "{\"schedule\": \"%s\", \"entry\": 0}", r->hash);
  else
    (void)snprintf(args, sizeof args, "{\"configuration\": %lld, \"n\": %lld}", (long long)r->plan.of,
                   (long long)r->plan.runs);
  struct cl_event ev = {.kind = CL_EVENT_PROPOSED,
                        .subject = number,
                        .cause = replay ? CL_CAUSE_REPLAY : CL_CAUSE_CONFIRM,
                        .args = args};
  ev.u.proposed.role = r->plan.role;
  ev.u.proposed.of = r->plan.of;
  ev.u.proposed.repeat = r->there >= INT32_MAX ? INT32_MAX : (int)r->there + 1;
  ev.u.proposed.has_seed = !r->plan.fresh && r->table.has_seed;
  if (ev.u.proposed.has_seed) ev.u.proposed.seed = r->table.seed;
  ev.u.proposed.space_version = space->version;
  ev.u.proposed.values = (struct cl_assigned_list){n, assigned};
  return put(r, &ev, e);
}

static int propose(struct cl_repeater *r, struct cl_err *e) {
  size_t n = (size_t)cl_study_space(study_of(r))->n;
  int64_t number = cl_study_trials(study_of(r)) + 1;
  struct cl_value *values = cl_alloc_array(2 * n + 1, sizeof *values);
  struct cl_assigned *assigned = cl_alloc_array(n + 1, sizeof *assigned);
  int status = values == NULL || assigned == NULL ? CL_FAIL_NOMEM(e) : 0;
  if (status == 0) {
    first_values(r, number, values + n, values);
    status = put_proposal(r, number, values, assigned, e);
  }
  cl_free(values);
  cl_free(assigned);
  return status;
}

static bool is_hopeless(const struct cl_repeater *r) {
  int64_t most = cl_study_settings(study_of(r))->max_failures;
  return most > 0 && r->failed == r->ended && r->failed >= most;
}

/* States that no run goes on from, and at the end all that are not the newest of their run. */
static int collect(struct cl_repeater *r, bool all, struct cl_err *e) {
  r->collection.eager |= all;
  return r->plan.finishes ? cl_collection_decide(&r->collection, study_of(r), NULL, put, r, e) : 0;
}

static int finish(struct cl_repeater *r, struct cl_err *e) {
  const struct cl_study_head *h = cl_study_head(study_of(r));
  char args[100];
  bool failed = is_hopeless(r);
  (void)snprintf(args, sizeof args, "{\"which\": \"%s\", \"used\": %lld, \"bound\": %lld}",
                 failed ? "max_failures" : "trials", (long long)r->ended, (long long)r->plan.runs);
  assert(h->open && r->ended == r->there);
  struct cl_event ev = {.kind = CL_EVENT_FINISHED,
                        .seen = h->version,
                        .cause = failed ? CL_CAUSE_LIMIT : CL_CAUSE_BUDGET,
                        .args = args};
  ev.u.finished.reason = failed ? CL_REASON_FAILURES : CL_REASON_BUDGET;
  return put(r, &ev, e);
}

int cl_repeater_turn(struct cl_repeater *r, int worker, struct cl_err *e) {
  const struct cl_study *s = study_of(r);
  assert_repeater_state(r);
  r->worker = worker;
  if (r->failure.code != 0) return CL_FAIL(e, r->failure.code, "%s", r->failure.text);
  if (cl_study_is_newer(s))
    return CL_FAIL(e, CLADE_ENEWER,
                   "the study '%s' was written by a newer clade: update clade to go on with it",
                   cl_study_name(s));
  CL_TRY(cl_attention_decide(&r->attention, s, put, r, e));
  if (r->n_waiting > 0) return 0; /* one proposal at a time */
  bool open = cl_study_head(s)->open || !r->plan.finishes;
  r->exhausted = r->there >= r->plan.runs || is_hopeless(r) || !open;
  bool done = r->exhausted && r->ended == r->there && r->plan.finishes && open;
  CL_TRY(collect(r, done, e));
  if (done) return finish(r, e);
  if (r->exhausted || r->there - r->ended >= cl_study_slots(s)) return 0;
  return propose(r, e);
}

bool cl_repeater_is_over(const struct cl_repeater *r) {
  bool finished = !r->plan.finishes || !cl_study_head(study_of(r))->open;
  return finished && r->exhausted && r->n_waiting == 0 && r->there == r->ended;
}

/* Telling. */

static int64_t planned(const void *ctx) {
  const struct cl_repeater *r = ctx;
  return r->plan.runs;
}

static int64_t ended(const void *ctx) {
  const struct cl_repeater *r = ctx;
  return r->ended;
}

static bool is_over(const void *ctx) {
  return cl_repeater_is_over(ctx);
}

static bool is_without_hope(const void *ctx) {
  return is_hopeless(ctx);
}

static void describe(const void *ctx, struct cl_text *ret) {
  const struct cl_repeater *r = ctx;
  const struct cl_timetable *t = &r->table;
  cl_text_format(ret, "%s", t->study == NULL ? "a schedule" : t->study);
  if (t->trial != 0) cl_text_format(ret, "/%lld", (long long)t->trial);
  cl_text_format(ret, ", %zu change%s of values; begins with", t->n_changes, t->n_changes == 1 ? "" : "s");
  for (size_t i = 0; i < t->n_initial; i++) {
    cl_text_format(ret, " %s=", t->initial[i].name);
    cl_value_write(ret, t->initial[i].value);
  }
}

struct cl_run_aside cl_repeater_aside(const struct cl_repeater *r) {
  return (struct cl_run_aside){r->plan.role, planned, ended, is_over, is_without_hope, describe, r};
}

/* Making. */

int cl_replay_plan(const struct cl_settings *settings, struct cl_repeat_plan *ret, struct cl_err *e) {
  struct cl_timetable table = {0};
  bool fresh = false;
  CL_TRY(cl_replay_of(settings, &table, &fresh, e));
  cl_timetable_done(&table);
  *ret = (struct cl_repeat_plan){
      .role = CL_ROLE_REPLAY, .runs = settings->trials, .fresh = fresh, .finishes = true};
  return 0;
}

static int check_trial(const struct cl_repeater *r, struct cl_err *e) {
  const struct cl_study *s = study_of(r);
  const struct cl_trial *t = cl_study_trial(s, r->plan.of);
  if (r->plan.of == 0) return 0;
  if (t == NULL)
    return CL_FAIL(e, CLADE_ENOTFOUND, "'%s' has no trial %lld", cl_study_name(s), (long long)r->plan.of);
  if (cl_state_is_final(t->head.state)) return 0;
  return CL_FAIL(
      e, CLADE_EINVAL,
      "trial %lld is %s: only one that is COMPLETE or PRUNED can be trained again, for its schedule does "
      "not change any more",
      (long long)t->number, cl_state_name(t->head.state));
}

int cl_repeater_create(struct cl_log *log, const struct cl_repeat_plan *plan, struct cl_repeater **ret,
                       struct cl_err *e) {
  assert(plan->role == CL_ROLE_REPLAY || plan->role == CL_ROLE_ASSESS);
  struct cl_repeater *r = cl_alloc(sizeof *r);
  if (r == NULL) return CL_FAIL_NOMEM(e);
  r->log = log;
  r->plan = *plan;
  int status = check_trial(r, e);
  if (status == 0) status = cl_schedule_to_follow(log, plan->role, plan->of, &r->table, &r->course, e);
  if (status == 0) status = cl_timetable_hash(&r->table, r->hash, e);
  for (int64_t i = 1; status == 0 && i <= cl_study_trials(study_of(r)); i++)
    if (is_ours(r, cl_study_trial(study_of(r), i)))
      status = cl_attention_add(&r->attention, study_of(r), i, e);
  count(r);
  if (status == 0 && plan->finishes) status = cl_collection_fill(&r->collection, study_of(r), e);
  if (plan->runs == 0) r->plan.runs = r->there > r->ended ? r->there : r->there + 1;
  if (status == 0) status = cl_log_listen(log, on_event, r, e);
  if (status < 0) {
    cl_repeater_destroy(r);
    return status;
  }
  assert_repeater_state(r);
  *ret = r;
  return status;
}

void cl_repeater_destroy(struct cl_repeater *r) {
  if (r == NULL) return;
  cl_log_unlisten(r->log, on_event, r);
  cl_attention_done(&r->attention);
  cl_collection_done(&r->collection);
  cl_course_done(&r->course);
  cl_timetable_done(&r->table);
  cl_free(r);
}
