/* The writer's lock: two bytes of <path>.lock, locked per open file description (so it is the handle's own,
 * not the process's, and ends with it however it dies).
 *
 * Byte 1 is the lock. Whoever wants it holds byte 0, the queue, while it waits: so the one who has just freed
 * the lock cannot take it again before the one that waits. Waiting is by trying again: at first without
 * sleeping, as a commit takes 20 us, then ever slower; so a stopped process costs the others their time-out
 * and not for ever, which a blocking lock would.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "store/sqlite_impl.h"

enum { QUEUE = 0, LOCK = 1, SPINS = 40, FIRST_SLEEP_US = 50, LAST_SLEEP_US = 2000 };

static int set_byte(int fd, int byte, short type) {
  struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
  int status;
  do status = fcntl(fd, F_OFD_SETLK, &range);
  while (status < 0 && errno == EINTR);
  return status;
}

static void sleep_us(int64_t us) {
  struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
  (void)nanosleep(&t, NULL);
}

static int take_byte(struct cl_sqlite *s, int byte, int64_t deadline_us, struct cl_err *e) {
  int64_t pause_us = FIRST_SLEEP_US;
  for (int tries = 0; set_byte(s->lock_fd, byte, F_WRLCK) < 0; tries++) {
    if (errno != EAGAIN && errno != EACCES)
      return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot lock '%s': %s", s->lock_path, strerror(errno));
    if (tries < SPINS) {
      (void)sched_yield();
      continue;
    }
    if (cl_clock_monotonic_us() > deadline_us)
      return CL_FAIL(e, CLADE_EBUSY,
                     "another process has kept the store '%s' locked for %d ms: `fuser %s` names it; stop or "
                     "continue it",
                     s->path, s->options.lock_timeout_ms, s->lock_path);
    sleep_us(pause_us);
    if (pause_us < LAST_SLEEP_US) pause_us += pause_us / 4;
  }
  return 0;
}

int cl_sqlite_lock(struct cl_sqlite *s, struct cl_err *e) {
  int64_t deadline_us = cl_clock_monotonic_us() + (int64_t)s->options.lock_timeout_ms * 1000;
  CL_TRY(take_byte(s, QUEUE, deadline_us, e));
  int status = take_byte(s, LOCK, deadline_us, e);
  (void)set_byte(s->lock_fd, QUEUE, F_UNLCK);
  return status;
}

void cl_sqlite_unlock(struct cl_sqlite *s) {
  (void)set_byte(s->lock_fd, LOCK, F_UNLCK);
}
