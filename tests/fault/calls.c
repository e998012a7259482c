#include "fault/calls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <uv.h>

#include "worker/keeper_child.h"

#define CL_X(name, cause) #name,
const char *const cl_fault_calls[] = {CL_FAULT_CALLS_MAP(CL_X) NULL};
#undef CL_X

static const char *armed; /* null = nothing fails */
static atomic_ulong pending;
static atomic_bool happened;
static bool stays;

void cl_fault_call_arm(const char *name, unsigned long nth, bool persistent) {
  armed = NULL;
  atomic_store(&pending, nth);
  atomic_store(&happened, false);
  stays = persistent;
  armed = name;
}

bool cl_fault_call_happened(void) {
  return atomic_load(&happened);
}

void cl_fault_call_arm_from_environment(void) {
  const char *wanted = getenv("CLADE_FAULT_CALL");
  for (size_t i = 0; wanted != NULL && cl_fault_calls[i] != NULL; i++) {
    size_t n = strlen(cl_fault_calls[i]);
    if (strncmp(wanted, cl_fault_calls[i], n) != 0 || wanted[n] != ' ') continue;
    char *end = NULL;
    unsigned long nth = strtoul(wanted + n, &end, 10);
    if (*end == ' ' && unlink(end + 1) == 0) cl_fault_call_arm(cl_fault_calls[i], nth, false);
  }
}

static bool fails(const char *name, int cause) {
  if (armed == NULL || strcmp(armed, name) != 0) return false;
  bool now = atomic_load(&happened) ? stays : atomic_fetch_sub(&pending, 1) == 1;
  if (!now) return false;
  atomic_store(&happened, true);
  errno = cause;
  return true;
}

enum {
#define CL_X(name, cause) CAUSE_##name = cause,
  CL_FAULT_CALLS_MAP(CL_X)
#undef CL_X
};

/* The linker sends every call of NAME to __wrap_NAME, and __real_NAME is the true one. */
#define WRAP(type, name, failed, parameters, arguments) \
  type __real_##name parameters; \
  type __wrap_##name parameters; \
  type __wrap_##name parameters { \
    return fails(#name, CAUSE_##name) ? (failed) : __real_##name arguments; \
  }

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

/* open and openat take a mode when they create. */

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...) {
  va_list args;
  va_start(args, flags);
  mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
  va_end(args);
  return fails("open64", CAUSE_open64) ? -1 : __real_open64(path, flags, mode);
}

int __real_openat64(int at, const char *path, int flags, ...);
int __wrap_openat64(int at, const char *path, int flags, ...);
int __wrap_openat64(int at, const char *path, int flags, ...) {
  va_list args;
  va_start(args, flags);
  mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
  va_end(args);
  return fails("openat64", CAUSE_openat64) ? -1 : __real_openat64(at, path, flags, mode);
}
