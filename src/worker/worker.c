#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "worker/process.h"
#include "worker/worker_impl.h"

#define BEAT_MS 50

void cl_worker_say(struct cl_worker *w, int64_t trial, const char *format, ...) {
  char text[CLADE_ERR_TEXT + 200];
  if (w->options.say == NULL) return;
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  w->options.say(w->options.ctx, trial, text);
}

void cl_worker_fail(struct cl_worker *w, const struct cl_err *e) {
  if (w->failure.code == 0) w->failure = *e;
  cl_worker_hurry(w);
}

double cl_worker_grace(const struct cl_worker *w) {
  return w->options.grace_s > 0 ? w->options.grace_s : cl_study_settings(w->study)->grace_s;
}

int cl_worker_room(struct cl_worker *w, struct cl_err *e) {
  size_t n = (size_t)cl_study_space(w->study)->n;
  if (cl_grow(&w->values, &w->cap_values, n + 1, sizeof *w->values) < 0 ||
      cl_grow(&w->pairs, &w->cap_pairs, n + 1, sizeof *w->pairs) < 0)
    return CL_FAIL_NOMEM(e);
  return 0;
}

int cl_worker_put(struct cl_worker *w, struct cl_event *ev, cl_log_told *told, void *ctx, struct cl_err *e) {
  ev->by = w->number;
  if (cl_kind_flags(ev->kind) & CL_D) {
    ev->as_of = cl_log_position(w->log);
    ev->seen = cl_study_trial(w->study, ev->subject)->head.version;
  }
  return cl_log_put(w->log, ev, told, ctx, e);
}

int cl_worker_here(char ret_host[256], char ret_boot[64], struct cl_err *e) {
  return cl_process_host(ret_host, ret_boot, e);
}

/* Hearing the log. */

/* A commit that was reported as failed may have got through all the same: nobody lives there. */
static void note_stray(struct cl_worker *w, const struct cl_event *ev) {
  struct cl_err e;
  if (cl_grow(&w->strays, &w->cap_strays, w->n_strays + 1, sizeof *w->strays) < 0) {
    (void)CL_FAIL_NOMEM(&e);
    cl_worker_fail(w, &e);
    return;
  }
  w->strays[w->n_strays++] = (struct stray){ev->subject, ev->attempt};
  w->attention = true;
}

static int renew_rules(struct cl_worker *w, struct cl_err *e) {
  struct cl_output_rules *rules = NULL;
  CL_TRY(cl_output_rules_create(cl_study_settings(w->study), &rules, e));
  for (size_t i = 0; i < w->n_all; i++)
    if (w->all[i]->output != NULL) cl_output_use(w->all[i]->output, rules);
  cl_output_rules_destroy(w->rules);
  w->rules = rules;
  return cl_worker_room(w, e);
}

static void on_event(void *ctx, const struct cl_event *ev) {
  struct cl_worker *w = ctx;
  struct cl_err e;
  if (ev->kind == CL_EVENT_UPDATED) cl_remake_forget(w);
  if (ev->kind == CL_EVENT_UPDATED && renew_rules(w, &e) < 0) cl_worker_fail(w, &e);
  if (ev->subject == 0) return;
  cl_buffers_note(w, ev);
  w->twins_stirred |= ev->kind == CL_EVENT_DELETED || ev->kind == CL_EVENT_ENDED || ev->kind == CL_EVENT_LOST;
  if (ev->kind == CL_EVENT_DELETED && cl_worker_unlink(w, ev->u.deleted.snapshot) < 0) {
    (void)CL_FAIL_NOMEM(&e);
    cl_worker_fail(w, &e);
  }
  for (struct cl_attempt *a = cl_attempts_first(w, ev->subject); a != NULL; a = a->next) {
    if (a->trial != ev->subject) continue;
    cl_attempt_note(a, ev);
    cl_attempt_chart(a, ev);
  }
  if (ev->kind == CL_EVENT_STARTED && ev->u.started.worker == w->number &&
      cl_attempts_find(w, ev->subject, ev->attempt) == NULL)
    note_stray(w, ev);
}

/* Turns. */

static int lose_strays(struct cl_worker *w, struct cl_err *e) {
  while (w->n_strays > 0) {
    struct stray s = w->strays[w->n_strays - 1];
    const struct cl_trial *t = cl_study_trial(w->study, s.trial);
    w->n_strays--;
    if (t->head.attempt != s.attempt || !(t->head.flags & CL_ATTEMPT_OPEN)) continue;
    struct cl_attempt *a = NULL;
    CL_TRY(cl_attempts_add(w, s.trial, s.attempt, &a, e));
    CL_TRY(cl_attempt_lost(a, "free", "its start was recorded, but reported as failed", e));
  }
  return 0;
}

static int tend_attempts(struct cl_worker *w, struct cl_err *e) {
  for (size_t i = 0; i < w->n_all; i++) {
    struct cl_attempt *a = w->all[i];
    if (a->attention) {
      a->attention = false;
      CL_TRY(cl_life_obey(a, e));
    }
    if (a->output_ready || a->output_again || a->phase == CL_PHASE_DRAINING) CL_TRY(cl_attempt_read(a, e));
  }
  for (size_t i = w->n_all; i > 0; i--) {
    struct cl_attempt *a = w->all[i - 1];
    if (a->phase == CL_PHASE_OVER && a->puts == 0) cl_attempts_remove(w, a);
  }
  return 0;
}

static void on_beat(uv_timer_t *timer) {
  (void)timer; /* wakes the loop; the turn looks at the clock */
}

static void keep_beating(struct cl_worker *w) {
  bool beating = uv_is_active((uv_handle_t *)w->beat);
  bool waiting = w->n_all > 0 || cl_remake_running(w) > 0 || cl_buffers_busy(w) ||
                 w->claim_after_us > cl_clock_monotonic_us();
  if (waiting && !beating) (void)uv_timer_start(w->beat, on_beat, BEAT_MS, BEAT_MS);
  if (!waiting && beating) (void)uv_timer_stop(w->beat);
}

int cl_worker_turn(struct cl_worker *w, struct cl_err *e) {
  if (w->failure.code != 0) return CL_FAIL(e, w->failure.code, "%s", w->failure.text);
  if (cl_study_is_newer(w->study))
    return CL_FAIL(e, CLADE_ENEWER, "the study '%s' was written by a newer clade; update this one to run it",
                   cl_study_name(w->study));
  (void)uv_idle_stop(w->hurry);
  if (w->shutdown == CL_SHUTDOWN_DETACH) return 0;
  w->attention = false;
  CL_TRY(lose_strays(w, e));
  CL_TRY(cl_life_beat(w, e));
  CL_TRY(tend_attempts(w, e));
  CL_TRY(cl_worker_claim(w, e));
  cl_remake_turn(w, cl_clock_monotonic_us());
  CL_TRY(cl_twins_turn(w, e));
  CL_TRY(cl_buffers_turn(w, e));
  keep_beating(w);
  return 0;
}

static void on_hurry(uv_idle_t *idle) {
  (void)idle;
}

void cl_worker_hurry(struct cl_worker *w) {
  if (w->hurry != NULL && !w->destroying) (void)uv_idle_start(w->hurry, on_hurry);
}

/* Looking. */

int cl_worker_busy(const struct cl_worker *w) {
  if (w->shutdown == CL_SHUTDOWN_DETACH) return 0;
  bool behind = w->shutdown < CL_SHUTDOWN_KILL && cl_buffers_busy(w);
  return (int)w->n_all + behind;
}

int cl_worker_number(const struct cl_worker *w) {
  return w->number;
}

const char *cl_worker_socket(const struct cl_worker *w) {
  return w->socket;
}

static enum cl_slot_phase phase_of(const struct cl_attempt *a) {
  switch (a->phase) {
  case CL_PHASE_CLAIMED:
  case CL_PHASE_SPAWNING: return CL_SLOT_CLAIMED;
  case CL_PHASE_DRAINING:
  case CL_PHASE_CLOSING:
  case CL_PHASE_OVER: return CL_SLOT_DRAINING;
  default: break;
  }
  const struct cl_session *s = a->session;
  if (a->urge != CL_URGE_NONE || a->phase == CL_PHASE_LEAVING || (s != NULL && s->told_to_end))
    return CL_SLOT_ENDING;
  if (s != NULL && s->held) return CL_SLOT_HELD;
  return s != NULL && s->saving ? CL_SLOT_SAVING : CL_SLOT_RUNNING;
}

int cl_worker_views(const struct cl_worker *w, struct cl_slot_view *ret, int n) {
  int count = w->slots;
  for (size_t i = 0; i < w->n_all; i++)
    if (w->all[i]->slot >= count) count = w->all[i]->slot + 1;
  for (int i = 0; i < n && i < count; i++)
    ret[i] = (struct cl_slot_view){.step = CL_NO_STEP, .value = CL_NO_STEP};
  for (size_t i = 0; i < w->n_all; i++) {
    const struct cl_attempt *a = w->all[i];
    const struct cl_trial *t = cl_attempt_trial(a);
    if (a->slot >= n) continue;
    ret[a->slot] = (struct cl_slot_view){.trial = a->trial,
                                         .attempt = a->number,
                                         .pid = a->pid,
                                         .phase = phase_of(a),
                                         .connected = a->session != NULL,
                                         .step = t->head.step,
                                         .value = t->value,
                                         .started_ms = a->started_ms,
                                         .resident_bytes = a->resident_bytes};
  }
  return count;
}

/* Asking. */

/* Two outputs and a connection for each slot, and some. After the keeper was started, so that trainers get
 * the limit as it was. */
static void raise_files(const struct cl_worker *w) {
  struct rlimit r;
  rlim_t wanted = (rlim_t)w->slots * 4 + 256;
  if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur >= wanted) return;
  r.rlim_cur = wanted < r.rlim_max ? wanted : r.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &r);
}

int cl_worker_resize(struct cl_worker *w, int slots, struct cl_err *e) {
  if (slots < 1 || slots > CL_WORKER_SLOTS_MAX)
    return CL_FAIL(e, CLADE_EINVAL, "slots cannot be %d: a worker has 1 to %d", slots, CL_WORKER_SLOTS_MAX);
  struct cl_event ev = {.kind = CL_EVENT_WORKER};
  ev.u.worker.worker = w->number;
  ev.u.worker.host = w->host;
  ev.u.worker.boot = w->boot;
  ev.u.worker.slots = slots;
  ev.u.worker.state = CL_WORKER_CHANGED;
  CL_TRY(cl_worker_put(w, &ev, NULL, NULL, e));
  w->slots = slots;
  raise_files(w);
  return 0;
}

void cl_worker_shutdown(struct cl_worker *w, enum cl_shutdown mode, int signal) {
  if (mode <= w->shutdown) return;
  w->shutdown = mode;
  if (signal != 0) w->signal = signal;
  if (mode == CL_SHUTDOWN_DETACH) return;
  for (size_t i = 0; i < w->n_all; i++) w->all[i]->attention = true;
  w->attention = true;
  cl_worker_hurry(w);
}

/* Joining. */

static char *lock_path(const struct cl_worker *w, int number) {
  char name[40];
  (void)snprintf(name, sizeof name, "worker-%d", number);
  return cl_attempt_path(w->study, 0, 0, name);
}

bool cl_worker_is_dead(const struct cl_worker *w, int number) {
  return number != w->number && cl_worker_judge(w->study, number, w->host, w->boot) == CL_LIFE_DEAD;
}

static int join_as(struct cl_worker *w, int number, struct cl_append *ret, struct cl_err *e) {
  struct cl_event ev = {.kind = CL_EVENT_WORKER, .by = number};
  ev.u.worker.worker = number;
  ev.u.worker.host = w->host;
  ev.u.worker.boot = w->boot;
  ev.u.worker.slots = w->slots;
  ev.u.worker.labels = w->options.labels;
  ev.u.worker.provenance = w->options.provenance;
  ev.u.worker.state = CL_WORKER_JOINED;
  return cl_log_append(w->log, &ev, ret, e);
}

/* The lock first, so that a worker of the log without a held lock is dead; another one may take the number.
 */
static int try_number(struct cl_worker *w, int number, struct cl_err *e) {
  char *path = lock_path(w, number);
  struct cl_append result = {0};
  if (path == NULL) return CL_FAIL_NOMEM(e);
  int status = cl_lock_take(path, false, &w->lock, e);
  if (status == 0) status = join_as(w, number, &result, e);
  if (status == 0 && result.status != 0) status = CLADE_BUSY;
  if (status == 0) {
    w->number = number;
  } else if (w->lock >= 0) {
    (void)close(w->lock);
    w->lock = -1;
  }
  cl_free(path);
  return status;
}

static int make_directory(const struct cl_worker *w, struct cl_err *e) {
  const char *all = cl_study_directory(w->study);
  CL_TRY(cl_dir_create(all, e));
  cl_dir_spread(all, true); /* studies have nothing to do with each other */
  char *directory = cl_attempt_path(w->study, 0, 0, NULL);
  int status = directory == NULL ? CL_FAIL_NOMEM(e) : cl_dir_create(directory, e);
  if (status == 0) cl_dir_spread(directory, false); /* another worker was killed while it sought a place */
  cl_free(directory);
  return status;
}

static int join(struct cl_worker *w, struct cl_err *e) {
  CL_TRY(make_directory(w, e));
  for (int offset = 1, tries = 0; tries < 1000; tries++) {
    int before = cl_study_workers(w->study);
    int status = try_number(w, before + offset, e);
    if (status <= 0) return status;
    CL_TRY(cl_log_follow(w->log, NULL, e));
    if (cl_study_workers(w->study) == before)
      (void)usleep(1000); /* another one has the lock and joins just now */
  }
  return CL_FAIL(e, CLADE_EBUSY,
                 "no worker number was free in 1000 tries; are very many workers starting at once?");
}

/* Making and freeing. */

static void free_worker(struct cl_worker *w) {
  for (int i = 0; i < w->options.n_gpus && w->gpus != NULL; i++) cl_free(w->gpus[i]);
  cl_free(w->gpus);
  cl_free(w->store);
  cl_free(w->socket);
  cl_free(w->socket_directory);
  cl_free(w->all);
  cl_free(w->pairs);
  cl_free(w->values);
  cl_free(w->strays);
  cl_text_done(&w->text);
  cl_output_rules_destroy(w->rules);
  cl_free(w);
}

void cl_worker_let_go(struct cl_worker *w) {
  if (--w->n_handles == 0 && w->destroying) free_worker(w);
}

static void on_handle_closed(uv_handle_t *handle) {
  struct cl_worker *w = handle->data;
  cl_free(handle);
  cl_worker_let_go(w);
}

static void close_handle(struct cl_worker *w, void *handle) {
  (void)w;
  if (handle != NULL) uv_close(handle, on_handle_closed);
}

static int make_handles(struct cl_worker *w, struct cl_err *e) {
  w->beat = cl_alloc(sizeof *w->beat);
  if (w->beat == NULL) return CL_FAIL_NOMEM(e);
  (void)uv_timer_init(w->loop, w->beat);
  w->beat->data = w;
  w->n_handles++;
  w->hurry = cl_alloc(sizeof *w->hurry);
  if (w->hurry == NULL) return CL_FAIL_NOMEM(e);
  (void)uv_idle_init(w->loop, w->hurry);
  w->hurry->data = w;
  w->n_handles++;
  return 0;
}

static void on_notify(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  cl_finish_notified(poll->data);
}

/* Without inotify (the system has few) output is looked at every second. */
static int watch_output(struct cl_worker *w, struct cl_err *e) {
  w->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (w->inotify < 0) return 0;
  w->notify = cl_alloc(sizeof *w->notify);
  if (w->notify == NULL) return CL_FAIL_NOMEM(e);
  int bad = uv_poll_init(w->loop, w->notify, w->inotify);
  if (bad < 0) {
    cl_free(w->notify);
    w->notify = NULL;
    return 0;
  }
  w->notify->data = w;
  w->n_handles++;
  (void)uv_poll_start(w->notify, UV_READABLE, on_notify);
  return 0;
}

static int keep_texts(struct cl_worker *w, struct cl_err *e) {
  const char *address = w->options.store != NULL ? w->options.store : cl_store_address(cl_log_store(w->log));
  char real[PATH_MAX]; /* a relative path of a store: trainers run elsewhere */
  w->store = cl_copy_text(realpath(address, real) != NULL ? real : address);
  w->gpus = cl_alloc_array((size_t)w->options.n_gpus + 1, sizeof(char *));
  if (w->store == NULL || w->gpus == NULL) return CL_FAIL_NOMEM(e);
  for (int i = 0; i < w->options.n_gpus; i++)
    if ((w->gpus[i] = cl_copy_text(w->options.gpus[i])) == NULL) return CL_FAIL_NOMEM(e);
  return 0;
}

static int check_options(const struct cl_worker_options *o, struct cl_err *e) {
  const struct cl_study *study = cl_log_study(o->log);
  assert(!cl_log_has_put(o->log) && o->loop != NULL);
  if (o->slots < 1 || o->slots > CL_WORKER_SLOTS_MAX)
    return CL_FAIL(e, CLADE_EINVAL, "slots cannot be %d: a worker has 1 to %d", o->slots,
                   CL_WORKER_SLOTS_MAX);
  if (cl_study_settings(study)->n_program == 0)
    return CL_FAIL(e, CLADE_EINVAL,
                   "the study '%s' has no program: its trials are asked for and told in process",
                   cl_study_name(study));
  return cl_attempt_check_name(study, e);
}

static int find_here(struct cl_worker *w, struct cl_err *e) {
  CL_TRY(cl_process_host(w->host, w->boot, e));
  if (w->options.host != NULL) (void)snprintf(w->host, sizeof w->host, "%s", w->options.host);
  if (w->options.boot != NULL) (void)snprintf(w->boot, sizeof w->boot, "%s", w->options.boot);
  return 0;
}

static int set_up(struct cl_worker *w, struct cl_err *e) {
  CL_TRY(find_here(w, e));
  CL_TRY(keep_texts(w, e));
  CL_TRY(cl_worker_room(w, e));
  CL_TRY(cl_output_rules_create(cl_study_settings(w->study), &w->rules, e));
  CL_TRY(make_handles(w, e));
  CL_TRY(watch_output(w, e));
  CL_TRY(cl_life_open_keeper(w, e));
  raise_files(w);
  CL_TRY(cl_server_open(w, e));
  CL_TRY(join(w, e));
  return cl_log_listen(w->log, on_event, w, e);
}

static void close_all(struct cl_worker *w) {
  bool keep = w->shutdown == CL_SHUTDOWN_DETACH || w->n_all > 0;
  w->destroying = true;
  while (w->n_all > 0) {
    struct cl_attempt *a = w->all[w->n_all - 1];
    if (a->phase == CL_PHASE_CLAIMED && a->lock >= 0) {
      cl_attempt_drop(w->study, a->trial, a->number, a->lock);
      a->lock = -1;
    }
    a->puts = 0;
    cl_attempts_remove(w, a);
  }
  cl_remake_close(w);
  if (!keep) cl_twins_dismiss(w);
  cl_server_close(w);
  cl_buffers_close(w, keep);
  close_handle(w, w->server);
  cl_keeper_close(w->keeper);
  close_handle(w, w->beat);
  close_handle(w, w->hurry);
  close_handle(w, w->notify);
  if (w->inotify >= 0) (void)close(w->inotify);
  if (w->lock >= 0) (void)close(w->lock);
  if (w->n_handles == 0) free_worker(w);
}

int cl_worker_create(const struct cl_worker_options *options, struct cl_worker **ret, struct cl_err *e) {
  CL_TRY(check_options(options, e));
  struct cl_worker *w = cl_alloc(sizeof *w);
  if (w == NULL) return CL_FAIL_NOMEM(e);
  w->options = *options;
  w->log = options->log;
  w->study = cl_log_study(options->log);
  w->loop = options->loop;
  w->slots = options->slots;
  w->buffers = cl_buffers_create();
  if (w->buffers == NULL) {
    cl_free(w);
    return CL_FAIL_NOMEM(e);
  }
  w->lock = w->inotify = w->listener = w->spare = -1;
  int status = set_up(w, e);
  if (status < 0) {
    close_all(w);
    return status;
  }
  w->options.host = w->options.boot = w->options.labels = w->options.provenance = NULL;
  w->options.store = NULL;
  w->options.gpus = NULL;
  *ret = w;
  return 0;
}

void cl_worker_destroy(struct cl_worker *w) {
  if (w == NULL) return;
  struct cl_event ev = {.kind = CL_EVENT_WORKER, .by = w->number};
  struct cl_append result;
  ev.u.worker.worker = w->number;
  ev.u.worker.host = w->host;
  ev.u.worker.boot = w->boot;
  ev.u.worker.state = CL_WORKER_GONE;
  w->destroying = true;
  cl_log_unlisten(w->log, on_event, w);
  if (!cl_log_has_put(w->log)) (void)cl_log_append(w->log, &ev, &result, NULL);
  close_all(w);
}
