/* Waking up when another process has appended: LISTEN on the store's own connection.
 *
 * A notice arrives between commands, and then the socket is readable; or with the answer to one, and then it
 * is not. So the descriptor that is handed out is an epoll of two: the socket, and an eventfd for notices
 * that came with answers. One's own notices wake nobody. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "store/postgres_impl.h"

int cl_postgres_listen(struct cl_postgres *s, struct cl_err *e) {
  struct epoll_event ev = {.events = EPOLLIN};
  if (epoll_ctl(s->watch_fd, EPOLL_CTL_ADD, s->pq.PQsocket(s->conn), &ev) < 0 && errno != EEXIST)
    return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot watch the connection to %s: %s", s->shown,
                         strerror(errno));
  CL_TRY(cl_postgres_send_once(s, "LISTEN clade", false, e));
  return cl_postgres_collect(s, e);
}

int cl_postgres_watch(void *state, int *ret_fd, struct cl_err *e) {
  struct cl_postgres *s = state;
  if (s->watch_fd < 0) {
    s->watch_fd = epoll_create1(EPOLL_CLOEXEC);
    s->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct epoll_event ev = {.events = EPOLLIN};
    if (s->watch_fd < 0 || s->wake_fd < 0 || epoll_ctl(s->watch_fd, EPOLL_CTL_ADD, s->wake_fd, &ev) < 0) {
      int cause = errno;
      cl_postgres_end_watch(s);
      return CL_FAIL_CAUSE(e, CLADE_EIO, cause, "cannot watch the store %s: %s", s->shown, strerror(cause));
    }
    int status = s->conn == NULL ? 0 : cl_postgres_listen(s, e);
    if (status < 0 && status != CLADE_ECLOSED) return status; /* a new connection listens by itself */
  }
  *ret_fd = s->watch_fd;
  return 0;
}

/* Is it of another process, and about the study that this handle looks at? */
static bool is_news(const struct cl_postgres *s, const PGnotify *notice) {
  int64_t study = 0;
  if (notice->be_pid == s->pq.PQbackendPID(s->conn)) return false;
  return s->shown_study == 0 || !cl_text_to_int(notice->extra, &study) || study == s->shown_study;
}

static bool take_all(struct cl_postgres *s) {
  bool news = false;
  for (PGnotify *notice; (notice = s->pq.PQnotifies(s->conn)) != NULL; s->pq.PQfreemem(notice))
    if (is_news(s, notice)) news = true;
  return news;
}

void cl_postgres_take_notices(struct cl_postgres *s) {
  const uint64_t one = 1;
  if (take_all(s) && s->wake_fd >= 0 && write(s->wake_fd, &one, sizeof one) < 0)
    return; /* it is awake already */
}

/* A socket that says no more than that its server is gone is given up, or it would wake for ever. What it
 * says may also be the answer to one's own wake. */
bool cl_postgres_drain(void *state) {
  struct cl_postgres *s = state;
  uint64_t n;
  bool news = s->wake_fd >= 0 && read(s->wake_fd, &n, sizeof n) == sizeof n;
  if (s->wake_fd < 0 || s->conn == NULL) return true;
  if (s->pq.PQconsumeInput(s->conn) != 1 || s->pq.PQstatus(s->conn) == CONNECTION_BAD)
    return cl_postgres_lose(s, NULL, NULL) < 0;
  if (cl_postgres_take_owed(s, NULL) < 0) return true;
  return take_all(s) || news;
}

void cl_postgres_end_watch(struct cl_postgres *s) {
  if (s->watch_fd >= 0) (void)close(s->watch_fd);
  if (s->wake_fd >= 0) (void)close(s->wake_fd);
  s->watch_fd = s->wake_fd = -1;
}
