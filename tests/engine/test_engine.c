/* The engine with a scripted worker on a memory store: whole studies without processes and without a clock.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "store/store_ops.h"

enum { REPORTS = 3, TRIALS_MAX = 64 };

enum behaviour { GOES_WELL = 0, FAILS, DIVERGES, IS_PREEMPTED, FAILS_ONCE };

struct world {
  struct cl_store *store;
  int64_t id;
  struct cl_log *log;
  struct cl_engine *engine;
  enum behaviour plan[TRIALS_MAX + 1];
  int slots, worker, commits;
  int64_t now_ms;
};

static const char settings_format[] =
    "{\"study\": \"sim\", \"origin\": \"api\", \"cwd\": \"/tmp\","
    " \"objectives\": [{\"name\": \"loss\", \"goal\": \"minimize\", \"reduce\": \"last\"}],"
    " \"hyperparameters\": [{\"id\": 1, \"name\": \"x\", \"domain\": \"float\", \"scale\": \"linear\", \"lo\": 0.0, \"hi\": 1.0},"
    "   {\"id\": 2, \"name\": \"k\", \"domain\": \"ordered\", \"values\": [1, 2, 4]}],"
    " \"search\": %s, \"trials\": %d, \"parallel\": 2%s,"
    " \"limits\": {\"retries\": %d, \"max_failures\": 3}}";

static void put(struct world *w, struct cl_event ev) {
  struct cl_err e = {0};
  ev.by = w->worker;
  assert_int_equal(cl_log_put(w->log, &ev, NULL, NULL, &e), 0);
}

static void join(struct world *w) {
  struct cl_err e = {0};
  struct cl_append result = {0};
  const struct cl_study *s = cl_log_study(w->log);
  for (int i = 1; i <= cl_study_workers(s); i++) { /* earlier workers of this process are gone */
    struct cl_event gone = {.kind = CL_EVENT_WORKER};
    gone.u.worker.worker = i;
    gone.u.worker.state = CL_WORKER_GONE;
    assert_int_equal(cl_log_append(w->log, &gone, &result, &e), 0);
  }
  w->worker = cl_study_workers(s) + 1;
  struct cl_event ev = {.kind = CL_EVENT_WORKER};
  ev.u.worker.worker = w->worker;
  ev.u.worker.slots = w->slots;
  ev.u.worker.host = "here";
  ev.u.worker.state = CL_WORKER_JOINED;
  assert_int_equal(cl_log_append(w->log, &ev, &result, &e), 0);
  assert_int_equal(result.status, 0);
}

/* As after a crash: attempts of workers that are gone are lost. */
static void recover(struct world *w) {
  const struct cl_study *s = cl_log_study(w->log);
  for (int64_t i = 1; i <= cl_study_trials(s); i++) {
    const struct cl_trial *t = cl_study_trial(s, i);
    if (!(t->head.flags & CL_ATTEMPT_OPEN) || t->head.worker == w->worker) continue;
    if (t->head.flags & CL_ATTEMPT_DONE) {
      struct cl_event ended = {.kind = CL_EVENT_ENDED, .subject = i, .attempt = t->head.attempt};
      put(w, ended);
    } else {
      struct cl_event lost = {.kind = CL_EVENT_LOST,
                              .subject = i,
                              .attempt = t->head.attempt,
                              .seen = t->head.version,
                              .cause = CL_CAUSE_RESUME};
      put(w, lost);
    }
  }
}

static void open_log(struct world *w) {
  struct cl_err e = {0};
  assert_int_equal(cl_log_open(w->store, w->id, &(struct cl_log_options){0}, &w->log, &e), 0);
  join(w);
  struct cl_engine_options o = {.log = w->log, .holder = "worker-1", .worker = w->worker};
  int status = cl_engine_create(&o, &w->engine, &e);
  if (status < 0) print_message("# %s\n", e.text);
  assert_int_equal(status, 0);
  recover(w);
}

static void close_log(struct world *w) {
  cl_engine_destroy(w->engine);
  cl_log_close(w->log);
}

static struct world begin(const char *search, int trials, const char *more, int retries) {
  struct world w = {.slots = 2};
  char settings[2000];
  struct cl_err e = {0};
  (void)snprintf(settings, sizeof settings, settings_format, search, trials, more, retries);
  assert_int_equal(
      cl_store_open("memory:", &(struct cl_store_options){.mode = CL_STORE_CREATE}, &w.store, &e), 0);
  struct cl_event ev = {.kind = CL_EVENT_CREATED, .cause = CL_CAUSE_HUMAN};
  ev.u.created.name = "sim";
  ev.u.created.uuid = "0";
  ev.u.created.spec = "";
  ev.u.created.settings = settings;
  ev.u.created.seed = 5;
  ev.u.created.directory = "/tmp";
  int status = cl_store_create(w.store, &ev, &w.id, &e);
  if (status < 0) print_message("# %s\n", e.text);
  assert_int_equal(status, 0);
  open_log(&w);
  return w;
}

static void end(struct world *w) {
  close_log(w);
  cl_store_close(w->store);
}

/* The worker's side. */

static double loss_of(struct world *w, const struct cl_trial *t) {
  struct cl_value values[2];
  cl_trial_values(cl_log_study(w->log), t, values);
  return cl_value_number(values[0]) + 0.125 * cl_value_number(values[1]);
}

static void act_running(struct world *w, const struct cl_trial *t) {
  struct cl_event ev = {.subject = t->number, .attempt = t->head.attempt};
  enum behaviour plan = w->plan[t->number];
  struct cl_metric m = {1, "loss", plan == DIVERGES ? NAN : loss_of(w, t)};
  if (plan == FAILS || (plan == FAILS_ONCE && t->head.attempt == 1) || plan == IS_PREEMPTED) {
    ev.kind = CL_EVENT_ENDED;
    ev.u.ended.known = true;
    ev.u.ended.status = plan == IS_PREEMPTED ? 75 : 1;
  } else if (t->head.reports < REPORTS) {
    ev.kind = CL_EVENT_REPORTED;
    ev.u.reported.ordinal = t->head.reports + 1;
    ev.u.reported.step = (double)ev.u.reported.ordinal;
    ev.u.reported.metrics = (struct cl_metric_list){1, &m};
  } else {
    ev.kind = CL_EVENT_DONE;
  }
  put(w, ev);
}

/* A trial in a final state whose process has to be reaped. */
static void act_ended(struct world *w, const struct cl_trial *t) {
  struct cl_event ev = {.kind = CL_EVENT_ENDED, .subject = t->number, .attempt = t->head.attempt};
  double objective = t->value;
  ev.u.ended.known = true;
  ev.u.ended.record = t->record;
  ev.u.ended.objectives = (struct cl_number_list){isnan(objective) && t->record == 0 ? 0 : 1, &objective};
  put(w, ev);
}

static void claim(struct world *w, const struct cl_trial *t) {
  struct cl_event ev = {.kind = CL_EVENT_STARTED,
                        .subject = t->number,
                        .attempt = t->head.attempt + 1,
                        .seen = t->head.version,
                        .cause = CL_CAUSE_CLAIM};
  ev.u.started.worker = w->worker;
  ev.u.started.until = CL_NO_STEP;
  put(w, ev);
}

static void act(struct world *w) {
  const struct cl_study *s = cl_log_study(w->log);
  int running = 0;
  for (int64_t i = 1; i <= cl_study_trials(s); i++) {
    const struct cl_trial *t = cl_study_trial(s, i);
    if (t->head.worker != w->worker || !(t->head.flags & CL_ATTEMPT_OPEN)) continue;
    running++;
    if (t->head.state == CL_RUNNING)
      act_running(w, t);
    else
      act_ended(w, t);
  }
  int64_t next = cl_study_first_waiting(s);
  if (next != 0 && running < w->slots && cl_study_head(s)->open) claim(w, cl_study_trial(s, next));
}

/* One turn; false when the study is over. */
static bool turn(struct world *w) {
  struct cl_err e = {0};
  w->now_ms += 100;
  int status = cl_engine_turn(w->engine, w->now_ms, &e);
  if (status < 0) print_message("# %s\n", e.text);
  assert_int_equal(status, 0);
  act(w);
  status = cl_log_commit(w->log, &e);
  if (status < 0) print_message("# %s\n", e.text);
  assert_int_equal(status, 0);
  w->commits++;
  assert_true(w->commits < 100000);
  return !cl_engine_is_over(w->engine);
}

static void run(struct world *w) {
  while (turn(w)) {
  }
  act(w);
  assert_int_equal(cl_log_commit(w->log, NULL), 0);
}

static int64_t count(struct world *w, int state) {
  return cl_study_count(cl_log_study(w->log), state);
}

static void n_trials_means_exactly_n(void **state) {
  (void)state;
  struct world w = begin("{\"method\": \"random\"}", 17, "", 0);
  run(&w);
  const struct cl_study *s = cl_log_study(w.log);
  assert_int_equal(cl_study_trials(s), 17);
  assert_int_equal(count(&w, CL_COMPLETE), 17);
  assert_int_equal(cl_study_reason(s), CL_REASON_BUDGET);
  end(&w);
}

static void a_diverged_trial_is_stopped_with_its_report(void **state) {
  (void)state;
  struct world w = begin("{\"method\": \"random\"}", 4, "", 2);
  w.plan[2] = DIVERGES;
  run(&w);
  assert_int_equal(count(&w, CL_DIVERGED), 1);
  assert_int_equal(count(&w, CL_COMPLETE), 3);
  assert_in_range(cl_study_trial(cl_log_study(w.log), 2)->head.reports, 1, 2); /* one may be on its way */
  end(&w);
}

static void a_failed_trial_is_tried_again_as_often_as_said(void **state) {
  (void)state;
  struct world w = begin("{\"method\": \"random\"}", 4, "", 2);
  w.plan[2] = FAILS;
  w.plan[3] = FAILS_ONCE;
  run(&w);
  const struct cl_study *s = cl_log_study(w.log);
  assert_int_equal(count(&w, CL_FAILED), 1);
  assert_int_equal(count(&w, CL_COMPLETE), 3);
  assert_int_equal(cl_study_trial(s, 2)->head.attempt, 3);
  assert_int_equal(cl_study_trial(s, 3)->head.attempt, 2);
  end(&w);
}

static void failures_from_the_start_end_the_study(void **state) {
  (void)state;
  struct world w = begin("{\"method\": \"random\"}", 20, "", 0);
  for (int i = 1; i <= 20; i++) w.plan[i] = FAILS;
  run(&w);
  const struct cl_study *s = cl_log_study(w.log);
  assert_int_equal(cl_study_reason(s), CL_REASON_FAILURES);
  assert_in_range(count(&w, CL_FAILED), 3, 4); /* the bound, and what ran beside it */
  end(&w);
}

static void a_trial_without_progress_is_given_up(void **state) {
  (void)state;
  struct world w = begin("{\"method\": \"random\"}", 3, "", 0);
  w.plan[1] = IS_PREEMPTED;
  run(&w);
  const struct cl_trial *t = cl_study_trial(cl_log_study(w.log), 1);
  assert_int_equal(t->head.state, CL_FAILED);
  assert_int_equal(t->head.attempt, CL_TRIES_MAX + 1);
  assert_int_equal(count(&w, CL_COMPLETE), 2);
  end(&w);
}

static void a_used_up_space_finishes_the_study(void **state) {
  (void)state;
  struct world w = begin("{\"method\": \"grid\", \"levels\": 2}", 50, "", 0);
  run(&w);
  const struct cl_study *s = cl_log_study(w.log);
  assert_int_equal(cl_study_reason(s), CL_REASON_EXHAUSTED);
  assert_int_equal(count(&w, CL_COMPLETE), 6);
  end(&w);
}

/* Values of all trials, as one number. */
static uint64_t choices(struct world *w) {
  const struct cl_study *s = cl_log_study(w->log);
  struct cl_value values[2];
  uint64_t h = 0;
  for (int64_t i = 1; i <= cl_study_trials(s); i++) {
    cl_trial_values(s, cl_study_trial(s, i), values);
    h = cl_value_hash(values[0], cl_value_hash(values[1], h));
  }
  return h;
}

static void check_finished(struct world *w, int trials) {
  assert_int_equal(count(w, CL_COMPLETE), trials);
  assert_int_equal(cl_study_trials(cl_log_study(w->log)), trials);
}

/* Stop after every commit in turn, without a word to anybody, and go on from the log. */
static void a_crash_at_every_commit_changes_nothing(void **state) {
  (void)state;
  enum { N = 6 };
  struct world calm = begin("{\"method\": \"random\"}", N, ", \"ordered\": true, \"lag\": 2", 0);
  run(&calm);
  check_finished(&calm, N);
  uint64_t want = choices(&calm);
  int commits = calm.commits;
  end(&calm);
  for (int at = 1; at < commits; at++) {
    struct world w = begin("{\"method\": \"random\"}", N, ", \"ordered\": true, \"lag\": 2", 0);
    while (w.commits < at && turn(&w)) {
    }
    close_log(&w);
    open_log(&w);
    run(&w);
    check_finished(&w, N);
    assert_true(choices(&w) == want);
    struct cl_err e = {0};
    assert_int_equal(cl_store_check(w.store, w.id, &e), 0);
    end(&w);
  }
}

static bool always_dead(void *ctx, const char *holder) {
  return *(bool *)ctx && strcmp(holder, "worker-1") == 0;
}

static void the_lease_has_one_holder_at_a_time(void **state) {
  (void)state;
  struct world w = begin("{\"method\": \"random\"}", 5, "", 0);
  bool dead = false;
  struct cl_engine *second = NULL;
  struct cl_engine_options o = {
      .log = w.log, .holder = "worker-2", .worker = 2, .is_dead = always_dead, .ctx = &dead};
  assert_int_equal(cl_engine_create(&o, &second, NULL), 0);
  assert_int_equal(cl_engine_turn(w.engine, 1000, NULL), 0);
  assert_int_equal(cl_engine_turn(second, 1000, NULL), 0);
  assert_true(cl_engine_is_decider(w.engine));
  assert_false(cl_engine_is_decider(second));
  int64_t now = 1000;
  for (int i = 0; i < 20; i++) { /* a beat that moves keeps the lease for ever */
    now += 1000;
    assert_int_equal(cl_engine_turn(w.engine, now, NULL), 0);
    assert_int_equal(cl_engine_turn(second, now, NULL), 0);
    assert_false(cl_engine_is_decider(second));
  }
  for (int i = 0; i < 9; i++) { /* it stands still: not long enough */
    now += 1000;
    assert_int_equal(cl_engine_turn(second, now, NULL), 0);
    assert_false(cl_engine_is_decider(second));
  }
  now += CL_LEASE_PATIENCE_MS;
  assert_int_equal(cl_engine_turn(second, now, NULL), 0);
  assert_true(cl_engine_is_decider(second));
  assert_int_equal(cl_engine_turn(w.engine, now + CL_LEASE_BEAT_MS, NULL),
                   0); /* notices that it was replaced */
  assert_false(cl_engine_is_decider(w.engine));
  cl_log_commit(w.log, NULL);
  cl_engine_destroy(second);
  end(&w);
}

static void a_free_lock_ends_the_wait_for_the_lease(void **state) {
  (void)state;
  struct world w = begin("{\"method\": \"random\"}", 5, "", 0);
  bool dead = false;
  struct cl_engine *second = NULL;
  struct cl_engine_options o = {
      .log = w.log, .holder = "worker-2", .worker = 2, .is_dead = always_dead, .ctx = &dead};
  assert_int_equal(cl_engine_create(&o, &second, NULL), 0);
  assert_int_equal(cl_engine_turn(w.engine, 1000, NULL), 0);
  assert_int_equal(cl_engine_turn(second, 1000, NULL), 0);
  assert_false(cl_engine_is_decider(second));
  dead = true;
  assert_int_equal(cl_engine_turn(second, 3000, NULL), 0);
  assert_true(cl_engine_is_decider(second));
  cl_log_commit(w.log, NULL);
  cl_engine_destroy(second);
  end(&w);
}

/* Trials that people or other writers bring into states that no worker of this file makes. */

static int64_t append(struct world *w, struct cl_event ev) {
  struct cl_err e = {0};
  struct cl_append result = {0};
  const struct cl_trial *t = cl_study_trial(cl_log_study(w->log), ev.subject);
  if ((cl_kind_flags(ev.kind) & CL_D) && ev.seen == 0 && ev.kind != CL_EVENT_PROPOSED)
    ev.seen = ev.subject == 0 ? cl_study_head(cl_log_study(w->log))->version : t->head.version;
  assert_int_equal(cl_log_append(w->log, &ev, &result, &e), 0);
  if (result.status != 0) fail_msg("'%s': %s", cl_kind_name(ev.kind), e.text);
  return result.position;
}

static int keep_event(void *ctx, const struct cl_event *ev) {
  *(struct cl_event **)ctx = cl_event_copy(ev);
  return 1;
}

/* Turns of the engine alone. */
static void think(struct world *w, int turns) {
  struct cl_err e = {0};
  for (int i = 0; i < turns; i++) {
    w->now_ms += 100;
    if (cl_engine_turn(w->engine, w->now_ms, &e) < 0) fail_msg("%s", e.text);
    assert_int_equal(cl_log_commit(w->log, &e), 0);
  }
}

/* A store whose lease fails, or is refused, at a chosen call. */
static struct { int call, at, status; } lease_plan;

static int planned_lease(void *state, int64_t study, int (*change)(void *ctx, struct cl_lease *row),
                         void *ctx, struct cl_lease *ret, struct cl_err *e) {
  if (++lease_plan.call != lease_plan.at) return cl_store_memory.lease(state, study, change, ctx, ret, e);
  if (lease_plan.status == CLADE_BUSY) return CLADE_BUSY;
  return CL_FAIL(e, CLADE_EIO, "the lease could not be read");
}

static struct world begin_planned(const struct cl_store_ops *ops, int at, int status) {
  struct world w = begin("{\"method\": \"random\"}", 5, "", 0);
  struct cl_store *plain = w.store;
  struct cl_err e = {0};
  close_log(&w);
  assert_int_equal(
      cl_store_open_ops(ops, "memory:", &(struct cl_store_options){.mode = CL_STORE_CREATE}, &w.store, &e),
      0);
  struct cl_event *created = NULL;
  assert_int_equal(cl_store_read(plain, w.id, &(struct cl_read){.until = 1}, keep_event, &created, &e), 1);
  assert_int_equal(cl_store_create(w.store, created, &w.id, &e), 0);
  cl_free(created);
  cl_store_close(plain);
  open_log(&w);
  lease_plan.call = 0;
  lease_plan.at = at;
  lease_plan.status = status;
  return w;
}

static void a_lease_that_cannot_be_read_or_kept_ends_the_engine(void **state) {
  (void)state;
  struct cl_store_ops ops = cl_store_memory;
  ops.lease = planned_lease;
  for (int at = 1; at <= 4; at++) { /* look, take, beat, beat */
    struct world w = begin_planned(&ops, at, CLADE_EIO);
    struct cl_err e = {0};
    int status = 0;
    for (int i = 0; i < 10 && status == 0; i++) {
      status = cl_engine_turn(w.engine, 1000 + i * CL_LEASE_BEAT_MS, &e);
      assert_int_equal(cl_log_commit(w.log, NULL), 0);
    }
    assert_int_equal(status, CLADE_EIO);
    assert_string_equal(e.text, "the lease could not be read");
    end(&w);
  }
}

static void a_lease_that_another_takes_first_is_waited_for(void **state) {
  (void)state;
  struct cl_store_ops ops = cl_store_memory;
  ops.lease = planned_lease;
  struct world w = begin_planned(&ops, 2, CLADE_BUSY);
  assert_int_equal(cl_engine_turn(w.engine, 1000, NULL), 0);
  assert_false(cl_engine_is_decider(w.engine));
  assert_int_equal(cl_engine_turn(w.engine, 1000 + CL_LEASE_BEAT_MS, NULL), 0);
  assert_true(cl_engine_is_decider(w.engine));
  run(&w);
  assert_int_equal(count(&w, CL_COMPLETE), 5);
  end(&w);
}

static void settings_that_the_method_cannot_use_end_the_engine_with_its_sentence(void **state) {
  (void)state;
  struct world w = begin("{\"method\": \"random\"}", 5, "", 0);
  struct cl_event update = {.kind = CL_EVENT_UPDATED, .cause = CL_CAUSE_HUMAN};
  struct cl_err e = {0};
  update.u.updated.settings = "{\"search\": {\"method\": \"grid\"}}";
  update.u.updated.space_version = 1;
  append(&w, update);
  for (int i = 0; i < 2; i++) { /* and stays so */
    assert_int_equal(cl_engine_turn(w.engine, 1000, &e), CLADE_ESPEC);
    assert_non_null(strstr(e.text, "is continuous"));
  }
  assert_int_equal(cl_study_trials(cl_log_study(w.log)), 0);
  end(&w);
}

static void a_pause_without_a_listener_is_a_pause(void **state) {
  (void)state;
  struct world w = begin("{\"method\": \"random\"}", 2, "", 0);
  struct cl_event pause = {.kind = CL_EVENT_UPDATED, .cause = CL_CAUSE_HUMAN};
  pause.u.updated.settings = "{\"paused\": []}";
  pause.u.updated.space_version = 1;
  append(&w, pause);
  think(&w, 4);
  assert_int_equal(cl_study_trials(cl_log_study(w.log)), 0);
  assert_false(cl_engine_is_over(w.engine));
  struct cl_decision none = {0};
  assert_int_equal(cl_decide_finish(cl_log_study(w.log), true, &none, NULL), CLADE_EMPTY);
  pause.u.updated.settings = "{\"paused\": null}";
  append(&w, pause);
  run(&w);
  assert_int_equal(count(&w, CL_COMPLETE), 2);
  assert_int_equal(cl_decide_finish(cl_log_study(w.log), true, &none, NULL), CLADE_EMPTY); /* it is */
  end(&w);
}

static void hear_asked(void *ctx, const char *text) {
  assert_non_null(strstr(text, "asked for and not told"));
  assert_non_null(strstr(text, "clade tell"));
  ++*(int *)ctx;
}

static void trials_that_were_asked_for_and_not_told_are_named(void **state) {
  (void)state;
  for (int n = 1; n <= 2; n++) {
    struct world w = begin("{\"method\": \"random\"}", n, "", 0);
    int heard = 0;
    cl_engine_destroy(w.engine);
    struct cl_engine_options o = {
        .log = w.log, .holder = "worker-1", .worker = w.worker, .say = hear_asked, .ctx = &heard};
    assert_int_equal(cl_engine_create(&o, &w.engine, NULL), 0);
    think(&w, 4);
    for (int64_t i = 1; i <= n; i++) { /* worker 0: whoever asks in its own process */
      struct cl_event start = {.kind = CL_EVENT_STARTED, .cause = CL_CAUSE_CLAIM, .subject = i, .attempt = 1};
      start.u.started.until = CL_NO_STEP;
      append(&w, start);
    }
    think(&w, 20);
    assert_int_equal(cl_study_asked(cl_log_study(w.log)), n);
    assert_in_range(heard, 1, n);
    assert_false(cl_engine_is_over(w.engine));
    end(&w);
  }
}

/* The wall clock, put forward or back: nothing but the times that people see may follow it. Linked with
 * --wrap. */
int64_t __real_cl_clock_wall_ms(void); // NOLINT: names of the linker
int64_t __wrap_cl_clock_wall_ms(void); // NOLINT
static int64_t wall_offset_ms;

int64_t __wrap_cl_clock_wall_ms(void) { // NOLINT
  return __real_cl_clock_wall_ms() + wall_offset_ms;
}

static void a_wall_clock_that_jumps_changes_no_decision(void **state) {
  (void)state;
  static const int64_t year_ms = INT64_C(31557600000);
  const int64_t jumps[] = {0, 30 * year_ms, -60 * year_ms, year_ms, 0};
  uint64_t digests[2];
  for (int jumping = 0; jumping < 2; jumping++) {
    struct world w = begin("{\"method\": \"random\"}", 12, "", 1);
    w.plan[4] = FAILS;
    int i = 0;
    if (!jumping) run(&w);
    for (bool more = jumping; more && i < 2000; i++) {
      wall_offset_ms = jumps[(size_t)i % (sizeof jumps / sizeof *jumps)];
      more = turn(&w);
      assert_true(cl_engine_is_decider(w.engine)); /* its lease beats by the other clock */
    }
    assert_in_range(i, jumping, 1999);
    act(&w);
    assert_int_equal(cl_log_commit(w.log, NULL), 0);
    assert_int_equal(count(&w, CL_COMPLETE) + count(&w, CL_FAILED), 12);
    assert_int_equal(cl_store_check(w.store, w.id, NULL), 0);
    struct cl_value values[2];
    digests[jumping] = 0;
    for (int64_t t = 1; t <= 12; t++) {
      cl_trial_values(cl_log_study(w.log), cl_study_trial(cl_log_study(w.log), t), values);
      digests[jumping] = digests[jumping] * 31 + cl_value_hash(values[0], 1) + cl_value_hash(values[1], 2);
    }
    wall_offset_ms = 0;
    end(&w);
  }
  assert_true(digests[0] == digests[1]);
}

static void without_slots_nothing_is_proposed(void **state) {
  (void)state;
  struct world w = begin("{\"method\": \"random\"}", 4, "", 0);
  struct cl_event gone = {.kind = CL_EVENT_WORKER};
  gone.u.worker.worker = w.worker;
  gone.u.worker.state = CL_WORKER_GONE;
  append(&w, gone);
  think(&w, 5);
  assert_int_equal(cl_study_trials(cl_log_study(w.log)), 0);
  assert_true(cl_study_head(cl_log_study(w.log))->open);
  end(&w);
}

static void a_done_without_an_objective_is_tried_again_after_its_end(void **state) {
  (void)state;
  struct world w = begin("{\"method\": \"random\"}", 1, "", 1);
  const struct cl_study *s = cl_log_study(w.log);
  think(&w, 3);
  claim(&w, cl_study_trial(s, 1));
  think(&w, 1);
  append(&w, (struct cl_event){.kind = CL_EVENT_DONE, .subject = 1, .attempt = 1});
  think(&w, 4);
  assert_int_equal(cl_study_trial(s, 1)->head.state, CL_FAILED); /* its process has not ended yet */
  assert_true(cl_study_head(s)->open);
  struct cl_event ended = {.kind = CL_EVENT_ENDED, .subject = 1, .attempt = 1};
  ended.u.ended.known = true;
  append(&w, ended);
  think(&w, 2);
  assert_int_equal(cl_study_trial(s, 1)->head.state, CL_WAITING);
  run(&w);
  assert_int_equal(count(&w, CL_COMPLETE), 1);
  end(&w);
}

static void hear(void *ctx, const char *text) {
  assert_non_null(strstr(text, "paused"));
  ++*(int *)ctx;
}

static void a_paused_trial_holds_the_study_open_and_is_named_once(void **state) {
  (void)state;
  struct world w = begin("{\"method\": \"random\"}", 2, "", 0);
  const struct cl_study *s = cl_log_study(w.log);
  int heard = 0;
  cl_engine_destroy(w.engine);
  struct cl_engine_options o = {
      .log = w.log, .holder = "worker-1", .worker = w.worker, .say = hear, .ctx = &heard};
  assert_int_equal(cl_engine_create(&o, &w.engine, NULL), 0);
  think(&w, 4);
  append(&w, (struct cl_event){.kind = CL_EVENT_PAUSED, .subject = 2, .cause = CL_CAUSE_HUMAN});
  for (int i = 0; i < 40; i++) assert_true(turn(&w));
  assert_int_equal(count(&w, CL_COMPLETE), 1);
  assert_int_equal(heard, 1);
  struct cl_event on = {.kind = CL_EVENT_CONTINUED, .subject = 2, .cause = CL_CAUSE_HUMAN};
  on.u.continued.until = CL_NO_STEP;
  append(&w, on);
  run(&w);
  assert_int_equal(count(&w, CL_COMPLETE), 2);
  assert_int_equal(cl_study_reason(s), CL_REASON_BUDGET);
  end(&w);
}

static void a_paused_study_proposes_nothing_and_is_not_finished(void **state) {
  (void)state;
  struct world w = begin("{\"method\": \"random\"}", 3, "", 0);
  const struct cl_study *s = cl_log_study(w.log);
  int heard = 0;
  cl_engine_destroy(w.engine);
  struct cl_engine_options o = {
      .log = w.log, .holder = "worker-1", .worker = w.worker, .say = hear, .ctx = &heard};
  assert_int_equal(cl_engine_create(&o, &w.engine, NULL), 0);
  struct cl_event pause = {.kind = CL_EVENT_UPDATED, .cause = CL_CAUSE_HUMAN};
  pause.u.updated.settings = "{\"paused\": []}";
  pause.u.updated.space_version = 1;
  append(&w, pause);
  think(&w, 5);
  assert_int_equal(cl_study_trials(s), 0);
  assert_true(cl_study_head(s)->open);
  assert_int_equal(heard, 1);
  pause.u.updated.settings = "{\"paused\": null}";
  append(&w, pause);
  run(&w);
  assert_int_equal(count(&w, CL_COMPLETE), 3);
  pause.u.updated.settings = "{\"paused\": 38}";
  struct cl_err e = {0};
  assert_int_equal(cl_log_put(w.log, &pause, NULL, NULL, &e), CLADE_ESPEC);
  assert_non_null(strstr(e.text, "list of trial numbers"));
  end(&w);
}

static void a_study_that_is_opened_again_goes_on_to_its_new_budget(void **state) {
  (void)state;
  struct world w = begin("{\"method\": \"random\"}", 3, "", 0);
  run(&w);
  assert_int_equal(count(&w, CL_COMPLETE), 3);
  struct cl_event more = {.kind = CL_EVENT_UPDATED, .cause = CL_CAUSE_HUMAN};
  more.u.updated.settings = "{\"trials\": 5}";
  more.u.updated.space_version = 1;
  append(&w, more); /* alone it opens nothing */
  think(&w, 3);
  assert_true(cl_engine_is_over(w.engine));
  append(&w, (struct cl_event){.kind = CL_EVENT_REOPENED, .cause = CL_CAUSE_HUMAN});
  run(&w);
  assert_int_equal(count(&w, CL_COMPLETE), 5);
  end(&w);
}

static void a_study_that_failed_from_the_start_can_be_opened_again(void **state) {
  (void)state;
  struct world w = begin("{\"method\": \"random\"}", 8, "", 0);
  for (int i = 1; i <= 4; i++) w.plan[i] = FAILS;
  run(&w);
  const struct cl_study *s = cl_log_study(w.log);
  assert_int_equal(cl_study_reason(s), CL_REASON_FAILURES);
  int64_t failed = count(&w, CL_FAILED);
  append(&w, (struct cl_event){.kind = CL_EVENT_REOPENED, .cause = CL_CAUSE_HUMAN});
  for (int64_t i = failed + 1; i <= 4; i++) w.plan[i] = GOES_WELL;
  run(&w);
  assert_int_equal(cl_study_reason(s), CL_REASON_BUDGET);
  assert_int_equal(cl_study_trials(s), 8);
  end(&w);
}

static void in_ordered_mode_a_lost_trial_delays_and_does_not_block(void **state) {
  (void)state;
  struct world w = begin("{\"method\": \"random\"}", 6, ", \"ordered\": true, \"lag\": 2", 0);
  const struct cl_study *s = cl_log_study(w.log);
  think(&w, 3);
  claim(&w, cl_study_trial(s, 1));
  think(&w, 1);
  struct cl_event lost = {.kind = CL_EVENT_LOST, .subject = 1, .attempt = 1, .cause = CL_CAUSE_RESUME};
  append(&w, lost);
  think(&w, 4); /* tried again, at the end of the queue; proposal 3 waits for its result */
  assert_int_equal(cl_study_trial(s, 1)->head.state, CL_WAITING);
  assert_int_equal(cl_study_trials(s), 2);
  run(&w);
  assert_int_equal(count(&w, CL_COMPLETE), 6);
  end(&w);
}

static void imported_failures_hold_nothing_up(void **state) {
  (void)state;
  struct world w = begin("{\"method\": \"random\"}", 2, "", 3);
  struct cl_event ev = {.kind = CL_EVENT_IMPORTED, .subject = 1};
  ev.u.imported.origin = "elsewhere";
  ev.u.imported.state = CL_FAILED;
  ev.u.imported.last_step = CL_NO_STEP;
  append(&w, ev);
  run(&w);
  assert_int_equal(count(&w, CL_COMPLETE), 2);
  assert_int_equal(cl_study_trial(cl_log_study(w.log), 1)->head.state, CL_FAILED);
  end(&w);
}

static bool any_is_dead(void *ctx, const char *holder) {
  (void)ctx, (void)holder;
  return true;
}

/* Each of the two believes that it decides, at every turn; one always comes second. */
static void two_deciders_at_once_come_to_an_end(void **state) {
  (void)state;
  struct world w = begin("{\"method\": \"random\"}", 9, "", 1), other = w;
  struct cl_err e = {0};
  w.plan[2] = DIVERGES;
  w.plan[3] = FAILS;
  w.plan[4] = IS_PREEMPTED;
  assert_int_equal(cl_log_open(w.store, w.id, &(struct cl_log_options){0}, &other.log, &e), 0);
  struct cl_engine_options o = {
      .log = other.log, .holder = "other", .worker = w.worker, .is_dead = any_is_dead};
  assert_int_equal(cl_engine_create(&o, &other.engine, &e), 0);
  assert_int_equal(cl_engine_turn(w.engine, 1, &e), 0);
  int both = 0;
  for (int i = 0; i < 400 && !cl_engine_is_over(w.engine); i++) {
    int64_t now = 2 + i; /* nobody looks at the lease again in that time */
    assert_int_equal(cl_engine_turn(other.engine, now, &e), 0);
    assert_int_equal(cl_engine_turn(w.engine, now, &e), 0);
    both += cl_engine_is_decider(w.engine) && cl_engine_is_decider(other.engine);
    act(&w);
    assert_int_equal(cl_log_commit(i % 2 == 0 ? other.log : w.log, &e), 0);
    assert_int_equal(cl_log_commit(i % 2 == 0 ? w.log : other.log, &e), 0);
    assert_int_equal(cl_log_follow(w.log, NULL, &e), 0);
    assert_int_equal(cl_log_follow(other.log, NULL, &e), 0);
  }
  assert_true(both > 20);
  assert_true(cl_engine_is_over(w.engine));
  const struct cl_study *s = cl_log_study(w.log);
  assert_int_equal(cl_study_trials(s), 9);
  assert_int_equal(count(&w, CL_COMPLETE), 6);
  assert_int_equal(cl_study_trial(s, 4)->head.attempt, CL_TRIES_MAX + 1 + 1); /* given up, and one retry */
  assert_int_equal(cl_store_check(w.store, w.id, &e), 0);
  cl_engine_destroy(other.engine);
  cl_log_close(other.log);
  end(&w);
}

static void a_study_of_a_newer_clade_is_not_decided_for(void **state) {
  (void)state;
  struct world w = begin("{\"method\": \"random\"}", 2, "", 0);
  struct cl_err e = {0};
  struct cl_event ev = {.kind = (enum cl_kind)99, .position = cl_log_position(w.log) + 1};
  struct cl_study *s = (struct cl_study *)(uintptr_t)cl_log_study(w.log);
  assert_int_equal(cl_study_apply(s, &ev, &e), 0);
  assert_int_equal(cl_engine_turn(w.engine, 100, &e), CLADE_ENEWER);
  assert_non_null(strstr(e.text, "newer clade"));
  end(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(n_trials_means_exactly_n),
      cmocka_unit_test(a_diverged_trial_is_stopped_with_its_report),
      cmocka_unit_test(a_failed_trial_is_tried_again_as_often_as_said),
      cmocka_unit_test(failures_from_the_start_end_the_study),
      cmocka_unit_test(a_trial_without_progress_is_given_up),
      cmocka_unit_test(a_used_up_space_finishes_the_study),
      cmocka_unit_test(a_crash_at_every_commit_changes_nothing),
      cmocka_unit_test(the_lease_has_one_holder_at_a_time),
      cmocka_unit_test(a_free_lock_ends_the_wait_for_the_lease),
      cmocka_unit_test(a_lease_that_cannot_be_read_or_kept_ends_the_engine),
      cmocka_unit_test(a_lease_that_another_takes_first_is_waited_for),
      cmocka_unit_test(settings_that_the_method_cannot_use_end_the_engine_with_its_sentence),
      cmocka_unit_test(a_pause_without_a_listener_is_a_pause),
      cmocka_unit_test(trials_that_were_asked_for_and_not_told_are_named),
      cmocka_unit_test(a_wall_clock_that_jumps_changes_no_decision),
      cmocka_unit_test(without_slots_nothing_is_proposed),
      cmocka_unit_test(a_done_without_an_objective_is_tried_again_after_its_end),
      cmocka_unit_test(a_paused_trial_holds_the_study_open_and_is_named_once),
      cmocka_unit_test(a_paused_study_proposes_nothing_and_is_not_finished),
      cmocka_unit_test(a_study_that_is_opened_again_goes_on_to_its_new_budget),
      cmocka_unit_test(a_study_that_failed_from_the_start_can_be_opened_again),
      cmocka_unit_test(in_ordered_mode_a_lost_trial_delays_and_does_not_block),
      cmocka_unit_test(imported_failures_hold_nothing_up),
      cmocka_unit_test(two_deciders_at_once_come_to_an_end),
      cmocka_unit_test(a_study_of_a_newer_clade_is_not_decided_for)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
