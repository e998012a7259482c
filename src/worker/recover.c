/* What to do with attempts whose process is not this keeper's child (events.md section 7): those of workers
 * that died, and, when the keeper was killed, one's own. */
#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "worker/keeper_child.h"
#include "worker/process.h"
#include "worker/worker_impl.h"

#define LOOKS_MAX 50 /* at a lock that cannot be read, one with each look of the beat */

/* Adopting. */

static int note_past(void *ctx, const struct cl_event *ev) {
  struct cl_attempt *a = ctx;
  if (ev->subject != a->trial) return 0;
  cl_attempt_note(a, ev);
  if (ev->kind == CL_EVENT_STARTED && ev->attempt == a->number) a->started_ms = ev->time_ms;
  return 0;
}

static int read_past(struct cl_attempt *a, struct cl_err *e) {
  struct cl_log *log = a->worker->log;
  struct cl_read what = {
      .trial_lo = a->trial, .trial_hi = a->trial, .skip_known_reports = true, .only_trials = true};
  CL_TRY(cl_store_read(cl_log_store(log), cl_log_id(log), &what, note_past, a, e));
  a->started_us = cl_clock_monotonic_us() - cl_process_age_us(a->start);
  return 0;
}

static int follow(struct cl_attempt *a, struct cl_err *e) {
  const struct cl_trial *t = cl_attempt_trial(a);
  struct cl_err cause;
  a->phase = CL_PHASE_RUNNING;
  a->attention = a->worker->attention = true;
  CL_TRY(cl_life_adopt(a, e));
  int told = cl_worker_write_socket(a->worker, a->trial, &cause);
  if (told == CLADE_ENOMEM) return CL_FAIL_NOMEM(e); /* it would wait until it gives up */
  a->unreached = told < 0;                           /* the beat tries again */
  if (told < 0)
    cl_worker_say(a->worker, a->trial, "its trainer cannot learn yet where the worker is now: %s",
                  cause.text);
  bool connects = t->head.flags & CL_CONNECTED_ONCE;
  if (a->output == NULL && !connects) return cl_attempt_follow(a, t->head.reports, e);
  return 0;
}

/* Its clone has a state that may not be recorded as loaded yet. */
static bool is_clone(const struct cl_attempt *a) {
  const struct cl_snapshot *n = a->from == 0 ? NULL : cl_study_snapshot(a->worker->study, a->from);
  return n != NULL && n->way == CL_WAY_FORK;
}

static void told_adopted(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct cl_attempt *a = ctx;
  struct cl_err e;
  (void)ev;
  a->puts--;
  if (result->status != 0 || result->late) {
    a->phase = CL_PHASE_OVER;
    cl_worker_hurry(a->worker);
    return;
  }
  int status = read_past(a, &e);
  if (status == 0) a->cloned = is_clone(a);
  if (status == 0) status = follow(a, &e);
  if (status < 0) cl_worker_fail(a->worker, &e);
}

static int adopt(struct cl_attempt *a, const struct cl_attempt_probe *p, struct cl_err *e) {
  a->pid = p->pid;
  a->start = p->start;
  a->keeper = p->keeper;
  a->keeper_start = p->keeper_start;
  memcpy(a->token, p->token, sizeof a->token);
  a->fixed = p->fixed;
  if (cl_attempt_is_current(a)) return follow(a, e);
  struct cl_event ev = {.kind = CL_EVENT_ADOPTED};
  ev.u.adopted.worker = a->worker->number;
  a->phase = CL_PHASE_CLAIMED;
  return cl_attempt_put(a, &ev, told_adopted, e);
}

/* Judging. */

static int judge_exit(struct cl_attempt *a, struct cl_err *e) {
  struct cl_exit x;
  struct cl_err cause;
  char *directory = cl_attempt_path(a->worker->study, a->trial, a->number, NULL);
  if (directory == NULL) return CL_FAIL_NOMEM(e);
  int status = cl_exit_read(directory, &x, &cause);
  cl_free(directory);
  if (status == 0) return cl_attempt_ended(a, &x, e);
  if (status == CLADE_ENOMEM) return CL_FAIL_NOMEM(e);
  return cl_attempt_lost(a, "free", cause.text, e);
}

static int judge_dead(struct cl_attempt *a, const char *lock, const char *why, struct cl_err *e) {
  const struct cl_trial *t = cl_attempt_trial(a);
  bool done = t->head.attempt == a->number && (t->head.flags & CL_ATTEMPT_DONE);
  if (done) return cl_attempt_ended(a, NULL, e);
  bool busy = false;
  CL_TRY(cl_attempt_publish_late(a, &busy, e));
  return busy ? 0 : cl_attempt_lost(a, lock, why, e); /* busy: the beat looks again */
}

/* Somebody has the lock, but not the process that it names. What that left in its group is killed; what has
 * left the group, too, cannot be told from any other process and is let be. */
static int judge_rest(struct cl_attempt *a, const struct cl_attempt_probe *p, struct cl_err *e) {
  if (cl_process_lives(p->keeper, p->keeper_start)) return 0; /* about to write `exit` */
  int64_t start = cl_process_start(p->pid);
  bool reused = start != 0 && start != p->start; /* its own zombie still has the number */
  if (!reused && kill(-p->pid, SIGKILL) == 0) return 0;
  return judge_dead(a, "held", "its process has gone without a trace; one that it started lives on", e);
}

int cl_recover_look(struct cl_attempt *a, struct cl_err *e) {
  struct cl_attempt_probe p;
  struct cl_err cause;
  assert(a->phase == CL_PHASE_LEAVING);
  int status = cl_attempt_look(a->worker->study, a->trial, a->number, &p, &cause);
  if (status == CLADE_ENOMEM) return CL_FAIL_NOMEM(e);
  if (status < 0 && ++a->failed_looks < LOOKS_MAX)
    return 0; /* of somebody who may live: the beat looks again */
  if (status < 0) return judge_dead(a, "unknown", cause.text, e);
  if (p.found && strcmp(p.boot, a->worker->boot) != 0) /* of before the machine was started: nobody lives */
    return p.exited ? judge_exit(a, e) : judge_dead(a, "another boot", "the machine was restarted", e);
  if (p.exited) return judge_exit(a, e);
  if (p.named && cl_process_lives(p.pid, p.start)) return adopt(a, &p, e); /* it may have closed its lock */
  if (!p.held)
    return judge_dead(a, "free", p.named ? "its process has gone without a trace" : "it was never spawned",
                      e);
  return p.named ? judge_rest(a, &p, e) : 0; /* about to be spawned: the beat looks again */
}

void cl_recover_name(struct cl_attempt *a, pid_t pid, int64_t start) {
  char *path = cl_attempt_path(a->worker->study, a->trial, a->number, "lock");
  int fd = path == NULL ? -1 : open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd >= 0) (void)cl_child_name_holder(fd, pid, start, pid, start); /* failing that, it comes again */
  if (fd >= 0) (void)close(fd);
  cl_free(path);
}

static int judge(struct cl_worker *w, const struct cl_trial *t, struct cl_err *e) {
  struct cl_attempt *a = NULL;
  CL_TRY(cl_attempts_add(w, t->number, t->head.attempt, &a, e));
  a->adopted = true;
  a->phase = CL_PHASE_LEAVING;
  return cl_recover_look(a, e);
}

/* Workers. */

static int put_gone(struct cl_worker *w, int number, struct cl_err *e) {
  const struct cl_worker_info *info = cl_study_worker(w->study, number);
  struct cl_event ev = {.kind = CL_EVENT_WORKER};
  ev.u.worker.worker = number;
  ev.u.worker.host = info->host;
  ev.u.worker.boot = info->boot;
  ev.u.worker.state = CL_WORKER_GONE;
  return cl_worker_put(w, &ev, NULL, NULL, e);
}

/* Has a worker died that was there before, or could one not be judged? */
int cl_recover_others(struct cl_worker *w, struct cl_err *e) {
  bool died = w->judge_again;
  for (int i = 1; i <= cl_study_workers(w->study) && !died; i++)
    died = cl_study_worker(w->study, i) != NULL && cl_study_worker(w->study, i)->slots > 0 &&
           cl_worker_is_dead(w, i);
  return died ? cl_worker_recover(w, e) : 0;
}

int cl_worker_recover(struct cl_worker *w, struct cl_err *e) {
  int n = cl_study_workers(w->study), status = 0;
  bool *dead = cl_alloc_array((size_t)n + 1, sizeof *dead);
  if (dead == NULL) return CL_FAIL_NOMEM(e);
  w->judge_again = false;
  cl_buffers_look(w);
  for (int i = 1; i <= n && status == 0; i++) {
    enum cl_worker_life life =
        i == w->number ? CL_LIFE_ALIVE : cl_worker_judge(w->study, i, w->host, w->boot);
    w->judge_again |= life == CL_LIFE_UNKNOWN;
    dead[i] = life == CL_LIFE_DEAD;
    if (dead[i]) status = cl_buffers_inherit(w, i, e);
    if (dead[i] && status == 0 && cl_study_worker(w->study, i)->slots > 0) status = put_gone(w, i, e);
  }
  for (int64_t i = 1; i <= cl_study_trials(w->study) && status == 0; i++) {
    const struct cl_trial *t = cl_study_trial(w->study, i);
    if (t == NULL || !(t->head.flags & CL_ATTEMPT_OPEN) || t->head.worker < 1 || t->head.worker > n) continue;
    if (dead[t->head.worker] && cl_attempts_find(w, i, t->head.attempt) == NULL) status = judge(w, t, e);
  }
  cl_free(dead);
  if (status == 0) status = cl_twins_invite(w, e);
  return status < 0 ? status : cl_worker_unlink_all(w, e);
}
