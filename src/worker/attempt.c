#include "worker/attempt.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "worker/exit.h"
#include "worker/process.h"

#define LOCK_FILE "lock"

char *cl_attempt_path(const struct cl_study *s, int64_t trial, int attempt, const char *name) {
  struct cl_text t = {0};
  assert(trial >= 0 && attempt >= 0 && (attempt == 0 || trial > 0));
  cl_text_add(&t, cl_study_directory(s));
  cl_text_add_char(&t, '/');
  cl_text_add(&t, cl_study_name(s));
  if (trial > 0) cl_text_add_char(&t, '/');
  if (trial > 0) cl_text_add_integer(&t, trial);
  if (attempt > 0) cl_text_add(&t, "/attempt-");
  if (attempt > 0) cl_text_add_integer(&t, attempt);
  if (name != NULL) cl_text_add_char(&t, '/');
  cl_text_add(&t, name);
  return cl_text_take(&t);
}

int cl_attempt_check_name(const struct cl_study *s, struct cl_err *e) {
  const char *name = cl_study_name(s);
  if (name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL) return 0;
  return CL_FAIL(
      e, CLADE_EINVAL,
      "the study is called '%s', but its trials need a directory of that name: no '/' in it, no '.' at "
      "its beginning; choose another one with --name",
      name);
}

uint64_t cl_attempt_fixed(const struct cl_space *space, const struct cl_value *values) {
  uint64_t hash = 1;
  for (int i = 0; i < space->n; i++)
    if (space->items[i].change == CL_RESTART) hash = cl_value_hash(values[i], hash);
  return hash == 0 ? 1 : hash;
}

/* Directories. */

static int make_directory(const char *path, struct cl_err *e) {
  if (mkdir(path, 0777) == 0 || errno == EEXIST) return 0;
  return cl_dir_create(path, e);
}

/* From the outside in: mostly one call each. */
static int make_directories(const struct cl_study *s, int64_t trial, int attempt, struct cl_err *e) {
  char *whole = cl_attempt_path(s, trial, 0, NULL);
  char *own = cl_attempt_path(s, trial, attempt, NULL);
  char *checkpoints = cl_attempt_path(s, trial, 0, "checkpoints");
  int status = whole == NULL || own == NULL || checkpoints == NULL ? CL_FAIL_NOMEM(e) : 0;
  if (status == 0) status = make_directory(whole, e);
  if (status == 0) status = make_directory(own, e);
  if (status == 0) status = make_directory(checkpoints, e);
  cl_free(whole);
  cl_free(own);
  cl_free(checkpoints);
  return status;
}

/* Tokens. */

static int make_token(int64_t trial, int attempt, char ret[CL_TOKEN_SIZE], struct cl_err *e) {
  unsigned char secret[16];
  if (getrandom(secret, sizeof secret, 0) != sizeof secret)
    return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "the system gives no random bytes: %s", strerror(errno));
  int n = snprintf(ret, CL_TOKEN_SIZE, "%lld.%d.", (long long)trial, attempt);
  assert(n > 0 && n + 32 < CL_TOKEN_SIZE);
  for (size_t i = 0; i < sizeof secret; i++) (void)snprintf(ret + n + 2 * i, 3, "%02x", (unsigned)secret[i]);
  return 0;
}

bool cl_token_parse(const char *token, int64_t *ret_trial, int *ret_attempt) {
  char *end = NULL;
  if (token[0] < '1' || token[0] > '9') return false;
  errno = 0;
  long long trial = strtoll(token, &end, 10);
  if (errno != 0 || *end != '.' || end[1] < '1' || end[1] > '9') return false;
  long long attempt = strtoll(end + 1, &end, 10);
  if (errno != 0 || *end != '.' || attempt > INT32_MAX || strlen(end + 1) != 32) return false;
  *ret_trial = trial;
  *ret_attempt = (int)attempt;
  return true;
}

/* The lock. */

/* Is it still the file at path? Somebody may have dropped the attempt between open and flock. */
static bool is_same_file(const struct stat *a, const char *path) {
  struct stat b;
  return stat(path, &b) == 0 && a->st_ino == b.st_ino && a->st_dev == b.st_dev;
}

static int write_owner(int fd, bool is_new, const char *token, const struct cl_attempt_owner *owner,
                       const char *path, struct cl_err *e) {
  struct cl_text t = {0};
  cl_text_add(&t, "{\"token\": ");
  cl_text_add_json(&t, token);
  cl_text_add(&t, ", \"host\": ");
  cl_text_add_json(&t, owner->host);
  cl_text_add(&t, ", \"boot\": ");
  cl_text_add_json(&t, owner->boot);
  cl_text_format(&t, ", \"worker\": %d, \"fixed\": \"%016llx\"}\n", owner->worker,
                 (unsigned long long)owner->fixed);
  int status = t.failed ? CL_FAIL_NOMEM(e) : 0;
  if (status == 0 && !is_new && (fchmod(fd, 0600) < 0 || ftruncate(fd, 0) < 0))
    status = CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot write '%s': %s", path, strerror(errno));
  if (status == 0) status = cl_file_write_all(fd, t.bytes, t.length, path, e);
  cl_text_done(&t);
  return status;
}

static int take_lock(const char *path, const char *token, const struct cl_attempt_owner *owner,
                     cl_attempt_is_free *is_free, void *ctx, int *ret, struct cl_err *e) {
  struct stat st;
  int fd = -1, status = cl_lock_take_private(path, &fd, e);
  if (status != 0) return status;
  if (fstat(fd, &st) < 0 || !is_same_file(&st, path)) {
    (void)close(fd);
    return CLADE_BUSY;
  }
  bool is_new = st.st_size == 0 && (st.st_mode & 07777) == 0600;
  if (!is_new && is_free != NULL) status = is_free(ctx, e);
  if (status == 0) status = write_owner(fd, is_new, token, owner, path, e);
  if (status != 0)
    (void)close(fd);
  else
    *ret = fd;
  return status;
}

int cl_attempt_open(const struct cl_study *s, int64_t trial, int attempt,
                    const struct cl_attempt_owner *owner, cl_attempt_is_free *is_free, void *ctx,
                    int *ret_lock, char ret_token[CL_TOKEN_SIZE], struct cl_err *e) {
  assert(trial > 0 && attempt > 0);
  char token[CL_TOKEN_SIZE];
  CL_TRY(make_token(trial, attempt, token, e));
  CL_TRY(make_directories(s, trial, attempt, e));
  char *path = cl_attempt_path(s, trial, attempt, LOCK_FILE);
  int status = path == NULL ? CL_FAIL_NOMEM(e) : take_lock(path, token, owner, is_free, ctx, ret_lock, e);
  if (status == 0) memcpy(ret_token, token, sizeof token);
  cl_free(path);
  return status;
}

void cl_attempt_drop(const struct cl_study *s, int64_t trial, int attempt, int lock) {
  assert(trial > 0 && attempt > 0 && lock >= 0);
  char *own = cl_attempt_path(s, trial, attempt, NULL);
  char *whole = attempt == 1 ? cl_attempt_path(s, trial, 0, NULL) : NULL;
  if (own != NULL) (void)cl_dir_remove(own, NULL);
  if (whole != NULL) { /* only what this attempt made: another one's directory keeps it alive */
    static const char *const files[] = {"/socket", "/params.json", "/spec"};
    char path[4096];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
      if ((size_t)snprintf(path, sizeof path, "%s%s", whole, files[i]) < sizeof path) (void)unlink(path);
    if ((size_t)snprintf(path, sizeof path, "%s/checkpoints", whole) < sizeof path) (void)rmdir(path);
    (void)rmdir(whole);
  }
  (void)close(lock);
  cl_free(own);
  cl_free(whole);
}

/* Looking. */

static void read_owner(const char *line, struct cl_attempt_probe *ret) {
  const char *token = "", *host = "", *boot = "", *fixed = "0";
  json_t *node = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);
  (void)json_unpack(node, "{s?s,s?s,s?s,s?s}", "token", &token, "host", &host, "boot", &boot, "fixed",
                    &fixed);
  (void)snprintf(ret->token, sizeof ret->token, "%s", token);
  (void)snprintf(ret->host, sizeof ret->host, "%s", host);
  (void)snprintf(ret->boot, sizeof ret->boot, "%s", boot);
  ret->fixed = strtoull(fixed, NULL, 16);
  json_decref(node);
}

static void read_holder(const char *line, struct cl_attempt_probe *ret) {
  long long pid = 0, start = 0, keeper = 0, keeper_start = 0;
  if (sscanf(line, "%lld %lld %lld %lld", &pid, &start, &keeper, &keeper_start) != 4) return;
  if (pid <= 1 || pid > INT32_MAX || keeper <= 1 || keeper > INT32_MAX) return;
  ret->named = true;
  ret->pid = (pid_t)pid;
  ret->start = start;
  ret->keeper = (pid_t)keeper;
  ret->keeper_start = keeper_start;
}

static int read_lock(const char *path, struct cl_attempt_probe *ret, struct cl_err *e) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) return 0;
  if (fd < 0) return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot read '%s': %s", path, strerror(errno));
  char bytes[1024];
  ret->found = true;
  ret->held = flock(fd, LOCK_SH | LOCK_NB) < 0; /* shared: two who look at once do not mistake each other */
  ssize_t n = pread(fd, bytes, sizeof bytes - 1, 0);
  int cause = errno;
  (void)close(fd);
  if (n < 0) return CL_FAIL_CAUSE(e, CLADE_EIO, cause, "cannot read '%s': %s", path, strerror(cause));
  bytes[n] = '\0';
  read_owner(bytes, ret);
  const char *second = strchr(bytes, '\n');
  if (second != NULL && strchr(second + 1, '\n') != NULL) read_holder(second + 1, ret);
  return 0;
}

/* Does the file end with a newline? */
static bool is_complete(const char *path) {
  char last = '\0';
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool complete = lseek(fd, -1, SEEK_END) >= 0 && read(fd, &last, 1) == 1 && last == '\n';
  (void)close(fd);
  return complete;
}

int cl_attempt_look(const struct cl_study *s, int64_t trial, int attempt, struct cl_attempt_probe *ret,
                    struct cl_err *e) {
  struct cl_attempt_probe probe = {0};
  char *lock = cl_attempt_path(s, trial, attempt, LOCK_FILE);
  char *end = cl_attempt_path(s, trial, attempt, CL_EXIT_FILE);
  int status = lock == NULL || end == NULL ? CL_FAIL_NOMEM(e) : read_lock(lock, &probe, e);
  if (status == 0) {
    probe.exited = is_complete(end); /* after the lock: the keeper writes it before it lets go */
    *ret = probe;
  }
  cl_free(lock);
  cl_free(end);
  return status;
}

int cl_attempt_write(const struct cl_study *s, int64_t trial, int attempt, const char *name, const char *text,
                     struct cl_err *e) {
  char *path = cl_attempt_path(s, trial, attempt, name);
  if (path == NULL) return CL_FAIL_NOMEM(e);
  int status = cl_file_write(path, text, strlen(text), false, e);
  cl_free(path);
  return status;
}
