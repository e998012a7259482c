/* Waking up when another process has appended: inotify on the write-ahead log, which every commit grows or
 * overwrites. What the handle's own commits leave there is taken out before they let the lock go, unless
 * another one's may be among it. */
#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "store/sqlite_impl.h"

/* The system or the user has no watch left: others have them all. Who waits looks now and then instead. */
static bool is_shortage(int cause) {
  return cause == EMFILE || cause == ENFILE || cause == ENOSPC || cause == ENOMEM;
}

int cl_sqlite_watch(void *state, int *ret_fd, struct cl_err *e) {
  struct cl_sqlite *s = state;
  if (s->watch_fd >= 0) {
    *ret_fd = s->watch_fd;
    return 0;
  }
  /* The first read opens the log; from then on it stays, because this handle is a user of it. */
  CL_TRY(cl_sqlite_exec(s, "SELECT 1 FROM studies", e));
  int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), cause = errno;
  if (fd >= 0 &&
      inotify_add_watch(fd, sqlite3_filename_wal(sqlite3_db_filename(s->db, "main")), IN_MODIFY) < 0) {
    cause = errno;
    (void)close(fd);
    fd = -1;
  }
  if (fd < 0 && is_shortage(cause)) {
    *ret_fd = -1;
    return 0;
  }
  if (fd < 0)
    return CL_FAIL_CAUSE(e, CLADE_EIO, cause, "cannot watch the store '%s': %s", s->path, strerror(cause));
  s->watch_fd = fd;
  *ret_fd = fd;
  return 0;
}

static void drain(const struct cl_sqlite *s) {
  _Alignas(struct inotify_event) char events[4096];
  while (read(s->watch_fd, events, sizeof events) > (ssize_t)(sizeof events - sizeof(struct inotify_event)))
    continue;
}

bool cl_sqlite_drain(void *state) {
  struct cl_sqlite *s = state;
  if (s->watch_fd >= 0) drain(s);
  s->foreign = false;
  return true;
}

/* Changes with every commit, of this connection at once, of others when a transaction has begun. */
static unsigned version_of(const struct cl_sqlite *s) {
  unsigned version = 0;
  (void)sqlite3_file_control(s->db, "main", SQLITE_FCNTL_DATA_VERSION, &version);
  return version;
}

void cl_sqlite_note_begin(struct cl_sqlite *s) {
  if (s->watch_fd >= 0 && version_of(s) != s->version) s->foreign = true;
}

void cl_sqlite_note_commit(struct cl_sqlite *s) {
  if (s->watch_fd < 0) return;
  if (!s->foreign) drain(s);
  s->version = version_of(s);
}
