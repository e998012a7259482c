#include "worker/remake.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "spec/spec.h"
#include "worker/process.h"
#include "worker/worker_impl.h"

#define PREFIX    "remake."
#define TRIES_MAX 3
#define COME_US   30000000 /* for a process to say hello */

struct cl_remake {
  struct cl_worker *worker;
  struct cl_remake *next;
  int64_t snapshot;
  bool failed, running;
  int tries;
  struct cl_remake_way way;
  size_t leg;
  char token[60];
  char *directory;
  struct cl_session *session; /* or null */
  int64_t reports;            /* of the process of this leg */
  int64_t deadline_us;        /* without a session: until when it must be back */
  pid_t pid;
  int64_t start;
};

void cl_remake_way_done(struct cl_remake_way *way) {
  cl_free(way->legs);
  cl_course_done(&way->course);
  cl_timetable_done(&way->table);
  *way = (struct cl_remake_way){0};
}

static struct cl_remake *find(const struct cl_worker *w, int64_t snapshot) {
  struct cl_remake *r = w->remakes;
  while (r != NULL && r->snapshot != snapshot) r = r->next;
  return r;
}

bool cl_remake_may(const struct cl_worker *w, const struct cl_snapshot *n) {
  const struct cl_remake *r = find(w, n->position);
  return w->options.way != NULL && n->usable && (r == NULL || !r->failed);
}

int cl_remake_running(const struct cl_worker *w) {
  int n = 0;
  for (const struct cl_remake *r = w->remakes; r != NULL; r = r->next) n += r->running;
  return n;
}

/* Ends. */

static void end_process(struct cl_remake *r) {
  if (r->session != NULL) {
    r->session->remake = NULL;
    cl_session_close(r->session);
  }
  r->session = NULL;
  if (r->pid > 1) cl_process_signal_group(r->pid, r->start, SIGKILL);
  r->pid = 0;
  r->running = false;
}

static void give_up(struct cl_remake *r, const char *why) {
  struct cl_worker *w = r->worker;
  const struct cl_snapshot *n = cl_study_snapshot(w->study, r->snapshot);
  end_process(r);
  r->failed = true;
  cl_remake_way_done(&r->way);
  cl_worker_say(w, n->trial, "its state at step %g is gone, and could not be made again: %s", n->step, why);
  w->twins_stirred = true;
  cl_buffers_look(w);
  cl_worker_hurry(w);
}

/* Beginning. */

static bool random_hex(char *ret, size_t n) {
  unsigned char bytes[16];
  assert(n <= sizeof bytes);
  if (getrandom(bytes, n, 0) != (ssize_t)n) return false;
  for (size_t i = 0; i < n; i++) (void)snprintf(ret + 2 * i, 3, "%02x", (unsigned)bytes[i]);
  return true;
}

static bool new_token(struct cl_remake *r) {
  char hex[33];
  if (!random_hex(hex, 16)) return false;
  (void)snprintf(r->token, sizeof r->token, PREFIX "%s", hex);
  return true;
}

/* A directory for one leg: below that of the first one. */
static char *leg_directory(const struct cl_remake *r) {
  char name[30];
  if (r->leg == 0) return cl_copy_text(r->directory);
  (void)snprintf(name, sizeof name, "leg-%zu", r->leg);
  return cl_path_join(r->directory, name);
}

static void values_of(const struct cl_remake *r, double step, struct cl_value *ret) {
  assert(r->way.n > 0 && r->way.course.n >= 0);
  const struct cl_value *values = cl_course_values(&r->way.course, cl_course_entry(&r->way.course, step));
  memcpy(ret, values, (size_t)r->way.course.n * sizeof *ret);
}

static double leg_from(const struct cl_remake *r) {
  assert(r->leg < r->way.n);
  return r->leg == 0 ? CL_NO_STEP : r->way.legs[r->leg - 1].to;
}

static int make_environment(struct cl_remake *r, const char *directory, const char *spec,
                            struct cl_words *ret, struct cl_err *e) {
  struct cl_worker *w = r->worker;
  const struct cl_settings *s = cl_study_settings(w->study);
  const struct cl_remake_leg *leg = &r->way.legs[r->leg];
  const struct cl_trial *t = cl_study_trial(w->study, leg->trial);
  char *checkpoints = cl_path_join(directory, "checkpoints");
  struct cl_command_place place = {.study = cl_study_name(w->study),
                                   .trial = leg->trial,
                                   .attempt = leg->attempt,
                                   .slots = w->slots,
                                   .directory = directory,
                                   .checkpoints = checkpoints,
                                   .store = w->store,
                                   .socket = w->socket,
                                   .token = r->token,
                                   .spec = spec,
                                   .seed = cl_trial_seed(w->study, t),
                                   .reconnect_s = 1}; /* no other worker would know it */
  bool searched = cl_role_is_searched(t->head.role);
  if (searched && !s->repeats) place.search = s->method;
  if (w->options.n_gpus > 0) place.gpu = w->gpus[0];
  int status = checkpoints == NULL ? CL_FAIL_NOMEM(e) : 0;
  if (status == 0) status = cl_command_environment(s, w->values, &place, environ, ret, e);
  cl_free(checkpoints);
  return status;
}

static int write_spec(const struct cl_worker *w, char **path, struct cl_err *e) {
  struct cl_text text = {0};
  int status = cl_spec_dump(cl_study_settings(w->study), w->values, &text, e);
  if (status == 0) status = cl_file_write(*path, cl_text_get(&text), text.length, false, e);
  cl_text_done(&text);
  if (status != CLADE_EMPTY) return status;
  cl_free(*path);
  *path = NULL;
  return 0;
}

static int ask_keeper(struct cl_remake *r, char **arguments, const struct cl_words *environment,
                      struct cl_err *e) {
  struct cl_worker *w = r->worker;
  const char *cwd = cl_study_settings(w->study)->cwd;
  char *out = cl_path_join(r->directory, "stdout"), *err = cl_path_join(r->directory, "stderr");
  struct cl_spawn s = {.id = -r->snapshot,
                       .directory = r->directory,
                       .cwd = cwd == NULL ? "/" : cwd,
                       .out = out,
                       .err = err,
                       .argv = (const char *const *)arguments,
                       .env = (const char *const *)environment->items};
  int none = open("/dev/null", O_RDWR | O_CLOEXEC); /* there is no attempt, and so no lock */
  int status = out == NULL || err == NULL ? CL_FAIL_NOMEM(e) : 0;
  if (status == 0 && none < 0) status = CL_FAIL_CAUSE(e, CLADE_EIO, errno, "/dev/null: %s", strerror(errno));
  if (status == 0)
    status = cl_keeper_spawn(w->keeper, &s, none, e);
  else if (none >= 0)
    (void)close(none);
  cl_free(out);
  cl_free(err);
  return status;
}

static int start_program(struct cl_remake *r, struct cl_err *e) {
  struct cl_worker *w = r->worker;
  struct cl_words environment = {0};
  char **arguments = NULL, *spec = cl_path_join(r->directory, "spec.yaml");
  int n = 0;
  CL_TRY(cl_worker_room(w, e));
  values_of(r, CL_NO_STEP, w->values);
  int status = spec == NULL ? CL_FAIL_NOMEM(e) : write_spec(w, &spec, e);
  if (status == 0) status = cl_spec_command(cl_study_settings(w->study), w->values, spec, &n, &arguments, e);
  if (status == 0) status = make_environment(r, r->directory, spec, &environment, e);
  if (status == 0) status = ask_keeper(r, arguments, &environment, e);
  cl_spec_command_free(arguments);
  cl_words_done(&environment);
  cl_free(spec);
  return status;
}

static int make_directory(struct cl_remake *r, const struct cl_snapshot *n, struct cl_err *e) {
  char name[40], hex[17];
  if (!random_hex(hex, 8)) return CL_FAIL(e, CLADE_EIO, "the system gives no random bytes");
  (void)snprintf(name, sizeof name, "again-%s", hex);
  cl_free(r->directory);
  r->directory = cl_attempt_path(r->worker->study, n->trial, n->attempt, name);
  return r->directory == NULL ? CL_FAIL_NOMEM(e) : cl_dir_create(r->directory, e);
}

/* The first leg, from nothing. */
static int begin(struct cl_remake *r, const struct cl_snapshot *n, struct cl_err *e) {
  struct cl_worker *w = r->worker;
  r->leg = 0;
  r->reports = 0;
  r->tries++;
  r->running = true;
  r->deadline_us = cl_clock_monotonic_us() + COME_US;
  if (r->way.n == 0) CL_TRY(w->options.way(w->options.ctx, r->snapshot, &r->way, e));
  if (r->way.course.n != cl_study_space(w->study)->n)
    return CL_FAIL(e, CLADE_EINVAL, "the study's hyperparameters have changed since");
  if (!new_token(r)) return CL_FAIL(e, CLADE_EIO, "the system gives no random bytes");
  CL_TRY(make_directory(r, n, e));
  cl_worker_say(w, n->trial, "its state at step %g is gone with its process: it is made again, from step 0",
                n->step);
  return start_program(r, e);
}

int cl_remake_begin(struct cl_worker *w, const struct cl_snapshot *n, struct cl_err *e) {
  struct cl_remake *r = find(w, n->position);
  struct cl_err why;
  assert(cl_remake_may(w, n));
  if (r == NULL) {
    r = cl_alloc(sizeof *r);
    if (r == NULL) return CL_FAIL_NOMEM(e);
    *r = (struct cl_remake){.worker = w, .next = w->remakes, .snapshot = n->position};
    w->remakes = r;
  }
  if (r->running) return 0;
  int status = begin(r, n, &why);
  if (status == CLADE_ENOMEM) return CL_FAIL_NOMEM(e);
  if (status < 0) give_up(r, why.text);
  return 0;
}

void cl_remake_spawned(struct cl_worker *w, int64_t snapshot, pid_t pid, int64_t start) {
  struct cl_remake *r = find(w, snapshot);
  if (r == NULL || !r->running || r->pid > 0) return;
  r->pid = pid;
  r->start = start;
  if (pid == 0) r->deadline_us = 0; /* it will not come */
  cl_worker_hurry(w);
}

void cl_remake_keeper_lost(struct cl_worker *w) {
  for (struct cl_remake *r = w->remakes; r != NULL; r = r->next)
    if (r->running && r->pid == 0 && r->leg == 0) r->deadline_us = 0;
}

/* The conversation. */

bool cl_remake_is_token(const char *text) {
  return strncmp(text, PREFIX, strlen(PREFIX)) == 0;
}

static void answer(struct cl_session *s, const struct cl_message *m) {
  s->open = false;
  cl_session_send(s, m);
}

static void send_stop(struct cl_session *s) {
  struct cl_message m = {.type = CL_MESSAGE_STOP};
  answer(s, &m);
}

bool cl_remake_hello(struct cl_session *s, const struct cl_message *m) {
  struct cl_worker *w = s->worker;
  struct cl_err e;
  struct cl_remake *r = w->remakes;
  while (r != NULL && (!r->running || strcmp(r->token, m->token) != 0)) r = r->next;
  if (r == NULL || !cl_twins_peer(s, &r->pid, &r->start)) return false;
  if (r->session != NULL) { /* the connection that it had before */
    r->session->remake = NULL;
    r->session->superseded = true;
  }
  r->session = s;
  s->remake = r;
  const struct cl_trial *t = cl_study_trial(w->study, r->way.legs[r->leg].trial);
  struct cl_message start = {.type = CL_MESSAGE_START,
                             .seed = (int64_t)cl_trial_seed(w->study, t),
                             .change = r->snapshot,
                             .reports = r->reports};
  if (cl_worker_room(w, &e) < 0) {
    cl_worker_fail(w, &e);
    return false;
  }
  values_of(r, leg_from(r), w->values);
  cl_talk_give_all(w, w->values, &start);
  answer(s, &start);
  return true;
}

static int write_environment(struct cl_remake *r, const char *directory, struct cl_err *e) {
  struct cl_worker *w = r->worker;
  struct cl_words environment = {0};
  CL_TRY(cl_worker_room(w, e));
  values_of(r, leg_from(r), w->values);
  int status = make_environment(r, directory, NULL, &environment, e);
  if (status == 0) status = cl_twins_write_environment(directory, &environment, e);
  cl_words_done(&environment);
  return status;
}

/* Where a clone took over, a clone takes over. */
static void next_leg(struct cl_remake *r, struct cl_session *s) {
  struct cl_err e;
  assert(r->leg + 1 < r->way.n && r->session == s);
  r->leg++;
  r->reports = 0;
  char *directory = leg_directory(r);
  struct cl_message m = {.type = CL_MESSAGE_FORK, .token = r->token, .path = directory};
  int status = directory == NULL ? CL_FAIL_NOMEM(&e)
               : new_token(r)    ? cl_dir_create(directory, &e)
                                 : CLADE_EIO;
  if (status == 0) status = write_environment(r, directory, &e);
  int none = status == 0 ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
  if (status == 0 && none >= 0) {
    s->remake = NULL; /* it is the one before from here on, and ends */
    s->superseded = true;
    r->session = NULL;
    r->pid = 0;
    r->deadline_us = cl_clock_monotonic_us() + COME_US;
    s->open = false;
    cl_session_send_with(s, &m, none);
    if (s->closing) r->deadline_us = 0; /* it has not heard that: from the beginning */
  } else {
    give_up(r, "a clone could not be prepared");
  }
  if (none >= 0) (void)close(none);
  cl_free(directory);
}

/* Is it what was ranked? */
static bool scores_the_same(const struct cl_remake *r, const struct cl_snapshot *n,
                            const struct cl_message *m) {
  const char *name = cl_study_settings(r->worker->study)->objectives[0].name;
  if (n->rollup.count == 0) return true;
  for (size_t i = 0; i < m->n_metrics; i++)
    if (strcmp(m->metrics[i].name, name) == 0)
      return m->metrics[i].value == n->rollup.last || (isnan(m->metrics[i].value) && isnan(n->rollup.last));
  return false;
}

static void finish(struct cl_remake *r, struct cl_session *s, const struct cl_message *m) {
  struct cl_worker *w = r->worker;
  const struct cl_snapshot *n = cl_study_snapshot(w->study, r->snapshot);
  assert(r->running && r->leg + 1 == r->way.n && s->twin == NULL);
  if (!scores_the_same(r, n, m)) {
    give_up(r, "the program, run again with the same values and seeds, scored something else");
    return;
  }
  s->remake = NULL;
  r->session = NULL;
  r->running = false;
  r->tries = 0;
  if (!cl_twins_take(s, n->path)) cl_session_close(s);
  cl_worker_hurry(w);
}

static void hear_report(struct cl_remake *r, struct cl_session *s, const struct cl_message *m) {
  struct cl_worker *w = r->worker;
  double to = r->way.legs[r->leg].to;
  bool last = r->leg + 1 == r->way.n;
  struct cl_message go = {.type = CL_MESSAGE_GO, .change = r->snapshot};
  r->reports = m->ordinal;
  if (m->step > to) {
    give_up(r, "the program, run again, reported other steps");
  } else if (m->step == to && last) {
    finish(r, s, m);
  } else if (m->step == to) {
    next_leg(r, s);
  } else {
    values_of(r, m->step, w->values);
    cl_talk_give_all(w, w->values, &go);
    answer(s, &go);
  }
}

void cl_remake_hear(struct cl_session *s, const struct cl_message *m) {
  struct cl_remake *r = s->remake;
  s->open = true;
  if (s->superseded)
    send_stop(s); /* it has forked: the clone goes on */
  else if (m->type == CL_MESSAGE_REPORT)
    hear_report(r, s, m);
  else
    give_up(r, "the program, run again, came to its end before that step");
}

void cl_remake_closed(struct cl_session *s) {
  struct cl_remake *r = s->remake;
  assert(r->session == s);
  s->remake = NULL;
  r->session = NULL;
  r->deadline_us = cl_clock_monotonic_us() + (cl_process_lives(r->pid, r->start) ? COME_US : 0);
  cl_worker_hurry(r->worker);
}

/* Turns. */

void cl_remake_turn(struct cl_worker *w, int64_t now) {
  for (struct cl_remake *r = w->remakes; r != NULL; r = r->next) {
    const struct cl_snapshot *n = cl_study_snapshot(w->study, r->snapshot);
    if (r->running && !n->usable) end_process(r); /* nobody needs it any more */
    if (!r->running || r->session != NULL) continue;
    bool gone = r->pid > 0 && !cl_process_lives(r->pid, r->start);
    if (!gone && now < r->deadline_us) continue;
    end_process(r);
    if (r->tries >= TRIES_MAX)
      give_up(r, "its process ended each time");
    else
      cl_worker_hurry(w); /* whoever needs it begins it again */
  }
}

void cl_remake_forget(struct cl_worker *w) {
  for (struct cl_remake *r = w->remakes; r != NULL; r = r->next) {
    end_process(r);
    cl_remake_way_done(&r->way);
  }
}

void cl_remake_close(struct cl_worker *w) {
  while (w->remakes != NULL) {
    struct cl_remake *r = w->remakes;
    w->remakes = r->next;
    end_process(r);
    cl_remake_way_done(&r->way);
    cl_free(r->directory);
    cl_free(r);
  }
}
