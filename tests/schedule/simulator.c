#include "simulator.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "schedule/scheduler.h"

struct simulator_saved {
  int64_t trial;
  int attempt;
  double step, theta;
  int64_t before; /* of the same trial, from 1 */
};

enum { SPACE_MAX = 16 };

static const char settings_format[] =
    "{\"study\": \"population\", \"origin\": \"api\", \"cwd\": \"/tmp\","
    " \"objectives\": [{\"name\": \"theta\", \"goal\": \"maximize\", \"reduce\": \"last\"}],"
    " \"hyperparameters\": [%s], \"search\": {\"method\": \"random\"}, \"schedule\": %s, \"trials\": %d, \"parallel\": %d%s,"
    " \"limits\": {\"retries\": 0, \"max_failures\": 0}}";

static const char x_alone[] =
    "{\"id\": 1, \"name\": \"x\", \"domain\": \"float\", \"scale\": \"linear\", \"lo\": 0.0, \"hi\": 1.0}";

int simulator_check(const char *schedule, const char *space, struct cl_err *e) {
  char text[4000];
  struct cl_settings *settings = NULL;
  (void)snprintf(text, sizeof text, settings_format, space == NULL ? x_alone : space, schedule, 4, 1, "");
  int status = cl_settings_parse(text, &settings, e);
  if (status < 0) print_message("# %s\n", e->text);
  assert_int_equal(status, 0);
  status = cl_schedule_check(settings, e);
  cl_settings_destroy(settings);
  return status;
}

const struct cl_study *simulator_study(const struct simulator *s) {
  return cl_log_study(s->log);
}

static void put(struct simulator *s, struct cl_event ev) {
  struct cl_err e = {0};
  ev.by = s->worker;
  int status = cl_log_put(s->log, &ev, NULL, NULL, &e);
  if (status < 0) print_message("# %s\n", e.text);
  assert_int_equal(status, 0);
}

static void append(struct simulator *s, struct cl_event ev) {
  struct cl_err e = {0};
  struct cl_append result = {0};
  assert_int_equal(cl_log_append(s->log, &ev, &result, &e), 0);
  assert_int_equal(result.status, 0);
}

static void join(struct simulator *s) {
  for (int i = 1; i <= cl_study_workers(simulator_study(s)); i++) {
    struct cl_event gone = {.kind = CL_EVENT_WORKER};
    gone.u.worker.worker = i;
    gone.u.worker.state = CL_WORKER_GONE;
    append(s, gone);
  }
  s->n_open = 0;
  s->worker = cl_study_workers(simulator_study(s)) + 1;
  struct cl_event ev = {.kind = CL_EVENT_WORKER};
  ev.u.worker.worker = s->worker;
  ev.u.worker.slots = s->slots;
  ev.u.worker.host = "here";
  ev.u.worker.state = CL_WORKER_JOINED;
  append(s, ev);
}

static void lose(struct simulator *s, const struct cl_trial *t) {
  struct cl_event ev = {.kind = CL_EVENT_LOST,
                        .subject = t->number,
                        .attempt = t->head.attempt,
                        .seen = t->head.version,
                        .cause = CL_CAUSE_RESUME};
  put(s, ev);
}

static void end_attempt(struct simulator *s, const struct cl_trial *t, int status) {
  struct cl_event ev = {.kind = CL_EVENT_ENDED, .subject = t->number, .attempt = t->head.attempt};
  double objective = t->value;
  ev.u.ended.known = true;
  ev.u.ended.status = status;
  ev.u.ended.record = t->record;
  ev.u.ended.objectives = (struct cl_number_list){isnan(objective) && t->record == 0 ? 0 : 1, &objective};
  put(s, ev);
}

static void on_event(void *ctx, const struct cl_event *ev) {
  struct simulator *s = ctx;
  if (ev->subject == 0) return;
  if (ev->kind == CL_EVENT_CHECKPOINT_ASKED) s->wanted[ev->subject] = true;
  if (ev->kind == CL_EVENT_CONTINUED || ev->kind == CL_EVENT_EXPLOITED) s->answered[ev->subject] = true;
  if (ev->kind == CL_EVENT_REPORTED || ev->kind == CL_EVENT_STARTED)
    s->answered[ev->subject] = ev->kind == CL_EVENT_STARTED;
}

static void open_log(struct simulator *s) {
  struct cl_err e = {0};
  assert_int_equal(cl_log_open(s->store, s->id, NULL, &s->log, &e), 0);
  assert_int_equal(cl_log_listen(s->log, on_event, s, &e), 0);
  join(s);
  struct cl_engine_options o = {.log = s->log, .holder = "worker", .worker = s->worker};
  int status = cl_engine_create(&o, &s->engine, &e);
  if (status < 0) print_message("# %s\n", e.text);
  assert_int_equal(status, 0);
  for (int64_t i = 1; i <= cl_study_trials(simulator_study(s)); i++) {
    const struct cl_trial *t = cl_study_trial(simulator_study(s), i);
    if (!(t->head.flags & CL_ATTEMPT_OPEN) || t->head.worker == s->worker) continue;
    if (t->head.flags & CL_ATTEMPT_DONE)
      end_attempt(s, t, 0);
    else
      lose(s, t);
  }
}

static void close_log(struct simulator *s) {
  cl_engine_destroy(s->engine);
  cl_log_unlisten(s->log, on_event, s);
  cl_log_close(s->log);
}

void simulator_begin(struct simulator *s) {
  char settings[4000];
  size_t members = (size_t)s->trials + 1;
  struct cl_err e = {0};
  (void)snprintf(settings, sizeof settings, settings_format, s->space == NULL ? x_alone : s->space,
                 s->schedule, s->trials, s->slots, s->more == NULL ? "" : s->more);
  s->theta = cl_alloc_array(members, sizeof *s->theta);
  s->step = cl_alloc_array(members, sizeof *s->step);
  s->held = cl_alloc_array(members, sizeof *s->held);
  s->open = cl_alloc_array(members, sizeof *s->open);
  s->newest_saved = cl_alloc_array(members, sizeof *s->newest_saved);
  s->damaged = cl_alloc_array(members, sizeof *s->damaged);
  s->wanted = cl_alloc_array(members, sizeof *s->wanted);
  s->answered = cl_alloc_array(members, sizeof *s->answered);
  assert_int_equal(
      cl_store_open("memory:", &(struct cl_store_options){.mode = CL_STORE_CREATE}, &s->store, &e), 0);
  struct cl_event ev = {.kind = CL_EVENT_CREATED, .cause = CL_CAUSE_HUMAN};
  ev.u.created.name = "population";
  ev.u.created.uuid = "0";
  ev.u.created.spec = "";
  ev.u.created.settings = settings;
  ev.u.created.seed = s->seed;
  ev.u.created.directory = "/tmp";
  int status = cl_store_create(s->store, &ev, &s->id, &e);
  if (status < 0) print_message("# %s\n", e.text);
  assert_int_equal(status, 0);
  open_log(s);
}

void simulator_end(struct simulator *s) {
  close_log(s);
  cl_store_close(s->store);
  cl_free(s->theta);
  cl_free(s->step);
  cl_free(s->held);
  cl_free(s->open);
  cl_free(s->newest_saved);
  cl_free(s->damaged);
  cl_free(s->wanted);
  cl_free(s->answered);
  cl_free(s->saved);
}

void simulator_crash(struct simulator *s) {
  close_log(s);
  open_log(s);
}

/* A process. */

static void save(struct simulator *s, const struct cl_trial *t) {
  struct cl_event ev = {.kind = CL_EVENT_SAVED, .subject = t->number, .attempt = t->head.attempt};
  char path[60]; /* a step can be reached twice in one attempt */
  (void)snprintf(path, sizeof path, "%lld-%d-%g.%lld", (long long)t->number, t->head.attempt,
                 s->step[t->number], (long long)t->head.reports);
  ev.u.saved.step = s->step[t->number];
  ev.u.saved.way = CL_WAY_DIRECTORY;
  ev.u.saved.path = path;
  ev.u.saved.host = "here";
  ev.u.saved.rollup = (struct cl_rollup){s->theta[t->number], s->theta[t->number], s->theta[t->number], 1};
  assert_int_equal(cl_grow(&s->saved, &s->cap_saved, s->n_saved + 1, sizeof *s->saved), 0);
  s->saved[s->n_saved++] = (struct simulator_saved){t->number, t->head.attempt, s->step[t->number],
                                                    s->theta[t->number], s->newest_saved[t->number]};
  s->newest_saved[t->number] = (int64_t)s->n_saved;
  put(s, ev);
}

/* The state that was ranked, and no other: by the identity that its snapshot was saved under. */
static void load(struct simulator *s, const struct cl_trial *t, int64_t snapshot) {
  const struct cl_snapshot *n = cl_study_snapshot(simulator_study(s), snapshot);
  s->theta[t->number] = s->step[t->number] = 0;
  if (snapshot == 0) return;
  assert_true(n != NULL && n->usable); /* collection leaves what may still be loaded */
  for (int64_t i = s->newest_saved[n->trial]; i > 0; i = s->saved[i - 1].before) {
    const struct simulator_saved *v = &s->saved[i - 1];
    if (v->attempt != n->attempt || v->step != n->step || v->theta != n->rollup.last) continue;
    s->theta[t->number] = v->theta;
    s->step[t->number] = v->step;
    return;
  }
  fail_msg("snapshot %lld was never saved", (long long)snapshot);
}

static bool is_unreadable(const struct simulator *s, int64_t snapshot) {
  const struct cl_snapshot *n = cl_study_snapshot(simulator_study(s), snapshot);
  return n != NULL && s->unreadable != NULL && s->unreadable(s, n);
}

static void fail_to_load(struct simulator *s, const struct cl_trial *t, int64_t change) {
  struct cl_event ev = {.kind = CL_EVENT_LOADED, .subject = t->number, .attempt = t->head.attempt};
  ev.u.loaded.change = change;
  ev.u.loaded.snapshot = t->head.source;
  ev.u.loaded.error = "not a state";
  s->damaged[t->number] = true;
  put(s, ev);
}

static void report(struct simulator *s, const struct cl_trial *t, bool diverges) {
  struct cl_value values[SPACE_MAX];
  assert_true(cl_study_space(simulator_study(s))->n <= SPACE_MAX);
  cl_trial_values(simulator_study(s), t, values);
  double *theta = &s->theta[t->number], step = s->step[t->number] += 1;
  *theta += s->gain == NULL ? values[0].as.real : s->gain(s, values, step, *theta);
  struct cl_metric m = {1, "theta", diverges ? NAN : s->theta[t->number]};
  bool wanted = s->saves || (isfinite(t->head.until) && step >= t->head.until);
  if (wanted && !diverges) save(s, t);
  struct cl_event ev = {.kind = CL_EVENT_REPORTED, .subject = t->number, .attempt = t->head.attempt};
  ev.u.reported.ordinal = t->head.reports + 1;
  ev.u.reported.step = s->step[t->number];
  ev.u.reported.metrics = (struct cl_metric_list){1, &m};
  put(s, ev);
}

/* The state of the report that waits; or a note that it cannot be had. */
static void save_for(struct simulator *s, const struct cl_trial *t) {
  s->wanted[t->number] = false;
  if (s->unsaved == NULL || !s->unsaved(s, t->number, t->head.step)) {
    save(s, t);
    return;
  }
  struct cl_event ev = {.kind = CL_EVENT_NOTE, .subject = t->number};
  ev.u.note.what = CL_NOTE_TEXT;
  ev.u.note.name = CL_NOTE_NOT_SAVED;
  ev.u.note.text = "no room";
  put(s, ev);
}

static bool is_held(const struct simulator *s, const struct cl_trial *t) {
  bool asks_always = isinf(t->head.until);
  return t->head.step >= t->head.until && !(asks_always && s->answered[t->number]);
}

static void train(struct simulator *s, const struct cl_trial *t) {
  if (!is_held(s, t) || cl_head_wants_load(&t->head)) s->held[t->number] = 0;
  enum trouble trouble =
      s->script == NULL ? NO_TROUBLE : s->script(s, t->number, t->head.attempt, s->step[t->number]);
  struct cl_event ev = {.kind = CL_EVENT_LOADED, .subject = t->number, .attempt = t->head.attempt};
  if (t->head.load != 0 && is_unreadable(s, t->head.source)) {
    fail_to_load(s, t, t->head.load > 0 ? t->head.load : t->head.version);
  } else if (cl_head_failed_to_load(&t->head) || (t->head.flags & CL_FLAG_VOIDED)) {
    return; /* held */
  } else if (cl_head_wants_load(&t->head)) {
    load(s, t, t->head.source);
    s->damaged[t->number] = false;
    ev.u.loaded.change = t->head.load;
    ev.u.loaded.snapshot = t->head.source;
    put(s, ev);
  } else if (s->damaged[t->number]) {
    end_attempt(s, t, 75);
  } else if (trouble == CRASHES) {
    end_attempt(s, t, 1);
  } else if (trouble == IS_PREEMPTED) {
    end_attempt(s, t, 75);
  } else if (trouble == IS_LOST) {
    lose(s, t);
  } else if (is_held(s, t) && s->wanted[t->number]) {
    save_for(s, t);
  } else if (is_held(s, t)) {
    int turns = ++s->held[t->number];
    if (turns > s->longest_held) s->longest_held = turns;
    return;
  } else if (s->step[t->number] >= s->steps) {
    ev = (struct cl_event){.kind = CL_EVENT_DONE, .subject = t->number, .attempt = t->head.attempt};
    put(s, ev);
  } else {
    report(s, t, trouble == DIVERGES);
  }
}

static void claim(struct simulator *s, const struct cl_trial *t) {
  struct cl_event ev = {.kind = CL_EVENT_STARTED,
                        .subject = t->number,
                        .attempt = t->head.attempt + 1,
                        .seen = t->head.version,
                        .cause = CL_CAUSE_CLAIM};
  ev.u.started.worker = s->worker;
  ev.u.started.from = cl_trial_resume_from(simulator_study(s), t);
  ev.u.started.until = cl_schedule_until(cl_study_settings(simulator_study(s)), t);
  load(s, t, ev.u.started.from);
  s->held[t->number] = 0;
  s->open[s->n_open++] = t->number;
  s->damaged[t->number] = s->wanted[t->number] = false;
  put(s, ev);
  if (!s->asks) return;
  struct cl_event hello = {.kind = CL_EVENT_CONNECTED, .subject = t->number, .attempt = ev.attempt};
  hello.u.connected.protocol = 1;
  hello.u.connected.capabilities = "save load";
  put(s, hello);
}

/* As a collector does: by what is on the disk, not by who might want it. */
static void remove_states(struct simulator *s) {
  const struct cl_study *study = simulator_study(s);
  for (size_t i = 0; i < cl_study_snapshots(study); i++) {
    const struct cl_snapshot *n = cl_study_nth_snapshot(study, i);
    if (!n->usable || n->pins > 0 || !s->removes(s, n, s->turns)) continue;
    struct cl_event ev = {.kind = CL_EVENT_DELETED,
                          .subject = n->trial,
                          .seen = cl_study_trial(study, n->trial)->head.version,
                          .as_of = cl_log_position(s->log),
                          .cause = CL_CAUSE_BUDGET};
    ev.u.deleted.snapshot = n->position;
    put(s, ev);
  }
}

static void act(struct simulator *s) {
  const struct cl_study *study = simulator_study(s);
  if (s->removes != NULL) remove_states(s);
  int running = 0, n = s->n_open;
  s->n_open = 0;
  for (int k = 0; k < n; k++) {
    int64_t i = s->open[k];
    const struct cl_trial *t = cl_study_trial(study, i);
    if (!(t->head.flags & CL_ATTEMPT_OPEN)) continue;
    s->open[s->n_open++] = i;
    running++;
    if (s->moves != NULL && !s->moves(s, i, s->turns)) continue;
    if (t->head.state == CL_RUNNING)
      train(s, t);
    else
      end_attempt(s, t, t->head.state == CL_PAUSED || t->head.state == CL_WAITING ? 75 : 0);
  }
  for (int64_t i = cl_study_first_waiting(study); i != 0 && running < s->slots;
       i = cl_study_next_waiting(study, i)) {
    const struct cl_trial *t = cl_study_trial(study, i);
    if (t->head.flags & (CL_ATTEMPT_OPEN | CL_FLAG_VOIDED)) continue;
    claim(s, t);
    running++;
  }
}

static void tell_standstill(const struct simulator *s) {
  const struct cl_study *study = simulator_study(s);
  for (int64_t i = 1; i <= cl_study_trials(study); i++) {
    const struct cl_head *h = &cl_study_trial(study, i)->head;
    if (h->state != CL_COMPLETE)
      print_message("# trial %d %s, at step %g of %g\n", (int)i, cl_state_name(h->state), h->step, h->until);
  }
  fail_msg("nothing happens any more after %d turns", s->turns);
}

static int answer(void *ctx, struct cl_err *e) {
  struct simulator *s = ctx;
  s->answers++;
  return cl_engine_answer(s->engine, s->now_ms, e);
}

bool simulator_turn(struct simulator *s) {
  struct cl_err e = {0};
  int64_t before = cl_log_position(s->log);
  s->now_ms += 100;
  s->turns++;
  int status = cl_engine_turn(s->engine, s->now_ms, &e);
  if (status < 0 && s->refused != NULL) {
    *s->refused = e;
    return false;
  }
  if (status < 0) print_message("# %s\n", e.text);
  assert_int_equal(status, 0);
  act(s);
  status = cl_log_commit_with(s->log, s->apart ? NULL : answer, s, &e);
  if (status < 0 && s->refused != NULL) {
    *s->refused = e;
    return false;
  }
  if (status < 0) print_message("# %s\n", e.text);
  assert_int_equal(status, 0);
  s->quiet = cl_log_position(s->log) == before ? s->quiet + 1 : 0;
  if (s->quiet > 500) tell_standstill(s);
  return !cl_engine_is_over(s->engine);
}

void simulator_run(struct simulator *s) {
  while (simulator_turn(s)) {
  }
  act(s);
  assert_int_equal(cl_log_commit(s->log, NULL), 0);
}

enum trouble simulator_trouble(const struct simulator *s, int64_t trial, int attempt, double step,
                               struct simulator_odds odds) {
  uint64_t h = cl_mix64((uint64_t)(s->seed * 1000003 + trial * 977 + attempt * 31 + (int64_t)(step * 8)));
  if (h % odds.crashes == 0) return CRASHES;
  if (h % odds.diverges == 0) return DIVERGES;
  if (h % odds.is_preempted == 0) return IS_PREEMPTED;
  return h % odds.is_lost == 0 ? IS_LOST : NO_TROUBLE;
}

enum trouble simulator_often(const struct simulator *s, int64_t trial, int attempt, double step) {
  return simulator_trouble(s, trial, attempt, step, (struct simulator_odds){23, 29, 31, 37});
}

enum trouble simulator_seldom(const struct simulator *s, int64_t trial, int attempt, double step) {
  return simulator_trouble(s, trial, attempt, step, (struct simulator_odds){53, 59, 61, 67});
}
