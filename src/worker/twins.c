#include "worker/twins.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "worker/process.h"
#include "worker/worker_impl.h"

#define PREFIX    "twin."
#define NAME_SIZE 16       /* hex digits of a twin's name */
#define COME_US   10000000 /* for the hello of a twin that was asked for, or of a clone */

/* Tokens. */

struct token {
  int64_t trial;
  int32_t attempt;
  char name[NAME_SIZE + 1];
};

static bool is_hex(const char *text, size_t n) {
  assert(strlen(text) == n);
  return strspn(text, "0123456789abcdef") == n;
}

static bool parse_token(const char *text, struct token *ret) {
  char name[NAME_SIZE + 1], *end = NULL;
  if (!cl_twins_is_token(text) || strlen(text) >= CL_TWIN_TOKEN_SIZE) return false;
  text += strlen(PREFIX);
  if (text[0] < '1' || text[0] > '9') return false;
  errno = 0;
  long long trial = strtoll(text, &end, 10);
  if (errno != 0 || end[0] != '.' || end[1] < '1' || end[1] > '9') return false;
  long long attempt = strtoll(end + 1, &end, 10);
  if (errno != 0 || end[0] != '.' || attempt > INT32_MAX || strlen(end + 1) != NAME_SIZE + 1 + 32)
    return false;
  memcpy(name, end + 1, NAME_SIZE);
  name[NAME_SIZE] = '\0';
  if (!is_hex(name, NAME_SIZE) || end[1 + NAME_SIZE] != '.' || !is_hex(end + 2 + NAME_SIZE, 32)) return false;
  ret->trial = trial;
  ret->attempt = (int32_t)attempt;
  memcpy(ret->name, name, sizeof name);
  return true;
}

static void path_of(const struct token *t, char *ret, size_t size) {
  (void)snprintf(ret, size, "%lld/attempt-%d/twin-%s", (long long)t->trial, t->attempt, t->name);
}

bool cl_twins_is_token(const char *text) {
  return strncmp(text, PREFIX, strlen(PREFIX)) == 0;
}

bool cl_twins_path(const struct cl_attempt *a, const char *token, char *ret, size_t size) {
  struct token t;
  if (!parse_token(token, &t) || t.trial != a->trial || t.attempt != a->number) return false;
  path_of(&t, ret, size);
  return true;
}

static struct cl_session *find_session(const struct cl_worker *w, const char *path) {
  for (struct cl_session *s = w->sessions; s != NULL; s = s->next)
    if (s->twin != NULL && !s->closing && strcmp(s->twin, path) == 0) return s;
  return NULL;
}

const char *cl_twins_offer(struct cl_attempt *a) {
  unsigned char secret[24];
  char path[100], hex[2 * sizeof secret + 1];
  bool fresh = !cl_twins_path(a, a->twin, path, sizeof path) || find_session(a->worker, path) != NULL;
  if (!fresh) return a->twin;
  if (getrandom(secret, sizeof secret, 0) != sizeof secret) return NULL;
  for (size_t i = 0; i < sizeof secret; i++) (void)snprintf(hex + 2 * i, 3, "%02x", (unsigned)secret[i]);
  (void)snprintf(a->twin, sizeof a->twin, PREFIX "%lld.%d.%.16s.%s", (long long)a->trial, a->number, hex,
                 hex + NAME_SIZE);
  assert(cl_twins_path(a, a->twin, path, sizeof path));
  return a->twin;
}

/* Notes. */

struct note {
  char token[CL_TWIN_TOKEN_SIZE], boot[64];
  pid_t pid;
  int64_t start;
};

static char *note_path(const struct cl_worker *w, const char *path) {
  return cl_attempt_path(w->study, 0, 0, path);
}

static bool read_note(const struct cl_worker *w, const char *path, struct note *ret) {
  char *file = note_path(w, path), *text = NULL;
  long long pid = 0, start = 0;
  bool found = file != NULL && cl_file_read(file, 4096, &text, NULL, NULL) == 0 &&
               sscanf(text, "%109s %lld %lld %63s", ret->token, &pid, &start, ret->boot) == 4;
  ret->pid = (pid_t)pid;
  ret->start = start;
  cl_free(text);
  cl_free(file);
  return found && pid > 1;
}

static int write_note(struct cl_worker *w, const char *path, const struct note *n) {
  char line[300], *file = note_path(w, path);
  int size = snprintf(line, sizeof line, "%s %lld %lld %s\n", n->token, (long long)n->pid,
                      (long long)n->start, n->boot);
  int fd = file == NULL ? -1 : open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  int status = fd < 0 ? -1 : cl_file_write_all(fd, line, (size_t)size, file, NULL);
  if (fd >= 0) (void)close(fd);
  cl_free(file);
  return status;
}

static void remove_note(const struct cl_worker *w, const char *path) {
  char *file = note_path(w, path);
  if (file != NULL) (void)unlink(file);
  cl_free(file);
}

/* Looking. */

int cl_twins_look(const struct cl_worker *w, const char *path) {
  struct note note;
  if (find_session(w, path) != NULL) return 0;
  if (!read_note(w, path, &note)) return CLADE_EMPTY;
  bool lives = strcmp(note.boot, w->boot) == 0 && cl_process_lives(note.pid, note.start);
  return lives ? CLADE_BUSY : CLADE_STOP;
}

int64_t cl_twins_bytes(const struct cl_worker *w, const char *path) {
  struct note note;
  return read_note(w, path, &note) ? cl_process_own_bytes(note.pid) : 0;
}

static bool somebody_lives_at(const struct cl_worker *w, const char *host) {
  for (int i = 1; i <= cl_study_workers(w->study); i++) {
    const struct cl_worker_info *info = cl_study_worker(w->study, i);
    if (info != NULL && info->slots > 0 && info->host != NULL && strcmp(info->host, host) == 0 &&
        !cl_worker_is_dead(w, i))
      return true;
  }
  return false;
}

static bool somebody_else_lives(const struct cl_worker *w) {
  for (int i = 1; i <= cl_study_workers(w->study); i++) {
    const struct cl_worker_info *info = cl_study_worker(w->study, i);
    if (i != w->number && info != NULL && info->slots > 0 && !cl_worker_is_dead(w, i)) return true;
  }
  return false;
}

static int find_process(const struct cl_worker *w, const struct cl_snapshot *n) {
  if (n->path == NULL || !n->usable) return CLADE_EMPTY;
  if (find_session(w, n->path) != NULL) return 0;
  if (n->host != NULL && strcmp(n->host, w->host) != 0)
    return somebody_lives_at(w, n->host) ? CLADE_BUSY : CLADE_EMPTY;
  int status = cl_twins_look(w, n->path);
  return status == CLADE_STOP ? CLADE_EMPTY : status;
}

int cl_twins_find(const struct cl_worker *w, const struct cl_snapshot *n) {
  assert(n->way == CL_WAY_FORK);
  int status = find_process(w, n);
  return status == CLADE_EMPTY && cl_remake_may(w, n) ? CLADE_BUSY : status;
}

bool cl_twins_is_gone(const struct cl_worker *w, const struct cl_snapshot *n) {
  return n->way == CL_WAY_FORK && find_process(w, n) == CLADE_EMPTY;
}

/* Hearing. */

bool cl_twins_peer(const struct cl_session *s, pid_t *ret_pid, int64_t *ret_start) {
  struct ucred peer;
  socklen_t n = sizeof peer;
  if (getsockopt(s->fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0 || peer.pid <= 1) return false;
  *ret_pid = peer.pid;
  *ret_start = cl_process_start(peer.pid);
  return *ret_start > 0;
}

/* One that was asked for, or one that a note knows. */
static bool is_expected(const struct cl_worker *w, const struct token *t, const char *token, const char *path,
                        bool *ret_is_new) {
  const struct cl_attempt *a = cl_attempts_find(w, t->trial, t->attempt);
  struct note note;
  *ret_is_new = a != NULL && strcmp(a->twin, token) == 0;
  return *ret_is_new || (read_note(w, path, &note) && strcmp(note.token, token) == 0);
}

int cl_twins_hello(struct cl_session *s, const char *token) {
  struct cl_worker *w = s->worker;
  struct token t;
  struct note note = {0};
  char path[100];
  bool is_new = false;
  if (!parse_token(token, &t)) return CLADE_ESTALE;
  path_of(&t, path, sizeof path);
  struct cl_session *old = find_session(w, path);
  if (!is_expected(w, &t, token, path, &is_new)) return CLADE_ESTALE;
  if (!cl_twins_peer(s, &note.pid, &note.start)) return CLADE_BUSY;
  (void)snprintf(note.token, sizeof note.token, "%s", token);
  (void)snprintf(note.boot, sizeof note.boot, "%s", w->boot);
  if (is_new && write_note(w, path, &note) < 0) return CLADE_BUSY;
  s->twin = cl_copy_text(path);
  if (s->twin == NULL) return CLADE_BUSY;
  if (old != NULL) cl_session_close(old);
  s->open = true;
  s->trial = 0;
  w->twins_stirred = true;
  cl_worker_hurry(w);
  return 0;
}

bool cl_twins_take(struct cl_session *s, const char *path) {
  struct cl_worker *w = s->worker;
  struct note note = {0};
  assert(s->twin == NULL && s->open);
  if (!cl_twins_peer(s, &note.pid, &note.start)) return false;
  (void)snprintf(note.token, sizeof note.token, "%s", "-"); /* it has none that a worker would know again */
  (void)snprintf(note.boot, sizeof note.boot, "%s", w->boot);
  s->twin = cl_copy_text(path);
  return s->twin != NULL && write_note(w, path, &note) == 0;
}

static struct cl_attempt *asked_of(const struct cl_session *twin) {
  const struct cl_worker *w = twin->worker;
  for (size_t i = 0; i < w->n_all; i++)
    if (w->all[i]->mother == twin) return w->all[i];
  return NULL;
}

static int lose(struct cl_attempt *a, const char *why, struct cl_err *e) {
  assert(a->phase == CL_PHASE_SPAWNING);
  a->mother = NULL;
  if (a->lock >= 0) (void)close(a->lock);
  a->lock = -1;
  return cl_attempt_lost(a, "free", why, e);
}

void cl_twins_hear(struct cl_session *s, const struct cl_message *m) {
  struct cl_attempt *a = asked_of(s);
  struct cl_err e;
  if (m->type != CL_MESSAGE_SAVED) {
    cl_session_close(s);
    return;
  }
  s->open = true;
  s->worker->twins_stirred = true;
  cl_worker_hurry(s->worker);
  if (a == NULL) return; /* its clone has said hello already */
  if (m->error == NULL) {
    a->mother = NULL; /* the clone exists; it may be long in coming, but the twin can be asked again */
  } else {
    cl_worker_back_off(s->worker, a->trial, m->error);
    if (lose(a, m->error, &e) < 0) cl_worker_fail(s->worker, &e);
  }
}

void cl_twins_closed(struct cl_session *s) {
  struct cl_worker *w = s->worker;
  struct cl_attempt *a = asked_of(s);
  if (a != NULL) a->mother = NULL;
  if (a != NULL) a->clone_us = 0; /* nobody is left who would tell: it is given up at once */
  w->twins_stirred = true;
  cl_buffers_look(w);
  cl_worker_hurry(w);
}

/* Clones. */

int cl_twins_write_environment(const char *directory, const struct cl_words *environment, struct cl_err *e) {
  char *path = cl_path_join(directory, "environment");
  int fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  int status = path == NULL ? CL_FAIL_NOMEM(e) : 0;
  if (path != NULL && fd < 0)
    status = CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot create '%s': %s", path, strerror(errno));
  for (size_t i = 0; i < environment->n && status == 0; i++) {
    const char *pair = environment->items[i];
    if (pair != NULL && strncmp(pair, "CLADE_", 6) == 0)
      status = cl_file_write_all(fd, pair, strlen(pair) + 1, path, e);
  }
  if (fd >= 0) (void)close(fd);
  cl_free(path);
  return status;
}

static int write_environment(const struct cl_attempt *a, struct cl_err *e) {
  char *directory = cl_attempt_path(a->worker->study, a->trial, a->number, NULL);
  int status =
      directory == NULL ? CL_FAIL_NOMEM(e) : cl_twins_write_environment(directory, &a->environment, e);
  cl_free(directory);
  return status;
}

int cl_twins_begin(struct cl_attempt *a, struct cl_err *e) {
  assert(a->phase == CL_PHASE_SPAWNING && a->lock >= 0);
  a->cloned = true;
  a->clone_us = cl_clock_monotonic_us() + COME_US;
  a->worker->twins_stirred = true;
  cl_worker_hurry(a->worker);
  return write_environment(a, e);
}

static void ask_for(struct cl_attempt *a, struct cl_session *twin) {
  char *directory = cl_attempt_path(a->worker->study, a->trial, a->number, NULL);
  struct cl_message m = {.type = CL_MESSAGE_FORK, .token = a->token, .path = directory};
  if (directory != NULL) {
    a->mother = twin;
    a->clone_asked = true;
    a->clone_us = cl_clock_monotonic_us() + COME_US;
    twin->open = false;
    cl_session_send_with(twin, &m, a->lock);
  }
  cl_free(directory);
}

/* The keeper takes the lock in any case: what it cannot adopt is given up, and the clone told to stop. */
static int give_to_keeper(struct cl_attempt *a, const char *directory, struct cl_err *e) {
  int lock = a->lock;
  a->mother = NULL;
  a->lock = -1;
  int status = cl_keeper_adopt(a->worker->keeper, a->trial * 1048576 + a->number, directory, a->pid, a->start,
                               lock, e);
  if (status == 0) {
    a->loaded = true;
    return 0;
  }
  struct cl_err own;
  a->pid = 0;
  if (lose(a, e->text, &own) < 0) cl_worker_fail(a->worker, &own);
  return status;
}

int cl_twins_born(struct cl_attempt *a, const struct cl_session *s, struct cl_err *e) {
  struct cl_worker *w = a->worker;
  pid_t pid;
  int64_t start;
  assert(a->cloned && a->pid == 0);
  if (a->lock < 0 || w->keeper == NULL || !cl_twins_peer(s, &pid, &start)) return CLADE_BUSY;
  char *directory = cl_attempt_path(w->study, a->trial, a->number, NULL);
  if (directory == NULL) return CL_FAIL_NOMEM(e);
  a->pid = pid;
  a->start = start;
  int status = give_to_keeper(a, directory, e);
  cl_free(directory);
  return status;
}

/* Turns. */

static int tend_clone(struct cl_attempt *a, int64_t now, struct cl_err *e) {
  struct cl_worker *w = a->worker;
  if (!a->clone_asked) {
    const struct cl_snapshot *n = cl_study_snapshot(w->study, a->from);
    assert(n != NULL);
    struct cl_session *twin = n->path == NULL ? NULL : find_session(w, n->path);
    if (twin == NULL && cl_twins_find(w, n) == CLADE_EMPTY)
      return lose(a, "the twin that it was to begin from has ended", e);
    assert(twin == NULL || !twin->open || asked_of(twin) == NULL);
    if (twin != NULL && twin->open) ask_for(a, twin);
  }
  assert(a->pid == 0 && a->phase == CL_PHASE_SPAWNING);
  if (now >= a->clone_us) return lose(a, "the clone that it was to be has not come", e);
  return 0;
}

/* Must a twin go on that no event refers to (yet)? Its trainer may still report with it. */
static bool may_be_reported(const struct cl_worker *w, const struct cl_session *s) {
  char path[100];
  int64_t trial = strtoll(s->twin, NULL, 10);
  for (const struct cl_attempt *a = cl_attempts_first(w, trial); a != NULL; a = a->next) {
    if (a->trial != trial || !cl_attempt_is_current(a)) continue;
    if (cl_twins_path(a, a->twin, path, sizeof path) && strcmp(path, s->twin) == 0) return true;
    if (a->adopted && a->twin[0] == '\0') return true; /* asked for by the worker before */
  }
  for (const struct cl_session *r = w->sessions; r != NULL; r = r->next)
    if (r->awaited[0] != '\0' && strcmp(r->awaited, s->twin) == 0) return true;
  return false;
}

static bool is_needed(const struct cl_worker *w, const struct cl_session *s) {
  const struct cl_snapshot *n = cl_study_find_snapshot(w->study, strtoll(s->twin, NULL, 10), s->twin);
  if (n != NULL) return n->usable;
  return may_be_reported(w, s);
}

static void stop(struct cl_session *s) {
  struct cl_message m = {.type = CL_MESSAGE_STOP};
  remove_note(s->worker, s->twin);
  cl_session_send(s, &m);
  cl_session_close(s);
}

int cl_twins_turn(struct cl_worker *w, struct cl_err *e) {
  int64_t now = cl_clock_monotonic_us();
  for (size_t i = 0; i < w->n_all; i++) {
    struct cl_attempt *a = w->all[i];
    if (a->cloned && a->pid == 0 && a->phase == CL_PHASE_SPAWNING) CL_TRY(tend_clone(a, now, e));
  }
  cl_talk_twins(w, now);
  if (!w->twins_stirred) return 0;
  w->twins_stirred = false;
  for (struct cl_session *s = w->sessions, *next; s != NULL; s = next) {
    next = s->next;
    if (s->twin == NULL || s->closing || is_needed(w, s)) continue;
    if (s->open) stop(s); /* else when it has forked */
  }
  return 0;
}

int cl_twins_invite(struct cl_worker *w, struct cl_err *e) {
  int64_t last = 0;
  for (size_t i = 0; i < cl_study_snapshots(w->study); i++) {
    const struct cl_snapshot *n = cl_study_nth_snapshot(w->study, i);
    if (n->way != CL_WAY_FORK || n->trial == last || cl_twins_find(w, n) != CLADE_BUSY) continue;
    if (n->host != NULL && strcmp(n->host, w->host) != 0) continue;
    last = n->trial;
    CL_TRY(cl_worker_write_socket(w, n->trial, e));
  }
  return 0;
}

void cl_twins_end(const struct cl_worker *w, const struct cl_snapshot *n) {
  struct note note;
  bool here = n->way == CL_WAY_FORK && n->path != NULL && (n->host == NULL || strcmp(n->host, w->host) == 0);
  if (!here || find_session(w, n->path) != NULL || !read_note(w, n->path, &note)) return;
  bool lives = strcmp(note.boot, w->boot) == 0 && cl_process_lives(note.pid, note.start);
  if (lives && !somebody_else_lives(w)) (void)kill(note.pid, SIGKILL);
}

void cl_twins_dismiss(struct cl_worker *w) {
  for (size_t i = 0; i < cl_study_snapshots(w->study); i++)
    cl_twins_end(w, cl_study_nth_snapshot(w->study, i));
  for (struct cl_session *s = w->sessions, *next; s != NULL; s = next) {
    next = s->next;
    if (s->twin != NULL && !s->closing) stop(s);
  }
}
