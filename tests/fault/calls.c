#include "fault/calls.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uv.h>

#include "fault/alloc.h"
#include "fault/places.h"
#include "fault/wrap.h"
#include "worker/keeper_child.h"

#define CL_X(name, cause) #name,
const char *const cl_fault_calls[] = {CL_FAULT_CALLS_MAP(CL_X) NULL};
static const char *const all_calls[] = {CL_FAULT_CALLS_MAP(CL_X) CL_FAULT_MORE_CALLS_MAP(CL_X) NULL};
#undef CL_X

static const char *armed; /* null = nothing fails */
static atomic_ulong pending;
static atomic_bool happened;
static bool stays;
static int other_cause; /* 0 = that of the map */

void cl_fault_call_arm(const char *name, unsigned long nth, bool persistent) {
  armed = NULL;
  atomic_store(&pending, nth);
  atomic_store(&happened, false);
  stays = persistent;
  other_cause = 0;
  armed = name;
}

void cl_fault_call_arm_as(const char *name, unsigned long nth, int cause) {
  cl_fault_call_arm(name, nth, false);
  other_cause = cause;
}

bool cl_fault_call_happened(void) {
  return atomic_load(&happened);
}

/* "name nth file" or "name nth again file" */
void cl_fault_call_arm_from_environment(void) {
  const char *wanted = getenv("CLADE_FAULT_CALL");
  char name[40], how[10] = "";
  unsigned long nth = 0;
  int at = 0;
  if (wanted == NULL || sscanf(wanted, "%39s %lu %n", name, &nth, &at) != 2 || at == 0) return;
  if (strncmp(wanted + at, "again ", 6) == 0) at += snprintf(how, sizeof how, "again ");
  if (unlink(wanted + at) < 0) return;
  if (strcmp(name, "memory") == 0) cl_fault_arm(nth, false);
  for (size_t i = 0; all_calls[i] != NULL; i++)
    if (strcmp(name, all_calls[i]) == 0) cl_fault_call_arm_as(all_calls[i], nth, how[0] == '\0' ? 0 : EAGAIN);
}

/* Those that fail by place: the first map, and of the second one what a system may refuse at any time. */
static bool has_places(const char *name) {
  static const char *const more[] = {"posix_fallocate64", "memfd_create", "mmap64", "fstat64", "getsockopt"};
  for (size_t i = 0; cl_fault_calls[i] != NULL; i++)
    if (strcmp(cl_fault_calls[i], name) == 0) return true;
  for (size_t i = 0; i < sizeof more / sizeof *more; i++)
    if (strcmp(more[i], name) == 0) return true;
  return false;
}

static bool fails(const char *name, int cause) {
  if (has_places(name) && cl_fault_place_fails(name)) {
    errno = cause;
    return true;
  }
  if (armed == NULL || strcmp(armed, name) != 0) return false;
  bool now = atomic_load(&happened) ? stays : atomic_fetch_sub(&pending, 1) == 1;
  if (!now) return false;
  atomic_store(&happened, true);
  errno = other_cause != 0 ? other_cause : cause;
  return true;
}

enum {
#define CL_X(name, cause) CAUSE_##name = cause,
  CL_FAULT_CALLS_MAP(CL_X) CL_FAULT_MORE_CALLS_MAP(CL_X)
#undef CL_X
};

#define WRAP(type, name, failed, parameters, arguments) \
  CL_FAULT_WRAP(type, name, failed, CAUSE_##name, parameters, arguments)

WRAP(ssize_t, write, -1, (int fd, const void *bytes, size_t n), (fd, bytes, n))
WRAP(ssize_t, read, -1, (int fd, void *bytes, size_t n), (fd, bytes, n))
WRAP(ssize_t, pread64, -1, (int fd, void *bytes, size_t n, off_t at), (fd, bytes, n, at))
WRAP(int, fsync, -1, (int fd), (fd))
WRAP(int, flock, -1, (int fd, int how), (fd, how))
WRAP(int, mkdir, -1, (const char *path, mode_t mode), (path, mode))
WRAP(int, link, -1, (const char *from, const char *to), (from, to))
WRAP(int, rename, -1, (const char *from, const char *to), (from, to))
WRAP(DIR *, opendir, NULL, (const char *path), (path))
WRAP(int, accept4, -1, (int fd, struct sockaddr *a, socklen_t *n, int flags), (fd, a, n, flags))
WRAP(ssize_t, recv, -1, (int fd, void *bytes, size_t n, int flags), (fd, bytes, n, flags))
WRAP(ssize_t, send, -1, (int fd, const void *bytes, size_t n, int flags), (fd, bytes, n, flags))
WRAP(ssize_t, sendmsg, -1, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
WRAP(ssize_t, recvmsg, -1, (int fd, struct msghdr *m, int flags), (fd, m, flags))
WRAP(int, socket, -1, (int domain, int type, int protocol), (domain, type, protocol))
WRAP(int, bind, -1, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
WRAP(int, listen, -1, (int fd, int n), (fd, n))
WRAP(int, socketpair, -1, (int domain, int type, int protocol, int *ends), (domain, type, protocol, ends))
WRAP(ssize_t, getrandom, -1, (void *bytes, size_t n, unsigned flags), (bytes, n, flags))
WRAP(int, posix_spawn, EAGAIN,
     (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *attributes, char *const *argv, char *const *env),
     (pid, path, actions, attributes, argv, env))
WRAP(int64_t, cl_process_start, 0, (pid_t pid), (pid))
WRAP(int, inotify_init1, -1, (int flags), (flags))
WRAP(int, inotify_add_watch, -1, (int fd, const char *path, uint32_t mask), (fd, path, mask))
WRAP(int, gethostname, -1, (char *name, size_t n), (name, n))
WRAP(int, posix_fallocate64, ENOSPC, (int fd, off_t at, off_t n), (fd, at, n))
WRAP(int, memfd_create, -1, (const char *name, unsigned flags), (name, flags))
WRAP(void *, mmap64, MAP_FAILED, (void *at, size_t n, int may, int flags, int fd, off_t from),
     (at, n, may, flags, fd, from))
WRAP(int, fstat64, -1, (int fd, struct stat *ret), (fd, ret))
WRAP(int, getsockopt, -1, (int fd, int level, int name, void *ret, socklen_t *n), (fd, level, name, ret, n))
WRAP(int, poll, -1, (struct pollfd * fds, nfds_t n, int wait_ms), (fds, n, wait_ms))
WRAP(pid_t, waitpid, -1, (pid_t pid, int *status, int how), (pid, status, how))
WRAP(int, dup2, -1, (int from, int to), (from, to))
WRAP(int, sigprocmask, -1, (int how, const sigset_t *set, sigset_t *before), (how, set, before))
WRAP(pid_t, fork, -1, (void), ())
WRAP(int, uv_poll_start, UV_EMFILE, (uv_poll_t * poll, int events, uv_poll_cb then), (poll, events, then))
WRAP(int, uv_poll_init, UV_EMFILE, (uv_loop_t * loop, uv_poll_t *poll, int fd), (loop, poll, fd))
WRAP(int, uv_queue_work, UV_ENOMEM,
     (uv_loop_t * loop, uv_work_t *work, uv_work_cb in_thread, uv_after_work_cb after),
     (loop, work, in_thread, after))

pid_t __real_cl_child_start(const struct cl_child_plan *plan, int64_t *start, int *cause, const char **what);
pid_t __wrap_cl_child_start(const struct cl_child_plan *plan, int64_t *start, int *cause, const char **what);
pid_t __wrap_cl_child_start(const struct cl_child_plan *plan, int64_t *start, int *cause, const char **what) {
  if (!fails("cl_child_start", EAGAIN)) return __real_cl_child_start(plan, start, cause, what);
  *cause = EAGAIN;
  *what = "start a process";
  return -1;
}

CL_FAULT_WRAP_OPEN(CAUSE_open64)

int __real_openat64(int at, const char *path, int flags, ...);
int __wrap_openat64(int at, const char *path, int flags, ...);
int __wrap_openat64(int at, const char *path, int flags, ...) {
  CL_FAULT_TAKE_MODE(flags, mode);
  return fails("openat64", CAUSE_openat64) ? -1 : __real_openat64(at, path, flags, mode);
}

int __real_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...) { /* what is wrapped gives a number, if anything */
  va_list args;
  va_start(args, command);
  long number = va_arg(args, long);
  va_end(args);
  return fails("fcntl64", CAUSE_fcntl64) ? -1 : __real_fcntl64(fd, command, number);
}
