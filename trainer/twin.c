/* What /proc/self says about this process, and fork. Between fork and the return to the session the child
 * calls nothing of the program. */
#include "trainer/twin.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"

enum { LOOKS_FOR_THREADS = 20 };

/* --- what is in the way ------------------------------------------------------------------------------ */

static int fail_proc(const char *path, struct cl_err *e) {
  return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot read %s: %s", path, strerror(errno));
}

static int count_threads(int *ret, struct cl_err *e) {
  DIR *dir = opendir("/proc/self/task");
  *ret = 0;
  if (dir == NULL) return fail_proc("/proc/self/task", e);
  for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) *ret += entry->d_name[0] != '.';
  (void)closedir(dir);
  return 0;
}

/* A thread that was joined just now is listed for a moment longer. */
static int check_threads(struct cl_err *e) {
  int n = 0;
  for (int look = 0; look < LOOKS_FOR_THREADS; look++) {
    if (look > 0) (void)usleep(1000);
    CL_TRY(count_threads(&n, e));
    if (n <= 1) return 0;
  }
  return CL_FAIL(
      e, CLADE_EUNSUPPORTED,
      "this process cannot be forked: it has %d threads, and a fork copies only one; run it with one "
      "(OPENBLAS_NUM_THREADS=1, OMP_NUM_THREADS=1), or hand the state over by files or regions",
      n);
}

/* "55d0c0a00000-55d0c0a21000 rw-s 00000000 00:01 2385 /dev/zero (deleted)" */
static int check_mapping(const char *line, struct cl_err *e) {
  const char *way = strchr(line, ' '), *path = strchr(line, '/');
  if (way == NULL || strlen(way) < 5 || way[4] != 's' || way[2] != 'w') return 0;
  return CL_FAIL(e, CLADE_EUNSUPPORTED,
                 "this process cannot be forked: it shares memory with others (%.200s), which its copy would "
                 "change; unmap it, or map it privately",
                 path == NULL ? "without a name" : path);
}

static int check_mappings(struct cl_err *e) {
  FILE *maps = fopen("/proc/self/maps", "re");
  char line[600];
  bool begins = true;
  int status = 0;
  if (maps == NULL) return fail_proc("/proc/self/maps", e);
  while (status == 0 && fgets(line, sizeof line, maps) != NULL) {
    size_t n = strlen(line);
    bool ends = n > 0 && line[n - 1] == '\n';
    if (ends) line[n - 1] = '\0';
    if (begins) status = check_mapping(line, e);
    begins = ends;
  }
  (void)fclose(maps);
  return status;
}

/* --- descriptors ------------------------------------------------------------------------------------- */

static bool is_same(const struct stat *a, const struct stat *b) {
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Of the attempt that this process is: inherited, held as long as it lives. */
static bool is_lock(const struct stat *info) {
  const char *directory = getenv("CLADE_DIR"), *attempt = getenv("CLADE_ATTEMPT");
  struct cl_text path = {0};
  struct stat lock;
  if (directory == NULL || attempt == NULL) return false;
  cl_text_format(&path, "%s/attempt-%s/lock", directory, attempt);
  bool is = !path.failed && stat(path.bytes, &lock) == 0 && is_same(info, &lock);
  cl_text_done(&path);
  return is;
}

/* A file that both outputs may be: they are the clone's own afterwards. */
static bool is_output(int fd, const struct stat *info) {
  struct stat other;
  for (int as = STDOUT_FILENO; as <= STDERR_FILENO; as++)
    if (fd == as || (fstat(as, &other) == 0 && is_same(info, &other))) return true;
  return false;
}

static bool is_gpu(const char *path) {
  static const char *const devices[] = {"/dev/nvidia", "/dev/dri/", "/dev/kfd", "/dev/accel"};
  for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
    if (strncmp(path, devices[i], strlen(devices[i])) == 0) return true;
  return false;
}

static bool is_file(const struct stat *info) {
  return S_ISREG(info->st_mode) || S_ISBLK(info->st_mode);
}

static void name_descriptor(int fd, char *ret, size_t size) {
  char link[40];
  (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, ret, size - 1);
  ret[n < 0 ? 0 : n] = '\0';
}

static int check_descriptor(int fd, struct cl_err *e) {
  struct stat info;
  char path[400];
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fstat(fd, &info) < 0) return 0; /* closed meanwhile */
  name_descriptor(fd, path, sizeof path);
  if (is_gpu(path))
    return CL_FAIL(
        e, CLADE_EUNSUPPORTED,
        "this process cannot be forked: it uses the device %.200s, whose state is not copied; hand "
        "the state over by files",
        path);
  if (S_ISDIR(info.st_mode) || S_ISCHR(info.st_mode) || fd <= STDERR_FILENO) return 0;
  bool reads = (flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH);
  if (is_file(&info) && (reads || is_output(fd, &info) || is_lock(&info))) return 0;
  if (is_file(&info))
    return CL_FAIL(
        e, CLADE_EUNSUPPORTED,
        "this process cannot be forked: it has %.200s open for writing, which its copy would write, "
        "too; close it before the report, or write to standard output",
        path);
  return CL_FAIL(e, CLADE_EUNSUPPORTED,
                 "this process cannot be forked: its descriptor %d (%.200s) would be used by its copy, too; "
                 "close it before the report",
                 fd, path);
}

/* Visit every descriptor but that of the listing itself, until one is refused. */
static int for_descriptors(int (*visit)(int fd, void *ctx, struct cl_err *e), void *ctx, struct cl_err *e) {
  DIR *dir = opendir("/proc/self/fd");
  int status = 0;
  if (dir == NULL) return fail_proc("/proc/self/fd", e);
  for (const struct dirent *entry; status == 0 && (entry = readdir(dir)) != NULL;) {
    int fd = entry->d_name[0] == '.' ? -1 : (int)strtol(entry->d_name, NULL, 10);
    if (fd >= 0 && fd != dirfd(dir)) status = visit(fd, ctx, e);
  }
  (void)closedir(dir);
  return status;
}

static int visit_check(int fd, void *ctx, struct cl_err *e) {
  const int *connection = ctx;
  return fd == *connection ? 0 : check_descriptor(fd, e);
}

int cl_trainer_twin_check(int connection, struct cl_err *e) {
  CL_TRY(check_threads(e));
  CL_TRY(check_mappings(e));
  return for_descriptors(visit_check, &connection, e);
}

/* --- the child --------------------------------------------------------------------------------------- */

/* A second opening of the same file, at the same offset, under the same number. */
static int reopen(int fd, int flags, struct cl_err *e) {
  assert((flags & O_ACCMODE) == O_RDONLY);
  char link[40];
  off_t at = lseek(fd, 0, SEEK_CUR);
  int keep = fcntl(fd, F_GETFD);
  (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  int own = open(link, (flags & ~(O_CREAT | O_TRUNC | O_EXCL)) | O_CLOEXEC);
  bool done = own >= 0 && keep >= 0 && at >= 0 && lseek(own, at, SEEK_SET) == at &&
              dup3(own, fd, (keep & FD_CLOEXEC) ? O_CLOEXEC : 0) == fd;
  int cause = errno;
  if (own >= 0) (void)close(own);
  return done
             ? 0
             : CL_FAIL_CAUSE(e, CLADE_EIO, cause, "cannot open descriptor %d again: %s", fd, strerror(cause));
}

static int visit_own(int fd, void *ctx, struct cl_err *e) {
  const int *connection = ctx;
  struct stat info;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fstat(fd, &info) < 0) return 0;
  if (fd == *connection || (S_ISREG(info.st_mode) && is_lock(&info))) {
    (void)close(fd);
    return 0;
  }
  bool reads = (flags & O_ACCMODE) == O_RDONLY && !(flags & O_PATH);
  return S_ISREG(info.st_mode) && reads ? reopen(fd, flags, e) : 0;
}

static void be_child(int connection) {
  struct cl_err e;
  assert(connection != STDIN_FILENO && connection != STDOUT_FILENO && connection != STDERR_FILENO);
  (void)setpgid(0, 0);
  if (for_descriptors(visit_own, &connection, &e) < 0) _exit(1);
}

/* --- fork -------------------------------------------------------------------------------------------- */

static int fail_fork(struct cl_err *e) {
  return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "this process could not be forked: %s", strerror(errno));
}

/* Those that have ended are nobody's any more. The program may have waited for them itself. */
static void reap(struct cl_trainer_twins *t) {
  assert(t->n <= t->capacity);
  for (size_t i = t->n; i > 0; i--) {
    pid_t pid = waitpid(t->items[i - 1], NULL, WNOHANG);
    if (pid != 0) t->items[i - 1] = t->items[--t->n];
  }
}

void cl_trainer_twins_done(struct cl_trainer_twins *t) {
  reap(t);
  cl_free(t->items);
  *t = (struct cl_trainer_twins){0};
}

int cl_trainer_twin_fork(struct cl_trainer_twins *t, int connection, bool *ret_is_child, struct cl_err *e) {
  reap(t);
  if (cl_grow(&t->items, &t->capacity, t->n + 1, sizeof *t->items) < 0) return CL_FAIL_NOMEM(e);
  (void)fflush(NULL);
  pid_t pid = fork();
  if (pid < 0) return fail_fork(e);
  *ret_is_child = pid == 0;
  if (pid == 0) {
    t->n = 0; /* they are its parent's */
    be_child(connection);
  } else {
    t->items[t->n++] = pid;
  }
  return 0;
}

/* Until nobody has the other end any more: the parent lets go when the one between has been waited for, and
 * so the child has its last parent. */
static void await_orphanhood(int ends[2]) {
  char byte;
  (void)close(ends[1]);
  while (read(ends[0], &byte, 1) < 0 && errno == EINTR) continue;
  (void)close(ends[0]);
}

int cl_trainer_twin_fork_orphan(int connection, bool *ret_is_child, struct cl_err *e) {
  int status = 1, ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return fail_fork(e);
  (void)fflush(NULL);
  pid_t between = fork();
  if (between == 0) {
    pid_t pid = fork();
    if (pid != 0) _exit(pid < 0 ? 1 : 0);
    await_orphanhood(ends);
    be_child(connection);
    *ret_is_child = true;
    return 0;
  }
  int cause = errno;
  while (between > 0 && waitpid(between, &status, 0) < 0 && errno == EINTR) continue;
  (void)close(ends[0]);
  (void)close(ends[1]);
  errno = cause;
  if (between < 0) return fail_fork(e);
  *ret_is_child = false;
  return status == 0 ? 0
                     : CL_FAIL(e, CLADE_EIO, "this process could not be forked: it has too little memory");
}

/* --- another attempt --------------------------------------------------------------------------------- */

static int replace_output(const char *directory, const char *name, int as, struct cl_err *e) {
  struct cl_text path = {0};
  cl_text_format(&path, "%s/%s", directory, name);
  if (path.failed) return CL_FAIL_NOMEM(e);
  int fd = open(path.bytes, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  int status = fd < 0 || dup2(fd, as) < 0
                   ? CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot open %s: %s", path.bytes, strerror(errno))
                   : 0;
  if (fd >= 0) (void)close(fd);
  cl_text_done(&path);
  return status;
}

static int read_all(const char *path, struct cl_text *ret, struct cl_err *e) {
  char bytes[4096];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : 0;
  while (fd >= 0 && (n = read(fd, bytes, sizeof bytes)) != 0) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    cl_text_add_bytes(ret, bytes, (size_t)n);
  }
  int cause = errno;
  if (fd >= 0) (void)close(fd);
  if (n < 0) return CL_FAIL_CAUSE(e, CLADE_EIO, cause, "cannot read %s: %s", path, strerror(cause));
  return ret->failed ? CL_FAIL_NOMEM(e) : 0;
}

extern char **environ;

static bool is_study_variable(const char *pair) {
  return strncmp(pair, "CLADE_", 6) == 0;
}

/* What the old attempt was told, and the new one is not, goes. */
static int forget_environment(struct cl_err *e) {
  for (size_t i = 0; environ != NULL && environ[i] != NULL;) {
    const char *pair = environ[i], *end = strchr(pair, '=');
    if (end == NULL || !is_study_variable(pair)) {
      i++;
      continue;
    }
    char *name = cl_copy_text(pair);
    if (name == NULL) return CL_FAIL_NOMEM(e);
    name[end - pair] = '\0';
    int failed = unsetenv(name);
    cl_free(name);
    if (failed != 0) i++;
  }
  return 0;
}

static int take_environment(const char *directory, struct cl_err *e) {
  struct cl_text path = {0}, all = {0};
  cl_text_format(&path, "%s/environment", directory);
  int status = path.failed ? CL_FAIL_NOMEM(e) : read_all(path.bytes, &all, e);
  if (status == 0) status = forget_environment(e);
  for (size_t at = 0; status == 0 && at < all.length;) {
    char *pair = all.bytes + at, *end = strchr(pair, '=');
    at += strlen(pair) + 1;
    if (end == NULL || !is_study_variable(pair)) continue;
    *end = '\0';
    if (setenv(pair, end + 1, 1) != 0) status = CL_FAIL_NOMEM(e);
  }
  cl_text_done(&path);
  cl_text_done(&all);
  return status;
}

int cl_trainer_twin_become(const char *directory, int lock, struct cl_err *e) {
  assert(directory != NULL);
  CL_TRY(replace_output(directory, "stdout", STDOUT_FILENO, e));
  CL_TRY(replace_output(directory, "stderr", STDERR_FILENO, e));
  CL_TRY(take_environment(directory, e));
  if (lock >= 0 && fcntl(lock, F_SETFD, 0) < 0) /* what it starts holds it, too */
    return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot keep the attempt's lock: %s", strerror(errno));
  return 0;
}
