/* The processes of attempts: born of the keeper or adopted, urged to end, watched for limits, gone. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "worker/process.h"
#include "worker/worker_impl.h"

#define SAMPLE_US 500000  /* between two looks at memory */
#define JUDGE_US  2000000 /* between two looks at whether other workers live */
#define LOOK_US   100000  /* between two looks at a lock that is not clear yet */

static void keep_failure(struct cl_attempt *a, int status, const struct cl_err *e) {
  if (status < 0) cl_worker_fail(a->worker, e);
}

/* The keeper. */

static struct cl_attempt *attempt_of(void *ctx, int64_t id) {
  return cl_attempts_find(ctx, id / 1048576, (int32_t)(id % 1048576));
}

static void on_spawned(void *ctx, int64_t id, pid_t pid, int64_t start) {
  struct cl_worker *w = ctx;
  struct cl_attempt *a = id < 0 ? NULL : attempt_of(ctx, id);
  if (id < 0) cl_remake_spawned(w, -id, pid, start);
  if (a == NULL) return;
  assert(a->phase == CL_PHASE_SPAWNING);
  a->phase = CL_PHASE_RUNNING;
  a->pid = pid;
  a->start = start;
  a->keeper = cl_keeper_pid(w->keeper);
  a->keeper_start = cl_keeper_start(w->keeper);
  a->attention = w->attention = true; /* it may have been decided about meanwhile */
  w->claim_failures = 0;
}

/* A clone whose keeper was the one of an engine that is gone, or that has had its end already: followed like
 * an adopted process, or judged like one that has gone. */
static int follow_clone(struct cl_attempt *a, struct cl_err *e) {
  a->adopted = true;
  a->keeper = a->pid;
  a->keeper_start = a->start;
  if (!cl_process_lives(a->pid, a->start)) {
    a->phase = CL_PHASE_LEAVING;
    return cl_recover_look(a, e);
  }
  a->phase = CL_PHASE_RUNNING;
  a->attention = a->worker->attention = true;
  return cl_life_adopt(a, e);
}

static void on_failed(void *ctx, int64_t id, int cause, const char *what) {
  struct cl_attempt *a = id < 0 ? NULL : attempt_of(ctx, id);
  struct cl_err e;
  char why[200];
  if (id < 0) cl_remake_spawned(ctx, -id, 0, 0);
  if (a == NULL) return;
  if (a->cloned && cause == ECHILD && a->pid > 0) {
    keep_failure(a, follow_clone(a, &e), &e);
    return;
  }
  (void)snprintf(why, sizeof why, "the keeper could not %s: %s", what, strerror(cause));
  cl_worker_back_off(a->worker, a->trial, why);
  keep_failure(a, cl_attempt_lost(a, "free", why, &e), &e);
}

static void on_exited(void *ctx, int64_t id, const struct cl_exit *x) {
  struct cl_attempt *a = id < 0 ? NULL : attempt_of(ctx, id);
  struct cl_err e;
  if (id < 0) cl_worker_hurry(ctx); /* what is made again is looked at in each turn */
  if (a == NULL || a->phase != CL_PHASE_RUNNING) return;
  keep_failure(a, cl_attempt_ended(a, x, &e), &e);
}

/* Its children live on without a parent that would tell how they end: they are followed like adopted ones. */
static void on_lost(void *ctx) {
  struct cl_worker *w = ctx;
  struct cl_err e;
  cl_keeper_close(w->keeper);
  w->keeper = NULL;
  cl_worker_say(w, 0, "the keeper process was killed: how trainers end that it had started may stay unknown");
  (void)cl_worker_delay_claims(w); /* one that dies of its work must not use up every trial's tries */
  int status = cl_life_open_keeper(w, &e);
  cl_remake_keeper_lost(w);
  for (size_t i = 0; i < w->n_all && status >= 0; i++) {
    struct cl_attempt *a = w->all[i];
    if (a->adopted || (a->phase != CL_PHASE_RUNNING && a->phase != CL_PHASE_SPAWNING)) continue;
    if (a->cloned && a->lock >= 0) continue; /* not this keeper's yet */
    a->adopted = true;
    if (a->cloned && a->phase == CL_PHASE_SPAWNING && a->pid > 0) cl_recover_name(a, a->pid, a->start);
    a->phase = CL_PHASE_LEAVING;
    status = cl_recover_look(a, &e);
  }
  if (status < 0) cl_worker_fail(w, &e);
}

int cl_life_open_keeper(struct cl_worker *w, struct cl_err *e) {
  static const struct cl_keeper_events events = {on_spawned, on_failed, on_exited, on_lost};
  return cl_keeper_open(w->loop, w->options.keeper, &events, w, &w->keeper, e);
}

/* Others' children. */

static void free_watch(uv_handle_t *handle) {
  uv_os_fd_t fd = (int)(intptr_t)handle->data;
  (void)close(fd);
  cl_free(handle);
}

void cl_life_unwatch(struct cl_attempt *a) {
  if (a->watch == NULL) return;
  uv_os_fd_t fd = -1;
  (void)uv_fileno((uv_handle_t *)a->watch, &fd);
  a->watch->data = (void *)(intptr_t)fd;
  uv_close((uv_handle_t *)a->watch, free_watch);
  a->watch = NULL;
}

static void leave(struct cl_attempt *a) {
  struct cl_err e;
  cl_life_unwatch(a);
  a->phase = CL_PHASE_LEAVING;
  keep_failure(a, cl_recover_look(a, &e), &e);
}

static void on_gone(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  leave(poll->data);
}

/* Without a descriptor for it the beat looks whether it lives. */
int cl_life_adopt(struct cl_attempt *a, struct cl_err *e) {
  int fd = -1;
  struct cl_err cause;
  assert(a->watch == NULL && a->pid > 0);
  if (cl_process_watch(a->pid, a->start, &fd, &cause) < 0 || fd < 0) return 0;
  a->watch = cl_alloc(sizeof *a->watch);
  if (a->watch == NULL || uv_poll_init(a->worker->loop, a->watch, fd) < 0) {
    (void)close(fd);
    cl_free(a->watch);
    a->watch = NULL;
    return CL_FAIL_NOMEM(e);
  }
  a->watch->data = a;
  (void)uv_poll_start(a->watch, UV_READABLE, on_gone);
  return 0;
}

/* Urging. */

static void signal_group(struct cl_attempt *a, int signal) {
  if (a->pid > 1) cl_process_signal_group(a->pid, a->start, signal);
}

static void set_deadline(struct cl_attempt *a) {
  a->deadline_us = cl_clock_monotonic_us() + (int64_t)(cl_worker_grace(a->worker) * 1e6);
}

void cl_life_urge(struct cl_attempt *a, enum cl_urge urge) {
  if (urge <= a->urge) return;
  a->urge = urge;
  a->deadline_us = 0;
  if (a->phase != CL_PHASE_RUNNING && a->phase != CL_PHASE_LEAVING) return; /* spawned later: obeyed then */
  if (urge == CL_URGE_TERM) signal_group(a, SIGTERM);
  if (urge == CL_URGE_KILL) signal_group(a, SIGKILL);
  if (urge != CL_URGE_KILL) set_deadline(a);
}

static void tend_deadline(struct cl_attempt *a, int64_t now) {
  if (a->deadline_us == 0 || now < a->deadline_us) return;
  cl_life_urge(a, a->urge == CL_URGE_SOON ? CL_URGE_TERM : CL_URGE_KILL);
}

/* Limits. */

static void told_limit(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct cl_attempt *a = ctx;
  (void)ev;
  (void)result; /* refused: looked at again with the next beat */
  a->puts--;
  a->stopping_put = false;
}

/* Its result stands, but a program that hangs when it ends would keep its slot for ever. */
static void end_finished(struct cl_attempt *a, double bound) {
  if (a->urge >= CL_URGE_TERM) return;
  cl_worker_say(
      a->worker, a->trial,
      "it has said that it is done, and has not ended within its limit of time, %.4g s: it is ended", bound);
  cl_life_urge(a, CL_URGE_TERM);
}

static int limit_time(struct cl_attempt *a, int64_t now, struct cl_err *e) {
  const struct cl_trial *t = cl_attempt_trial(a);
  double bound = cl_study_settings(a->worker->study)->time_s, used = (double)(now - a->started_us) * 1e-6;
  if (bound <= 0 || used < bound || !cl_attempt_is_current(a)) return 0;
  if (t->head.flags & CL_ATTEMPT_DONE) {
    end_finished(a, bound);
    return 0;
  }
  if (t->head.state != CL_RUNNING || a->stopping_put) return 0;
  char args[120];
  (void)snprintf(args, sizeof args, "{\"which\": \"time\", \"value\": %.3f, \"bound\": %.17g}", used, bound);
  struct cl_event ev = {.kind = CL_EVENT_STOPPED, .cause = CL_CAUSE_LIMIT, .args = args};
  ev.u.stopped.at = t->record;
  ev.u.stopped.how = CL_STOP_KILL;
  CL_TRY(cl_attempt_put(a, &ev, told_limit, e));
  a->stopping_put = true;
  return 0;
}

static void limit_memory(struct cl_attempt *a, int64_t bytes) {
  int64_t bound = cl_study_settings(a->worker->study)->memory_bytes;
  if (a->session != NULL &&
      a->session->bytes > 0) /* buffers are the worker's, however often they are mapped */
    bytes -= cl_process_shared_bytes(a->pid);
  a->resident_bytes = bytes;
  if (bytes <= bound || a->limit[0] != '\0') return;
  (void)snprintf(a->limit, sizeof a->limit, "\"limit\":\"memory\",\"resident\":%lld,\"bound\":%lld",
                 (long long)bytes, (long long)bound);
  (void)cl_attempt_write(a->worker->study, a->trial, a->number, "limit", a->limit, NULL);
  cl_worker_say(a->worker, a->trial,
                "its processes took %.4g MiB of memory, more than the limit of %.4g: it was killed",
                (double)bytes / 1048576, (double)bound / 1048576);
  cl_life_urge(a, CL_URGE_KILL);
}

/* One pass over /proc for all of them. */
static int sample_memory(struct cl_worker *w, int64_t now, struct cl_err *e) {
  if (cl_study_settings(w->study)->memory_bytes <= 0 || now < w->next_sample_us || w->n_all == 0) return 0;
  w->next_sample_us = now + SAMPLE_US;
  pid_t *groups = cl_alloc_array(w->n_all, sizeof *groups);
  int64_t *bytes = cl_alloc_array(w->n_all, sizeof *bytes);
  struct cl_err cause;
  int status = groups == NULL || bytes == NULL ? CL_FAIL_NOMEM(e) : 0;
  for (size_t i = 0; i < w->n_all && status == 0; i++) groups[i] = w->all[i]->pid;
  if (status == 0 && cl_process_group_memory(groups, (int)w->n_all, bytes, &cause) == 0)
    for (size_t i = 0; i < w->n_all; i++)
      if (w->all[i]->pid > 0 && w->all[i]->phase == CL_PHASE_RUNNING) limit_memory(w->all[i], bytes[i]);
  cl_free(groups);
  cl_free(bytes);
  return status;
}

/* Of two workers that adopt one after the other the second has it, but the first may be the last to write
 * where it listens. */
static void look_for_misled(struct cl_worker *w) {
  for (size_t i = 0; i < w->n_all; i++) {
    struct cl_attempt *a = w->all[i];
    if (!a->adopted || a->phase != CL_PHASE_RUNNING || a->session != NULL) continue;
    if (!cl_worker_has_written_socket(w, a->trial)) a->unreached = true;
  }
}

int cl_life_beat(struct cl_worker *w, struct cl_err *e) {
  int64_t now = cl_clock_monotonic_us();
  bool look = now >= w->next_look_us;
  if (look) w->next_look_us = now + LOOK_US;
  for (size_t i = 0; i < w->n_all; i++) {
    struct cl_attempt *a = w->all[i];
    if (a->phase == CL_PHASE_RUNNING || a->phase == CL_PHASE_LEAVING) tend_deadline(a, now);
    if (a->phase == CL_PHASE_RUNNING) CL_TRY(limit_time(a, now, e));
    if (a->phase == CL_PHASE_RUNNING) CL_TRY(cl_attempt_watch(a, now, e));
    if (!look) continue;
    if (a->unreached) a->unreached = cl_worker_write_socket(w, a->trial, NULL) < 0;
    if (a->phase == CL_PHASE_LEAVING) CL_TRY(cl_recover_look(a, e));
    if (a->phase == CL_PHASE_RUNNING && a->adopted && a->watch == NULL && !cl_process_lives(a->pid, a->start))
      leave(a);
  }
  if (now >= w->next_judge_us) {
    bool first = w->next_judge_us == 0; /* whoever has created it has it recover then */
    w->next_judge_us = now + JUDGE_US;
    if (!first) CL_TRY(cl_recover_others(w, e));
    look_for_misled(w);
  }
  return sample_memory(w, now, e);
}

/* Obeying. */

static void told_preempting(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct cl_attempt *a = ctx;
  (void)ev;
  a->puts--;
  a->preempting_put = false;
  if (result->status != 0) a->attention = a->worker->attention = true; /* decided anew from its newer state */
}

int cl_life_preempt(struct cl_attempt *a, int signal, struct cl_err *e) {
  const struct cl_trial *t = cl_attempt_trial(a);
  bool allowed = t->head.state == CL_RUNNING || t->head.state == CL_PAUSED;
  if (!allowed || (t->head.flags & CL_FLAG_PREEMPTING) || a->preempting_put) return 0;
  char args[60];
  (void)snprintf(args, sizeof args, "{\"number\": %d, \"worker\": %d}", signal, a->worker->number);
  struct cl_event ev = {.kind = CL_EVENT_PREEMPTING, .cause = CL_CAUSE_SIGNAL, .args = args};
  ev.u.preempting.worker = a->worker->number;
  CL_TRY(cl_attempt_put(a, &ev, told_preempting, e));
  a->preempting_put = true;
  return 0;
}

/* Connected trainers hear it as the answer to their next report, and have the grace to end from then on; the
 * others only understand signals. */
static void end_by_signal(struct cl_attempt *a, enum cl_urge urge) {
  if (a->session == NULL && a->urge == CL_URGE_NONE) cl_life_urge(a, urge);
}

/* Shutting down: what cannot be preempted (it has said done, or is paused with a decision to go on) is ended.
 */
static int obey_shutdown(struct cl_attempt *a, const struct cl_trial *t, struct cl_err *e) {
  if (a->worker->shutdown < CL_SHUTDOWN_ASK) return 0;
  CL_TRY(cl_life_preempt(a, a->worker->signal, e));
  if (t->head.state != CL_RUNNING) cl_life_urge(a, CL_URGE_SOON);
  if (a->worker->shutdown == CL_SHUTDOWN_KILL) cl_life_urge(a, CL_URGE_KILL);
  return 0;
}

/* A program that reports by its output cannot be told to load: it ends, and the next attempt begins from the
 * snapshot. Connected ones are answered (talk.c). */
static bool must_restart(const struct cl_trial *t) {
  return cl_head_wants_load(&t->head) && t->head.reports > 0 && !(t->head.flags & CL_CONNECTED_ONCE);
}

/* A person ended it; or it has said itself that it is done, without a score that is worth anything, and may
 * have something left to do: but others may wait for its slot, or to replace it. */
static bool is_patient(const struct cl_attempt *a, const struct cl_trial *t) {
  return a->patient || (t->head.flags & CL_ATTEMPT_DONE);
}

static int obey_state(struct cl_attempt *a, const struct cl_trial *t, struct cl_err *e) {
  switch (t->head.state) {
  case CL_RUNNING:
    if (t->head.flags & CL_FLAG_PREEMPTING)
      end_by_signal(a, must_restart(t) ? CL_URGE_TERM : CL_URGE_SOON);
    else if (must_restart(t))
      return cl_life_preempt(a, SIGTERM, e);
    break;
  case CL_WAITING:
  case CL_COMPLETE: break; /* goes on, or ends by itself */
  default:
    if (a->kill) cl_life_urge(a, CL_URGE_TERM);
    end_by_signal(a, is_patient(a, t) ? CL_URGE_SOON : CL_URGE_TERM);
  }
  return 0;
}

int cl_life_obey(struct cl_attempt *a, struct cl_err *e) {
  if (a->phase != CL_PHASE_RUNNING) return 0;
  const struct cl_trial *t = cl_attempt_trial(a);
  if (!cl_attempt_is_current(a)) {
    if (a->worker->number != t->head.worker && t->head.attempt == a->number) {
      cl_worker_say(a->worker, a->trial, "worker %d follows it from here", t->head.worker);
      a->phase = CL_PHASE_OVER;
      return 0;
    }
    cl_life_urge(a, CL_URGE_TERM); /* lost, or superseded: it must not go on */
    return 0;
  }
  CL_TRY(obey_shutdown(a, t, e));
  CL_TRY(obey_state(a, t, e));
  if (t->head.state == CL_WAITING) CL_TRY(cl_attempt_reclaim(a, e));
  if (a->session != NULL && a->session->open && a->session->held) cl_talk_answer(a->session);
  return 0;
}
