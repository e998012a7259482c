#include "run/confirm.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "engine/decide.h"
#include "run/follow.h"

struct schedule {
  struct cl_timetable table;
  struct cl_course course;
};

struct cl_confirmer {
  struct cl_log *log;
  struct cl_confirm_plan plan;
  struct cl_confirm_row *rows;
  struct schedule *schedules; /* of each row; null: values do not change while trials train */
  size_t n;
  bool exhausted; /* nothing more to propose */
  struct cl_attention attention;
  int worker, n_waiting; /* decisions put and not told yet */
  struct cl_err failure; /* of a callback; ends the next turn */
};

static const struct cl_study *study_of(const struct cl_confirmer *c) {
  return cl_log_study(c->log);
}

static void assert_confirmer_state(const struct cl_confirmer *c) {
  assert(c->n <= CL_CONFIRM_TOP_MAX && (c->rows != NULL || c->n == 0) && c->n_waiting >= 0);
  assert(c->plan.repeats >= 1 && c->plan.repeats <= CL_CONFIRM_REPEATS_MAX && c->plan.total >= 0);
  (void)c;
}

static bool is_ours(const struct cl_confirmer *c, int64_t number) {
  const struct cl_trial *t = cl_study_trial(study_of(c), number);
  return t != NULL && t->head.role == CL_ROLE_CONFIRM;
}

static void add_attention(struct cl_confirmer *c, int64_t number) {
  if (is_ours(c, number)) (void)cl_attention_add(&c->attention, study_of(c), number, &c->failure);
}

static void on_event(void *ctx, const struct cl_event *ev) {
  struct cl_confirmer *c = ctx;
  if (c->failure.code != 0 || ev->subject == 0 || !is_ours(c, ev->subject)) return;
  if (ev->kind != CL_EVENT_REPORTED) (void)cl_confirm_count(study_of(c), c->rows, c->n, &c->failure);
  add_attention(c, ev->subject);
}

/* Deciding. */

static void told(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct cl_confirmer *c = ctx;
  c->n_waiting--;
  assert(c->n_waiting >= 0);
  if (ev->kind != CL_EVENT_PROPOSED && result->status != 0) add_attention(c, ev->subject);
}

static int put(void *ctx, struct cl_event *ev, struct cl_err *e) {
  struct cl_confirmer *c = ctx;
  ev->by = c->worker;
  ev->as_of = cl_log_position(c->log);
  CL_TRY(cl_log_put(c->log, ev, told, c, e));
  c->n_waiting++;
  return 0;
}

/* The configuration of the row, or what its schedule begins with; drawn values fresh. */
static void draw_values(const struct cl_confirmer *c, const struct cl_confirm_row *row, int64_t number,
                        struct cl_value *room, struct cl_value *ret) {
  const struct cl_study *s = study_of(c);
  const struct cl_space *space = cl_study_space(s);
  assert(row >= c->rows && row < c->rows + c->n && room != ret);
  if (c->schedules != NULL)
    memcpy(room, cl_course_values(&c->schedules[row - c->rows].course, 0), (size_t)space->n * sizeof *room);
  else
    cl_trial_values(s, cl_study_trial(s, row->trial), room);
  cl_space_settle(space, room, NULL);
  for (int i = 0; i < space->n; i++)
    if (space->items[i].drawn) room[i] = (struct cl_value){0};
  (void)cl_space_draw(space, (uint64_t)cl_study_seed(s), CL_RNG_RANDOM, (uint64_t)number, room, ret, NULL);
}

static int put_proposal(struct cl_confirmer *c, const struct cl_confirm_row *row, int64_t number,
                        const struct cl_value *values, struct cl_assigned *assigned, struct cl_err *e) {
  const struct cl_study *s = study_of(c);
  const struct cl_space *space = cl_study_space(s);
  char args[80];
  int n = 0;
  int64_t before = 0;
  for (int i = 0; i < space->n; i++)
    if (values[i].kind != CL_ABSENT) assigned[n++] = (struct cl_assigned){space->items[i].id, values[i]};
  assert(n <= space->n && number == cl_study_trials(s) + 1);
  before = c->schedules != NULL ? row->runs.n + row->failed + row->pending + 1 : before;
  for (int64_t i = row->first; i != 0 && c->schedules == NULL; i = cl_study_next_repeat(s, i)) before++;
  (void)snprintf(args, sizeof args, "{\"configuration\": %lld, \"n\": %lld}", (long long)row->trial,
                 (long long)c->plan.repeats);
  struct cl_event ev = {
      .kind = CL_EVENT_PROPOSED, .subject = number, .cause = CL_CAUSE_CONFIRM, .args = args};
  ev.u.proposed.role = CL_ROLE_CONFIRM;
  ev.u.proposed.of = row->trial;
  ev.u.proposed.repeat = before > INT32_MAX ? INT32_MAX : (int)before;
  ev.u.proposed.space_version = space->version;
  ev.u.proposed.values = (struct cl_assigned_list){n, assigned};
  return put(c, &ev, e);
}

static int propose(struct cl_confirmer *c, const struct cl_confirm_row *row, struct cl_err *e) {
  const struct cl_study *s = study_of(c);
  size_t n = (size_t)cl_study_space(s)->n;
  int64_t number = cl_study_trials(s) + 1;
  struct cl_value *values = cl_alloc_array(2 * n, sizeof *values);
  struct cl_assigned *assigned = cl_alloc_array(n, sizeof *assigned);
  int status = values == NULL || assigned == NULL ? CL_FAIL_NOMEM(e) : 0;
  if (status == 0) {
    draw_values(c, row, number, values + n, values);
    status = put_proposal(c, row, number, values, assigned, e);
  }
  cl_free(values);
  cl_free(assigned);
  return status;
}

static int64_t count_pending(const struct cl_confirmer *c) {
  int64_t sum = 0;
  for (size_t i = 0; i < c->n; i++) {
    assert(c->rows[i].pending >= 0 && c->rows[i].failed >= 0);
    sum += c->rows[i].pending;
  }
  return sum;
}

static bool is_hopeless(const void *ctx) {
  const struct cl_confirmer *c = ctx;
  int64_t failed = 0, scored = 0, most = cl_study_settings(study_of(c))->max_failures;
  for (size_t i = 0; i < c->n; i++) {
    failed += c->rows[i].failed;
    scored += c->rows[i].runs.n;
  }
  return most > 0 && scored == 0 && failed >= most;
}

int cl_confirmer_turn(struct cl_confirmer *c, int worker, struct cl_err *e) {
  const struct cl_study *s = study_of(c);
  assert_confirmer_state(c);
  c->worker = worker;
  if (c->failure.code != 0) return CL_FAIL(e, c->failure.code, "%s", c->failure.text);
  if (cl_study_is_newer(s))
    return CL_FAIL(e, CLADE_ENEWER, "the study '%s' was written by a newer clade: update clade to confirm it",
                   cl_study_name(s));
  CL_TRY(cl_attention_decide(&c->attention, s, put, c, e));
  if (c->n_waiting > 0) return 0; /* one proposal at a time */
  c->exhausted = false;
  if (count_pending(c) >= cl_study_slots(s)) return 0;
  double sign = cl_objective_sign(&cl_study_settings(s)->objectives[0]);
  int64_t next = is_hopeless(c) ? -1
                                : cl_confirm_next(c->rows, c->n, &c->plan, sign, (uint64_t)cl_study_seed(s),
                                                  cl_study_trials(s) + 1);
  assert(next < (int64_t)c->n);
  c->exhausted = next < 0;
  return next < 0 ? 0 : propose(c, &c->rows[next], e);
}

bool cl_confirmer_is_over(const struct cl_confirmer *c) {
  return c->exhausted && c->n_waiting == 0 && count_pending(c) == 0;
}

/* Telling. */

static int64_t ended(const void *ctx) {
  const struct cl_confirmer *c = ctx;
  int64_t sum = 0;
  for (size_t i = 0; i < c->n; i++) sum += c->rows[i].runs.n + c->rows[i].failed;
  return sum;
}

static int64_t planned(const void *ctx) {
  const struct cl_confirmer *c = ctx;
  int64_t sum = 0, there = 0;
  for (size_t i = 0; i < c->n; i++) {
    int64_t used = c->rows[i].runs.n + c->rows[i].failed + c->rows[i].pending;
    there += used;
    sum += used > c->plan.repeats ? used : c->plan.repeats;
  }
  if (c->plan.total > 0 && c->plan.total < sum) sum = c->plan.total > there ? c->plan.total : there;
  return sum;
}

static void describe(const void *ctx, struct cl_text *ret) {
  const struct cl_confirmer *c = ctx;
  const struct cl_study *s = study_of(c);
  const struct cl_space *space = cl_study_space(s);
  struct cl_value *values = cl_alloc_array((size_t)space->n, sizeof *values);
  for (size_t i = 0; i < c->n && values != NULL; i++) {
    cl_text_format(ret, "%strial %lld  %s %.6g  ", i > 0 ? "\n" : "", (long long)c->rows[i].trial,
                   cl_study_settings(s)->objectives[0].name, c->rows[i].claimed);
    cl_trial_values(s, cl_study_trial(s, c->rows[i].trial), values);
    for (int k = 0; k < space->n; k++) {
      if (values[k].kind == CL_ABSENT || !cl_space_is_searched(&space->items[k])) continue;
      cl_text_format(ret, " %s=", space->items[k].name);
      cl_value_write(ret, values[k]);
    }
  }
  cl_free(values);
}

static bool is_over(const void *ctx) {
  return cl_confirmer_is_over(ctx);
}

struct cl_run_aside cl_confirmer_aside(const struct cl_confirmer *c) {
  return (struct cl_run_aside){CL_ROLE_CONFIRM, planned, ended, is_over, is_hopeless, describe, c};
}

/* Making. */

static int check_plan(const struct cl_confirm_plan *plan, struct cl_err *e) {
  if (plan->repeats < 1 || plan->repeats > CL_CONFIRM_REPEATS_MAX)
    return CL_FAIL(e, CLADE_EINVAL, "%lld runs of each configuration are not possible: between 1 and %d are",
                   (long long)plan->repeats, CL_CONFIRM_REPEATS_MAX);
  return plan->total >= 0
             ? 0
             : CL_FAIL(e, CLADE_EINVAL, "%lld runs in all are not possible: 1 or more are, or 0 for no limit",
                       (long long)plan->total);
}

/* Each row has come to its end, so its schedule stays as it is. */
static int read_schedules(struct cl_confirmer *c, struct cl_err *e) {
  if (cl_study_settings(study_of(c))->schedule == NULL) return 0;
  c->schedules = cl_alloc_array(c->n, sizeof *c->schedules);
  if (c->schedules == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < c->n; i++)
    CL_TRY(cl_schedule_to_follow(c->log, CL_ROLE_CONFIRM, c->rows[i].trial, &c->schedules[i].table,
                                 &c->schedules[i].course, e));
  return 0;
}

int cl_confirmer_create(struct cl_log *log, const struct cl_confirm_choice *choice,
                        const struct cl_confirm_plan *plan, struct cl_confirmer **ret, struct cl_err *e) {
  CL_TRY(check_plan(plan, e));
  struct cl_confirmer *c = cl_alloc(sizeof *c);
  if (c == NULL) return CL_FAIL_NOMEM(e);
  c->log = log;
  c->plan = *plan;
  size_t most = choice->n_trials > 0 ? choice->n_trials : choice->top;
  c->rows = most > CL_CONFIRM_TOP_MAX ? NULL : cl_alloc_array(most, sizeof *c->rows);
  int status = c->rows == NULL && most <= CL_CONFIRM_TOP_MAX ? CL_FAIL_NOMEM(e) : 0;
  if (status == 0) status = cl_confirm_read(study_of(c), choice, c->rows, &c->n, e);
  if (status == 0) status = read_schedules(c, e);
  for (int64_t i = 1; status == 0 && i <= cl_study_trials(study_of(c)); i++) add_attention(c, i);
  if (status == 0 && c->failure.code != 0) status = CL_FAIL(e, c->failure.code, "%s", c->failure.text);
  if (status == 0) status = cl_log_listen(log, on_event, c, e);
  if (status < 0) {
    cl_confirmer_destroy(c);
    return status;
  }
  assert_confirmer_state(c);
  *ret = c;
  return status;
}

void cl_confirmer_destroy(struct cl_confirmer *c) {
  if (c == NULL) return;
  cl_log_unlisten(c->log, on_event, c);
  cl_attention_done(&c->attention);
  for (size_t i = 0; c->schedules != NULL && i < c->n; i++) {
    cl_course_done(&c->schedules[i].course);
    cl_timetable_done(&c->schedules[i].table);
  }
  cl_free(c->schedules);
  cl_free(c->rows);
  cl_free(c);
}
