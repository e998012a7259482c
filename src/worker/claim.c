/* Taking WAITING trials: everything that can fail (directories, lock, files, arguments) is done before
 * `started` is put, so a started trial needs nothing more than the keeper. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "spec/spec.h"
#include "worker/worker_impl.h"

#define BACK_OFF_MS     500
#define BACK_OFF_MAX_MS 30000

int64_t cl_worker_delay_claims(struct cl_worker *w) {
  int64_t ms = BACK_OFF_MS;
  for (int i = 0; i < w->claim_failures && ms < BACK_OFF_MAX_MS; i++) ms *= 2;
  if (ms > BACK_OFF_MAX_MS) ms = BACK_OFF_MAX_MS;
  w->claim_failures++;
  w->claim_after_us = cl_clock_monotonic_us() + ms * 1000;
  return ms;
}

void cl_worker_back_off(struct cl_worker *w, int64_t trial, const char *why) {
  int64_t ms = cl_worker_delay_claims(w);
  cl_worker_say(w, trial, "it could not be started: %s. The next start is tried in %g s", why,
                (double)ms / 1000);
}

/* Preparing. */

/* Nobody reads in the attempt's directory before it is started: no need to write beside and rename. */
static int write_new(const char *path, const char *bytes, size_t n, struct cl_err *e) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot create '%s': %s", path, strerror(errno));
  int status = cl_file_write_all(fd, bytes, n, path, e);
  if (close(fd) < 0 && status == 0)
    status = CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot write '%s': %s", path, strerror(errno));
  return status;
}

/* `name` becomes a further name of the file `target`. */
static int link_file(const char *target, const char *name, struct cl_err *e) {
  if (link(target, name) == 0) return 0;
  if (errno == EEXIST && unlink(name) == 0 && link(target, name) == 0) return 0;
  return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot link '%s' to '%s': %s", name, target, strerror(errno));
}

enum { SOCKET_LINE = 200, SLOW_MAKING_US = 150 };

int cl_worker_write_socket(struct cl_worker *w, int64_t trial, struct cl_err *e) {
  char line[SOCKET_LINE];
  (void)snprintf(line, sizeof line, "%s\n", w->socket);
  return cl_attempt_write(w->study, trial, 0, "socket", line, e);
}

bool cl_worker_has_written_socket(const struct cl_worker *w, int64_t trial) {
  char line[SOCKET_LINE], *path = cl_attempt_path(w->study, trial, 0, "socket"), *text = NULL;
  struct cl_err cause;
  size_t n = 0;
  (void)snprintf(line, sizeof line, "%s\n", w->socket);
  bool same =
      path != NULL && cl_file_read(path, SOCKET_LINE, &text, &n, &cause) == 0 && strcmp(text, line) == 0;
  cl_free(text);
  cl_free(path);
  return same;
}

/* params.json in the attempt's directory, and as a second name of the same file in the trial's, where people
 * look. */
static int write_params(struct cl_attempt *a, const struct cl_value *values, struct cl_err *e) {
  struct cl_worker *w = a->worker;
  struct cl_text text = {0};
  char *own = cl_attempt_path(w->study, a->trial, a->number, "params.json");
  char *shown = cl_attempt_path(w->study, a->trial, 0, "params.json");
  cl_command_params(cl_study_settings(w->study), values, &text);
  int status = own == NULL || shown == NULL || text.failed ? CL_FAIL_NOMEM(e) : 0;
  if (status == 0) status = write_new(own, text.bytes, text.length, e);
  if (status == 0 && link_file(own, shown, e) < 0)
    status = cl_file_write(shown, text.bytes, text.length, false, e);
  cl_text_done(&text);
  cl_free(own);
  cl_free(shown);
  return status;
}

/* The path of the snapshot to begin from; null when there is none. Gives. */
static int snapshot_path(struct cl_worker *w, int64_t position, char **ret, struct cl_err *e) {
  const struct cl_snapshot *n = position == 0 ? NULL : cl_study_snapshot(w->study, position);
  if (n != NULL && n->way == CL_WAY_REGION) n = cl_study_copy(w->study, n);
  if (n == NULL || n->path == NULL || n->way == CL_WAY_FORK) return 0;
  *ret = cl_attempt_path(w->study, 0, 0, n->path);
  return *ret == NULL ? CL_FAIL_NOMEM(e) : 0;
}

struct place_texts {
  char *directory, *checkpoints, *resume_from, *spec;
};

static void free_texts(struct place_texts *t) {
  cl_free(t->directory);
  cl_free(t->checkpoints);
  cl_free(t->resume_from);
  cl_free(t->spec);
}

static int make_texts(struct cl_attempt *a, struct place_texts *ret, struct cl_err *e) {
  struct cl_worker *w = a->worker;
  ret->directory = cl_attempt_path(w->study, a->trial, 0, NULL);
  ret->checkpoints = cl_attempt_path(w->study, a->trial, 0, "checkpoints");
  ret->spec = cl_attempt_path(w->study, a->trial, a->number, "spec.yaml");
  if (ret->directory == NULL || ret->checkpoints == NULL || ret->spec == NULL) return CL_FAIL_NOMEM(e);
  return snapshot_path(w, a->from, &ret->resume_from, e);
}

static int make_words(struct cl_attempt *a, const struct place_texts *t, const struct cl_value *values,
                      struct cl_err *e) {
  struct cl_worker *w = a->worker;
  const struct cl_settings *s = cl_study_settings(w->study);
  const struct cl_trial *trial = cl_attempt_trial(a);
  struct cl_command_place place = {.study = cl_study_name(w->study),
                                   .trial = a->trial,
                                   .attempt = a->number,
                                   .slot = a->slot,
                                   .slots = w->slots,
                                   .directory = t->directory,
                                   .checkpoints = t->checkpoints,
                                   .resume_from = t->resume_from,
                                   .store = w->store,
                                   .socket = w->socket,
                                   .token = a->token,
                                   .spec = t->spec,
                                   .seed = cl_trial_seed(w->study, trial),
                                   .reconnect_s = s->reconnect_s,
                                   .final = trial->head.role == CL_ROLE_ASSESS};
  bool searched = cl_role_is_searched(trial->head.role);
  if (searched && !s->repeats) place.search = s->method;
  if (w->options.n_gpus > 0) place.gpu = w->gpus[a->slot % w->options.n_gpus];
  int n = 0;
  CL_TRY(cl_spec_command(s, values, t->spec, &n, &a->arguments, e));
  return cl_command_environment(s, values, &place, environ, &a->environment, e);
}

/* The resolved copy at *path; a study that has none gets no path. */
static int write_spec(const struct cl_settings *s, const struct cl_value *values, char **path,
                      struct cl_err *e) {
  struct cl_text text = {0};
  int status = cl_spec_dump(s, values, &text, e);
  if (status == 0) status = write_new(*path, cl_text_get(&text), text.length, e);
  cl_text_done(&text);
  if (status != CLADE_EMPTY) return status;
  cl_free(*path);
  *path = NULL;
  return 0;
}

static int prepare(struct cl_attempt *a, struct cl_err *e) {
  struct cl_worker *w = a->worker;
  struct place_texts t = {0};
  const struct cl_trial *trial = cl_attempt_trial(a);
  a->from = cl_trial_resume_from(w->study, trial);
  cl_trial_values(w->study, trial, w->values);
  int status = make_texts(a, &t, e);
  /* What a former worker has written there is older than CLADE_SOCKET; of a first attempt nobody has. */
  if (status == 0 && a->number > 1) status = cl_worker_write_socket(w, a->trial, e);
  if (status == 0) status = write_params(a, w->values, e);
  if (status == 0) status = write_spec(cl_study_settings(w->study), w->values, &t.spec, e);
  if (status == 0) status = make_words(a, &t, w->values, e);
  free_texts(&t);
  return status;
}

/* Starting. */

static int ask_keeper(struct cl_attempt *a, struct cl_err *e) {
  struct cl_worker *w = a->worker;
  char *directory = cl_attempt_path(w->study, a->trial, a->number, NULL);
  char *out = cl_attempt_path(w->study, a->trial, a->number, "stdout");
  char *err = cl_attempt_path(w->study, a->trial, a->number, "stderr");
  const char *cwd = cl_study_settings(w->study)->cwd;
  struct cl_spawn s = {.id = a->trial * 1048576 + a->number,
                       .directory = directory,
                       .cwd = cwd == NULL ? "/" : cwd,
                       .out = out,
                       .err = err,
                       .argv = (const char *const *)a->arguments,
                       .env = (const char *const *)a->environment.items};
  int lock = a->lock, status = directory == NULL || out == NULL || err == NULL ? CL_FAIL_NOMEM(e) : 0;
  if (status == 0) {
    a->lock = -1;
    status = cl_keeper_spawn(w->keeper, &s, lock, e);
  }
  cl_free(directory);
  cl_free(out);
  cl_free(err);
  return status;
}

static bool begins_as_clone(const struct cl_attempt *a) {
  const struct cl_snapshot *n = a->from == 0 ? NULL : cl_study_snapshot(a->worker->study, a->from);
  return n != NULL && n->way == CL_WAY_FORK;
}

static int begin_clone(struct cl_attempt *a, struct cl_err *e) {
  int status = cl_twins_begin(a, e);
  if (status == 0) return 0;
  (void)close(a->lock);
  a->lock = -1;
  return status;
}

static void begin(struct cl_attempt *a, int64_t position) {
  struct cl_err e;
  bool clone = begins_as_clone(a);
  assert(a->phase == CL_PHASE_CLAIMED && a->lock >= 0);
  a->phase = CL_PHASE_SPAWNING;
  a->started = a->released = a->changed = position;
  a->started_ms = cl_log_now_ms(a->worker->log);
  a->started_us = cl_clock_monotonic_us();
  int status = clone ? begin_clone(a, &e) : ask_keeper(a, &e);
  cl_spec_command_free(a->arguments);
  a->arguments = NULL;
  cl_words_done(&a->environment);
  if (status < 0) {
    cl_worker_back_off(a->worker, a->trial, e.text);
    status = cl_attempt_lost(a, "free", e.text, &e);
  } else if (!clone) { /* that one connects */
    status = cl_attempt_follow(a, 0, &e);
  }
  if (status < 0) cl_worker_fail(a->worker, &e);
}

static void told_start(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct cl_attempt *a = ctx;
  (void)ev;
  assert(a->puts > 0);
  a->puts--;
  if (result->status == 0) {
    begin(a, result->position);
    return;
  }
  cl_attempt_drop(a->worker->study, a->trial, a->number, a->lock);
  a->lock = -1;
  a->phase = CL_PHASE_OVER;
  cl_worker_hurry(a->worker);
}

static int put_start(struct cl_attempt *a, cl_log_told *told, struct cl_err *e) {
  struct cl_worker *w = a->worker;
  const struct cl_trial *t = cl_attempt_trial(a);
  char args[40];
  (void)snprintf(args, sizeof args, "{\"slot\": %d}", a->slot);
  struct cl_event ev = {.kind = CL_EVENT_STARTED, .cause = CL_CAUSE_CLAIM, .args = args};
  ev.u.started.worker = w->number;
  ev.u.started.from = a->from;
  ev.u.started.until = w->options.until == NULL ? t->head.until : w->options.until(w->options.ctx, t);
  return cl_attempt_put(a, &ev, told, e);
}

/* Claiming. */

/* What went wrong with one trial's files is said and tried again; what would go wrong with every trial ends
 * the worker. */
static int give_up(struct cl_attempt *a, int status, const struct cl_err *cause, struct cl_err *e) {
  struct cl_worker *w = a->worker;
  int64_t trial = a->trial;
  if (a->lock >= 0) cl_attempt_drop(w->study, trial, a->number, a->lock);
  a->lock = -1;
  cl_attempts_remove(w, a);
  if (status == CLADE_EIO) cl_worker_back_off(w, trial, cause->text);
  return status == CLADE_BUSY || status == CLADE_EIO ? 0 : CL_FAIL(e, status, "%s", cause->text);
}

/* The replica may be older than the claim, the run and the end of another worker's attempt. Its directory
 * would be dropped with the conflict, before that worker has read the output. */
static int is_free(void *ctx, struct cl_err *e) {
  struct cl_attempt *a = ctx;
  struct cl_log *log = a->worker->log;
  struct cl_head now;
  CL_TRY(cl_store_trial_head(cl_log_store(log), cl_log_id(log), a->trial, &now, e));
  return now.version == cl_attempt_trial(a)->head.version ? 0 : CLADE_BUSY;
}

/* Where many files were deleted lately a new one can take a file system a hundred times as long
 * (cl_dir_spread). Then the next trial is made in another place, and those that follow come to lie beside it.
 */
static void note_making(struct cl_worker *w, int64_t us) {
  w->making_us = w->spread ? 0 : w->making_us + ((double)us - w->making_us) / 8;
  bool slow = w->making_us >= SLOW_MAKING_US;
  if (slow == w->spread) return;
  char *directory = cl_attempt_path(w->study, 0, 0, NULL);
  if (directory != NULL) cl_dir_spread(directory, slow);
  cl_free(directory);
  w->spread = slow;
}

static int claim(struct cl_worker *w, const struct cl_trial *t, struct cl_err *e) {
  struct cl_attempt *a = NULL;
  struct cl_err cause = {0};
  struct cl_attempt_owner owner = {w->host, w->boot, w->number, 0};
  bool gone = false;
  assert(!(t->head.flags & CL_ATTEMPT_OPEN));
  CL_TRY(cl_worker_check_source(w, t, &gone, e));
  if (gone) return 0;
  CL_TRY(cl_attempts_add(w, t->number, t->head.attempt + 1, &a, e));
  cl_trial_values(w->study, t, w->values);
  a->fixed = owner.fixed = cl_attempt_fixed(cl_study_space(w->study), w->values);
  int64_t before_us = cl_clock_thread_us();
  int status = cl_attempt_open(w->study, a->trial, a->number, &owner, is_free, a, &a->lock, a->token, &cause);
  note_making(w, cl_clock_thread_us() - before_us);
  if (status == 0) status = prepare(a, &cause);
  if (status != 0) return give_up(a, status, &cause, e);
  return put_start(a, told_start, e);
}

static void told_reclaim(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct cl_attempt *a = ctx;
  (void)ev;
  a->puts--;
  a->reclaiming = false;
  if (result->status == 0) a->started = result->position;
  a->attention = a->worker->attention = true;
}

int cl_attempt_reclaim(struct cl_attempt *a, struct cl_err *e) {
  bool leaving = a->urge != CL_URGE_NONE || (a->session != NULL && a->session->told_to_end);
  if (a->phase != CL_PHASE_RUNNING || a->reclaiming || leaving || a->worker->shutdown != 0) return 0;
  a->reclaiming = true;
  return put_start(a, told_reclaim, e);
}

/* Its state may be in the memory of another worker: then it is that one's, until a copy has been written. A
 * twin speaks to one worker. */
static bool is_within_reach(const struct cl_worker *w, const struct cl_trial *t) {
  const struct cl_snapshot *n = cl_study_snapshot(w->study, cl_trial_resume_from(w->study, t));
  if (n != NULL && n->way == CL_WAY_FORK) return cl_twins_find(w, n) != CLADE_BUSY;
  if (n == NULL || n->way != CL_WAY_REGION || cl_buffers_find(w, n) != NULL) return true;
  return cl_study_copy(w->study, n) != NULL || !cl_buffers_may_come(w, n);
}

static bool may_claim(const struct cl_worker *w, const struct cl_trial *t) {
  if (cl_study_settings(w->study)->paused != NULL) return false;
  bool counted = cl_role_is_searched(t->head.role);
  if (w->options.roles != 0 && !(w->options.roles & 1u << t->head.role)) return false;
  if (counted && !cl_study_head(w->study)->open) return false;
  if ((t->head.flags & CL_FLAG_VOIDED) && cl_study_settings(w->study)->schedule != NULL) return false;
  return !(t->head.flags & CL_ATTEMPT_OPEN) && cl_attempts_find(w, t->number, t->head.attempt + 1) == NULL;
}

static bool is_claimable(const struct cl_worker *w, const struct cl_trial *t) {
  return may_claim(w, t) && is_within_reach(w, t);
}

/* It is to begin from a process that is gone: that is made again first, in the slot that it would have. */
static int make_again(struct cl_worker *w, const struct cl_trial *t, struct cl_err *e) {
  const struct cl_snapshot *n = cl_study_snapshot(w->study, cl_trial_resume_from(w->study, t));
  bool waits = n != NULL && cl_twins_is_gone(w, n) && cl_remake_may(w, n) && may_claim(w, t);
  return waits ? cl_remake_begin(w, n, e) : 0;
}

int cl_worker_claim(struct cl_worker *w, struct cl_err *e) {
  if (w->shutdown != 0) return 0;
  for (int64_t n = cl_study_first_waiting(w->study); n != 0; n = cl_study_next_waiting(w->study, n)) {
    if ((int)w->n_all + cl_remake_running(w) >= w->slots || w->claim_after_us > cl_clock_monotonic_us())
      return 0;
    const struct cl_trial *t = cl_study_trial(w->study, n);
    CL_TRY(is_claimable(w, t) ? claim(w, t, e) : make_again(w, t, e));
  }
  return 0;
}
