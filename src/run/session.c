#include "run/session.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <uv.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/spin.h"
#include "engine/engine.h"
#include "query/timetable.h"
#include "run/confirm.h"
#include "run/follow.h"
#include "run/view.h"
#include "schedule/scheduler.h"
#include "worker/worker.h"

enum {
  TICK_MS = 100,
  FILES_LEAST = 45,
  NAP_MS = 10,
  SILENCE_MS = 1000,
  PATIENCE_MS = 600000,
  COMMITS_MAX = 100 /* in a row, without hearing trainers */
};

struct session {
  const struct cl_session_options *options;
  uv_loop_t loop;
  uv_timer_t tick, look_again;
  uv_poll_t watch;
  uv_signal_t interrupt, terminate;
  bool loop_made, watching, look_again_once;
  struct cl_store *store;
  struct cl_log *log;
  struct cl_worker *worker;
  struct cl_engine *engine; /* one of the three decides */
  struct cl_confirmer *confirmer;
  struct cl_repeater *repeater;
  struct cl_repeat_plan replay; /* of a replay study */
  struct cl_follower *follower;
  struct cl_run_aside aside; /* role CL_ROLE_NONE: the engine decides */
  struct cl_run_view *view;
  int signal, n_signals; /* the first one; how many came */
  int slots;             /* as `parallel` of the settings was when the worker was last told */
  bool look, woken;      /* the next turn follows the log; the watch is stopped until then */
  struct cl_spin spin;   /* for the next report */
  bool waits;            /* for it: nothing has come since the last commit */
  /* While the store's server does not answer: */
  bool may_idle, idling;   /* the loop may go on inside of a call of the store; it does */
  int64_t silent_since_us; /* 0 = it answers */
  int signals_before;      /* as many had come by then */
  bool told_silence, is_over;
};

/* While the loop runs. */
static void assert_session_state(const struct session *s) {
  int deciders = (s->engine != NULL) + (s->confirmer != NULL) + (s->repeater != NULL);
  assert(deciders == 1 && (s->engine == NULL) == (s->aside.role != CL_ROLE_NONE));
  assert(s->log != NULL && s->worker != NULL && s->follower != NULL && s->view != NULL && s->loop_made);
  assert(!s->may_idle && !s->idling && s->slots >= 1 && s->n_signals >= 0);
  assert((s->signal != 0) == (s->n_signals > 0));
  (void)s, (void)deciders;
}

static void say(struct session *s, enum clade_note_kind kind, const char *sentence) {
  const struct clade_run_callbacks *c = s->options->callbacks;
  if (c != NULL && c->note != NULL) c->note(c->ctx, kind, sentence);
}

static void say_engine(void *ctx, const char *text) {
  say(ctx, CLADE_NOTE_WARNING, text);
}

static void say_worker(void *ctx, int64_t trial, const char *text) {
  char line[1200];
  if (trial > 0)
    (void)snprintf(line, sizeof line, "trial %lld: %s", (long long)trial, text);
  else
    (void)snprintf(line, sizeof line, "%s", text);
  say(ctx, CLADE_NOTE_WARNING, line);
}

/* The loop's callbacks only note what happened, and never use the store: they are also called while a call of
 * it waits for its server. The turn below does the rest. */

static bool decides(const struct session *s) {
  return s->engine == NULL || cl_engine_is_decider(s->engine);
}

static void on_tick(uv_timer_t *timer) {
  struct session *s = timer->data;
  s->look = true;
  cl_run_view_progress(s->view, s->worker, decides(s));
}

static void on_look_again(uv_timer_t *timer) {
  struct session *s = timer->data;
  assert(timer == &s->look_again);
  s->look = true;
  if (!s->look_again_once) return;
  s->look_again_once = false;
  (void)uv_timer_start(timer, on_look_again, 2, 0);
}

static void on_watch(uv_poll_t *poll, int status, int events) {
  struct session *s = poll->data;
  assert(s->watching && poll == &s->watch);
  (void)status;
  (void)events;
  s->woken = true;
  (void)uv_poll_stop(poll);
}

/* Somebody wants the engine to end, and the store does not answer: nothing can be recorded any more. A call
 * that just takes its time is waited for. */
static bool leaves(const struct session *s) {
  return s->told_silence && s->n_signals > s->signals_before;
}

static void say_leaving(struct session *s) {
  say(s, CLADE_NOTE_INFO,
      "this engine ends without the store; running trials go on, and `clade resume` takes them over");
}

static void on_signal(uv_signal_t *handle, int signum) {
  struct session *s = handle->data;
  assert(signum == SIGINT || signum == SIGTERM);
  if (s->n_signals++ == 0) s->signal = signum;
  if (s->idling && leaves(s)) {
    say_leaving(s);
    return;
  }
  bool kill = s->n_signals > 1;
  cl_worker_shutdown(s->worker, kill ? CL_SHUTDOWN_KILL : CL_SHUTDOWN_ASK, signum);
  say(s, CLADE_NOTE_INFO,
      kill ? "stopping now: running trials are killed; `clade resume` starts them again"
           : "stopping: running trials are asked to save and end (again: they are killed)");
}

/* The store's server does not answer: trainers may connect, outputs are noticed and signals come, but nothing
 * is recorded or decided. Not 0: a signal has come meanwhile, or the session is over. */
static int on_idle(void *ctx, int ms) {
  struct session *s = ctx;
  int64_t now = cl_clock_monotonic_us(), until = now + ms * INT64_C(1000);
  assert(ms >= 0 && !s->idling); /* the loop does not call the store */
  if (s->silent_since_us == 0) {
    s->silent_since_us = now;
    s->signals_before = s->n_signals;
  }
  if (!s->told_silence && now - s->silent_since_us > SILENCE_MS * 1000) {
    s->told_silence = true;
    say(s, CLADE_NOTE_WARNING,
        "the store does not answer: trials run on, and what they report waits until it does (Ctrl-C ends this "
        "engine, not the trials)");
    if (leaves(s)) say_leaving(s);
  }
  for (; now < until && !s->is_over; now = cl_clock_monotonic_us()) {
    const struct timespec nap = {.tv_nsec = NAP_MS * 1000000L};
    s->idling = true;
    if (s->may_idle) (void)uv_run(&s->loop, UV_RUN_NOWAIT);
    s->idling = false;
    if (leaves(s)) return 1;
    (void)nanosleep(&nap, NULL);
  }
  return s->is_over || leaves(s);
}

static void note_answer(struct session *s) {
  if (s->told_silence) say(s, CLADE_NOTE_INFO, "the store answers again");
  s->silent_since_us = 0;
  s->told_silence = false;
}

/* Is the engine that holds the lease dead? Its worker's lock is free then. Holders look like "worker-3". */
static bool holder_is_dead(void *ctx, const char *holder) {
  struct session *s = ctx;
  char here[256], boot[64];
  int number = 0;
  if (sscanf(holder, "worker-%d", &number) != 1) return false; // NOLINT(cert-err34-c): checked just below
  if (cl_worker_here(here, boot, NULL) < 0) return false;
  return cl_worker_judge(cl_log_study(s->log), number, here, boot) == CL_LIFE_DEAD;
}

/* Setting up. */

static int start_signal(struct session *s, uv_signal_t *handle, int signum) {
  struct sigaction now;
  (void)uv_signal_init(&s->loop, handle);
  handle->data = s;
  if (sigaction(signum, NULL, &now) == 0 && now.sa_handler != SIG_DFL)
    return 0; /* the host program has its own */
  return uv_signal_start(handle, on_signal, signum);
}

static int start_loop(struct session *s, struct cl_err *e) {
  if (uv_loop_init(&s->loop) < 0) return CL_FAIL(e, CLADE_EIO, "the event loop could not be started");
  s->loop_made = true;
  (void)uv_timer_init(&s->loop, &s->tick);
  (void)uv_timer_init(&s->loop, &s->look_again);
  s->tick.data = s->look_again.data = s;
  (void)uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
  int fd = -1;
  CL_TRY(cl_store_watch(s->store, &fd, e));
  s->watching = fd >= 0;
  if (s->watching) {
    (void)uv_poll_init(&s->loop, &s->watch, fd);
    s->watch.data = s;
    (void)uv_poll_start(&s->watch, UV_READABLE, on_watch);
  }
  if (start_signal(s, &s->interrupt, SIGINT) < 0 || start_signal(s, &s->terminate, SIGTERM) < 0)
    return CL_FAIL(e, CLADE_EIO, "signals could not be watched");
  return 0;
}

/* The spec's `gpus:`, where none were named for this engine. *ret borrows its texts; free it with cl_free. */
static int list_gpus(const struct cl_settings *settings, int *ret_n, const char ***ret, struct cl_err *e) {
  const json_t *list = json_object_get(settings->json, "gpus");
  size_t n = json_array_size(list);
  const char **names = cl_alloc_array(n + 1, sizeof *names);
  if (names == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < n; i++) {
    names[*ret_n] = json_string_value(json_array_get(list, i));
    if (names[*ret_n] != NULL) ++*ret_n;
  }
  assert(*ret_n >= 0 && (size_t)*ret_n <= n);
  *ret = names;
  return 0;
}

/* A worker knows nothing of schedulers but the step of the first question. */
static double first_until(void *ctx, const struct cl_trial *t) {
  const struct session *s = ctx;
  double until;
  if (cl_follower_until(s->follower, t, &until)) return until;
  return cl_schedule_until(cl_study_settings(cl_log_study(s->log)), t);
}

/* … and of the last one. */
static double last_step(void *ctx) {
  const struct session *s = ctx;
  return cl_last_step(cl_study_settings(cl_log_study(s->log)));
}

static int take_legs(const struct cl_lineage *l, struct cl_remake_way *ret, struct cl_err *e) {
  ret->legs = cl_alloc_array(l->n, sizeof *ret->legs);
  if (ret->legs == NULL) return CL_FAIL_NOMEM(e);
  assert(ret->n == 0);
  for (ret->n = 0; ret->n < l->n; ret->n++)
    ret->legs[ret->n] = (struct cl_remake_leg){
        .trial = l->legs[ret->n].trial, .attempt = l->legs[ret->n].attempt, .to = l->legs[ret->n].to};
  return 0;
}

/* Nor of lineages. */
static int find_way(void *ctx, int64_t snapshot, struct cl_remake_way *ret, struct cl_err *e) {
  const struct session *s = ctx;
  struct cl_reader *reader = NULL;
  struct cl_lineage lineage = {0};
  struct cl_remake_way way = {0};
  CL_TRY(cl_reader_open(cl_log_store(s->log), cl_log_id(s->log), &reader, e));
  int status = cl_timetable_read_state(reader, snapshot, &way.table, &lineage, e);
  if (status == 0) status = cl_course_make(&way.table, cl_study_space(cl_log_study(s->log)), &way.course, e);
  if (status == 0) status = take_legs(&lineage, &way, e);
  if (status < 0)
    cl_remake_way_done(&way);
  else
    *ret = way;
  cl_lineage_done(&lineage);
  cl_reader_close(reader);
  return status;
}

static int start_worker(struct session *s, struct cl_err *e) {
  const char **gpus = NULL;
  int n_gpus = 0, given = s->options->slots;
  assert(s->worker == NULL && s->loop_made && given >= 0);
  s->slots = given > 0 ? given : cl_study_settings(cl_log_study(s->log))->parallel;
  struct cl_worker_options w = {.log = s->log,
                                .loop = &s->loop,
                                .slots = s->slots,
                                .n_gpus = s->options->n_gpus,
                                .gpus = s->options->gpus,
                                .store = s->options->address,
                                .provenance = s->options->provenance,
                                .roles = s->aside.role == CL_ROLE_NONE ? 0 : 1u << s->aside.role,
                                .grace_s = s->options->grace_s,
                                .until = first_until,
                                .last = last_step,
                                .way = find_way,
                                .say = say_worker,
                                .ctx = s};
  if (w.n_gpus == 0) {
    CL_TRY(list_gpus(cl_study_settings(cl_log_study(s->log)), &n_gpus, &gpus, e));
    w.n_gpus = n_gpus;
    w.gpus = gpus;
  }
  int status = cl_worker_create(&w, &s->worker, e);
  cl_free(gpus);
  return status < 0 ? status : cl_worker_recover(s->worker, e);
}

static int start_engine(struct session *s, struct cl_err *e) {
  char holder[80];
  assert(s->aside.role == CL_ROLE_NONE && cl_worker_number(s->worker) >= 1);
  (void)snprintf(holder, sizeof holder, "worker-%d", cl_worker_number(s->worker));
  struct cl_engine_options g = {.log = s->log,
                                .holder = holder,
                                .worker = cl_worker_number(s->worker),
                                .is_dead = holder_is_dead,
                                .say = say_engine,
                                .ctx = s};
  return cl_engine_create(&g, &s->engine, e);
}

/* Below this the loop itself cannot begin, and would end the program. */
static int check_files(const struct session *s, struct cl_err *e) {
  struct rlimit r;
  int slots = s->options->slots > 0 ? s->options->slots : 1;
  rlim_t least = FILES_LEAST + 3 * (rlim_t)slots;
  assert(slots >= 1 && slots <= CL_WORKER_SLOTS_MAX);
  if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur >= least) return 0;
  if (r.rlim_max < least)
    return CL_FAIL(
        e, CLADE_EIO,
        "this process may have only %llu files open, and with %d slot%s it needs %llu: raise the limit "
        "(ulimit -n), or use fewer slots",
        (unsigned long long)r.rlim_max, slots, slots == 1 ? "" : "s", (unsigned long long)least);
  r.rlim_cur = least;
  (void)setrlimit(RLIMIT_NOFILE, &r);
  return 0;
}

/* What decides in the place of an engine, if something does. */
static int start_aside(struct session *s, struct cl_err *e) {
  const struct cl_settings *settings = cl_study_settings(cl_log_study(s->log));
  const struct cl_repeat_plan *plan = s->options->repeat;
  assert((s->options->confirm == NULL) == (s->options->confirm_plan == NULL));
  if (s->options->confirm != NULL) {
    CL_TRY(cl_confirmer_create(s->log, s->options->confirm, s->options->confirm_plan, &s->confirmer, e));
    s->aside = cl_confirmer_aside(s->confirmer);
    return 0;
  }
  if (plan == NULL && json_object_get(settings->json, "replay") != NULL) {
    CL_TRY(cl_replay_plan(settings, &s->replay, e));
    plan = &s->replay;
  }
  if (plan == NULL) return 0;
  CL_TRY(cl_repeater_create(s->log, plan, &s->repeater, e));
  s->aside = cl_repeater_aside(s->repeater);
  return 0;
}

static int start(struct session *s, struct cl_err *e) {
  struct cl_store_options store = {.mode = CL_STORE_WRITE,
                                   .sync = s->options->sync_full ? CL_SYNC_FULL : CL_SYNC_NORMAL,
                                   .reconnect_ms = PATIENCE_MS,
                                   .idle = on_idle,
                                   .ctx = s,
                                   .beside = true};
  cl_spin_init(&s->spin);
  CL_TRY(check_files(s, e));
  CL_TRY(cl_store_open(s->options->address, &store, &s->store, e));
  CL_TRY(cl_log_open(s->store, s->options->study, &(struct cl_log_options){0}, &s->log, e));
  CL_TRY(start_aside(s, e)); /* it hears of events before the view, which asks it */
  CL_TRY(cl_follower_create(s->log, say_worker, s, &s->follower, e));
  CL_TRY(cl_run_view_create(s->log, s->options->callbacks, &s->view, e));
  if (s->aside.role != CL_ROLE_NONE) cl_run_view_show_aside(s->view, &s->aside);
  CL_TRY(start_loop(s, e));
  CL_TRY(start_worker(s, e));
  CL_TRY(cl_log_commit(s->log, e)); /* the slots of dead workers are nobody's before anything is decided */
  if (s->aside.role == CL_ROLE_NONE) CL_TRY(start_engine(s, e));
  cl_run_view_begin(s->view, s->slots);
  return 0;
}

/* The loop. */

/* An engine without slots of its own has as many as the study says (`clade update --parallel`). */
static int follow_slots(struct session *s, struct cl_err *e) {
  int slots = cl_study_settings(cl_log_study(s->log))->parallel;
  if (slots > CL_WORKER_SLOTS_MAX) slots = CL_WORKER_SLOTS_MAX;
  if (s->options->slots > 0 || slots == s->slots) return 0;
  s->slots = slots;
  return cl_worker_resize(s->worker, slots, e);
}

static int decide(struct session *s, struct cl_err *e) {
  CL_TRY(cl_follower_turn(s->follower, cl_worker_number(s->worker), e));
  if (s->repeater != NULL) return cl_repeater_turn(s->repeater, cl_worker_number(s->worker), e);
  if (s->confirmer != NULL) return cl_confirmer_turn(s->confirmer, cl_worker_number(s->worker), e);
  return cl_engine_turn(s->engine, cl_clock_monotonic_us() / 1000, e);
}

/* A wake can come before the commit is visible: look now, after 1 ms and after 2 more. */
static void take_wake(struct session *s) {
  assert(s->watching);
  s->woken = false;
  if (cl_store_watch_drain(s->store)) {
    s->look = s->look_again_once = true;
    (void)uv_timer_start(&s->look_again, on_look_again, 1, 0);
  }
  (void)uv_poll_start(&s->watch, UV_READABLE, on_watch);
}

static int look(struct session *s, struct cl_err *e) {
  if (s->woken) take_wake(s);
  if (!s->look) return 0;
  s->look = false;
  return cl_log_follow(s->log, NULL, e);
}

/* Where the loop may go on inside of a call of the store: the worker's own turn is no such place. */
static int open_turn(struct session *s, struct cl_err *e) {
  CL_TRY(look(s, e));
  CL_TRY(follow_slots(s, e));
  return s->n_signals == 0 ? decide(s, e) : 0;
}

static int idly(struct session *s, int (*act)(struct session *s, struct cl_err *e), struct cl_err *e) {
  assert(!s->may_idle);
  s->may_idle = true;
  int status = act(s, e);
  s->may_idle = false;
  return status;
}

static int answer(void *ctx, struct cl_err *e) {
  const struct session *s = ctx;
  return s->n_signals == 0 ? cl_engine_answer(s->engine, cl_clock_monotonic_us() / 1000, e) : 0;
}

static int commit(struct session *s, struct cl_err *e) {
  return cl_log_commit_with(s->log, s->engine != NULL ? answer : NULL, s, e);
}

/* Until nothing more is put: what was committed may call for the next decision or claim at once. But trainers
 * are heard in between, whatever comes: *ret_more then. */
static int turn(struct session *s, bool *ret_more, struct cl_err *e) {
  *ret_more = true;
  for (int i = 0; i < COMMITS_MAX && *ret_more; i++) {
    assert_session_state(s);
    CL_TRY(idly(s, open_turn, e));
    CL_TRY(cl_worker_turn(s->worker, e));
    *ret_more = cl_log_has_put(s->log);
    CL_TRY(idly(s, commit, e));
    note_answer(s);
  }
  return 0;
}

static bool is_over(struct session *s) {
  if (cl_worker_busy(s->worker) > 0) return false;
  if (s->n_signals > 0) return true;
  return s->engine != NULL ? cl_engine_is_over(s->engine) : s->aside.is_over(s->aside.ctx);
}

/* Until something comes. Awake only while every trainer has a processor beside this one's. */
static void wait_for_work(struct session *s) {
  if (!s->waits) cl_spin_begin(&s->spin, cl_clock_monotonic_us());
  bool awake =
      cl_worker_busy(s->worker) < s->spin.processors && cl_spin_goes_on(&s->spin, cl_clock_monotonic_us());
  (void)uv_run(&s->loop, awake ? UV_RUN_NOWAIT : UV_RUN_ONCE);
  s->waits = !cl_log_has_put(s->log);
  if (!s->waits) cl_spin_end(&s->spin, cl_clock_monotonic_us());
}

static int run_loop(struct session *s, struct cl_err *e) {
  for (bool more = false;;) {
    CL_TRY(turn(s, &more, e));
    if (more) {
      (void)uv_run(&s->loop, UV_RUN_NOWAIT);
      continue;
    }
    if (is_over(s)) return 0;
    wait_for_work(s);
  }
}

static void close_handle(uv_handle_t *handle, void *ctx) {
  (void)ctx;
  if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

static void close_loop(struct session *s) {
  if (!s->loop_made) return;
  uv_handle_t *own[] = {(uv_handle_t *)&s->tick, (uv_handle_t *)&s->look_again, (uv_handle_t *)&s->interrupt,
                        (uv_handle_t *)&s->terminate, s->watching ? (uv_handle_t *)&s->watch : NULL};
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if (own[i] != NULL && own[i]->loop == &s->loop && !uv_is_closing(own[i])) uv_close(own[i], NULL);
  (void)uv_run(&s->loop, UV_RUN_DEFAULT);
  if (uv_loop_close(&s->loop) != 0) { /* a handle that nobody owns any more */
    uv_walk(&s->loop, close_handle, NULL);
    (void)uv_run(&s->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&s->loop);
  }
}

int cl_session_run(const struct cl_session_options *options, struct clade_run_result *ret, struct cl_err *e) {
  struct session s = {.options = options};
  int status = start(&s, e);
  if (status == 0) status = run_loop(&s, e);
  s.is_over = true;
  if (status < 0 && s.silent_since_us > 0 && leaves(&s)) status = 0; /* as was asked for */
  if (s.view != NULL && s.worker != NULL && (s.engine != NULL || s.aside.role != CL_ROLE_NONE))
    cl_run_view_progress(s.view, s.worker, decides(&s));
  cl_worker_destroy(s.worker);
  cl_engine_destroy(s.engine);
  close_loop(&s);
  if (s.view != NULL) cl_run_view_result(s.view, ret);
  char *shown = cl_store_show(options->address);
  (void)snprintf(ret->store, sizeof ret->store, "%s", options->address);
  (void)snprintf(ret->store_shown, sizeof ret->store_shown, "%s", shown == NULL ? "" : shown);
  cl_free(shown);
  ret->signal = s.signal;
  cl_run_view_destroy(s.view);
  cl_follower_destroy(s.follower);
  cl_confirmer_destroy(s.confirmer);
  cl_repeater_destroy(s.repeater);
  cl_log_close(s.log);
  cl_store_close(s.store);
  return status;
}
