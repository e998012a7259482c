#include "schedule/ruling.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "schedule/args.h"

/* The args of a ruling: what a scheduler that reads the log needs to know, and what people want to. */

static void add_key(struct cl_rulings *r, const char *key) {
  cl_text_add(&r->args, ", \"");
  cl_text_add(&r->args, key);
  cl_text_add(&r->args, "\": ");
}

static void add_number(struct cl_rulings *r, const char *key, double x) {
  add_key(r, key);
  cl_text_add_json_number(&r->args, x);
}

static void add_integer(struct cl_rulings *r, const char *key, int64_t x) {
  add_key(r, key);
  cl_text_add_integer(&r->args, x);
}

/* The report that was judged, of nobody else. */
static void add_report(struct cl_rulings *r, int64_t report) {
  add_key(r, "reports");
  cl_text_add(&r->args, "[");
  cl_text_add_integer(&r->args, report);
  cl_text_add(&r->args, "]");
}

static void add_ready(struct cl_rulings *r, size_t member);

static void begin_args(struct cl_rulings *r, const char *rule, size_t member,
                       const struct cl_evaluation *own) {
  const struct cl_member *a = &r->members.items[member];
  double sign = cl_objective_sign(&r->env->settings->objectives[0]);
  assert(member < r->members.n && a->asks >= 1);
  cl_text_clear(&r->args);
  cl_text_add(&r->args, "{\"rule\": \"");
  cl_text_add(&r->args, rule);
  cl_text_add(&r->args, "\"");
  add_integer(r, "rung", a->asks);
  add_number(r, "step", own->step);
  add_number(r, "own", isfinite(own->score) ? sign * own->score : NAN);
  if (a->state == CL_MEMBER_DEAD) cl_text_add(&r->args, ", \"dead\": true");
  add_ready(r, member);
}

/* Why it is ready now. */
static void add_ready(struct cl_rulings *r, size_t member) {
  const struct cl_questions *q = &r->members.questions;
  if (!cl_questions_are_asked(q) || cl_ruling_is_dead(r, member)) return;
  cl_text_add(&r->args, ", \"ready\": {");
  if (q->ready.metric != NULL) {
    cl_text_add(&r->args, "\"metric\": ");
    cl_text_add_json(&r->args, q->ready.metric);
    cl_text_add(&r->args, ", ");
  }
  cl_text_format(&r->args, "\"rule\": \"%s\"", cl_ready_word(&q->ready));
  add_number(r, "value", cl_progress_value(&q->items[member].now, &q->ready));
  add_number(r, "bound", q->ready.bound);
  cl_text_add(&r->args, "}");
}

static void add_view(struct cl_rulings *r, const struct cl_exploit_view *view) {
  if (view == NULL) return;
  if (view->rung != 0) {
    add_integer(r, "at", view->rung);
    add_integer(r, "rank", (int64_t)view->rank);
    add_integer(r, "of", (int64_t)view->of);
  }
  if (view->close > 0) cl_text_format(&r->args, ", \"close\": %zu", view->close);
  if (view->archived > 0) cl_text_format(&r->args, ", \"archive\": %zu", view->archived);
  if (view->from_archive) cl_text_add(&r->args, ", \"archived\": true");
  if (view->collapsed) cl_text_add(&r->args, ", \"collapsed\": true");
  if (!isnan(view->draw)) add_number(r, "draw", view->draw);
  if (view->opponent != CL_NO_RANK)
    cl_text_format(&r->args, ", \"against\": %lld", (long long)r->members.items[view->opponent].trial);
  if (!view->tested) return;
  add_number(r, "t", view->test.t);
  add_number(r, "df", view->test.df);
  add_number(r, "p", view->test.p);
}

static void add_donor(struct cl_rulings *r, size_t donor, const struct cl_evaluation *own,
                      const struct cl_evaluation *v) {
  double sign = cl_objective_sign(&r->env->settings->objectives[0]);
  assert(donor < r->members.n && v->trial == r->members.items[donor].trial);
  cl_text_format(&r->args, ", \"donor\": %lld, \"score\": ", (long long)r->members.items[donor].trial);
  cl_text_add_json_number(&r->args, sign * v->score);
  cl_text_format(&r->args, ", \"donor_rung\": %d, \"reports\": [%lld, %lld]", (int)v->rung,
                 (long long)own->report, (long long)v->report);
}

int cl_ruling_end(struct cl_rulings *r, struct cl_event *ret, struct cl_err *e) {
  cl_text_add(&r->args, "}");
  if (r->args.failed) return CL_FAIL_NOMEM(e);
  ret->args = cl_text_get(&r->args);
  return 0;
}

/* Rulings. */

struct cl_rng cl_ruling_stream(const struct cl_rulings *r, enum cl_purpose purpose, size_t member) {
  const struct cl_member *a = &r->members.items[member];
  return cl_rng_stream((uint64_t)cl_study_seed(r->env->study), purpose, (uint64_t)a->trial, a->rulings);
}

bool cl_ruling_is_dead(const struct cl_rulings *r, size_t member) {
  assert(member < r->members.n);
  return r->members.items[member].state == CL_MEMBER_DEAD;
}

int cl_ruling_halvings(const struct cl_rulings *r, size_t member, const struct cl_exploit_view *view) {
  const struct cl_member *a = &r->members.items[member];
  assert(member < r->members.n);
  return view->collapsed ? 1 + a->divergences + a->revivals : 0;
}

/* The next step to be asked at: none where training ends anyway. */
static double bounded(double until, double stop, double end) {
  assert(!isnan(until));
  if (stop > 0 && stop < until) until = stop;
  return end > 0 && until >= end * (1 - 1e-12) ? CL_NO_STEP : until;
}

double cl_ruling_until(const struct cl_rulings *r, int32_t rung) {
  if (cl_questions_are_asked(&r->members.questions)) return -INFINITY; /* every report asks */
  return bounded(cl_members_step(&r->members, rung + 1), r->stop, r->end);
}

double cl_ruling_step(const struct cl_rulings *r, const struct cl_evaluation *v) {
  return cl_questions_are_asked(&r->members.questions) ? v->step : cl_members_step(&r->members, v->rung);
}

static void about(const struct cl_rulings *r, size_t member, enum cl_kind kind, enum cl_cause cause,
                  struct cl_event *ret) {
  const struct cl_trial *t = cl_study_trial(r->env->study, r->members.items[member].trial);
  *ret = (struct cl_event){.kind = kind,
                           .subject = t->number,
                           .seen = t->head.version,
                           .as_of = cl_study_head(r->env->study)->position,
                           .cause = cause};
}

static int lend(struct cl_rulings *r, size_t member, struct cl_event *ret, struct cl_err *e) {
  const struct cl_evaluation own = cl_members_describe(&r->members, member);
  assert(!cl_ruling_is_dead(r, member));
  about(r, member, CL_EVENT_PAUSED, r->cause, ret);
  ret->u.paused.at = own.report;
  begin_args(r, "turn", member, &own);
  add_report(r, own.report);
  return cl_ruling_end(r, ret, e);
}

/* One whose process has failed cannot be stopped: it is tried again, and is when it asks once more. */
static void begin_stop(const struct cl_rulings *r, size_t member, const struct cl_evaluation *own,
                       struct cl_event *ret) {
  const struct cl_head *h = &cl_study_trial(r->env->study, r->members.items[member].trial)->head;
  bool failed = h->state == CL_FAILED;
  about(r, member, failed ? CL_EVENT_RETRIED : CL_EVENT_STOPPED,
        failed ? CL_CAUSE_RESUME : CL_CAUSE_STOP_RULE, ret);
  if (failed) {
    ret->u.retried.count = h->failures + 1;
  } else {
    ret->u.stopped.at = own->report;
    ret->u.stopped.how = CL_STOP_ASK;
  }
}

static int stop(struct cl_rulings *r, size_t member, const struct cl_evaluation *own, const char *rule,
                double value, double bound, struct cl_event *ret, struct cl_err *e) {
  begin_stop(r, member, own, ret);
  cl_text_clear(&r->args);
  cl_text_format(&r->args, "{\"rule\": \"%s\", \"value\": ", rule);
  cl_text_add_json_number(&r->args, value);
  cl_text_add(&r->args, ", \"bound\": ");
  cl_text_add_json_number(&r->args, bound);
  return cl_ruling_end(r, ret, e);
}

void cl_ruling_stop(struct cl_rulings *r, const char *rule, size_t member, const struct cl_evaluation *own,
                    struct cl_event *ret) {
  begin_stop(r, member, own, ret);
  begin_args(r, rule, member, own);
  cl_text_add(&r->args, ", \"done\": true");
}

/* A trial without a process cannot be continued, but what it will be asked next can be set. */
void cl_ruling_keep(struct cl_rulings *r, const char *rule, size_t member, const struct cl_evaluation *own,
                    const struct cl_exploit_view *view, struct cl_event *ret) {
  const struct cl_member *a = &r->members.items[member];
  int state = cl_study_trial(r->env->study, a->trial)->head.state;
  bool gone = state == CL_LOST || state == CL_PREEMPTED || state == CL_FAILED || state == CL_WAITING;
  assert(a->state != CL_MEMBER_DEAD || a->voided);
  about(r, member, gone ? CL_EVENT_SET : CL_EVENT_CONTINUED, r->cause, ret);
  if (gone) {
    ret->u.set.until = cl_ruling_until(r, a->asks);
  } else {
    ret->u.continued.until = cl_ruling_until(r, a->asks);
    ret->u.continued.report = own->report;
  }
  begin_args(r, rule, member, own);
  add_report(r, own->report);
  add_view(r, view);
}

static int assign(struct cl_rulings *r, const struct cl_value *values, int *ret_n, struct cl_err *e) {
  const struct cl_space *space = cl_study_space(r->env->study);
  size_t most = (size_t)space->n + (space->n == 0);
  if (cl_grow(&r->assigned, &r->cap_assigned, most, sizeof *r->assigned) < 0) return CL_FAIL_NOMEM(e);
  *ret_n = 0;
  for (int i = 0; i < space->n; i++)
    if (values[i].kind != CL_ABSENT)
      r->assigned[(*ret_n)++] = (struct cl_assigned){space->items[i].id, values[i]};
  return 0;
}

/* Where a member stands with another state: who goes back to one of the archive keeps its place. */
static int32_t place_after(int32_t rung, bool archived, int32_t asks) {
  assert(asks >= 1);
  return archived && asks - 1 > rung ? asks - 1 : rung;
}

int cl_ruling_take_over(struct cl_rulings *r, const char *rule, size_t member,
                        const struct cl_evaluation *own, const struct cl_exploit_view *view,
                        const struct cl_takeover *take, struct cl_event *ret, struct cl_err *e) {
  assert(take->state->snapshot != 0);
  int n = 0;
  CL_TRY(assign(r, take->values, &n, e));
  about(r, member, CL_EVENT_EXPLOITED, r->cause, ret);
  ret->u.exploited.snapshot = take->state->snapshot;
  ret->u.exploited.with = take->with;
  ret->u.exploited.infeasible = take->infeasible;
  ret->u.exploited.values = (struct cl_assigned_list){n, r->assigned};
  bool archived = view != NULL && view->from_archive;
  ret->u.exploited.until =
      cl_ruling_until(r, place_after(take->state->rung, archived, r->members.items[member].asks));
  begin_args(r, rule, member, own);
  add_view(r, view);
  add_donor(r, take->donor, own, take->state);
  return 0;
}

/* 0; CLADE_EMPTY: dead, and nobody to take over from. */
static int judge(struct cl_rulings *r, size_t member, struct cl_event *ret, struct cl_err *e) {
  int32_t rung = r->members.items[member].asks;
  const struct cl_evaluation *own = cl_population_of(&r->members.population, rung, member);
  assert(own != NULL);
  int divergences = r->members.items[member].divergences;
  bool lives = !cl_ruling_is_dead(r, member);
  if (lives && r->stop > 0 && own->step >= r->stop)
    return stop(r, member, own, "stop", own->step, r->stop, ret, e);
  if (lives && r->stop_rung > 0 && rung >= r->stop_rung)
    return stop(r, member, own, "stop", rung, r->stop_rung, ret, e);
  if (lives && !isfinite(own->score) && divergences >= CL_DIVERGENCES_MAX)
    return stop(r, member, own, "diverged", divergences, CL_DIVERGENCES_MAX, ret, e);
  return r->judge(r, member, own, ret, e);
}

/* It was dead, what it was to take over is gone, and nobody else has anything: it has its slot, so it begins
 * with what it has. */
static int begin_anew(struct cl_rulings *r, size_t member, struct cl_event *ret, struct cl_err *e) {
  const struct cl_member *a = &r->members.items[member];
  const struct cl_evaluation *own = cl_population_of(&r->members.population, a->asks, member);
  cl_ruling_keep(r, "nobody", member, own, NULL, ret);
  return cl_ruling_end(r, ret, e);
}

/* Reports that are not judged. */

static int read_clock(const struct cl_rulings *r, const struct cl_schedule_room *room, struct cl_event *ret) {
  const struct cl_study_head *h = cl_study_head(r->env->study);
  *ret = (struct cl_event){.kind = CL_EVENT_CLOCK, .seen = h->version, .as_of = h->position};
  ret->u.clock.seconds = fmax(room->seconds, r->members.questions.clock);
  return 0;
}

static int answer(struct cl_rulings *r, size_t member, enum cl_answer what, struct cl_event *ret,
                  struct cl_err *e) {
  const struct cl_questions *q = &r->members.questions;
  bool saves = what == CL_ANSWER_SAVE;
  about(r, member, saves ? CL_EVENT_CHECKPOINT_ASKED : CL_EVENT_CONTINUED, CL_CAUSE_LIMIT, ret);
  if (!saves) {
    ret->u.continued.until = what == CL_ANSWER_RUN ? CL_NO_STEP : -INFINITY;
    ret->u.continued.report = q->items[member].report;
  }
  cl_text_clear(&r->args);
  cl_text_add(&r->args, "{\"which\": \"ready\"");
  add_number(r, "value", cl_progress_value(&q->items[member].now, &q->ready));
  add_number(r, "bound", q->ready.bound);
  return cl_ruling_end(r, ret, e);
}

int cl_rulings_answer(void *st, const struct cl_schedule_room *room, struct cl_event *ret, struct cl_err *e) {
  struct cl_rulings *r = st;
  size_t member = 0;
  enum cl_answer what;
  if (cl_members_want_clock(&r->members)) return read_clock(r, room, ret);
  CL_TRY(cl_members_answer(&r->members, &member, &what, e));
  if (what == CL_ANSWER_NONE) return CLADE_EMPTY;
  CL_TRY(answer(r, member, what, ret, e));
  return cl_members_decided(&r->members, member, false, e);
}

int cl_rulings_next(void *st, const struct cl_schedule_room *room, struct cl_event *ret, struct cl_err *e) {
  struct cl_rulings *r = st;
  int due = cl_rulings_answer(st, room, ret, e);
  if (due != CLADE_EMPTY) return due;
  for (;;) {
    size_t member = 0;
    bool lends = false;
    int status = cl_members_next(&r->members, room, &member, &lends, e);
    if (status == CLADE_EMPTY && room->unproposed == 0) cl_members_forget(&r->members);
    if (status != 0) return status;
    status = lends ? lend(r, member, ret, e) : judge(r, member, ret, e);
    if (status == CLADE_EMPTY && r->members.items[member].voided) status = begin_anew(r, member, ret, e);
    if (status < 0) return status;
    if (status == 0) return cl_members_decided(&r->members, member, lends, e);
    assert(cl_ruling_is_dead(r, member));
    cl_members_skip(&r->members, member);
  }
}

int cl_rulings_again(void *st, const struct cl_event *recorded, struct cl_event *ret, struct cl_err *e) {
  struct cl_rulings *r = st;
  bool lends = recorded->kind == CL_EVENT_PAUSED;
  size_t member = 0;
  enum cl_answer what;
  CL_TRY(cl_members_recompute(&r->members, recorded->subject, &member, &what, e));
  if (what != CL_ANSWER_NONE) return answer(r, member, what, ret, e);
  int status = cl_members_call(&r->members, recorded->subject, lends, &member, e);
  if (status != 0) return status;
  return lends ? lend(r, member, ret, e) : judge(r, member, ret, e);
}

int cl_rulings_asks(void *st, int64_t trial, struct cl_err *e) {
  struct cl_rulings *r = st;
  return cl_members_asks(&r->members, trial, e);
}

int cl_rulings_keeps(void *st, int (*visit)(void *ctx, int64_t snapshot), void *ctx) {
  struct cl_rulings *r = st;
  for (size_t i = 0; i < r->archive.n; i++) CL_TRY(visit(ctx, r->archive.items[i].state->snapshot));
  return cl_members_keep(&r->members, visit, ctx);
}

/* Earlier rulings. */

static double number_of(const json_t *args, const char *key, double otherwise) {
  double x = cl_args_number(args, key);
  return isnan(x) ? otherwise : x;
}

static double score_of(const struct cl_rulings *r, const json_t *args, const char *key) {
  double x = number_of(args, key, NAN);
  return isfinite(x) ? x * cl_objective_sign(&r->env->settings->objectives[0]) : -INFINITY;
}

static int64_t report_of(const json_t *args, size_t index) {
  return (int64_t)json_integer_value(json_array_get(json_object_get(args, "reports"), index));
}

/* The evaluation that the member had, if it was not seen when it was made: its reports may have been left
 * out. */
static int recall_own(struct cl_rulings *r, size_t member, const json_t *args, struct cl_err *e) {
  const struct cl_member *a = &r->members.items[member];
  const struct cl_trial *t = cl_study_trial(r->env->study, a->trial);
  struct cl_evaluation what = {.trial = a->trial,
                               .rung = (int32_t)number_of(args, "rung", 1),
                               .step = number_of(args, "step", NAN),
                               .score = score_of(r, args, "own"),
                               .report = report_of(args, 0)};
  what.recent = cl_recent_of(&r->members.recent, member, &what.n_recent);
  const struct cl_evaluation *seen = cl_population_of(&r->members.population, what.rung, member);
  if (seen != NULL && !seen->given_up && seen->report == what.report) return 0;
  const struct cl_snapshot *n = cl_study_snapshot(r->env->study, cl_trial_resume_from(r->env->study, t));
  bool saved = n != NULL && n->usable && n->trial == t->number && n->step == what.step;
  what.snapshot = saved && isfinite(what.score) ? n->position : 0;
  struct cl_evaluation *v = cl_evaluation_create(r->env->study, t, &what);
  return v == NULL ? CL_FAIL_NOMEM(e) : cl_members_recall(&r->members, member, v, e);
}

/* A whole number in args that were written by begin_args; 0 when it is not found so. In a string the quotes
 * that end the key's name would be escaped. */
static int64_t glance(const char *args, const char *key) {
  const char *at = strstr(args, key);
  return at == NULL ? 0 : strtoll(at + strlen(key), NULL, 10);
}

/* Is the evaluation that was judged in its table? Nearly always it is, while the engine that has decided
 * follows its own log: then there is nothing to recall, and the args need not be read as JSON. */
static bool is_known(const struct cl_rulings *r, size_t member, const struct cl_event *ev) {
  if (ev->kind == CL_EVENT_EXPLOITED) return false;
  int64_t rung = glance(ev->args, "\"rung\": "), report = glance(ev->args, "\"reports\": [");
  if (rung < 1 || rung > INT32_MAX || report == 0) return false;
  const struct cl_evaluation *seen = cl_population_of(&r->members.population, (int32_t)rung, member);
  return seen != NULL && !seen->given_up && seen->report == report;
}

/* What was taken over; null: it is not known any more. */
static const struct cl_evaluation *find_donor(const struct cl_rulings *r, const struct cl_event *ev,
                                              const json_t *args) {
  int donor = cl_members_find(&r->members, (int64_t)number_of(args, "donor", 0));
  if (json_is_true(json_object_get(args, "archived")))
    return cl_archive_find(&r->archive, ev->u.exploited.snapshot);
  return donor < 0 ? NULL
                   : cl_population_of(&r->members.population, (int32_t)number_of(args, "donor_rung", 1),
                                      (size_t)donor);
}

/* The state that was judged is one of those that were ranked. */
static int archive_own(struct cl_rulings *r, size_t member, const json_t *args, struct cl_err *e) {
  int32_t rung = (int32_t)number_of(args, "rung", 1);
  const struct cl_evaluation *own = cl_population_of(&r->members.population, rung, member);
  if (json_is_true(json_object_get(args, "archived"))) CL_TRY(cl_archive_note(&r->archive, member, rung, e));
  if (own == NULL || rung <= r->archived_after || cl_members_is_banned(&r->members, own->snapshot)) return 0;
  return cl_archive_offer(&r->archive, member, own, e);
}

/* A state that is gone, or cannot be loaded. */
static void hear_loss(struct cl_rulings *r, const struct cl_event *ev) {
  if (ev->kind == CL_EVENT_DELETED) cl_archive_drop(&r->archive, ev->u.deleted.snapshot);
  if (ev->kind != CL_EVENT_VOIDED) return;
  for (size_t i = r->archive.n; i-- > 0;) {
    int64_t snapshot = r->archive.items[i].state->snapshot;
    if (cl_members_is_banned(&r->members, snapshot)) cl_archive_drop(&r->archive, snapshot);
  }
}

static int recall(struct cl_rulings *r, const struct cl_event *ev, struct cl_err *e) {
  int member = cl_members_find(&r->members, ev->subject);
  bool archives = r->archive.most > 0 && ev->kind != CL_EVENT_PAUSED;
  if (!archives && member >= 0 && ev->args != NULL && is_known(r, (size_t)member, ev)) return 0;
  json_t *args = member < 0 || ev->args == NULL ? NULL : json_loads(ev->args, 0, NULL);
  int status = 0;
  bool turn = ev->kind == CL_EVENT_PAUSED && cl_members_hide(&r->members); /* not its turn yet */
  if (json_is_object(args) && !turn) {
    status = recall_own(r, (size_t)member, args, e);
    if (status == 0 && ev->kind == CL_EVENT_EXPLOITED)
      status = cl_members_clone(
          &r->members, (size_t)member, find_donor(r, ev, args),
          place_after((int32_t)number_of(args, "donor_rung", 1),
                      json_is_true(json_object_get(args, "archived")), (int32_t)number_of(args, "rung", 1)),
          json_is_true(json_object_get(args, "dead")), isfinite(score_of(r, args, "own")), e);
  }
  if (json_is_object(args) && archives && status == 0) status = archive_own(r, (size_t)member, args, e);
  json_decref(args);
  return status;
}

int cl_rulings_apply(void *st, const struct cl_event *ev, struct cl_err *e) {
  struct cl_rulings *r = st;
  bool rules = ev->kind == CL_EVENT_CONTINUED || ev->kind == CL_EVENT_EXPLOITED ||
               ev->kind == CL_EVENT_PAUSED || ev->kind == CL_EVENT_SET;
  if (rules && cl_members_is_ruling(ev)) CL_TRY(recall(r, ev, e));
  CL_TRY(cl_members_apply(&r->members, ev, e));
  if (r->archive.n > 0) hear_loss(r, ev);
  return 0;
}

/* Making. */

int cl_rulings_check(const struct cl_settings *settings, const struct cl_options *o, struct cl_err *e) {
  return cl_rulings_check_starters(settings, o, 1, e);
}

int cl_rulings_check_starters(const struct cl_settings *settings, const struct cl_options *o,
                              int64_t starters, struct cl_err *e) {
  int64_t population = (int64_t)cl_options_number(o, "population");
  assert(starters >= 1);
  if (settings->trials % starters != 0 || (starters > 1 && settings->trials / starters < 2))
    return CL_FAIL(e, CLADE_ESPEC,
                   "schedule: with %lld starters for each member trials must be a multiple of them, and at "
                   "least %lld: not %lld",
                   (long long)starters, 2 * (long long)starters, (long long)settings->trials);
  if (starters > 1 && cl_options_has(o, "population") && population * starters != settings->trials)
    return CL_FAIL(e, CLADE_ESPEC,
                   "schedule: a population of %lld with %lld starters for each member needs %lld trials, but "
                   "trials is %lld: leave it out",
                   (long long)population, (long long)starters, (long long)(population * starters),
                   (long long)settings->trials);
  if (starters == 1 && cl_options_has(o, "population") && population != settings->trials)
    return CL_FAIL(
        e, CLADE_ESPEC,
        "schedule: population is %lld, but trials is %lld: every trial is a member, so give one of the two",
        (long long)population, (long long)settings->trials);
  if (settings->lag > 0 && settings->lag < settings->trials)
    return CL_FAIL(
        e, CLADE_ESPEC,
        "ordered: a lag of %d lets only so many members of a population of %lld begin before the first "
        "have ended; leave the lag out (`ordered: true`), or give %lld",
        settings->lag, (long long)settings->trials, (long long)settings->trials);
  if (settings->trials < 2)
    return CL_FAIL(e, CLADE_ESPEC,
                   "schedule: a population of %lld cannot learn from each other: it needs at least 2",
                   (long long)settings->trials);
  return cl_ready_check(settings, o, e);
}

int cl_rulings_ask(struct cl_rulings *r, struct cl_err *e) {
  const struct cl_options *o = &r->env->options;
  struct cl_questions *q = &r->members.questions;
  q->burn_in = cl_options_number(o, "burn_in");
  q->stop = r->stop;
  q->end = r->end;
  return cl_ready_init(&q->ready, r->env->settings, o, e);
}

void cl_rulings_init(struct cl_rulings *r, const struct cl_schedule_env *env) {
  const struct cl_options *o = &env->options;
  r->env = env;
  r->cause = CL_CAUSE_EXPLOIT;
  r->stop = cl_options_number(o, "stop");
  r->end = cl_options_number(o, "end");
  r->members.env = env;
  r->members.interval = cl_options_number(o, "interval");
  r->members.sync = cl_options_number(o, "sync") != 0;
  r->members.ordered = env->settings->lag > 0;
}

const struct cl_archive *cl_rulings_archive(struct cl_rulings *r, const struct cl_options *o) {
  r->archive.most = (size_t)cl_options_number(o, "archive");
  return &r->archive;
}

void cl_rulings_clear_archive(struct cl_rulings *r, int32_t rung) {
  assert(rung >= r->archived_after);
  while (r->archive.n > 0) cl_archive_drop(&r->archive, r->archive.items[r->archive.n - 1].state->snapshot);
  r->archived_after = rung;
}

/* The first rung at or above burn_in. */
double cl_rulings_first(const struct cl_options *o) {
  if (cl_ready_is_given(o)) return -INFINITY;
  double interval = cl_options_number(o, "interval");
  double rung = ceil(cl_options_number(o, "burn_in") / interval - 1e-9);
  return bounded(interval * (rung < 1 ? 1 : rung), cl_options_number(o, "stop"), cl_options_number(o, "end"));
}

double cl_rulings_last(const struct cl_options *o) {
  double stop = cl_options_number(o, "stop"), end = cl_options_number(o, "end");
  if (stop > 0 && end > 0) return fmin(stop, end);
  return stop > 0 ? stop : end > 0 ? end : NAN;
}

void cl_rulings_done(struct cl_rulings *r) {
  cl_members_done(&r->members);
  cl_archive_done(&r->archive);
  cl_free(r->assigned);
  cl_text_done(&r->args);
}
