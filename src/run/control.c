/* Stop, pause, continue. One commit holds the decision on the study, if there is one, and those on its
 * trials; what conflicts is looked at and decided again, a few times. */
#include "run/control.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "query/address.h"
#include "query/trials.h"
#include "run/run.h"
#include "worker/worker.h"

enum { TRIES = 20 }; /* decisions on a subject that keeps changing */

enum verb { STOP = 1, PAUSE, CONTINUE };

struct target { /* a trial, and what became of the decision on it */
  struct clade_trial_steered shown;
  bool open;  /* to be decided (again) */
  int status; /* of its append */
};

struct control {
  enum verb verb;
  bool now, drain, from_start;
  const char *address;
  struct cl_store *store;
  struct cl_log *log;
  const struct cl_study *s;
  struct cl_selection selection;
  bool whole, picked; /* picked: trials by number or `best`, so that each gets an answer */
  bool study_open;    /* to be decided (again) */
  int study_status;   /* of its append */
  size_t n, cap;
  struct target *targets;
  struct cl_text args;
  struct result *result;
};

struct result {
  struct clade_steered shown; /* first: the caller holds its address */
  struct cl_arena arena;
};

void cl_control_free(struct clade_steered *s) {
  struct result *r = (struct result *)s;
  if (r == NULL) return;
  cl_arena_done(&r->arena);
  cl_free(r);
}

/* The sentence, kept as long as the result; a general one without memory. */
__attribute__((format(printf, 2, 3))) static const char *keep(struct control *c, const char *format, ...) {
  char text[CLADE_ERR_TEXT];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  const char *kept = cl_arena_text(&c->result->arena, text);
  return kept == NULL ? "" : kept;
}

/* Deciding about one trial: fills the event and says what it leads to, or CLADE_EMPTY and why not. */

static bool is_open(const struct cl_trial *t) {
  return t->head.flags & CL_ATTEMPT_OPEN;
}

/* What an attempt that is open comes to. */
static const char *say_end(struct control *c, const struct cl_trial *t, const char *listening) {
  assert(is_open(t));
  double grace = cl_study_settings(c->s)->grace_s;
  if (c->result->shown.engines == 0) return keep(c, "no engine runs: the next one will see to its program");
  if (c->now) return keep(c, "its program gets SIGTERM, and SIGKILL after %g s", grace);
  if (t->head.flags & CL_CONNECTED_ONCE) return listening;
  return keep(c, "its program is not connected: it gets SIGTERM in %g s, and SIGKILL after %g s more", grace,
              grace);
}

static int decide_stop(struct control *c, const struct cl_trial *t, struct cl_event *ret, const char **text) {
  int state = t->head.state;
  bool allowed = state == CL_RUNNING || state == CL_WAITING || state == CL_PAUSED || state == CL_LOST ||
                 state == CL_PREEMPTED;
  if (!allowed) {
    *text = keep(c, "it has ended already (%s)", cl_state_name(state));
    return CLADE_EMPTY;
  }
  ret->kind = CL_EVENT_STOPPED;
  ret->u.stopped.how = c->now ? CL_STOP_KILL : CL_STOP_ASK;
  ret->u.stopped.at = t->record;
  *text = is_open(t) ? say_end(c, t, "it ends at its next report") : "it was not running";
  return 0;
}

struct capability {
  int attempt;
  bool save;
};

static int look_at_connection(void *ctx, const struct cl_event *ev) {
  struct capability *k = ctx;
  const char *words = ev->kind == CL_EVENT_CONNECTED ? ev->u.connected.capabilities : NULL;
  if (words != NULL && ev->attempt == k->attempt && strstr(words, "save") != NULL) k->save = true;
  return 0;
}

/* Can the running attempt hand over its state? */
static int can_save(struct control *c, const struct cl_trial *t, bool *ret, struct cl_err *e) {
  struct capability k = {.attempt = t->head.attempt};
  struct cl_read what = {.trial_lo = t->number, .trial_hi = t->number, .only_trials = true};
  *ret = false;
  if (!(t->head.flags & CL_CONNECTED_ONCE)) return 0;
  int status = cl_store_read(c->store, cl_log_id(c->log), &what, look_at_connection, &k, e);
  *ret = k.save;
  return status;
}

static int decide_pause(struct control *c, const struct cl_trial *t, struct cl_event *ret, const char **text,
                        struct cl_err *e) {
  int state = t->head.state;
  bool save = false;
  ret->kind = CL_EVENT_PAUSED;
  ret->u.paused.at = t->record;
  if (state == CL_WAITING && !is_open(t)) {
    *text = "it will not be started before it is continued";
    return 0;
  }
  if (state != CL_RUNNING && state != CL_WAITING) {
    *text = state == CL_PAUSED
                ? "it is paused already"
                : keep(c, "only trials that run or wait can be paused, and it is %s", cl_state_name(state));
    return CLADE_EMPTY;
  }
  CL_TRY(can_save(c, t, &save, e));
  if (!save && !c->from_start) {
    *text =
        c->whole ? "it cannot save its state: it runs to its end (--from-start pauses it all the same)"
        : t->head.flags & CL_CONNECTED_ONCE
            ? "its trainer cannot save a state, so it would begin again: --from-start pauses it all the same"
            : "its program is not connected and cannot save a state, so it would begin again: --from-start "
              "pauses it all the same";
    return CLADE_EMPTY;
  }
  *text = say_end(c, t,
                  save ? "it saves its state at its next report, and ends"
                       : "it ends at its next report without saving: it will begin again");
  return 0;
}

static int decide_continue(struct control *c, const struct cl_trial *t, struct cl_event *ret,
                           const char **text) {
  if (t->head.state != CL_PAUSED) {
    *text = keep(c, "it is not paused, but %s", cl_state_name(t->head.state));
    return CLADE_EMPTY;
  }
  if (!c->whole && (!cl_study_head(c->s)->open || cl_study_settings(c->s)->paused != NULL)) {
    *text = keep(c, "the study itself is %s: `clade resume %s` first",
                 cl_study_head(c->s)->open ? "paused" : "finished", cl_study_name(c->s));
    return CLADE_EMPTY;
  }
  double until = t->head.until;
  ret->kind = CL_EVENT_CONTINUED;
  ret->u.continued.until =
      !isnan(until) && !isnan(t->head.step) && t->head.step >= until ? CL_NO_STEP : until;
  const struct cl_snapshot *from = cl_study_snapshot(c->s, cl_trial_resume_from(c->s, t));
  const char *when =
      c->result->shown.engines == 0 && !c->whole ? "as soon as an engine runs" : "when a slot is free";
  if (is_open(t))
    *text = "its process has not ended yet: it goes on as soon as it can";
  else if (from != NULL)
    *text = keep(c, "it goes on from step %g %s", from->step, when);
  else
    *text = keep(c, "it begins %s", when);
  return 0;
}

static int decide(struct control *c, const struct cl_trial *t, struct cl_event *ret, const char **text,
                  struct cl_err *e) {
  switch (c->verb) {
  case STOP: return decide_stop(c, t, ret, text);
  case PAUSE: return decide_pause(c, t, ret, text, e);
  case CONTINUE: break;
  }
  return decide_continue(c, t, ret, text);
}

/* Deciding about the study. */

static void fill_decision(struct control *c, struct cl_event *ev) {
  const struct cl_study_head *h = cl_study_head(c->s);
  assert((cl_kind_flags(ev->kind) & CL_D) && c->args.length > 0);
  ev->cause = CL_CAUSE_HUMAN;
  ev->args = cl_text_get(&c->args);
  ev->as_of = h->position;
  if (ev->subject == 0 && ev->seen != CL_SEEN_BATCH) ev->seen = h->version;
}

static void told_study(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct control *c = ctx;
  (void)ev;
  if (result->status != 0) c->study_status = result->status;
}

static int put_study(struct control *c, struct cl_event *ev, struct cl_err *e) {
  fill_decision(c, ev);
  c->result->shown.study_changed = true;
  return cl_log_put(c->log, ev, told_study, c, e);
}

static int put_settings(struct control *c, const struct cl_text *settings, struct cl_err *e) {
  assert(c->whole && c->verb == PAUSE);
  struct cl_event ev = {.kind = CL_EVENT_UPDATED};
  if (settings->failed) return CL_FAIL_NOMEM(e);
  ev.u.updated.settings = cl_text_get(settings);
  ev.u.updated.space_version = cl_study_head(c->s)->space_version;
  return put_study(c, &ev, e);
}

static int put_end(struct control *c, struct cl_err *e) {
  struct cl_event ev = {.kind = CL_EVENT_FINISHED};
  int64_t waiting = cl_study_count(c->s, CL_WAITING) + cl_study_count(c->s, CL_PAUSED);
  if (!cl_study_head(c->s)->open) {
    c->result->shown.text = "the study was finished already";
    return 0;
  }
  ev.u.finished.reason = CL_REASON_HUMAN;
  c->result->shown.text =
      waiting == 0 ? keep(c, "the study is finished; `clade resume %s` opens it again", cl_study_name(c->s))
                   : keep(c,
                          "the study is finished; %" PRId64
                          " of its trials wait or are paused, and `clade resume %s` opens it again",
                          waiting, cl_study_name(c->s));
  return put_study(c, &ev, e);
}

/* The trials that are paused with the study are named in the settings: they are continued with it. */
static int put_pause(struct control *c, struct cl_err *e) {
  struct cl_text settings = {0};
  const char *comma = "";
  if (!cl_study_head(c->s)->open) {
    return CL_FAIL(e, CLADE_EREFUSED, "the study '%s' is finished: there is nothing to pause",
                   cl_study_name(c->s));
  }
  if (cl_study_settings(c->s)->paused != NULL) {
    c->result->shown.text = "the study was paused already";
    return 0;
  }
  cl_text_add(&settings, "{\"paused\": [");
  for (size_t i = 0; i < c->n; i++) {
    if (!c->targets[i].shown.done) continue;
    cl_text_format(&settings, "%s%" PRId64, comma, c->targets[i].shown.trial);
    comma = ", ";
  }
  cl_text_add(&settings, "]}");
  c->result->shown.text = keep(
      c, "the study is paused: nothing is proposed or started before `clade resume %s`", cl_study_name(c->s));
  int status = put_settings(c, &settings, e);
  cl_text_done(&settings);
  return status;
}

static int put_going_on(struct control *c, struct cl_err *e) {
  struct cl_text settings = {0};
  bool ended = !cl_study_head(c->s)->open && cl_study_reason(c->s) == CL_REASON_HUMAN;
  bool paused = cl_study_settings(c->s)->paused != NULL;
  c->result->shown.text = paused  ? "the study goes on"
                          : ended ? "the study is open again"
                                  : "the study is neither paused nor ended by a person";
  if (ended) {
    struct cl_event ev = {.kind = CL_EVENT_REOPENED};
    CL_TRY(put_study(c, &ev, e));
  }
  if (!paused) return 0;
  cl_text_add(&settings, "{\"paused\": null}");
  struct cl_event ev = {.kind = CL_EVENT_UPDATED, .seen = ended ? CL_SEEN_BATCH : 0};
  ev.u.updated.settings = cl_text_get(&settings);
  ev.u.updated.space_version = cl_study_head(c->s)->space_version;
  int status = settings.failed ? CL_FAIL_NOMEM(e) : put_study(c, &ev, e);
  cl_text_done(&settings);
  return status;
}

static int put_about_study(struct control *c, struct cl_err *e) {
  c->result->shown.study_changed = false;
  c->study_status = 0;
  switch (c->verb) {
  case STOP: return put_end(c, e);
  case PAUSE: return put_pause(c, e);
  case CONTINUE: break;
  }
  return put_going_on(c, e);
}

/* Which trials? */

static int add_target(struct control *c, int64_t number, struct cl_err *e) {
  assert(number >= 1);
  if (cl_grow(&c->targets, &c->cap, c->n + 1, sizeof *c->targets) < 0) return CL_FAIL_NOMEM(e);
  c->targets[c->n++] = (struct target){.shown = {.trial = number}, .open = true};
  return 0;
}

static bool is_of_study(const struct control *c, const struct cl_trial *t) {
  const json_t *paused = cl_study_settings(c->s)->paused;
  switch (c->verb) {
  case STOP: return !c->drain && t->head.state == CL_RUNNING;
  case PAUSE: return t->head.state == CL_RUNNING;
  case CONTINUE: break;
  }
  for (size_t i = 0; i < json_array_size(paused); i++)
    if (json_integer_value(json_array_get(paused, i)) == t->number) return t->head.state == CL_PAUSED;
  return false;
}

static int pick_of_study(struct control *c, struct cl_err *e) {
  for (int64_t i = 1; i <= cl_study_trials(c->s); i++) {
    const struct cl_trial *t = cl_study_trial(c->s, i);
    if (t != NULL && is_of_study(c, t)) CL_TRY(add_target(c, i, e));
  }
  return 0;
}

static int pick_named(struct control *c, struct cl_reader *r, struct cl_err *e) {
  int64_t *trials = NULL;
  size_t n = 0;
  int status = cl_trials_find(r, &c->selection, &trials, &n, e);
  for (size_t i = 0; i < n && status >= 0; i++) status = add_target(c, trials[i], e);
  cl_free(trials);
  return status;
}

/* Doing it. */

static void told_trial(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct target *t = ctx;
  (void)ev;
  t->status = result->status;
}

static int put_about_trial(struct control *c, struct target *target, struct cl_err *e) {
  const struct cl_trial *t = cl_study_trial(c->s, target->shown.trial);
  struct cl_event ev = {0};
  assert(t != NULL);
  target->shown.before = target->shown.after = cl_state_name(t->head.state);
  target->status = 0;
  int status = decide(c, t, &ev, &target->shown.text, e);
  if (status < 0) return status;
  assert(target->shown.text != NULL && (status != 0 || ev.kind != CL_EVENT_NONE));
  target->shown.done = status == 0;
  target->open = status == 0;
  if (status != 0) return 0;
  ev.subject = t->number;
  ev.seen = t->head.version;
  fill_decision(c, &ev);
  return cl_log_put(c->log, &ev, told_trial, target, e);
}

/* Those whose decision was overtaken stay open. */
static bool settle(struct control *c) {
  c->study_open = c->study_status != 0;
  bool more = c->study_open;
  for (size_t i = 0; i < c->n; i++) {
    struct target *t = &c->targets[i];
    if (!t->open) continue;
    t->open = t->status != 0;
    more = more || t->open;
    const struct cl_trial *now = cl_study_trial(c->s, t->shown.trial);
    assert(now != NULL && t->shown.done);
    if (!t->open) t->shown.after = cl_state_name(now->head.state);
  }
  return more;
}

/* The trials first: the study's pause names those that it pauses. */
static int decide_all(struct control *c, struct cl_err *e) {
  c->study_open = c->whole;
  for (int i = 0; i < TRIES; i++) {
    for (size_t k = 0; k < c->n; k++)
      if (c->targets[k].open) CL_TRY(put_about_trial(c, &c->targets[k], e));
    if (c->study_open) CL_TRY(put_about_study(c, e));
    CL_TRY(cl_log_commit(c->log, e));
    if (!settle(c)) return 0;
    CL_TRY(cl_log_follow(c->log, NULL, e));
  }
  return CL_FAIL(e, CLADE_ECONFLICT, "%s changes faster than it could be decided about: try again",
                 cl_study_name(c->s));
}

/* Of trials that were not picked one by one, those that had ended anyway are nobody's news. */
static bool is_news(const struct control *c, const struct clade_trial_steered *t) {
  if (t->done || c->picked || c->whole) return true;
  return c->verb == PAUSE && strcmp(t->before, cl_state_name(CL_RUNNING)) == 0;
}

static int show(struct control *c, struct cl_err *e) {
  struct clade_steered *r = &c->result->shown;
  struct clade_trial_steered *shown = cl_arena_array(&c->result->arena, c->n + 1, sizeof *shown);
  if (shown == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < c->n; i++) {
    const struct clade_trial_steered *t = &c->targets[i].shown;
    r->n_done += t->done;
    if (is_news(c, t)) shown[r->n_trials++] = *t;
  }
  assert(r->n_trials <= c->n && (size_t)r->n_done <= c->n);
  r->trials = shown;
  return 0;
}

static int write_args(struct control *c, struct cl_err *e) {
  static const char *const verbs[] = {"", "stop", "pause", "resume"};
  struct cl_text command = {0};
  assert(c->verb >= STOP && c->verb <= CONTINUE && c->args.length == 0);
  cl_text_format(&command, "%s %s", verbs[c->verb], c->address == NULL ? cl_study_name(c->s) : c->address);
  cl_text_add(&c->args, "{\"command\": ");
  cl_text_add_json(&c->args, cl_text_get(&command));
  cl_text_add(&c->args, "}");
  bool failed = command.failed || c->args.failed;
  cl_text_done(&command);
  return failed ? CL_FAIL_NOMEM(e) : 0;
}

/* A study that goes on needs to know its trials only where some were paused with it. */
static int open_log(struct control *c, int64_t study, struct cl_err *e) {
  struct cl_log_options none = {.trial_lo = CL_NO_TRIALS, .trial_hi = CL_NO_TRIALS};
  if (c->whole && c->verb == CONTINUE) {
    CL_TRY(cl_log_open(c->store, study, &none, &c->log, e));
    if (json_array_size(cl_study_settings(cl_log_study(c->log))->paused) == 0) return 0;
    cl_log_close(c->log);
    c->log = NULL;
  }
  return cl_log_open(c->store, study, &(struct cl_log_options){0}, &c->log, e);
}

static int steer(struct control *c, int64_t study, struct cl_err *e) {
  struct cl_reader *r = NULL;
  struct clade_steered *shown = &c->result->shown;
  c->whole = c->selection.kind == CL_SELECT_NONE;
  c->picked = c->selection.kind == CL_SELECT_NUMBERS || c->selection.kind == CL_SELECT_BEST;
  CL_TRY(open_log(c, study, e));
  c->s = cl_log_study(c->log);
  if (cl_study_is_newer(c->s))
    return CL_FAIL(e, CLADE_ENEWER,
                   "the study '%s' was written by a newer clade; update this one to steer it",
                   cl_study_name(c->s));
  shown->whole = c->whole;
  shown->study = cl_arena_text(&c->result->arena, cl_study_name(c->s));
  if (shown->study == NULL) return CL_FAIL_NOMEM(e);
  CL_TRY(cl_worker_count_living(c->s, &shown->engines, e));
  CL_TRY(write_args(c, e));
  int status = c->whole ? 0 : cl_reader_open(c->store, study, &r, e);
  if (status >= 0) status = c->whole ? pick_of_study(c, e) : pick_named(c, r, e);
  cl_reader_close(r);
  if (status >= 0 && c->verb == STOP && c->whole && !cl_study_head(c->s)->open && c->n == 0)
    status = CL_FAIL(e, CLADE_EREFUSED, "the study '%s' is finished already, and nothing of it runs",
                     cl_study_name(c->s));
  if (status >= 0) status = decide_all(c, e);
  return status < 0 ? status : show(c, e);
}

static int find_study(struct control *c, int64_t *ret, struct cl_err *e) {
  if (c->address != NULL) return cl_address_resolve(c->store, c->address, ret, &c->selection, e);
  return cl_run_choose_study(c->store, NULL, ret, e);
}

static int control(struct control *c, const char *store, struct clade_steered **ret, struct cl_err *e) {
  int64_t study = 0;
  assert(store != NULL && c->result == NULL);
  c->result = cl_alloc(sizeof *c->result);
  if (c->result == NULL) return CL_FAIL_NOMEM(e);
  int status = cl_store_open(store, &(struct cl_store_options){.mode = CL_STORE_WRITE}, &c->store, e);
  if (status >= 0) status = find_study(c, &study, e);
  if (status >= 0) status = steer(c, study, e);
  cl_log_close(c->log);
  cl_selection_done(&c->selection);
  cl_store_close(c->store);
  cl_free(c->targets);
  cl_text_done(&c->args);
  if (status < 0) {
    cl_control_free(&c->result->shown);
    return status;
  }
  *ret = &c->result->shown;
  return 0;
}

int cl_control_stop(const char *store, const char *address, const struct clade_stop_options *options,
                    struct clade_steered **ret, struct cl_err *e) {
  struct control c = {.verb = STOP, .address = address};
  if (options != NULL) c.now = options->now;
  if (options != NULL) c.drain = options->drain;
  return control(&c, store, ret, e);
}

int cl_control_pause(const char *store, const char *address, const struct clade_pause_options *options,
                     struct clade_steered **ret, struct cl_err *e) {
  struct control c = {.verb = PAUSE, .address = address};
  if (options != NULL) c.from_start = options->from_start;
  return control(&c, store, ret, e);
}

int cl_control_continue(const char *store, const char *address, struct clade_steered **ret,
                        struct cl_err *e) {
  struct control c = {.verb = CONTINUE, .address = address};
  return control(&c, store, ret, e);
}
