/* One question is open at a time. It is written once and kept: after a reconnection the same bytes are sent
 * again, and the worker answers a repetition like the first. */
#include "trainer/session.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "trainer/state.h"

int cl_trainer_session_init(struct cl_trainer_session *s, const struct clade_trainer_options *options,
                            struct cl_trainer_values *values, struct cl_trainer_environment *env,
                            struct cl_err *e) {
  *s = (struct cl_trainer_session){
      .values = values, .env = env, .token = env->token, .reconnect_s = env->reconnect_s};
  if (options != NULL) s->options = *options;
  return cl_trainer_link_init(&s->link, env->socket, env->directory, e);
}

void cl_trainer_session_done(struct cl_trainer_session *s) {
  cl_trainer_link_done(&s->link);
  cl_trainer_regions_done(&s->regions);
  cl_trainer_twins_done(&s->twins);
  cl_text_done(&s->question);
  cl_text_done(&s->hello);
  cl_free(s->load);
  cl_free(s->announced_path);
}

/* What holds whenever no function of this file runs. */
static void check_session(const struct cl_trainer_session *s) {
  (void)s;
  assert(s->reports >= 0 && s->sent == s->reports);
  assert(!s->busy);
  assert(!s->over || s->link.fd < 0);
  assert(s->exit_status == 0 || s->over);
  assert(!s->announced || !isnan(s->announced_at));
}

/* --- what an answer changes -------------------------------------------------------------------------- */

static int apply_values(struct cl_trainer_session *s, const struct cl_message *m, struct cl_err *e) {
  for (size_t i = 0; i < m->n_values; i++) CL_TRY(cl_trainer_value_set(s->values, &m->values[i], e));
  if (m->change > 0) s->change = m->change;
  return 0;
}

static int replace_text(char **text, const char *with, struct cl_err *e) {
  char *copy = cl_copy_text(with);
  if (copy == NULL && with != NULL) return CL_FAIL_NOMEM(e);
  cl_free(*text);
  *text = copy;
  return 0;
}

static int announce(struct cl_trainer_session *s, const struct cl_message *m, struct cl_err *e) {
  s->announced = false;
  CL_TRY(replace_text(&s->announced_path, m->path, e));
  s->announced = m->has_save_at;
  s->announced_at = m->save_at;
  s->announced_way = m->way;
  return 0;
}

static int end(struct cl_trainer_session *s, int exit_status) {
  s->exit_status = exit_status;
  s->over = true;
  cl_trainer_link_drop(&s->link);
  return CLADE_STOP;
}

static int fail_worker(struct cl_trainer_session *s, int code, const struct cl_message *m, struct cl_err *e) {
  if (code == CLADE_EPROTOCOL) {
    s->over = true;
    cl_trainer_link_drop(&s->link);
  }
  return CL_FAIL(e, code, "the worker says: %s%s%s%s%s", m->text, m->field == NULL ? "" : "; ",
                 m->field == NULL ? "" : m->field, m->limit == NULL ? "" : " must be ",
                 m->limit == NULL ? "" : m->limit);
}

static int fail_order(struct cl_trainer_session *s, const struct cl_message *m, const char *open,
                      struct cl_err *e) {
  s->over = true;
  cl_trainer_link_drop(&s->link);
  return CL_FAIL(e, CLADE_EPROTOCOL, "the worker answered '%s' to '%s'; is it of another version?",
                 cl_message_type_text(m->type), open);
}

/* --- hello ------------------------------------------------------------------------------------------- */

static int send_hello(struct cl_trainer_session *s, struct cl_err *e) {
  struct cl_message m = {
      .type = CL_MESSAGE_HELLO, .token = s->token, .protocol = CL_MESSAGE_PROTOCOL, .reports = s->sent};
  if (s->options.save != NULL) m.can |= CL_MESSAGE_CAN_SAVE;
  if (s->options.load != NULL) m.can |= CL_MESSAGE_CAN_LOAD;
  if (s->regions.n > 0) m.can |= CL_MESSAGE_CAN_SAVE | CL_MESSAGE_CAN_LOAD | CL_MESSAGE_CAN_REGIONS;
  if (s->forks) m.can |= CL_MESSAGE_CAN_FORK;
  m.bytes = s->regions.bytes;
  s->told = true;
  cl_text_clear(&s->hello);
  CL_TRY(cl_message_write(&s->hello, &m, e));
  return cl_trainer_link_send(&s->link, s->hello.bytes, s->hello.length, e);
}

/* `start`: what holds now, after a reconnection as well. */
static int take_start(struct cl_trainer_session *s, const struct cl_message *m, struct cl_err *e) {
  CL_TRY(apply_values(s, m, e));
  if (m->load != NULL) CL_TRY(replace_text(&s->load, m->load, e));
  CL_TRY(announce(s, m, e));
  s->seed = m->seed;
  s->reports = m->reports;
  return 0;
}

/* Connect and say hello once. 0: *ret is the `start`, taken; CLADE_STOP: *ret is a pause or stop. */
static int try_hello(struct cl_trainer_session *s, struct cl_message *ret, struct cl_err *e) {
  CL_TRY(cl_trainer_link_connect(&s->link, e));
  CL_TRY(send_hello(s, e));
  CL_TRY(cl_trainer_link_receive(&s->link, ret, e));
  switch (ret->type) {
  case CL_MESSAGE_START: return take_start(s, ret, e);
  case CL_MESSAGE_PAUSE:
  case CL_MESSAGE_STOP: return CLADE_STOP;
  case CL_MESSAGE_ERROR: return fail_worker(s, CLADE_EPROTOCOL, ret, e);
  default: return fail_order(s, ret, "hello", e);
  }
}

static void sleep_us(int64_t us) {
  struct timespec rest = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
  while (nanosleep(&rest, &rest) < 0 && errno == EINTR) continue;
}

/* As try_hello, again and again until reconnect_s have passed: CLADE_ECLOSED. */
static int say_hello(struct cl_trainer_session *s, struct cl_message *ret, struct cl_err *e) {
  enum { FIRST_US = 100000, LAST_US = 1000000 };
  int64_t deadline = cl_clock_monotonic_us() + (int64_t)(s->reconnect_s * 1e6);
  for (int64_t pause = FIRST_US;; pause = pause * 2 < LAST_US ? pause * 2 : LAST_US) {
    int status = try_hello(s, ret, e);
    if (status != CLADE_ECLOSED) return status;
    int64_t left = deadline - cl_clock_monotonic_us();
    if (left <= 0) {
      (void)cl_err_prefix(e, "no worker came back within %g s (CLADE_RECONNECT): ", s->reconnect_s);
      return CLADE_ECLOSED;
    }
    sleep_us(pause < left ? pause : left);
  }
}

/* Say hello; 0 or CLADE_STOP with the message, else nothing can be said any more. */
static int open_or_end(struct cl_trainer_session *s, struct cl_message *ret, struct cl_err *e) {
  int status = say_hello(s, ret, e);
  s->sent = s->reports;
  if (status < 0) (void)end(s, status == CLADE_ECLOSED ? CLADE_TRAINER_EXIT_PREEMPTED : 0);
  if (status == CLADE_STOP)
    (void)end(s, ret->type == CL_MESSAGE_PAUSE ? CLADE_TRAINER_EXIT_PREEMPTED : CLADE_TRAINER_EXIT_STOPPED);
  check_session(s);
  return status;
}

int cl_trainer_session_open(struct cl_trainer_session *s, struct cl_err *e) {
  struct cl_message m;
  int status = open_or_end(s, &m, e);
  if (status != CLADE_STOP) return status;
  return CL_FAIL(e, CLADE_ESTALE,
                 "this attempt was asked to stop before it began: the trial has a newer one, or has ended");
}

int cl_trainer_session_tell(struct cl_trainer_session *s, struct cl_err *e) {
  struct cl_message m;
  check_session(s);
  assert(!s->over);
  if (s->told) return 0;
  cl_trainer_link_drop(&s->link);
  return open_or_end(s, &m, e);
}

/* --- questions and answers --------------------------------------------------------------------------- */

static int write_question(struct cl_trainer_session *s, const struct cl_message *m, struct cl_err *e) {
  cl_text_clear(&s->question);
  return cl_message_write(&s->question, m, e);
}

/* After a reconnection: a report that was never sent takes the next ordinal; one that was sent keeps its own,
 * unless the worker has lost reports before it. */
static int renumber(struct cl_trainer_session *s, struct cl_message *report, bool fresh, struct cl_err *e) {
  int64_t next = s->reports + 1;
  if (report == NULL || report->ordinal == next || (!fresh && report->ordinal < next)) return 0;
  report->ordinal = s->sent = next;
  return write_question(s, report, e);
}

/* Send the written question and get its answer, over as many workers as it takes. `report` is the question if
 * that is a report. */
static int ask(struct cl_trainer_session *s, struct cl_message *report, struct cl_message *ret,
               struct cl_err *e) {
  for (bool fresh = true;;) {
    int status = CLADE_ECLOSED;
    if (s->link.fd >= 0) {
      fresh = false;
      status = cl_trainer_link_send(&s->link, s->question.bytes, s->question.length, e);
      if (status == 0) status = cl_trainer_link_receive(&s->link, ret, e);
    }
    if (status != CLADE_ECLOSED) return status;
    CL_TRY(status = say_hello(s, ret, e));
    if (status == CLADE_STOP) return 0;
    CL_TRY(renumber(s, report, fresh, e));
  }
}

/* Why a state could not be saved or loaded, as the study is told: always UTF-8, whatever the locale. */
static const char *get_reason(int status, const struct cl_err *reason) {
  assert(status < 0 && reason->code == status);
  return cl_text_is_utf8(reason->text, strlen(reason->text)) ? reason->text : clade_error_text(status);
}

/* Run one of the program's functions, during which nothing may be said. */
static int run_function(struct cl_trainer_session *s, int (*function)(void *ctx, const char *directory),
                        const char *what, const char *directory, struct cl_err *e) {
  s->busy = true;
  int outcome = function(s->options.ctx, directory);
  s->busy = false;
  return outcome == 0 ? 0 : CL_FAIL(e, CLADE_EIO, "the program's %s function returned %d", what, outcome);
}

static int fill_directory(struct cl_trainer_session *s, const char *directory, struct cl_err *e) {
  CL_TRY(cl_trainer_state_create(directory, e));
  if (s->regions.n > 0) return cl_trainer_regions_write(&s->regions, directory, e);
  return run_function(s, s->options.save, "save", directory, e);
}

static bool can_save(const struct cl_trainer_session *s, enum cl_message_way way) {
  if (s->regions.n > 0) return way != CL_MESSAGE_WAY_FORK;
  return s->options.save != NULL && way == CL_MESSAGE_WAY_DIRECTORY;
}

/* Save into `path`; *ret becomes the `saved` to send. Never fails: what went wrong is part of it. */
static void save_state(struct cl_trainer_session *s, const char *path, enum cl_message_way way,
                       struct cl_message *ret, struct cl_err *reason) {
  ret->path = path;
  int status = 0;
  if (!can_save(s, way)) {
    status = CL_FAIL(reason, CLADE_EUNSUPPORTED, "this program cannot save its state in this way");
  } else if (path == NULL) {
    status = CL_FAIL(reason, CLADE_EPROTOCOL, "no path was given to save to");
  } else if (way == CL_MESSAGE_WAY_REGION) {
    status = cl_trainer_regions_put(&s->regions, path, reason);
    ret->bytes = s->regions.bytes;
  } else {
    status = fill_directory(s, path, reason);
    if (status == 0) status = cl_trainer_state_measure(path, false, &ret->bytes, reason);
  }
  if (status < 0) ret->error = get_reason(status, reason);
}

bool cl_trainer_session_can_load(const struct cl_trainer_session *s) {
  return s->options.load != NULL || s->regions.n > 0;
}

/* What kind of state it is can be seen: regions are known by their list. */
int cl_trainer_session_load_from(struct cl_trainer_session *s, const char *path, struct cl_err *e) {
  if (s->regions.n > 0 && (s->options.load == NULL || cl_trainer_regions_is_state(path)))
    return cl_trainer_regions_take(&s->regions, path, e);
  cl_trainer_regions_forget(&s->regions);
  if (s->options.load == NULL)
    return CL_FAIL(e, CLADE_EUNSUPPORTED, "this program cannot load a state in this way");
  return run_function(s, s->options.load, "load", path, e);
}

/* Load from `path`; *ret becomes the `loaded` to send. As save_state. */
static void load_state(struct cl_trainer_session *s, const char *path, struct cl_message *ret,
                       struct cl_err *reason) {
  int status = cl_trainer_session_load_from(s, path, reason);
  if (status < 0) ret->error = get_reason(status, reason);
  ret->missing = s->regions.missing;
  ret->n_missing = status < 0 ? 0 : s->regions.n_missing;
  s->loaded = status == 0;
}

/* --- twins ------------------------------------------------------------------------------------------- */

/* What obey and its callers say besides 0 and errors: a question is written; an answer is waited for; this
 * process is a clone, and what was being said is no more. */
enum { ASK = 1, WAIT = 2, CLONED = 3 };

static_assert((int)CLONED < (int)CLADE_STOP, "news must differ");

/* The process becomes an attempt of its own, as if it had been started for it. */
static int become(struct cl_trainer_session *s, const char *directory, struct cl_err *e) {
  CL_TRY(cl_trainer_twin_become(directory, s->link.lock, e));
  CL_TRY(cl_trainer_environment_read(s->env, e));
  if (s->env->socket == NULL) return CL_FAIL(e, CLADE_EPROTOCOL, "the environment has no CLADE_SOCKET");
  s->link.lock = -1; /* it is held from here on */
  cl_trainer_link_done(&s->link);
  CL_TRY(cl_trainer_link_init(&s->link, s->env->socket, s->env->directory, e));
  s->token = s->env->token;
  s->reconnect_s = s->env->reconnect_s;
  s->reports = s->sent = 0;
  s->announced = false;
  return replace_text(&s->load, NULL, e);
}

/* A clone for the attempt that `answer` names: CLONED in it, in the twin 0 or an error. */
static int fork_clone(struct cl_trainer_session *s, const struct cl_message *answer, struct cl_err *e) {
  bool cloned = false;
  if (answer->path == NULL) return CL_FAIL(e, CLADE_EPROTOCOL, "no directory was given for the clone");
  int status = cl_trainer_twin_fork_orphan(s->link.fd, &cloned, e);
  if (status < 0 || !cloned) {
    if (s->link.lock >= 0) (void)close(s->link.lock);
    s->link.lock = -1;
    return status;
  }
  s->link.fd = -1;
  if (become(s, answer->path, e) == 0) return CLONED;
  (void)fprintf(stderr, "clade: this clone cannot begin: %s\n", e->text);
  _exit(1);
}

static int twin_hello(struct cl_trainer_session *s, const char *token) {
  struct cl_message hello = {
      .type = CL_MESSAGE_HELLO, .token = token, .protocol = CL_MESSAGE_PROTOCOL, .can = CL_MESSAGE_CAN_FORK};
  CL_TRY(cl_trainer_link_connect(&s->link, NULL));
  CL_TRY(write_question(s, &hello, NULL));
  return cl_trainer_link_send(&s->link, s->question.bytes, s->question.length, NULL);
}

/* Answers, until the connection ends: CLONED, or an error. Whatever is not about forking ends the twin. */
static int serve_clones(struct cl_trainer_session *s, double step) {
  for (;;) {
    struct cl_message answer;
    struct cl_err reason;
    CL_TRY(cl_trainer_link_receive(&s->link, &answer, NULL));
    if (answer.type != CL_MESSAGE_FORK) _exit(0);
    int status = fork_clone(s, &answer, &reason);
    if (status == CLONED) return CLONED;
    struct cl_message saved = {.type = CL_MESSAGE_SAVED, .step = step};
    if (status < 0) saved.error = get_reason(status, &reason);
    CL_TRY(write_question(s, &saved, NULL));
    CL_TRY(cl_trainer_link_send(&s->link, s->question.bytes, s->question.length, NULL));
  }
}

/* The frozen copy: says that it is there, waits, and forks when it is asked to. It finds the next worker as a
 * trainer does, and ends when there is none. Comes back as a clone only. */
static int be_twin(struct cl_trainer_session *s, const char *name, double step) {
  enum { FIRST_US = 100000, LAST_US = 1000000 };
  char *token = cl_copy_text(name);
  if (token == NULL) _exit(1);
  s->link.fd = -1;
  cl_trainer_link_drop(&s->link);
  int64_t pause = FIRST_US, deadline = 0;
  for (;;) {
    int status = twin_hello(s, token);
    if (status == 0) {
      deadline = 0;
      pause = FIRST_US;
      status = serve_clones(s, step);
    }
    if (status == CLONED) break;
    if (status != CLADE_ECLOSED) _exit(1);
    int64_t now = cl_clock_monotonic_us();
    if (deadline == 0) deadline = now + (int64_t)(s->reconnect_s * 1e6);
    if (now >= deadline) _exit(0);
    sleep_us(pause);
    pause = pause * 2 < LAST_US ? pause * 2 : LAST_US;
  }
  cl_free(token);
  return CLONED;
}

/* Leave a twin behind, under that token: 0 or an error, and CLONED in a process that comes of it. */
static int make_twin(struct cl_trainer_session *s, const char *token, double step, struct cl_err *e) {
  bool is_twin = false;
  if (!s->forks) return CL_FAIL(e, CLADE_EUNSUPPORTED, "this program does not let itself be forked");
  CL_TRY(cl_trainer_twin_check(s->link.fd, e));
  CL_TRY(cl_trainer_twin_fork(&s->twins, s->link.fd, &is_twin, e));
  return is_twin ? be_twin(s, token, step) : 0;
}

/* What a clone says first. 0 = go on; CLADE_STOP, without a worker too; other errors of open. */
static int begin_clone(struct cl_trainer_session *s, struct cl_err *e) {
  struct cl_message m;
  int status = open_or_end(s, &m, e);
  return status == CLADE_ECLOSED ? CLADE_STOP : status;
}

/* --- answers ----------------------------------------------------------------------------------------- */

/* Held in a report, this process is a twin itself: a clone goes on, and it says so. */
static int obey_clone(struct cl_trainer_session *s, const struct cl_message *answer, double step,
                      struct cl_err *e) {
  struct cl_err reason = {0};
  struct cl_message saved = {.type = CL_MESSAGE_SAVED, .step = step};
  int status = fork_clone(s, answer, &reason);
  if (status == CLONED) return CLONED;
  if (status < 0) saved.error = get_reason(status, &reason);
  CL_TRY(write_question(s, &saved, e));
  return ASK;
}

/* The worker answers again when the twin has said hello. */
static int obey_fork(struct cl_trainer_session *s, const struct cl_message *answer, double step,
                     const char *open, struct cl_err *e) {
  struct cl_err reason = {0};
  if (!s->forks) return fail_order(s, answer, open, e);
  if (answer->path != NULL) return obey_clone(s, answer, step, e);
  int status = make_twin(s, answer->token, step, &reason);
  if (status >= 0) return status == CLONED ? CLONED : WAIT;
  struct cl_message saved = {
      .type = CL_MESSAGE_SAVED, .step = step, .path = answer->token, .error = get_reason(status, &reason)};
  CL_TRY(write_question(s, &saved, e));
  return ASK;
}

/* Make the next question out of an answer that asks for one. ASK it; WAIT for another answer; 0 = go; CLONED;
 * CLADE_STOP; errors. */
static int obey(struct cl_trainer_session *s, const struct cl_message *answer, double step, const char *open,
                struct cl_err *e) {
  assert(!s->over && s->link.fd >= 0);
  struct cl_err reason = {0};
  struct cl_message saved = {.type = CL_MESSAGE_SAVED, .step = step};
  struct cl_message loaded = {.type = CL_MESSAGE_LOADED, .change = answer->change};
  switch (answer->type) {
  case CL_MESSAGE_GO:
    CL_TRY(apply_values(s, answer, e));
    CL_TRY(announce(s, answer, e));
    return s->exit_status == 0 ? 0 : end(s, s->exit_status);
  case CL_MESSAGE_PAUSE:
  case CL_MESSAGE_STOP:
    s->exit_status =
        answer->type == CL_MESSAGE_PAUSE ? CLADE_TRAINER_EXIT_PREEMPTED : CLADE_TRAINER_EXIT_STOPPED;
    if (answer->save == NULL) return end(s, s->exit_status);
    save_state(s, answer->save, CL_MESSAGE_WAY_DIRECTORY, &saved, &reason);
    CL_TRY(write_question(s, &saved, e));
    return ASK;
  case CL_MESSAGE_SAVE:
    save_state(s, answer->path, answer->way, &saved, &reason);
    CL_TRY(write_question(s, &saved, e));
    return ASK;
  case CL_MESSAGE_FORK: return obey_fork(s, answer, step, open, e);
  case CL_MESSAGE_LOAD:
    CL_TRY(apply_values(s, answer, e));
    load_state(s, answer->path, &loaded, &reason);
    CL_TRY(write_question(s, &loaded, e));
    return ASK;
  case CL_MESSAGE_ERROR: return fail_worker(s, answer->fatal ? CLADE_EPROTOCOL : CLADE_EREFUSED, answer, e);
  default: return fail_order(s, answer, open, e);
  }
}

/* Ask the written question, then those that its answers ask for. 0 = go; CLADE_STOP; errors, after which the
 * connection is as before or dropped: a later question then begins with a hello, which tells everything anew.
 */
static int converse(struct cl_trainer_session *s, struct cl_message *report, double step, const char *open,
                    struct cl_err *e) {
  int status = ASK;
  while (status == ASK || status == WAIT) {
    struct cl_message answer;
    assert(!s->over && s->question.length > 0);
    bool again = status == ASK;
    if (!again) status = cl_trainer_link_receive(&s->link, &answer, e);
    if (again || status == CLADE_ECLOSED) status = ask(s, report, &answer, e);
    if (status < 0) break;
    if (report != NULL && answer.type != CL_MESSAGE_ERROR) s->reports = report->ordinal;
    status = obey(s, &answer, step, open, e);
    if (status == WAIT) continue;
    report = NULL;
    open = "saved or loaded";
  }
  if (status < 0 && s->exit_status != 0) return end(s, s->exit_status); /* it was to end anyway */
  if (status == CLADE_EPROTOCOL) s->over = true;
  if (status < 0 && status != CLADE_EREFUSED) cl_trainer_link_drop(&s->link);
  if (status == CLONED) status = begin_clone(s, e);
  assert(status == 0 || status == CLADE_STOP || status < 0);
  return status;
}

int cl_trainer_session_load(struct cl_trainer_session *s, struct cl_err *e) {
  check_session(s);
  assert(s->load != NULL && !s->over);
  char *path = s->load;
  s->load = NULL;
  struct cl_err reason = {0};
  struct cl_message loaded = {.type = CL_MESSAGE_LOADED, .change = s->change};
  load_state(s, path, &loaded, &reason);
  int status = write_question(s, &loaded, e);
  if (status == 0) status = converse(s, NULL, 0, "loaded", e);
  if (s->load != NULL && strcmp(s->load, path) == 0)
    (void)replace_text(&s->load, NULL, e); /* a second start */
  cl_free(path);
  return status == 0 && !s->loaded ? CLADE_EMPTY : status;
}

/* Save as announced, if this step is the one; *ret_path keeps what the report then points to. */
static int take_announced(struct cl_trainer_session *s, struct cl_message *report, char **ret_path,
                          struct cl_err *reason, struct cl_err *e) {
  if (!s->announced || report->step < s->announced_at) return 0;
  *ret_path = s->announced_path;
  s->announced_path = NULL;
  s->announced = false;
  if (s->announced_way == CL_MESSAGE_WAY_FORK) {
    report->path = *ret_path;
    int status = *ret_path == NULL ? CL_FAIL(reason, CLADE_EPROTOCOL, "no token was given for a twin")
                                   : make_twin(s, *ret_path, report->step, reason);
    if (status == CLONED) return CLONED;
    if (status < 0) report->error = get_reason(status, reason);
  } else {
    save_state(s, *ret_path, s->announced_way, report, reason);
  }
  return write_question(s, report, e);
}

int cl_trainer_session_report(struct cl_trainer_session *s, double step, const struct cl_wire_metric *metrics,
                              size_t n_metrics, struct cl_err *e) {
  check_session(s);
  assert(!s->over && isfinite(step));
  cl_trainer_regions_forget(&s->regions);
  char *path = NULL;
  struct cl_err reason = {0};
  struct cl_message report = {.type = CL_MESSAGE_REPORT,
                              .ordinal = s->reports + 1,
                              .step = step,
                              .metrics = metrics,
                              .n_metrics = n_metrics};
  CL_TRY(write_question(s, &report, e)); /* nothing is saved for a report that cannot be sent */
  int status = take_announced(s, &report, &path, &reason, e);
  if (status == CLONED) {
    status = begin_clone(s, e);
  } else {
    s->sent = report.ordinal;
    if (status == 0) status = converse(s, &report, step, "report", e);
  }
  s->sent = s->reports;
  (void)replace_text(&s->load, NULL, e); /* of a second start: what trains now has been acknowledged */
  cl_free(path);
  return status;
}

int cl_trainer_session_finish(struct cl_trainer_session *s, struct cl_err *e) {
  check_session(s);
  assert(!s->over);
  struct cl_message done = {.type = CL_MESSAGE_DONE};
  CL_TRY(write_question(s, &done, e));
  return converse(s, NULL, 0, "done", e);
}

int cl_trainer_session_save_into(struct cl_trainer_session *s, const char *directory, struct cl_err *e) {
  if (!can_save(s, CL_MESSAGE_WAY_DIRECTORY))
    return CL_FAIL(e, CLADE_EUNSUPPORTED, "this program has no function that saves its state");
  if (s->busy) return CL_FAIL(e, CLADE_EINVAL, "a save or load function must not save");
  CL_TRY(fill_directory(s, directory, e));
  int64_t bytes = 0;
  return cl_trainer_state_measure(directory, true, &bytes, e);
}

int cl_trainer_session_save_late(struct cl_trainer_session *s, double step, const char *directory,
                                 struct cl_err *e) {
  if (!can_save(s, CL_MESSAGE_WAY_DIRECTORY) || directory == NULL) return 0;
  char number[CL_NUMBER_TEXT];
  struct cl_text part = {0}, whole = {0};
  cl_text_format(&whole, "%s/%s.late", directory, cl_number_text(step, number));
  cl_text_format(&part, "%s.part", cl_text_get(&whole));
  int status =
      part.failed || whole.failed ? CL_FAIL_NOMEM(e) : cl_trainer_session_save_into(s, part.bytes, e);
  if (status == 0 && rename(part.bytes, whole.bytes) < 0)
    status = CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot rename to %s: %s", whole.bytes, strerror(errno));
  cl_text_done(&part);
  cl_text_done(&whole);
  return status;
}
