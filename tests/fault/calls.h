/* System calls that fail on request: link with fault_calls_link_args (tests/fault/meson.build), which put
 * the wrappers of calls.c in place of the functions of libc in everything that is linked statically (the
 * libraries of others stay as they are).
 *
 *   cl_fault_call_arm("write", 3, false);   the third write(2) from now on fails
 *
 * CL_FAULT_CALLS_MAP lists the calls and the errno that each fails with. All threads count together.
 */
#ifndef CL_FAULT_CALLS_H
#define CL_FAULT_CALLS_H

#include <stdbool.h>

#define CL_FAULT_CALLS_MAP(X) \
  X(write, ENOSPC) \
  X(read, EIO) \
  X(pread64, EIO) \
  X(open64, EACCES) \
  X(openat64, EACCES) \
  X(fsync, EIO) \
  X(flock, ENOLCK) \
  X(mkdir, ENOSPC) \
  X(link, EMLINK) \
  X(rename, EIO) \
  X(opendir, EMFILE) \
  X(accept4, EMFILE) \
  X(recv, ECONNRESET) \
  X(send, EPIPE) \
  X(sendmsg, EPIPE) \
  X(recvmsg, ECONNRESET) \
  X(socket, EMFILE) \
  X(bind, EACCES) \
  X(listen, EADDRINUSE) \
  X(socketpair, EMFILE) \
  X(getrandom, ENOSYS) \
  X(posix_spawn, EAGAIN) \
  X(cl_child_start, EAGAIN) \
  X(cl_process_start, ESRCH) \
  X(inotify_init1, EMFILE) \
  X(inotify_add_watch, ENOSPC) \
  X(gethostname, EPERM) \
  X(uv_poll_init, EMFILE) \
  X(uv_queue_work, ENOMEM)

/* These too; for tests that name them, as not each of them is worth every instant of a study. */
#define CL_FAULT_MORE_CALLS_MAP(X) \
  X(posix_fallocate64, ENOSPC) \
  X(memfd_create, EMFILE) \
  X(mmap64, ENOMEM) \
  X(fstat64, EIO) \
  X(getsockopt, ENOBUFS) \
  X(poll, EINTR) \
  X(waitpid, EINTR) \
  X(dup2, EMFILE) \
  X(fcntl64, EINVAL) \
  X(sigprocmask, EINVAL) \
  X(fork, EAGAIN) \
  X(uv_poll_start, EMFILE)

/* The nth call of `name` from now on fails, and all after it when `persistent`; null = none. */
void cl_fault_call_arm(const char *name, unsigned long nth, bool persistent);
/* The same, once, with another errno. */
void cl_fault_call_arm_as(const char *name, unsigned long nth, int cause);
/* Has one failed since? */
bool cl_fault_call_happened(void);
/* As the environment says: CLADE_FAULT_CALL="name nth file" (name "memory": an allocation), or "name nth
 * again file" for EAGAIN; for the process that a test starts, and that can remove the file: so only the first
 * one fails. */
void cl_fault_call_arm_from_environment(void);

extern const char *const cl_fault_calls[]; /* the names of the first map, ended by null */

#endif
